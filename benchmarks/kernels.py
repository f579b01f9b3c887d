"""What each fast kernel of a layer gains over the formula of the layer, in one run.

    python -m benchmarks.kernels [--rounds 15] [--write]

One thread, processor time. Each layer runs in turn with its kernel and within ``plain``, in functions that are traced
before; the ratio of each round counts, and its median is printed. Graphs of 60 to 100 nodes with 8 neighbours and 64
features, 32 in a batch; training is the gradient to features and parameters. ``--write`` puts the table into
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

from benchmarks.layers import write_tables

MARKS = ("<!-- kernels: begin -->", "<!-- kernels: end -->")
GRAPHS, FEATURES, K = 32, 64, 8


def cases() -> Iterator[tuple[str, str, Any, list[Any]]]:
    """What is measured, the kernel, the layer and its inputs."""
    import tensorflow as tf

    from e2e_tf import layers
    from e2e_tf.graph import knn
    from e2e_tf.layers.batch_norm import WeightedBatchNormalization

    rng = np.random.default_rng(0)
    n_node = rng.integers(60, 101, GRAPHS).astype(np.int32)
    senders, receivers = knn(rng.normal(size=(n_node.sum(), 2)), n_node, K)
    x = tf.constant(rng.normal(size=(n_node.sum(), FEATURES)), tf.float32)
    ends = tf.constant(senders), tf.constant(receivers)
    disjoint = [x, *ends, tf.constant(n_node)]
    blocks, a, _ = layers.DisjointToBlocks()(disjoint)
    laplacian = layers.ScaledLaplacian()([x, ends])
    attention, chebyshev, edge_conv = (
        lambda: layers.GATConv(32, 4, dropout_rate=0.0, activation="relu"),
        lambda: layers.ChebConv(32, K=3, activation="relu"),
        lambda: layers.EdgeConv(64, [64], aggregate="mean", mlp_batchnorm=True, activation="relu"),
    )
    yield "GATConv on blocks", "attention_on_blocks", attention(), [blocks, a]
    yield "GATConv on edges", "attention_on_edges, CsrPattern", attention(), [x, ends]
    yield "ChebConv on edges", "CsrMatrix", chebyshev(), [x, laplacian]
    yield "EdgeConv on blocks", "neighbour_slots", edge_conv(), [blocks, a]
    messages = tf.tile(x[:, None], (1, K, 1))
    rows = tf.ones(tf.shape(messages)[:2])
    yield "batch normalisation", "normalised", WeightedBatchNormalization(), [messages, rows]
    yield "DisjointToBlocks", "count_entries", layers.DisjointToBlocks(), disjoint
    yield "ScaledLaplacian on edges", "sum_numbers", layers.ScaledLaplacian(), [x, ends]


def works(layer: Any, inputs: list[Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Training and inference of a layer."""
    import inspect

    import tensorflow as tf

    from e2e_tf.layers.batch_norm import WeightedBatchNormalization

    x, *rest = inputs
    # Normalisation takes its inputs one by one, other layers as a list.
    call = (
        layer
        if isinstance(layer, WeightedBatchNormalization)
        else lambda *parts, **kind: layer([*parts], **kind)
    )
    options = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}

    def training() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.nest.flatten(call(x, *rest, **options))[0] ** 2)
        return tape.gradient(loss, [x, *layer.trainable_weights])

    call(x, *rest)
    if layer.trainable_weights:
        yield "training", training
    yield "inference", lambda: call(x, *rest)


def seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def measure(layer: Any, work: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Seconds with the kernel, and the median of the formula's over them."""
    import tensorflow as tf

    from e2e_tf.layers.plain import plain

    with_kernel, formula = tf.function(work), tf.function(work)
    with_kernel()
    with plain(layer):
        formula()
    pairs = [(seconds(with_kernel), seconds(formula)) for _ in range(rounds)]
    return min(fast for fast, _ in pairs), float(np.median([slow / fast for fast, slow in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    lines = ["| layer | kernel | | ms, least | the formula over it |", "|---|---|---|---|---|"]
    for name, kernel, layer, inputs in cases():
        for kind, work in works(layer, inputs):
            least, ratio = measure(layer, work, options.rounds)
            lines.append(f"| {name} | {kernel} | {kind} | {1e3 * least:.3g} | {ratio:.2f} |")
            print(lines[-1], flush=True)
    lines += [
        "",
        f"`python -m benchmarks.kernels --rounds {options.rounds}`: ratios are medians of the rounds' ratios.",
    ]
    if options.write:
        write_tables(MARKS, lines)


if __name__ == "__main__":
    main()
