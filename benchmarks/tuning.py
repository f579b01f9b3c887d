"""What a search costs and what it brings, on the shipped tau sample.

::

    python -m benchmarks.tuning scaling            two workers against one, one thread each, and the time per
                                                   trial outside training; five minutes on two idle cores
    python -m benchmarks.tuning sweep FOLDER       the search of examples/tune_tau.toml, 30 minutes on two cores
    python -m benchmarks.tuning confirm FOLDER     its best configuration against the default, five seeds, test part

Each prints Markdown; all but the first go on where they were stopped. ``confirm`` trains as ``e2e-tf fit`` does: on
the training part, with the epoch of the best validation AUC; the split stays, the seed chooses the
initial parameters and the order. The default is the sweep's first trial. The test part, which no trial ever saw,
compares them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import make_config
from e2e_tf.files import new_file, read_json, write_json
from e2e_tf.terminal import track
from e2e_tf.tuning import open_sweep, tune
from e2e_tf.tuning.sweep import COMPLETED, Record, Sweep

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "tune_tau.toml"
RATES = {"training": {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}}}
GRAPHS = {"graph": {"k": {"low": 4, "high": 12}}}


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print Markdown."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


class Watch:
    """Seconds of a block, and how many cores other programs kept busy meanwhile."""

    def __enter__(self) -> Watch:
        self._before = time.perf_counter(), self._busy(), self._own()
        return self

    def __exit__(self, *_: object) -> None:
        began, busy, own = self._before
        self.seconds = time.perf_counter() - began
        self.others = max(0.0, (self._busy() - busy - (self._own() - own)) / self.seconds)

    @staticmethod
    def _busy() -> float:
        """Processor seconds of the whole machine since it started."""
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _own() -> float:
        """Processor seconds of this process and of all that it has waited for."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)


def short_sweep(space: dict[str, Any], trials: int, workers: int, epochs: int) -> tuple[list[Record], Watch]:
    """A random search over a small space with the default model, one thread per trial."""
    config = make_config({"data": {"sample": "tau"}, "training": {"epochs": epochs}})
    settings = {"trials": trials, "threads": 1, "space": space}
    with tempfile.TemporaryDirectory() as name, Watch() as watch:
        records = tune(config, Path(name) / "sweep", settings=settings, workers=workers).records()
    assert all(record.status == COMPLETED for record in records)
    return records, watch


def scaling(trials: int, epochs: int) -> None:
    """The same budget with one worker and with two; seconds per trial outside training."""
    if trials < 4:
        raise SystemExit(f"--trials must be at least 4, two for each worker, not {trials}")
    # The workers come last: gRPC leaves threads behind, after which processes start more slowly.
    runs = {
        "one worker": short_sweep(RATES, trials, 1, epochs),
        "one worker, every trial another graph": short_sweep(GRAPHS, trials // 2, 1, 1),
        "two workers": short_sweep(RATES, trials, 2, epochs),
    }
    searching, rows = {}, []
    for name in ("one worker", "two workers"):
        records, watch = runs[name]
        end = max(r.started + r.seconds["total"] for r in records)
        searching[name] = end - min(r.started for r in records)
        cpu = sum(r.seconds["cpu"] for r in records)
        numbers = [f"{value:.1f}" for value in (searching[name], watch.seconds, cpu)]
        rows.append([name, str(len(records)), *numbers, f"{watch.others:.2f}"])
    head = ["", "trials", "first start to last end [s]", "whole command [s]", "processor time of trials [s]"]
    table([*head, "cores busy with other programs"], rows)
    whole = runs["one worker"][1].seconds / runs["two workers"][1].seconds
    ratio = searching["one worker"] / searching["two workers"]
    print(f"\nTwo workers finish {ratio:.2f} times sooner, the whole command {whole:.2f} times.\n")
    rows = []
    for name, (records, watch) in runs.items():
        rest = sorted(records, key=lambda record: record.started)
        # Until the first trial of each worker starts, its data are read and its graphs are built.
        workers = len({record.worker for record in records})
        rest = rest[workers:]
        wall = [record.seconds["overhead"] for record in rest]
        cpu = [record.seconds["cpu_overhead"] for record in rest]
        first = max(record.seconds["overhead"] for record in records if record not in rest)
        numbers = [statistics.median(wall), max(wall), statistics.median(cpu), max(cpu), watch.others]
        rows.append([name, f"{first:.1f}", *(f"{value:.2f}" for value in numbers)])
    head = ["outside training, per trial", "first [s]", "others, median [s]", "longest [s]"]
    table([*head, "processor, median [s]", "longest [s]", "cores busy with other programs"], rows)


def sweep(folder: Path, minutes: float | None) -> None:
    """The documented search."""
    from e2e_tf.tuning.config import read_tune_config

    config, settings = read_tune_config(EXAMPLE)
    if minutes is not None:
        settings = settings.model_copy(update={"minutes": minutes})
    with Watch() as watch:
        found = tune(config, folder, settings=settings, workers=2)
    records = found.records()
    rows = [
        [name, r.trial, f"{r.score:.4f}", str(r.values)]
        for name, r in (("default", records[0]), ("best", found.best()))
    ]
    table(["configuration", "trial", "validation AUC", "values"], rows)
    cpu = sum(record.seconds.get("cpu", 0.0) for record in records)
    seconds = read_json(folder / "oracle.json")["seconds"]
    print(
        f"\n{len(records)} trials in {seconds / 60:.1f} min with {cpu / 60:.1f} min of processor time; other programs "
        f"kept {watch.others:.1f} cores busy"
    )


def confirm(folder: Path, seeds: int, workers: int) -> None:
    """Best and default on the test part."""
    found = open_sweep(folder)
    chosen = {"default": found.records()[0], "tuned": found.best()}
    place = folder.with_name(f"{folder.name}-confirm")
    place.mkdir(exist_ok=True)
    jobs = [(record.trial, seed) for seed in range(1, seeds + 1) for record in chosen.values()]
    left = [job for job in jobs if not _result(place, *job).is_file()]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        tasks = [
            pool.submit(train_one, folder, trial, seed, _result(place, trial, seed)) for trial, seed in left
        ]
        for task in track(tasks, f"Training {len(left)} of {len(jobs)}"):
            task.result()
    rows, scores = [], {}
    for name, record in chosen.items():
        paths = [_result(place, record.trial, seed) for seed in range(1, seeds + 1)]
        results = [read_json(path) for path in paths]
        scores[name] = np.array([np.load(path.with_suffix(".npy")) for path in paths])
        validation, test = (np.array([r[key] for r in results]) for key in ("val_auc", "test_auc"))
        each = ", ".join(f"{value:.4f}" for value in test)
        row = [name, record.trial, f"{record.score:.4f}", _mean(validation), _mean(test), each]
        rows.append([*row, str(results[0]["parameters"])])
    head = ["configuration", "trial", "validation AUC in the sweep", f"validation AUC, {seeds} seeds"]
    table([*head, f"test AUC, {seeds} seeds", "each", "parameters"], rows)
    difference, error, spread = compare(found, chosen["default"], scores["default"], scores["tuned"])
    print(
        f"\nOn the test part tuned - default = {difference:+.4f}; standard error {spread:.4f} from the seeds, "
        f"{error:.4f} from resampling the test jets (the same for both configurations)"
    )
    best = chosen["tuned"].config
    assert best is not None
    print(json.dumps({key: best[key] for key in ("graph", "model", "training")}, indent=1))


def compare(
    found: Sweep, record: Record, before: np.ndarray, after: np.ndarray
) -> tuple[float, float, float]:
    """Mean difference in test AUC of scores (seeds, jets), its bootstrap error and its error from the seeds."""
    from e2e_tf.training.metrics import bootstrap, roc_auc
    from e2e_tf.training.prepare import prepare

    assert record.config is not None
    test = prepare(make_config(record.config), found.base).test

    def differences(label: np.ndarray, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
        columns = index.astype(int)
        aucs = [[roc_auc(label, row[columns], weight) for row in scores] for scores in (before, after)]
        return np.subtract(aucs[1], aucs[0])

    index = np.arange(len(test.label), dtype=np.float64)
    each = differences(test.label, index, test.weight)
    error = bootstrap(
        lambda *jets: differences(*jets).mean(), test.label, index, test.weight, groups=test.jets.event
    )
    # The same seed does not make the two alike, so this is the error of a difference of two means.
    spread = np.std(
        [[roc_auc(test.label, r, test.weight) for r in s] for s in (before, after)], axis=1, ddof=1
    )
    return float(each.mean()), float(error), float(np.hypot(*spread) / np.sqrt(len(each)))


def train_one(folder: Path, trial: str, seed: int, result: Path) -> None:
    """Train the configuration of a trial with another seed and store its scores of the test part."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from e2e_tf.training.loop import compile_model, new_model, steps_per_epoch, train_model
    from e2e_tf.training.metrics import roc_auc
    from e2e_tf.training.predict import predict_examples
    from e2e_tf.training.prepare import prepare
    from e2e_tf.tuning.epoch_log import EpochLog

    found = open_sweep(folder)
    record = found.record(trial)
    assert record is not None
    assert record.config is not None
    config = make_config(record.config)
    prepared = prepare(config, found.base)
    train, options = prepared.train.examples, config.training
    model = new_model(config, train, prepared.preprocess, seed, prepared.start)
    compile_model(model, options, steps_per_epoch(len(train), options), config.outputs)
    log = EpochLog(found.objective)
    train_model(
        model,
        options,
        train,
        prepared.validation.examples,
        preprocess=prepared.preprocess,
        seed=seed,
        callbacks=[log],
    )
    test = prepared.test
    found_scores = predict_examples(model, test.examples)[:, 0]
    with new_file(result.with_suffix(".npy"), force=True) as part, open(part, "wb") as file:
        np.save(file, found_scores)
    document = {
        "trial": trial,
        "seed": seed,
        "best_epoch": log.best_epoch,
        "val_auc": log.best_metrics["val_auc"],
        "test_auc": roc_auc(test.label, found_scores, test.weight),
        "parameters": int(model.count_params()),
    }
    write_json(result, document)


def _result(place: Path, trial: str, seed: int) -> Path:
    return place / f"{trial}-{seed}.json"


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1) / np.sqrt(len(values)):.4f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("scaling")
    command.add_argument("--trials", type=int, default=6)
    command.add_argument("--epochs", type=int, default=2)
    command = commands.add_parser("sweep")
    command.add_argument("folder", type=Path)
    command.add_argument("--minutes", type=float)
    command = commands.add_parser("confirm")
    command.add_argument("folder", type=Path)
    command.add_argument("--seeds", type=int, default=5)
    command.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.command == "scaling":
        scaling(given.trials, given.epochs)
    elif given.command == "sweep":
        sweep(given.folder, given.minutes)
    else:
        confirm(given.folder, given.seeds, given.workers)
