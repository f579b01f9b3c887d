"""A process per trial, without importing TensorFlow for each.

A *nursery* is a process that has imported TensorFlow but not started it: no device is opened, no thread runs.
It forks a child for every trial, which takes milliseconds, and the child's memory, on the GPU too, goes back
when it ends. When the search dies, by SIGKILL as well, the nursery notices and its child ends with it.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from typing import Any

from e2e_tf.compat import tensorflow_has_started
from e2e_tf.errors import InputError
from e2e_tf.files import write_json
from e2e_tf.terminal import console, held_stderr
from e2e_tf.tuning.trial import Request, run_request

__all__ = ["Nursery", "import_quietly", "may_fork"]


def may_fork() -> bool:
    """True if this process can be forked: on Linux, with one Python thread and TensorFlow not started."""
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return False
    return not tensorflow_has_started()


def import_quietly(modules: Sequence[str]) -> None:
    """Import modules while standard error is held back, and show it only if that fails.

    TensorFlow's native code prints remarks on import, before any log level applies.
    """
    with held_stderr():
        for module in modules:
            importlib.import_module(module)


class Nursery:
    """Runs requests one after the other, each in a process of its own.

    Args:
        make: gives the HyperModel, called once in the nursery.
        preload: modules to import there.
    """

    def __init__(self, make: Callable[[], Any], preload: Sequence[str] = ()) -> None:
        forks = may_fork()
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self._pipe, there = context.Pipe()
        # A forked nursery inherits this end too, and must close it to notice that the search is gone.
        inherited = self._pipe if forks else None
        self._process = context.Process(
            target=_nursery, args=(there, inherited, make, tuple(preload)), name="e2e-tf-nursery"
        )
        self._process.start()
        there.close()

    def run(
        self, request: Request, poll: Callable[[], bool] = lambda: True, every: float = 0.5
    ) -> int | None:
        """Run a request to its end.

        Args:
            request: what to run.
            poll: called now and then; False ends the process.
            every: how often [s].

        Returns:
            Exit status of the process, negative for a signal; None if ``poll`` ended it.

        Raises:
            RuntimeError: the nursery itself has gone.
        """
        try:
            self._pipe.send(request)
            while not self._pipe.poll(every):
                if not poll():
                    self._pipe.send(None)
                    self._pipe.recv()
                    return None
            return int(self._pipe.recv())
        except (EOFError, OSError) as error:
            raise RuntimeError(
                f"the process that starts trials ended with status {self._process.exitcode}"
            ) from error

    @property
    def alive(self) -> bool:
        """False once the nursery has gone."""
        return bool(self._process.is_alive())

    def close(self) -> None:
        """End the nursery and what it runs."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def describe_exit(code: int) -> str:
    """Why a process without a record ended."""
    if code >= 0:
        return f"the process of the trial ended with status {code} and left no result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    text = f"the process of the trial was ended by signal {-code} ({name})"
    return f"{text}; the kernel sends it when memory runs out" if name == "SIGKILL" else text


def _nursery(pipe: Any, inherited: Any, make: Callable[[], Any], preload: tuple[str, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if inherited is not None:
        inherited.close()
    with contextlib.suppress(ImportError):
        import_quietly(preload)
    console().quiet = True  # the terminal belongs to the table of the search
    refused = ""
    try:
        hypermodel = make()
        if hasattr(hypermodel, "warm_up"):
            hypermodel.warm_up()
    except InputError as error:
        hypermodel, refused = None, str(error)
    fork: Any = multiprocessing.get_context("fork")
    for request in _requests(pipe):
        if refused:
            write_json(request.part / "refused.json", {"message": refused})
            pipe.send(0)
            continue
        child = fork.Process(target=_child, args=(pipe, hypermodel, request), name="e2e-tf-trial")
        child.start()
        while True:
            ready = connection.wait([pipe, child.sentinel])
            if child.sentinel in ready:
                child.join()
                with contextlib.suppress(OSError):
                    pipe.send(child.exitcode)
                break
            try:
                pipe.recv()  # not wanted any more
            except (EOFError, OSError):
                child.kill()
                child.join()
                return
            child.kill()


def _requests(pipe: Any) -> Iterator[Request]:
    while True:
        try:
            request = pipe.recv()
        except (EOFError, OSError):
            return
        if request is not None:  # a wish to end what had ended by itself in the meantime
            yield request


def _child(pipe: Any, hypermodel: Any, request: Request) -> None:
    pipe.close()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    run_request(hypermodel, request)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing of the nursery's is to be tidied up here


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
