"""Taus from detector objects: networks and boosted trees on the same jets.

    python -m studies.detector simulate FOLDER [--jets 58500]   # 50 minutes on one core, resumable
    python -m studies.detector simulate FOLDER --larger         # and 49,000 further jets for the training
    python -m studies.detector simulate FOLDER --mixed          # and 72,000 of other backgrounds and pileups
    python -m studies.detector simulate FOLDER --fresh          # jets that nothing was chosen on
    python -m studies.detector train FOLDER [--rows NAME ...]   # every row without scores
                                            [--seeds 2 3]       # of other trainings, to see how they differ
    python -m studies.detector fresh FOLDER                     # scores of the fresh jets
    python -m studies.detector report FOLDER                    # numbers, tables and figure of docs/studies/detector.md

``report`` writes ``results.json``, ``fresh.json``, ``seeds.json``, ``backgrounds.json`` and ``mixed.json`` beside this
file; without scores it makes the page of them again.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from e2e_tf.files import read_json, write_json
from studies.detector.rows import ALL_JETS, EVERYTHING, LARGER, ROWS, SAMPLE

RESULTS = Path(__file__).with_name("results.json")
FRESH_RESULTS = Path(__file__).with_name("fresh.json")
SEED_RESULTS = Path(__file__).with_name("seeds.json")
BACKGROUND_RESULTS = Path(__file__).with_name("backgrounds.json")
MIXED_RESULTS = Path(__file__).with_name("mixed.json")
PAGE = Path(__file__).parents[2] / "docs" / "studies" / "detector.md"
SEED = 301


def main(arguments: list[str] | None = None) -> None:
    """Run a command, see the head of this file.

    Args:
        arguments: of the command line; None takes those of the process.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("simulate", "train", "fresh", "report"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path)
        if name == "simulate":
            command.add_argument("--jets", type=int, default=58_500)
            which = command.add_mutually_exclusive_group()
            which.add_argument("--larger", action="store_true", help=f"the sample of {ALL_JETS:,} jets")
            which.add_argument(
                "--mixed", action="store_true", help="samples with other backgrounds and pileups"
            )
            which.add_argument("--fresh", action="store_true", help="samples to judge on, with other seeds")
            command.add_argument("--workers", type=int, default=2)
        if name == "train":
            command.add_argument("--rows", nargs="+", default=list(ROWS), help="all of them if not given")
            command.add_argument(
                "--seeds", type=int, nargs="+", default=[1], help="of the trainings, 1 if not given"
            )
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    if options.command == "simulate" and (options.fresh or options.mixed):
        from studies.detector.fresh import simulate_fresh
        from studies.detector.mixed import simulate_mixed

        folder.mkdir(parents=True, exist_ok=True)
        (simulate_fresh if options.fresh else simulate_mixed)(folder, options.workers)
    elif options.command == "simulate":
        from e2e_tf.sim import simulate

        folder.mkdir(parents=True, exist_ok=True)
        simulate(
            "wtau",
            ALL_JETS if options.larger else options.jets,
            SEED,
            folder / (EVERYTHING if options.larger else SAMPLE),
            pileup=20,
            objects=True,
            workers=options.workers,
            resume=True,
        )
    elif options.command == "train":
        from studies.detector.mixed import write_mixed
        from studies.detector.training import score_path, train, write_larger, write_smaller

        unknown = [name for name in options.rows if name not in ROWS]
        if unknown:
            parser.error(f"there is no row {unknown[0]!r}; there are {'; '.join(ROWS)}")
        write_smaller(folder)
        if any(ROWS[name].jets == LARGER or ROWS[name].mixed for name in options.rows):
            write_larger(folder)
        if any(ROWS[name].mixed for name in options.rows):
            write_mixed(folder)
        for seed, name in product(options.seeds, options.rows):
            if not score_path(folder, name, seed).exists():
                train(name, ROWS[name], seed, folder)
    elif options.command == "fresh":
        from studies.detector.fresh import score_fresh
        from studies.detector.mixed import score_mixed

        score_fresh(folder)
        score_mixed(folder)
    else:
        from studies.detector.fresh import judged_backgrounds, judged_fresh, judged_seeds
        from studies.detector.mixed import judged_mixed
        from studies.detector.report import judged, write_page

        makers = {
            RESULTS: judged,
            FRESH_RESULTS: judged_fresh,
            SEED_RESULTS: judged_seeds,
            BACKGROUND_RESULTS: judged_backgrounds,
            MIXED_RESULTS: judged_mixed,
        }
        if (folder / "scores").is_dir():
            for path, maker in makers.items():
                write_json(path, maker(folder), force=True)
        write_page(*(read_json(path) for path in makers), PAGE)


if __name__ == "__main__":
    main()
