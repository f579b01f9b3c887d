"""A worker of a search: trials from a chief, on this machine or another.

The calls are Keras Tuner's own. Added are: who calls travels with every call; a running trial is asked about every
few seconds, so that the chief notices when a worker is gone and the worker when its trial is not wanted any more.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import keras_tuner

from e2e_tf import compat
from e2e_tf.data.source_changes import unchanged
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.jobs import import_quietly
from e2e_tf.terminal import status
from e2e_tf.tuning.dispatch import run_trials
from e2e_tf.tuning.processes import trial_server
from e2e_tf.tuning.sweep import COMPLETED, FAILED, Record, Sweep, open_sweep

__all__ = ["CALLER", "parse_address", "work"]

CALLER = "e2e-tf-worker"
"""The key of every call's metadata that says which worker calls."""
HEARTBEAT_SECONDS = 1.0


def parse_address(text: str) -> tuple[str, int]:
    """The host and the port of a chief.

    Args:
        text: ``HOST:PORT``, the port from 1 to 65535.

    Returns:
        The host as text and the port as a number.

    Raises:
        InputError: it is not that.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"the chief's address must be HOST:PORT, such as 127.0.0.1:8000, not {text!r}")
    return host, int(port)


class _Metadata(grpc.UnaryUnaryClientInterceptor):
    """Adds who calls to every call, and a time limit of our own."""

    def __init__(self, name: str, timeout: float) -> None:
        self.name, self.timeout = name, timeout

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        limit = min(self.timeout, details.timeout or self.timeout)
        metadata = [*(details.metadata or []), (CALLER, self.name)]
        return continuation(_Details(details, limit, metadata), request)


class _Details(grpc.ClientCallDetails):
    def __init__(self, details: Any, timeout: float, metadata: Any) -> None:
        self.method, self.timeout, self.metadata = details.method, timeout, metadata
        self.credentials, self.wait_for_ready = details.credentials, details.wait_for_ready
        self.compression = getattr(details, "compression", None)


class _Client(compat.oracle_client()):  # type: ignore[misc]
    """Keras Tuner's client, on a channel that says who calls."""

    def __init__(self, channel: Any, name: str) -> None:
        self._oracle = None
        self.stub = compat.oracle_service().OracleStub(channel)
        self.tuner_id = name
        self.multi_worker, self.should_report = False, True


class _Chief:
    """Trials from the chief."""

    def __init__(self, client: _Client, sweep: Sweep, name: str, parent: int | None = None) -> None:
        self.client, self.sweep, self.name, self.parent = client, sweep, name, parent
        self._asked = self._answered = time.monotonic()

    def next(self) -> Any:
        trial = self._call(lambda: self.client.create_trial(self.name))
        # The protocol passes 32-bit floats; six digits bring back what the oracle proposed.
        values = trial.hyperparameters.values
        trial.hyperparameters.values = {
            key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in values.items()
        }
        return trial

    def wanted(self, trial: str) -> bool:
        if self.parent is not None and os.getppid() != self.parent:
            raise RuntimeError("the search that started this worker is gone")
        now = time.monotonic()
        if not trial or now - self._asked < HEARTBEAT_SECONDS:
            return True
        self._asked = now
        try:
            request = compat.oracle_messages().GetTrialRequest(trial_id=trial)
            answer = self.client.stub.GetTrial(request, timeout=5).trial
        except grpc.RpcError as error:
            if now - self._answered > self.sweep.tune.chief_timeout:
                raise self._silent() from error
            return True
        self._answered = now
        return bool(keras_tuner.engine.trial.Trial.from_proto(answer).status != "STOPPED")

    def attempt(self, trial: str) -> int:
        return -1  # only the chief knows

    def finish(self, record: Record) -> None:
        ended = "INVALID" if record.status == FAILED else COMPLETED
        trial = keras_tuner.engine.trial.Trial(keras_tuner.HyperParameters(), record.trial, ended)
        self._call(lambda: self.client.end_trial(trial))

    def _call(self, call: Callable[[], Any]) -> Any:
        # A chief that is killed takes the calls under way with it; all of them may be made twice.
        while True:
            try:
                answer = call()
            except grpc.RpcError as error:
                if time.monotonic() - self._answered > self.sweep.tune.chief_timeout:
                    raise self._silent() from error
                time.sleep(0.5)
                continue
            self._answered = time.monotonic()
            return answer

    def _silent(self) -> RuntimeError:
        return RuntimeError(
            f"the chief has not answered for {self.sweep.tune.chief_timeout:g} s; what has ended is in "
            f"{self.sweep.folder}, and the chief goes on from there when it is started again"
        )


def work(
    folder: str | os.PathLike[str],
    chief: str,
    *,
    name: str = "",
    environment: Mapping[str, str] | None = None,
    connect: float = 60.0,
    parent: int | None = None,
    make: Callable[[], Any] | None = None,
) -> None:
    """Run trials for a chief until it has no more.

    Args:
        folder: the sweep folder, on a file system that the chief sees too.
        chief: ``HOST:PORT``.
        name: of this worker; host and process by default.
        environment: environment variables of the trials, see :func:`e2e_tf.tuning.devices.pin`.
        connect: how long to wait for the chief [s].
        parent: the process that started this worker, which ends with it.
        make: gives the HyperModel; None takes what the sweep's own files name.

    Raises:
        InputError: no chief answers, it searches another space, the sample is missing here or has another content, or
            the folder cannot be used.
        RuntimeError: the chief fell silent.
    """
    address = "{}:{}".format(*parse_address(chief))
    end = time.monotonic() + connect
    with status("Loading TensorFlow"):
        import_quietly(["e2e_tf.tuning.hypermodels"])
    from e2e_tf.tuning.run_hypermodel import RunHyperModel

    folder = Path(folder)
    # The fork server is started before gRPC starts its threads, so it finds out about the sweep by itself.
    with trial_server(make or partial(_hypermodel_in, folder, end), RunHyperModel.PRELOAD) as server:
        name = name or f"{socket.gethostname()}-{os.getpid()}"
        with grpc.insecure_channel(address) as plain:
            try:
                grpc.channel_ready_future(plain).result(timeout=max(0.1, end - time.monotonic()))
            except grpc.FutureTimeoutError as error:
                raise InputError(
                    f"no chief answers at {address}; start it with 'e2e-tf tune CONFIG -o SWEEP --chief {address}'"
                ) from error
            sweep = open_sweep(folder)
            channel = grpc.intercept_channel(plain, _Metadata(name, sweep.tune.chief_timeout))
            if sweep.source is not None:
                unchanged(sweep.source, sweep.base, f"{sweep.folder} is a sweep on")
            source = _Chief(_Client(channel, name), sweep, name, parent)
            _same_space(source, sweep)
            try:
                run_trials(source, sweep, server, environment or {})
            except InputError as error:
                write_json(folder / "refused.json", {"message": str(error)})
                raise


def _hypermodel_in(folder: Path, end: float) -> Any:
    """The HyperModel of a sweep whose chief may still be about to write it."""
    while not (folder / "sweep.json").is_file():
        if time.monotonic() > end:
            raise InputError(f"{folder} is not a sweep folder: it has no sweep.json")
        time.sleep(0.2)
    from e2e_tf.tuning.hypermodels import hypermodel_of

    return hypermodel_of(open_sweep(folder))


def _same_space(source: _Chief, sweep: Sweep) -> None:
    there = {p.name for p in source._call(source.client.get_space).space}
    there -= {name for name in there if name.startswith("tuner/")}
    here = set(read_json(sweep.folder / "sweep.json")["space"])
    joined = (
        here < there and sweep.tune.hypermodel
    )  # asked for by trials, which a model of this library never does
    if there != here and not joined:
        raise InputError(
            f"the chief searches {', '.join(sorted(there))}, but {sweep.folder} is of a search over "
            f"{', '.join(sorted(here))}; give the chief's folder"
        )
