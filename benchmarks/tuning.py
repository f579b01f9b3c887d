"""What a search costs and what it brings, on the shipped tau sample.

::

    python benchmarks/tuning.py overhead           time per trial outside training
    python benchmarks/tuning.py workers            two workers against one, one thread each
    python benchmarks/tuning.py sweep FOLDER       the search of examples/tune_tau.toml, 30 minutes on two cores
    python benchmarks/tuning.py confirm FOLDER     its best configuration against the default, five seeds, test part

Each prints a Markdown table. ``workers`` needs two cores that nothing else uses. ``confirm`` trains both
configurations on training and validation part together, for as many epochs as their best had in a training of
the sweep (the default is the sweep's first trial), and judges them on the test part, which the sweep never saw.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

# This file has the name of the package, which Python would find in the folder of the script first.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

from e2e_tf.config import make_config  # noqa: E402
from tuning import open_sweep, tune  # noqa: E402
from tuning.retrain import train_on_all  # noqa: E402
from tuning.sweep import Record, Sweep  # noqa: E402

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "tune_tau.toml"
SPACE = {"training": {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}}}


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print Markdown."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def short_sweep(
    folder: Path, trials: int, workers: int, epochs: int = 2, graph: bool = False
) -> tuple[float, Sweep]:
    """Seconds of a search over learning rates, from the start of the first trial to the end of the last."""
    config = make_config({"data": {"sample": "tau"}, "training": {"epochs": epochs}})
    space: dict[str, Any] = dict(SPACE)
    if graph:
        space["graph"] = {"k": {"low": 4, "high": 12}}
    settings = {"trials": trials, "threads": 1, "space": space}
    sweep = tune(config, folder, settings=settings, workers=workers)
    records = sweep.records()
    began = min(record.started for record in records)
    return max(r.started + r.seconds["total"] for r in records) - began, sweep


def overhead(trials: int) -> None:
    """Seconds per trial outside training."""
    rows = []
    for graph, what in ((False, "same graph"), (True, "k of the graph varies")):
        with tempfile.TemporaryDirectory() as name:
            _, sweep = short_sweep(Path(name) / "sweep", trials, 1, epochs=1, graph=graph)
            records = sweep.records()
        spent = [record.seconds["overhead"] for record in records]
        rest = spent[1:]
        rows.append(
            [what, str(trials), f"{spent[0]:.2f}", f"{statistics.median(rest):.2f}", f"{max(rest):.2f}"]
        )
    table(["trials", "number", "first [s]", "median of the others [s]", "longest of the others [s]"], rows)


def workers(trials: int) -> None:
    """The same budget with one worker and with two, one thread each."""
    times = []
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as name:
            times.append(short_sweep(Path(name) / "sweep", trials, count)[0])
    head = ["trials", "one worker [s]", "two workers [s]", "ratio", "load of the machine before"]
    table(head, [[str(trials), f"{times[0]:.0f}", f"{times[1]:.0f}", f"{times[0] / times[1]:.2f}", LOAD]])


def sweep(folder: Path, minutes: float | None) -> None:
    """The documented search."""
    from tuning.config import read_tune_config

    config, settings = read_tune_config(EXAMPLE)
    if minutes is not None:
        settings = settings.model_copy(update={"minutes": minutes})
    started = time.perf_counter()
    found = tune(config, folder, settings=settings, workers=2)
    best, first = found.best(), found.records()[0]
    rows = [
        [name, r.trial, f"{r.score:.4f}", str(r.values)] for name, r in (("default", first), ("best", best))
    ]
    table(["configuration", "trial", "validation AUC", "values"], rows)
    print(
        f"\n{len(found.records())} trials in {(time.perf_counter() - started) / 60:.1f} min; load before: {LOAD}"
    )


def confirm(folder: Path, seeds: int) -> None:
    """Best and default on the test part."""
    found = open_sweep(folder)
    best, first = found.best(), found.records()[0]
    rows = []
    means = {}
    for name, record in (("default", first), ("tuned", best)):
        values = test_aucs(found, record, folder.with_name(f"{folder.name}-{name}"), seeds)
        means[name] = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))
        assert record.score is not None
        each = ", ".join(f"{value:.4f}" for value in values)
        rows.append([name, f"{record.score:.4f}", f"{means[name][0]:.4f} ± {means[name][1]:.4f}", each])
    table(["configuration", "validation AUC", f"test AUC, mean of {seeds} seeds ± its error", "each"], rows)
    difference = means["tuned"][0] - means["default"][0]
    error = np.hypot(means["tuned"][1], means["default"][1])
    print(f"\ntuned - default = {difference:+.4f} ± {error:.4f} on the test part")
    assert best.config is not None
    print(json.dumps({key: best.config[key] for key in ("graph", "model", "training")}, indent=1))


def test_aucs(found: Sweep, record: Record, folder: Path, seeds: int) -> list[float]:
    """AUC on the test part for each seed, weighted as in ``e2e-tf evaluate``."""
    from e2e_tf.training.metrics import roc_auc
    from e2e_tf.training.prepare import prepare
    from tuning.training import scores

    assert record.config is not None
    config = make_config(record.config)
    epochs = 1 + record.executions[0]["best_epoch"]
    runs = train_on_all(config, found.base, folder, epochs=epochs, seeds=seeds, force=True)
    test = prepare(config, found.base).test
    return [roc_auc(test.label, scores(run.model(), test.graphs.graphs), test.weight) for run in runs]


LOAD = f"{os.getloadavg()[0]:.1f}"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("overhead").add_argument("--trials", type=int, default=6)
    commands.add_parser("workers").add_argument("--trials", type=int, default=6)
    command = commands.add_parser("sweep")
    command.add_argument("folder", type=Path)
    command.add_argument("--minutes", type=float)
    command = commands.add_parser("confirm")
    command.add_argument("folder", type=Path)
    command.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.command == "sweep":
        sweep(chosen.folder, chosen.minutes)
    elif chosen.command == "confirm":
        confirm(chosen.folder, chosen.seeds)
    else:
        {"overhead": overhead, "workers": workers}[chosen.command](chosen.trials)
