"""Time of one jet in ONNX Runtime, one thread, for bundles with jets of a sample.

    python -m benchmarks.one_jet [BUNDLE=SAMPLE ...] [--jets 300] [--rounds 5] [--write]

Every jet of the sample is one call, as a trigger makes it; the time of a jet is its least in all rounds. Bundles take
turns with a product of two 256 x 256 matrices in the same runtime, which tells machines apart. Graphs are finished,
except that the padded interface searches its neighbours itself. ``--write`` puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

from benchmarks.export import product, session
from benchmarks.layers import ROOT, write_tables

MARKS = ("<!-- one jet: begin -->", "<!-- one jet: end -->")
SHIPPED = ("tau_detector=tau_detector",)
_WARM = 50  # calls before the clock starts


def calls_of(bundle: Path, sample: str, count: int) -> tuple[list[Callable[[], Any]], np.ndarray]:
    """A call for each of the first jets of a sample that a bundle takes, and their numbers of nodes."""
    from e2e_tf.data.graphs import graphs_of
    from e2e_tf.data.jets import read_jets
    from e2e_tf.data.samples import sample_path
    from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
    from e2e_tf.deploy.interface import JetBatch
    from e2e_tf.deploy.samples import feeds_of

    path = Path(sample) if Path(sample).exists() else sample_path(sample)
    manifest, graphs = (
        open_bundle(bundle),
        graphs_of(read_jets(path).take(np.arange(count)), read_bundle_preprocess(bundle)),
    )
    run = session(str(bundle / "model.onnx"), 1)
    calls = []
    ends = np.cumsum(graphs.batch.n_node)
    for i, end in enumerate(ends):
        points = graphs.positions[end - graphs.batch.n_node[i] : end]
        feeds = feeds_of(JetBatch(graphs.batch.take(np.array([i])), points), manifest)
        calls.append(lambda f=feeds: run.run(None, f))
    return calls, graphs.batch.n_node


def product_call() -> Callable[[], Any]:
    """A product of two 256 x 256 matrices."""
    run = session(product(), 1)
    values = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    return lambda: run.run(None, {"a": values, "b": values})


def measured(bundles: dict[str, list[Callable[[], Any]]], rounds: int) -> dict[str, np.ndarray]:
    """Least milliseconds of each call, bundle after bundle in every round."""
    for calls in bundles.values():
        for call in (calls * _WARM)[:_WARM]:
            call()
    best = {name: np.full(len(calls), np.inf) for name, calls in bundles.items()}
    for _ in range(rounds):
        for name, calls in bundles.items():
            for i, call in enumerate(calls):
                started = time.perf_counter()
                call()
                best[name][i] = min(best[name][i], 1e3 * (time.perf_counter() - started))
    return best


def main() -> None:
    """Measure and print, see the head of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "bundles",
        nargs="*",
        default=SHIPPED,
        help="BUNDLE=SAMPLE; the tagger on detector objects if none is given",
    )
    parser.add_argument("--jets", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    calls: dict[str, list[Callable[[], Any]]] = {}
    nodes = {}
    for given in options.bundles:
        name, _, sample = given.partition("=")
        folder = Path(name) if Path(name).is_dir() else ROOT / "deploy" / "bundles" / name
        calls[folder.name], nodes[folder.name] = calls_of(folder, sample, options.jets)
    found = measured(calls | {"": [product_call()] * 100}, options.rounds)
    unit = float(np.median(found.pop("")))
    lines = [
        "| one jet, one thread | nodes, median | ms, median | 95 % | slowest | median over the product |",
        "|---|---|---|---|---|---|",
    ]
    for name, times in found.items():
        half, most = np.percentile(times, [50, 95])
        cells = [
            f"{np.median(nodes[name]):.0f}",
            *(f"{one:.2f}" for one in (half, most, times.max(), half / unit)),
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += [
        "",
        f"A product of two 256 x 256 matrices takes {unit:.2f} ms. {options.jets} jets.",
    ]
    print("\n".join(lines))
    if options.write:
        write_tables(MARKS, lines)


if __name__ == "__main__":
    main()
