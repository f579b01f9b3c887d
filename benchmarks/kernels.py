"""What each fast kernel gains over the formula of its layer, alone and in the models that take it by default.

    python -m benchmarks.kernels [--rounds 21] [--only set_loops] [--write]

One thread, processor time. A function with the kernel and one with the formula, both traced before, take turns, a
few calls each; the ratio of each two neighbouring turns counts, and its median is printed with its error, so that
what else the machine does hits both alike. In a model only the layers of one kernel change. Alone, training is the
gradient to features and parameters; of a model it is a step of Adam. Graphs have 8 neighbours: 16 of 20 to 120 nodes
on blocks, 2 of 600 nodes on edges. ``--write`` puts the rows into the table of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import inspect
import os
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

from benchmarks.layers import ROOT, write_tables

MARKS = ("<!-- kernels: begin -->", "<!-- kernels: end -->")
FEATURES, GLOBALS, K = 64, 2, 8
TURN = 0.02  # seconds of a turn, at least
# kernel: the layer that takes it, and the models in which it does by default
KERNELS = {
    "attention_on_blocks": ("GATConv", ["gat_cheb"]),
    "attention_on_edges, CsrPattern": ("GATConv", ["gat_cheb on edges"]),
    "CsrMatrix": ("ChebConv", ["gat_cheb on edges"]),
    "set_loops": ("ScaledLaplacian", ["gat_cheb"]),
    "sum_numbers": ("ScaledLaplacian", ["gat_cheb on edges"]),
    "count_entries": ("DisjointToBlocks", ["gat_cheb"]),
    "neighbour_slots": ("EdgeConv", ["particle_net_lite"]),
    "normalised": ("WeightedBatchNormalization", ["particle_net_lite"]),
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gat_cheb": ("gat_cheb", {}),
    "gat_cheb on edges": ("gat_cheb", {"layout": "edges"}),
    "particle_net_lite": ("particle_net_lite", {}),
}
Work = Callable[[], Any]


def graphs(large: bool) -> dict[str, Any]:
    """A batch as models take it."""
    import tensorflow as tf

    from e2e_tf.graph import knn

    rng = np.random.default_rng(0)
    n_node = np.full(2, 600, np.int32) if large else rng.integers(20, 121, 16).astype(np.int32)
    n = n_node.sum()
    senders, receivers = knn(rng.normal(size=(n, 2)), n_node, K)
    arrays = {
        "x": rng.normal(size=(n, FEATURES)).astype(np.float32),
        "senders": senders,
        "receivers": receivers,
        "n_node": n_node,
        "u": rng.normal(size=(len(n_node), GLOBALS)).astype(np.float32),
    }
    return {name: tf.constant(values) for name, values in arrays.items()}


def alone(kernel: str) -> tuple[Any, dict[str, Work]]:
    """The layer that takes a kernel, and what it does in training and inference."""
    import tensorflow as tf

    from e2e_tf import layers
    from e2e_tf.layers.batch_norm import WeightedBatchNormalization

    batch = graphs(large=kernel in ("attention_on_edges, CsrPattern", "CsrMatrix", "sum_numbers"))
    x, ends = batch["x"], (batch["senders"], batch["receivers"])
    disjoint = [x, *ends, batch["n_node"]]
    blocks, a, _ = layers.DisjointToBlocks()(disjoint)
    attention = partial(layers.GATConv, 32, 4, dropout_rate=0.0, activation="relu")
    messages = tf.tile(x[:, None], (1, K, 1))
    made: dict[str, Callable[[], tuple[Any, list[Any]]]] = {
        "attention_on_blocks": lambda: (attention(), [blocks, a]),
        "attention_on_edges, CsrPattern": lambda: (attention(), [x, ends]),
        "CsrMatrix": lambda: (
            layers.ChebConv(32, K=3, activation="relu"),
            [x, layers.ScaledLaplacian()([x, ends])],
        ),
        "set_loops": lambda: (layers.ScaledLaplacian(), [blocks, a]),
        "sum_numbers": lambda: (layers.ScaledLaplacian(), [x, ends]),
        "count_entries": lambda: (layers.DisjointToBlocks(), disjoint),
        "neighbour_slots": lambda: (layers.EdgeConv(32, [32], aggregate="mean"), [blocks, a]),
        "normalised": lambda: (WeightedBatchNormalization(), [messages, tf.ones(tf.shape(messages)[:2])]),
    }
    layer, (x, *rest) = made[kernel]()
    # Normalisation takes its inputs one by one, other layers as a list.
    one_by_one = isinstance(layer, WeightedBatchNormalization)
    call = layer if one_by_one else lambda *parts, **kind: layer([*parts], **kind)
    options = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}
    call(x, *rest)

    def training() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.nest.flatten(call(x, *rest, **options))[0] ** 2)
        return tape.gradient(loss, [x, *layer.trainable_weights])

    works: dict[str, Work] = {"training": training} if layer.trainable_weights else {}
    return layer, works | ({} if one_by_one else {"inference": lambda: call(x, *rest)})


def in_model(name: str) -> tuple[Any, dict[str, Work]]:
    """A model, a step of its training and its inference."""
    import keras
    import tensorflow as tf

    from e2e_tf.models import build_model

    kind, settings = MODELS[name]
    batch = graphs(large="layout" in settings)
    model = build_model(kind, FEATURES, GLOBALS, settings)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_weights)
    inputs = {key: batch[key] for key in model.input}
    label = tf.constant(np.arange(len(batch["n_node"]))[:, None] % 2, tf.float32)

    def training() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(label, model(inputs, training=True)))
        weights = model.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return model, {"training": training, "inference": lambda: model(inputs, training=False)}


def measure(fast: Work, slow: Work, rounds: int) -> tuple[float, float, float]:
    """Seconds of the first, and the median of the second's over them with its error."""
    start = time.process_time()
    fast()
    calls = max(1, round(TURN / max(time.process_time() - start, 1e-6)))

    def seconds(work: Work) -> float:
        start = time.process_time()
        for _ in range(calls):
            work()
        return (time.process_time() - start) / calls

    turns = [(seconds(fast), seconds(slow)) for _ in range(rounds)]
    # Each turn of the formula over the turns of the kernel before and after it.
    ratios = [slow / fast for fast, slow in turns] + [one[1] / two[0] for one, two in pairwise(turns)]
    spread = 1.4826 * np.median(np.abs(ratios - np.median(ratios)))
    return min(one for one, _ in turns), float(np.median(ratios)), float(1.2533 * spread / np.sqrt(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", nargs="+", metavar="KERNEL", help="kernels whose names begin so")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    import tensorflow as tf

    from e2e_tf.layers.plain import plain

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows: dict[str, list[str]] = {}
    models: dict[str, tuple[Any, dict[str, Work], dict[str, Work]]] = {}
    for kernel, (kind, names) in KERNELS.items():
        if options.only and not kernel.startswith(tuple(options.only)):
            continue
        for name in ("alone", *names):
            if name not in models or name == "alone":
                model, works = alone(kernel) if name == "alone" else in_model(name)
                with_kernel = {what: tf.function(work) for what, work in works.items()}
                for work in with_kernel.values():
                    work()
                models[name] = model, works, with_kernel
            model, works, with_kernel = models[name]
            layers = model._flatten_layers(include_self=True, recursive=True)
            assert kind in {type(layer).__name__ for layer in layers}, f"{kind} is no layer of {name}"
            for what, work in works.items():
                slow = tf.function(work)
                with plain(model, kind):
                    slow()
                least, ratio, error = measure(with_kernel[what], slow, options.rounds)
                row = (
                    f"| {kind} | {kernel} | {name} | {what} | {1e3 * least:.3g} | {ratio:.2f} ± {error:.2f} |"
                )
                rows.setdefault(kernel, []).append(row)
                print(row, flush=True)
    if options.write:
        write_tables(MARKS, table(rows))


def table(rows: dict[str, list[str]]) -> list[str]:
    """The table of docs/benchmarks.md with new rows, those of kernels that were not measured now as they are."""
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    before = text.partition(MARKS[0])[2].partition(MARKS[1])[0].splitlines()
    for kernel in KERNELS.keys() - rows.keys():
        rows[kernel] = [line for line in before if line.split(" | ")[1:2] == [kernel]]
    return [
        "| layer | kernel | place | | ms, least | the formula over it |",
        "|---|---|---|---|---|---|",
        *(row for kernel in KERNELS for row in rows[kernel]),
        "",
        "`python -m benchmarks.kernels`: ratios are medians over neighbouring turns.",
    ]


if __name__ == "__main__":
    main()
