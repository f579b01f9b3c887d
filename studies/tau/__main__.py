"""The tau study: taggers of hadronic taus of 10 to 50 GeV, trained alike, evaluated on the same jets.

    python -m studies.tau simulate FOLDER [--jets 48000] [--workers 2]
    python -m studies.tau train FOLDER [--workers 2] [--rows NAME ...] [--seeds 1 2 3]
    python -m studies.tau list FOLDER
    python -m studies.tau choose FOLDER BUNDLE
    python -m studies.tau latency FOLDER
    python -m studies.tau transfer FOLDER
    python -m studies.tau ratios FOLDER
    python -m studies.tau fresh FOLDER [--jets 16000] [--workers 2]
    python -m studies.tau report FOLDER [--quark-gluon FULLSIM.json]

What was stopped goes on: samples by their chunks, trainings with ``fit`` by their epochs; a training with a result is
not done again. Samples, models and scores stay in FOLDER, results are the small JSON files of
``studies/tau/results``, one for each row and seed. ``latency`` adds one of the exported first seeds, measured on an
idle machine, ``transfer`` one of the scores of real jets by the first seeds on hits, ``ratios`` one of the rejections
over the trees' on the same jets, from the scores; ``choose`` evaluates the chosen model and writes its bundle;
``fresh`` simulates jets that nothing was chosen by, and compares rows on them; ``report`` writes
``docs/studies/tau.md``, with the table of ``studies.quark_gluon FOLDER --data fullsim`` from its ``fullsim.json``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "studies" / "tau.md"
COLLISIONS = ROOT.parent / "shared" / "data" / "ispy"  # public event files of 2012, for `transfer`


def result_path(name: str, seed: int) -> Path:
    from studies.tau.rows import slug

    return RESULTS / f"{slug(name)}-{seed}.json"


def one(name: str, seed: int, samples: Path) -> None:
    """Train and evaluate one row with one seed in this process."""
    from studies.tau.training import jets_and_weights, one_thread, train

    one_thread()
    import numpy as np

    from e2e_tf.files import write_json
    from studies.tau.evaluation import evaluated, robustness
    from studies.tau.report import rejection
    from studies.tau.rows import DETAILED, ROWS, run_folder
    from studies.tau.scores import score_path, write_score

    row = ROWS[name]
    (samples / "runs").mkdir(exist_ok=True)
    trained = train(row, seed, samples, run_folder(samples, name, seed))
    test = jets_and_weights(samples).test
    score = np.asarray(trained(test.jets), np.float64)
    found = {"row": name, "inputs": row.inputs, **trained.facts, **evaluated(score, test)}
    if seed == 1 and name in DETAILED:
        found["robustness"] = robustness(trained, score, test)
    write_score(score_path(samples, name, seed), score)
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_json(result_path(name, seed), found)
    print(
        f"{name}, seed {seed}: AUC {found['auc']['value']:.4f}, 1/ε_B at 70 % {rejection(found, 0.7)['value']:.0f}, "
        f"{found.get('cpu_seconds', 0) / 60:.1f} min",
        flush=True,
    )


def time_all(samples: Path) -> None:
    """Latencies of the first seeds of all networks of the table, of the chosen model, and of the means, in one file."""
    from e2e_tf.files import write_json
    from studies.tau.latency import latency
    from studies.tau.rows import CHOSEN, MAIN, ROWS, TRIED, chosen_folder, run_folder

    @cache  # a member of several means is measured once
    def measured(name: str) -> dict[str, Any]:
        folder = chosen_folder(samples) if name == CHOSEN else run_folder(samples, name, 1)
        found = latency(ROWS[name], folder) if (folder / "model.keras").is_file() else {}
        if found:
            print(f"{name}: {found['milliseconds']:.3f} ms", flush=True)
        return found

    found = {name: measured(name) for name in (*MAIN, CHOSEN)}
    for name in TRIED:
        parts = [measured(of) for of, _ in ROWS[name].members]
        if parts and all(parts) and not found.get(name):
            sums = {key: round(sum(part[key] for part in parts), 4) for key in ("bytes", "milliseconds")}
            found[name] = {"interface": parts[0]["interface"], **sums}
    found = {name: entry for name, entry in found.items() if entry}
    write_json(RESULTS / "latency.json", found)


def transfer_all(samples: Path) -> None:
    """Scores of real jets by the first seeds on hits that have a result, in one file."""
    from e2e_tf.files import read_json, write_json
    from studies.tau.rows import MAIN, run_folder
    from studies.tau.training import jets_and_weights, one_thread, train
    from studies.tau.transfer import both_sides, transfer

    one_thread()
    sides = both_sides(jets_and_weights(samples).test.jets, COLLISIONS)
    found = {}
    for name, row in MAIN.items():
        if row.inputs == "hits" and result_path(name, 1).is_file():
            trained = train(row, 1, samples, run_folder(samples, name, 1))
            found[name] = transfer(trained, sides, read_json(result_path(name, 1))["threshold"])
    write_json(RESULTS / "transfer.json", found)


def trained_seeds(name: str) -> list[int]:
    """Seeds of a row with a result."""
    from studies.tau.rows import ROWS

    return [seed for seed in range(1, ROWS[name].seeds + 1) if result_path(name, seed).is_file()]


def compare_all(samples: Path) -> None:
    """Rejections over the trees' of all rows with results, in one file."""
    from e2e_tf.files import write_json
    from studies.tau.ratios import ratios
    from studies.tau.rows import MAIN, TRIED
    from studies.tau.scores import read_score, score_path
    from studies.tau.training import jets_and_weights

    scores = {
        name: [read_score(score_path(samples, name, seed)) for seed in seeds]
        for name in (*MAIN, *TRIED)
        if (seeds := trained_seeds(name))
    }
    test = jets_and_weights(samples).test
    write_json(RESULTS / "ratios.json", ratios(scores, test.jets, test.weight))


def compare_fresh(samples: Path, jets: int, workers: int) -> None:
    """The same of rows of candidates on jets that were not there when anything was chosen, in another file."""
    from e2e_tf.files import write_json
    from studies.tau.fresh import fresh_scores
    from studies.tau.ratios import ratios
    from studies.tau.rows import MAIN, TRIED
    from studies.tau.samples import make_fresh
    from studies.tau.training import one_thread

    make_fresh(samples, jets, workers)
    one_thread()
    names = [name for name, row in (MAIN | TRIED).items() if row.inputs == "candidates"]
    seeds = {name: each for name in names if (each := trained_seeds(name))}
    write_json(RESULTS / "fresh.json", ratios(*fresh_scores(samples, seeds)))


def train_all(samples: Path, names: list[str], seeds: list[int], workers: int) -> int:
    """Every row and seed without a result, in processes of their own; first seeds first. Number of failures.

    Means come last, of those whose members are there.
    """
    from studies.tau.rows import ROWS, slug

    jobs = [(name, seed) for seed in seeds for name in names if seed <= ROWS[name].seeds]
    jobs = [job for job in jobs if not result_path(*job).is_file()]
    means = [job for job in jobs if ROWS[job[0]].members]
    (samples / "logs").mkdir(exist_ok=True)

    def run(job: tuple[str, int]) -> int:
        name, seed = job
        log = samples / "logs" / f"{slug(name)}-{seed}.txt"
        started = time.perf_counter()
        with open(log, "a", encoding="utf-8") as file:
            command = [sys.executable, "-m", "studies.tau", "one", str(samples), name, str(seed)]
            done = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False)
        last = log.read_text(encoding="utf-8").strip().rsplit("\n", 1)[-1]
        minutes = (time.perf_counter() - started) / 60
        print(
            f"{last} ({minutes:.0f} min)" if not done.returncode else f"{name}, seed {seed} failed: {log}",
            flush=True,
        )
        return int(done.returncode != 0)

    with ThreadPoolExecutor(workers) as pool:
        failed = sum(pool.map(run, [job for job in jobs if job not in means]))
        ready = [job for job in means if all(result_path(*m).is_file() for m in ROWS[job[0]].members)]
        return failed + sum(pool.map(run, ready))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    steps = {"latency": time_all, "transfer": transfer_all, "ratios": compare_all}
    for name in ("simulate", "train", "list", *steps, "choose", "fresh", "report", "one"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path)
        if name in ("simulate", "fresh"):
            default = 48_000 if name == "simulate" else 16_000
            command.add_argument("--jets", type=int, default=default, help="of each pileup")
        if name in ("simulate", "train", "fresh"):
            command.add_argument("--workers", type=int, default=2)
        if name == "train":
            command.add_argument("--rows", nargs="+", help="all of them if not given")
            command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
        if name == "choose":
            command.add_argument("bundle", type=Path)
        if name == "report":
            command.add_argument("--quark-gluon", type=Path, help="a result, kept for later reports")
        if name == "one":
            command.add_argument("row")
            command.add_argument("seed", type=int)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.command == "simulate":
        from studies.tau.samples import make_samples

        make_samples(folder, options.jets, options.workers)
    elif options.command == "one":
        one(options.row, options.seed, folder)
    elif options.command in steps:
        steps[options.command](folder)
    elif options.command == "choose":
        from studies.tau.chosen import write_chosen

        write_chosen(folder, options.bundle)
    elif options.command == "fresh":
        compare_fresh(folder, options.jets, options.workers)
    elif options.command == "report":
        from studies.tau.report import write_report

        if options.quark_gluon:
            shutil.copyfile(options.quark_gluon, RESULTS / "quark_gluon.json")
        write_report(RESULTS, PAGE)
    else:
        from studies.tau.rows import ROWS

        names = getattr(options, "rows", None) or list(ROWS)
        unknown = [name for name in names if name not in ROWS]
        if unknown:
            parser.error(f"there is no row {unknown[0]!r}; there are {', '.join(ROWS)}")
        if options.command == "list":
            for name in names:
                print(f"{name}: seeds {trained_seeds(name)} of {ROWS[name].seeds}")
            return
        sys.exit(1 if train_all(folder, names, options.seeds, options.workers) else 0)


if __name__ == "__main__":
    main()
