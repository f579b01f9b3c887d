"""Background jobs: work in parts that can be resumed, and processes that end with the one that started them.

A job that may be interrupted keeps its finished parts in a folder beside its output (:func:`parts_folder`), with
a plan that says what they are parts of. :func:`run_tasks` makes parts in worker processes, spawned so that no
thread's lock is copied. A :class:`ForkServer` gives each request a process of its own, forked so that nothing is
imported twice. However the starting process ends, by SIGKILL as well, none of them outlives it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from e2e_tf.compat import tensorflow_has_started
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.terminal import console, held_stderr

__all__ = [
    "ForkServer",
    "describe_exit",
    "end_with_parent",
    "import_quietly",
    "may_fork",
    "parts_folder",
    "run_tasks",
]

PLAN = "plan.json"

Task = TypeVar("Task")
Result = TypeVar("Result")
Request = TypeVar("Request")


# ---- parts that can be resumed


@contextlib.contextmanager
def parts_folder(
    folder: Path, plan: Mapping[str, Any], kind: str, *, resume: bool = False, force: bool = False
) -> Iterator[Path]:
    """The folder of a job's finished parts: made anew or taken over, and removed when the block ends well.

    After an error the folder stays if it holds a part, so that the job can be resumed.

    Args:
        folder: where the parts wait; its parent must exist.
        plan: all that the parts depend on, in types that JSON has; parts are taken over from an equal plan only.
        kind: what the job is, for messages, such as ``"conversion"``.
        resume: take over the parts of an interrupted job.
        force: remove the parts of an interrupted job; ``resume`` has priority over it.

    Yields:
        The folder. What half-written parts an interrupted job left is gone from it.

    Raises:
        InputError: an unfinished job is in the way, it had another plan, or the folder cannot be written.
    """
    if folder.exists() and not resume:
        if not force:
            raise InputError(
                f"{folder} holds an unfinished {kind}; give --resume to go on, or --force to start anew"
            )
        shutil.rmtree(folder)
    document = json.loads(json.dumps(plan))
    if folder.exists() and _parts(folder) and _stored_plan(folder) != document:
        raise InputError(
            f"{folder} holds an unfinished {kind} of other inputs, settings or versions; repeat those, or give "
            "--force without --resume to start anew"
        )
    try:
        folder.mkdir(exist_ok=True)
        for leftover in folder.glob(".*"):
            leftover.unlink()  # a part that was being written
        write_json(folder / PLAN, document)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from error
    try:
        yield folder
    except BaseException:
        if not _parts(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)


def _parts(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != PLAN and not path.name.startswith(".")]


def _stored_plan(folder: Path) -> Any:
    try:
        return read_json(folder / PLAN)
    except (InputError, OSError):
        return None


# ---- worker processes


def run_tasks(
    call: Callable[[Task], Result], tasks: Sequence[Task], processes: int = 1, scheduler: str = ""
) -> Iterator[Result]:
    """Results of a function for each task, as they become ready.

    Args:
        call: a function that can be pickled.
        tasks: what it is called with.
        processes: worker processes; 1 works in this process. Above 1 they are spawned, so a script must guard
            its entry with ``if __name__ == "__main__"``.
        scheduler: address of a ``dask.distributed`` scheduler that takes the place of ``processes``.

    Yields:
        A result; with several processes in any order.

    Raises:
        InputError: a worker was killed, there is no such scheduler, or the extra ``dask`` is not installed;
            also what ``call`` raises.
    """
    if scheduler:
        yield from _run_in_dask(call, tasks, scheduler)
        return
    processes = min(processes, len(tasks))
    if processes <= 1:
        yield from map(call, tasks)
        return
    # Spawned, not forked: a fork copies the locks of the threads that TensorFlow may have running here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, end_with_parent) as pool:
        waiting = {pool.submit(call, task) for task in tasks}
        try:
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ready)
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was killed, perhaps for want of memory; --resume goes on where it was"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _run_in_dask(call: Callable[[Task], Result], tasks: Sequence[Task], address: str) -> Iterator[Result]:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise InputError(
            "a scheduler address needs the extra 'dask'; install it with pip install 'e2e-tf[dask]'"
        ) from error
    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"there is no dask scheduler at {address} ({error})") from error
    with client:
        for future in as_completed(client.map(call, tasks, pure=False)):
            yield future.result()


def end_with_parent() -> None:
    """End this worker when the process that started it is gone: nobody else would tell it.

    A thread waits for that; in a process that ``multiprocessing`` did not start nothing happens.
    """

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def describe_exit(code: int, who: str = "the process") -> str:
    """Why a process that left no result has ended, in words.

    Args:
        code: its exit status; negative for a signal.
        who: the subject of the sentence.

    Returns:
        One sentence without its full stop.
    """
    if code >= 0:
        return f"{who} ended with status {code} and left no result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    text = f"{who} was ended by signal {-code} ({name})"
    return f"{text}; the kernel sends it when memory runs out" if name == "SIGKILL" else text


# ---- a process per request


def may_fork() -> bool:
    """True if this process can be forked: on Linux, with one Python thread and TensorFlow not started.

    Returns:
        Whether forking is safe.
    """
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return False
    return not tensorflow_has_started()


def import_quietly(modules: Sequence[str]) -> None:
    """Import modules while standard error is held back, and show it only if that fails.

    TensorFlow's native code prints remarks on import, before any log level applies.

    Args:
        modules: their full names.
    """
    with held_stderr():
        for module in modules:
            importlib.import_module(module)


@contextlib.contextmanager
def _main_that_exists() -> Iterator[None]:
    """Within, a program that is no file, as from standard input, is not run again in a process that is spawned."""
    main = vars(sys.modules["__main__"])
    program = None if os.path.isfile(main.get("__file__", "")) else main.pop("__file__", None)
    try:
        yield
    finally:
        main |= {} if program is None else {"__file__": program}


class ForkServer(Generic[Request]):
    """Runs requests one after the other, each in a process of its own, without importing anything for each.

    The server is a process that has imported what the requests need but started nothing: no device is opened,
    no thread runs. It forks a child for every request, which takes milliseconds, and the child's memory, on the
    GPU too, goes back when it ends. When the process that made the server dies, the server notices and its
    child ends with it.

    Args:
        make: gives what all requests share, called once in the server.
        run: called in the child with that and the request.
        refuse: called in the server with the request and a message, in place of ``run``, after ``make`` has
            raised an :class:`InputError`.
        preload: modules to import in the server.
        name: name of the processes, for tools that list them.

    Raises:
        RuntimeError: in :meth:`run`, the server itself has ended.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        run: Callable[[Any, Request], None],
        refuse: Callable[[Request, str], None],
        preload: Sequence[str] = (),
        name: str = "e2e-tf",
    ) -> None:
        forks = may_fork()
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self._pipe, there = context.Pipe()
        # A forked server inherits this end too, and must close it to notice that its owner is gone.
        inherited = self._pipe if forks else None
        self._process = context.Process(
            target=_serve,
            args=(there, inherited, make, run, refuse, tuple(preload), name),
            name=f"{name}-server",
        )
        with _main_that_exists():
            self._process.start()
        there.close()

    def run(
        self, request: Request, poll: Callable[[], bool] = lambda: True, every: float = 0.5
    ) -> int | None:
        """Run a request to its end.

        Args:
            request: what to run; it can be pickled.
            poll: called now and then; False ends the process.
            every: how often [s].

        Returns:
            Exit status of the process, negative for a signal; None if ``poll`` ended it.

        Raises:
            RuntimeError: the server itself has ended.
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
                f"the process that starts others ended with status {self._process.exitcode}"
            ) from error

    @property
    def alive(self) -> bool:
        """False once the server has ended."""
        return bool(self._process.is_alive())

    def close(self) -> None:
        """End the server and what it runs."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> ForkServer[Request]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(
    pipe: Any,
    inherited: Any,
    make: Callable[[], Any],
    run: Callable[[Any, Any], None],
    refuse: Callable[[Any, str], None],
    preload: tuple[str, ...],
    name: str,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if inherited is not None:
        inherited.close()
    with contextlib.suppress(ImportError):
        import_quietly(preload)
    console().quiet = True  # the terminal belongs to the process that made the server
    refused = ""
    try:
        made = make()
    except InputError as error:
        made, refused = None, str(error)
    fork: Any = multiprocessing.get_context("fork")
    for request in _requests(pipe):
        if refused:
            refuse(request, refused)
            pipe.send(0)
            continue
        child = fork.Process(target=_child, args=(pipe, run, made, request), name=f"{name}-child")
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


def _requests(pipe: Any) -> Iterator[Any]:
    while True:
        try:
            request = pipe.recv()
        except (EOFError, OSError):
            return
        if request is not None:  # a wish to end what had ended by itself in the meantime
            yield request


def _child(pipe: Any, run: Callable[[Any, Any], None], made: Any, request: Any) -> None:
    pipe.close()
    end_with_parent()
    run(made, request)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing of the server's is to be tidied up here
