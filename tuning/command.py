"""``e2e-tf tune``: which of its uses is meant, and what it says."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e_tf.errors import InputError
from e2e_tf.tuning.sweep import FAILED, NoTrialCompleted, Sweep, open_sweep

__all__ = ["run"]

EXIT_NOTHING, EXIT_INTERRUPTED = 1, 130


def run(
    config: Path | None,
    output: Path | None,
    workers: int,
    chief: str,
    worker: bool,
    retrain: Path | None,
    seeds: int,
    force: bool,
    changes: Sequence[str] = (),
    relocate: Mapping[str, str] | None = None,
) -> None:
    """Search, work for a chief, or retrain.

    Args:
        config: configuration (TOML) of a search; None for other uses.
        output: the sweep folder, or the new run's.
        workers: processes that run trials on this machine.
        chief: ``HOST:PORT``.
        worker: be a worker of that chief.
        retrain: a sweep folder whose best trial is trained again.
        seeds: how often, with ``retrain``.
        force: replace an existing folder, with ``retrain``.
        changes: texts ``KEY=VALUE`` that change the configuration of a search.
        relocate: old path to new path of what was moved of the sample, with ``retrain``.

    Raises:
        InputError: options are missing or contradict each other, or as the functions behind them.
        SystemExit: with status 1 if no trial completed or the chief fell silent.
    """
    if output is None:
        raise InputError("give the folder with -o: of the sweep, or with --retrain of the new run")
    # Batch systems send SIGTERM before they kill: the report is written, as for Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if changes and config is None:
            raise InputError("--set changes the configuration of a search; a worker and --retrain have none")
        if retrain is not None:
            if config is not None or chief or worker or workers != 1:
                raise InputError(
                    "--retrain takes a sweep folder, -o and --seeds, and nothing else of a search"
                )
            _retrain(retrain, output, seeds, force, relocate)
        elif force:
            raise InputError("--force belongs to --retrain; a search never replaces a sweep folder")
        elif relocate:
            raise InputError(
                "--relocate belongs to --retrain; a search takes its sample from the configuration"
            )
        elif worker:
            _work(output, chief, workers)
        else:
            _search(config, output, workers, chief, changes)
    except (NoTrialCompleted, RuntimeError) as error:
        print(f"e2e-tf: {error}", file=sys.stderr)
        sys.exit(EXIT_NOTHING)
    except KeyboardInterrupt:
        print(f"e2e-tf: interrupted; the same command goes on from {output}", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)


def _search(config: Path | None, output: Path, workers: int, chief: str, changes: Sequence[str]) -> None:
    from e2e_tf.tuning.config import read_tune_config
    from e2e_tf.tuning.search import tune

    if config is None:
        raise InputError("a search needs a configuration: e2e-tf tune CONFIG.toml -o SWEEP")
    if chief and workers != 1:
        raise InputError(
            "--workers starts workers on this machine, --chief waits for those of others; give one of them"
        )
    run, options = read_tune_config(config, changes)
    _summary(tune(run, output, settings=options, base=config.parent, workers=workers, chief=chief))


def _work(output: Path, chief: str, workers: int) -> None:
    from e2e_tf.tuning.worker import work

    if not chief:
        raise InputError("a worker needs the address of its chief: --chief HOST:PORT --worker -o SWEEP")
    if workers != 1:
        raise InputError("--worker is one worker; start as many as there are GPUs")
    work(output, chief)


def _retrain(sweep: Path, output: Path, seeds: int, force: bool, relocate: Mapping[str, str] | None) -> None:
    from e2e_tf.terminal import say
    from e2e_tf.tuning.retrain import retrain

    best = open_sweep(sweep).best()
    runs = retrain(sweep, output, seeds=seeds, force=force, relocate=relocate)
    say(
        f"Trial {best.trial} trained with {len(runs)} seeds in {output}; evaluate it with 'e2e-tf evaluate {output}'"
    )


def _summary(sweep: Sweep) -> None:
    from rich.table import Table

    from e2e_tf.terminal import output, say

    best, records = sweep.best(), sweep.records()
    table = Table(title=f"Best of {len(records)} trials: {best.trial}", title_justify="left")
    table.add_column("parameter")
    table.add_column("value", justify="right")
    for name, value in [(sweep.objective.name, best.score), *best.values.items()]:
        table.add_row(name, f"{value:.5g}" if isinstance(value, float) else str(value))
    output().print(table)
    failures = [record for record in records if record.status == FAILED]
    if failures:
        first = failures[0]
        say(f"{len(failures)} of {len(records)} trials failed; the first, {first.trial}:")
        print(first.message.rstrip())
    say(f"Report in {sweep.folder / 'sweep.html'}, table in {sweep.folder / 'trials.csv'}")
