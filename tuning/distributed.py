"""Keras Tuner's chief and workers: one oracle, many processes that run trials, on one machine or many.

The calls are Keras Tuner's own (``OracleServicer`` here, ``OracleClient`` in the workers). Added are: who calls
travels with every call; a running trial is asked about every few seconds, so that the chief notices when a
worker is gone and hands its trial on; nobody waits for an hour. Trials and their results are files in the sweep
folder, which all must see. The connection is not encrypted and anyone who reaches the port can take part.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import keras_tuner

from e2e_tf import compat
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, read_json, write_json
from e2e_tf.jobs import import_quietly, may_fork
from e2e_tf.terminal import console, status
from e2e_tf.tuning.processes import trial_server
from e2e_tf.tuning.search import hypermodel_of, run_trials
from e2e_tf.tuning.sweep import COMPLETED, FAILED, INFEASIBLE, PRUNED, Record, Sweep, open_sweep

__all__ = ["parse_address", "serve", "work"]

HEARTBEAT_SECONDS = 1.0
MAX_LOSSES = 3
_WHO = "e2e-tf-worker"
_ENDED_WELL = (COMPLETED, PRUNED, INFEASIBLE)


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` as a pair.

    Raises:
        InputError: it is not one.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"the chief's address must be HOST:PORT, such as 127.0.0.1:8000, not {text!r}")
    return host, int(port)


# ---- the chief


class _Servicer(compat.oracle_servicer()):  # type: ignore[misc]
    """Keras Tuner's servicer, with a note of who called when."""

    def __init__(self, oracle: Any, sweep: Sweep, ended: Callable[[Record], None]) -> None:
        super().__init__(oracle)
        self.sweep, self.ended = sweep, ended
        self.seen: dict[str, float] = {}
        self.guard = threading.RLock()

    def _who(self, context: Any) -> str:
        name = dict(context.invocation_metadata()).get(_WHO, "")
        if name:
            self.seen[name] = time.monotonic()
        return str(name)

    def GetSpace(self, request: Any, context: Any) -> Any:
        self._who(context)
        return super().GetSpace(request, context)

    def CreateTrial(self, request: Any, context: Any) -> Any:
        self.seen[request.tuner_id] = time.monotonic()
        with self.guard:
            return super().CreateTrial(request, context)

    def GetTrial(self, request: Any, context: Any) -> Any:
        who = self._who(context)
        with self.guard:
            trial = self.oracle.ongoing_trials.get(who)
            if trial is None or trial.trial_id != request.trial_id or self.oracle.halted:
                # Given to someone else, or time is up.
                gone = keras_tuner.engine.trial.Trial(self.oracle.get_space(), request.trial_id, "STOPPED")
                return compat.oracle_messages().GetTrialResponse(trial=gone.to_proto())
            return super().GetTrial(request, context)

    def UpdateTrial(self, request: Any, context: Any) -> Any:
        # The score comes from the folder with EndTrial, exact and once.
        self._who(context)
        trial = self.oracle.get_trial(request.trial_id)
        return compat.oracle_messages().UpdateTrialResponse(trial=trial.to_proto())

    def EndTrial(self, request: Any, context: Any) -> Any:
        who = self._who(context)
        with self.guard:
            trial = self.oracle.ongoing_trials.get(who)
            if trial is not None and trial.trial_id == request.trial.trial_id:
                record = self.sweep.record(trial.trial_id) or Record(
                    trial.trial_id,
                    FAILED,
                    dict(trial.hyperparameters.values),
                    message=f"worker {who} ended the trial, but its folder is not in {self.sweep.trials}; "
                    "the sweep folder must be on a file system that the chief and all workers share",
                    worker=who,
                )
                self.oracle.finish(record, self.sweep.objective)
                self.ended(record)
        return compat.oracle_messages().EndTrialResponse()

    def lose(self, who: str) -> None:
        """A worker is gone: settle its trial, or queue it for another."""
        with self.guard:
            self.seen.pop(who, None)
            self.oracle.tuner_ids.discard(who)
            trial = self.oracle.ongoing_trials.get(who)
            if trial is None:
                return
            record = self.sweep.record(trial.trial_id)
            if record is not None and record.status in _ENDED_WELL:
                self.oracle.finish(record, self.sweep.objective)
                self.ended(record)
                return
            losses = self.oracle.losses.get(trial.trial_id, 0) + 1
            self.oracle.losses[trial.trial_id] = losses
            if losses < MAX_LOSSES:
                self.oracle.hand_back(who)
                console().print(
                    f"Worker {who} is gone; trial {trial.trial_id} waits for another", style="yellow"
                )
                return
            message = f"{losses} workers were lost while they ran this trial"
            record = Record(
                trial.trial_id, FAILED, dict(trial.hyperparameters.values), message=message, worker=who
            )
            _file(self.sweep, record)
            self.oracle.finish(record, self.sweep.objective)
            self.ended(record)


def _file(sweep: Sweep, record: Record) -> None:
    """The folder of a trial that nobody could finish."""
    with new_folder(sweep.trials / record.trial, force=True) as part:
        write_json(part / "result.json", record.to_dict())


def serve(
    oracle: Any,
    sweep: Sweep,
    address: str,
    environments: Sequence[Mapping[str, str]] = (),
    make: Callable[[], Any] | None = None,
) -> None:
    """Serve trials until the budget is used up and every trial is accounted for.

    Args:
        oracle: the oracle.
        sweep: the sweep.
        address: ``HOST:PORT`` to listen at; empty for a free port of this machine.
        environments: environment variables of the workers to start here, one each.
        make: gives them the HyperModel; None takes what the sweep's own files name.

    Raises:
        InputError: the address cannot be used.
        RuntimeError: all workers that were started here have ended and trials are left.
    """
    from e2e_tf.tuning.live import SweepTable

    host, port = parse_address(address) if address else ("127.0.0.1", _free_port())
    # Processes first: gRPC starts threads, and what has threads cannot be forked.
    started = {
        f"worker-{i}": _start_worker(sweep.folder, f"{host}:{port}", f"worker-{i}", environment, make)
        for i, environment in enumerate(environments)
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
    finished = False
    try:
        with SweepTable(sweep, oracle) as table:
            servicer = _Servicer(oracle, sweep, table.ended)
            compat.oracle_service().add_OracleServicer_to_server(servicer, server)
            try:
                bound = server.add_insecure_port(f"{host}:{port}")
            except RuntimeError:
                bound = 0
            if not bound:
                raise InputError(f"the chief cannot listen at {host}:{port}; is the port in use?")
            # What ran when the chief was killed may run still; its worker has until the timeout to show.
            for name in oracle.ongoing_trials:
                servicer.seen[name] = time.monotonic()
            server.start()
            _watch(servicer, oracle, sweep, started, table.refresh)
            finished = True
    finally:
        for process in started.values():
            process.join(15 if finished else 0)  # otherwise an interrupt, or an error: nothing to wait for
            if process.is_alive():
                process.kill()
                process.join()
        server.stop(0.5).wait()


def _watch(
    servicer: _Servicer, oracle: Any, sweep: Sweep, started: Mapping[str, Any], refresh: Callable[[], None]
) -> None:
    refused = sweep.folder / "refused.json"
    while True:
        time.sleep(0.2)
        refresh()
        now = time.monotonic()
        for name in [*servicer.seen]:
            if now - servicer.seen.get(name, now) > sweep.tune.worker_timeout:
                servicer.lose(name)
        for name, process in started.items():
            if process.exitcode is not None and name in {*oracle.tuner_ids, *oracle.ongoing_trials}:
                servicer.lose(name)
        if refused.is_file():
            message = read_json(refused)["message"]
            refused.unlink(missing_ok=True)
            raise InputError(message)
        with servicer.guard:
            settled = not oracle.ongoing_trials and (oracle.halted or not oracle._retry_queue)
            if oracle.reason and settled and not oracle.tuner_ids:
                return
        if started and all(process.exitcode is not None for process in started.values()):
            if oracle.reason and settled:
                return
            raise RuntimeError(
                f"all {len(started)} workers have ended before the search has; start it again to continue"
            )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_worker(
    folder: Path, address: str, name: str, environment: Mapping[str, str], make: Callable[[], Any] | None
) -> Any:
    context: Any = multiprocessing.get_context("fork" if may_fork() else "spawn")
    process = context.Process(
        target=_worker_process, args=(folder, address, name, dict(environment), os.getpid(), make), name=name
    )
    process.start()
    return process


def _worker_process(
    folder: Path,
    address: str,
    name: str,
    environment: dict[str, str],
    parent: int,
    make: Callable[[], Any] | None,
) -> None:
    import signal
    import sys

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    console().quiet = True
    try:
        work(folder, address, name=name, environment=environment, parent=parent, make=make)
    except (InputError, RuntimeError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        os._exit(2 if isinstance(error, InputError) else 1)
    os._exit(0)


# ---- a worker


class _Metadata(grpc.UnaryUnaryClientInterceptor):
    """Adds who calls to every call, and a time limit of our own."""

    def __init__(self, name: str, timeout: float) -> None:
        self.name, self.timeout = name, timeout

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        limit = min(self.timeout, details.timeout or self.timeout)
        metadata = [*(details.metadata or []), (_WHO, self.name)]
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
        InputError: no chief answers, it searches another space, or the folder cannot be used.
        RuntimeError: the chief fell silent.
    """
    address = "{}:{}".format(*parse_address(chief))
    end = time.monotonic() + connect
    with status("Loading TensorFlow"):
        import_quietly(["e2e_tf.tuning.hypermodels"])
    from e2e_tf.tuning.hypermodels import RunHyperModel

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
    return hypermodel_of(open_sweep(folder))


def _same_space(source: _Chief, sweep: Sweep) -> None:
    there = {p.name for p in source._call(source.client.get_space).space}
    here = set(read_json(sweep.folder / "sweep.json")["space"])
    if there - {n for n in there if n.startswith("tuner/")} != here:
        raise InputError(
            f"the chief searches {', '.join(sorted(there))}, but {sweep.folder} is of a search over "
            f"{', '.join(sorted(here))}; give the chief's folder"
        )
