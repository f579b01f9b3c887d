"""Keras Tuner's chief: one oracle that many processes ask for trials, on one machine or many.

The calls are Keras Tuner's own (``OracleServicer`` here, ``OracleClient`` in :mod:`e2e_tf.tuning.worker`). The chief
notices within seconds when a worker is gone and hands its trial on; nobody waits for an hour. Trials and their
results are files in the sweep folder, which all must see. The connection is not encrypted and anyone who reaches the
port can take part.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import keras_tuner

from e2e_tf import compat
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, read_json, write_json
from e2e_tf.jobs import may_fork
from e2e_tf.terminal import console
from e2e_tf.tuning.live import SweepTable
from e2e_tf.tuning.sweep import COMPLETED, FAILED, INFEASIBLE, PRUNED, Record, Sweep
from e2e_tf.tuning.worker import CALLER, parse_address, work

__all__ = ["serve"]

MAX_LOSSES = 3
_ENDED_WELL = (COMPLETED, PRUNED, INFEASIBLE)


class _Servicer(compat.oracle_servicer()):  # type: ignore[misc]
    """Keras Tuner's servicer, with a note of who called when."""

    def __init__(self, oracle: Any, sweep: Sweep, ended: Callable[[Record], None]) -> None:
        super().__init__(oracle)
        self.sweep, self.ended = sweep, ended
        self.seen: dict[str, float] = {}
        self.guard = threading.RLock()

    def _who(self, context: Any) -> str:
        name = dict(context.invocation_metadata()).get(CALLER, "")
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
