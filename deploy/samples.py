"""Inputs that a validation runs on: batches of jets, raw jets, and tensors of models that take no graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.interface import JetBatch, edges_feeds
from e2e_tf.deploy.jets import adversarial_batches, adversarial_jets, random_batch
from e2e_tf.deploy.padded import padded_feeds
from e2e_tf.errors import InputError

__all__ = [
    "feeds_of",
    "fixed_batches",
    "graph_batches",
    "raw_jets",
    "shipped_jets",
    "sized_batches",
    "tensor_batch",
    "tensor_batches",
]

MAX_NODES = 120  # of a random jet where the configuration sets no limit
_REAL = 500  # jets that objects are taken from
_SIZES = (1, 2, 3, 8, 17)  # of batches of tensors
_KINDS = ("uniform", "normal", "zeros", "large")


def feeds_of(batch: JetBatch, manifest: dict[str, Any], extra: int = 0) -> dict[str, np.ndarray]:
    """The tensors of a batch in the interface of a bundle, float32 by name.

    Args:
        batch: graphs of some jets.
        manifest: says which interface.
        extra: empty slots beyond the largest jet, where it is padded.

    Returns:
        float32 arrays by name.
    """
    if manifest["interface"] == "edges":
        return edges_feeds(batch.graphs)
    return padded_feeds(batch, int(batch.graphs.n_node.max(initial=0)) + extra)


def graph_batches(
    preprocess: Preprocess, manifest: dict[str, Any], jets: int, seed: int
) -> Iterator[JetBatch]:
    """The adversarial batches, then random ones of 1, 7 and 64 jets, empty ones among them.

    Args:
        preprocess: of the bundle.
        manifest: of it.
        jets: number of random jets.
        seed: of all of them.

    Yields:
        A batch of jets.
    """
    rng = np.random.default_rng(seed)
    for _, batch in adversarial_batches(preprocess, rng):
        yield batch
    limit = preprocess.limit or MAX_NODES
    done = 0
    while done < jets:
        count = min(int(rng.choice([1, 7, 64])), jets - done)
        few = rng.random(count) < 0.05
        n_node = np.where(few, rng.integers(0, min(3, limit + 1), count), rng.integers(1, limit + 1, count))
        done += count
        kind = str(rng.choice(["random", "random", "random", "grid"]))
        yield random_batch(preprocess, n_node, rng, points=kind)


def sized_batches(preprocess: Preprocess, sizes: Sequence[Sequence[int]], seed: int) -> list[JetBatch]:
    """Random batches of jets of so many nodes, at most the limit of the configuration.

    Args:
        preprocess: of the run.
        sizes: nodes of each jet of each batch.
        seed: of all of them.

    Returns:
        One batch for each entry of ``sizes``.
    """
    rng = np.random.default_rng(seed)
    limit = preprocess.limit or MAX_NODES
    return [random_batch(preprocess, np.minimum(np.array(n), limit), rng) for n in sizes]


def fixed_batches(preprocess: Preprocess, jets: int, nodes: int, seed: int) -> list[JetBatch]:
    """Batches of one size, of jets without nodes, full and of any size, with ordinary and broken features.

    Args:
        preprocess: of the bundle.
        jets: of each batch.
        nodes: of a jet at the most.
        seed: of all of them.

    Returns:
        Batches of ``jets`` jets.
    """
    rng = np.random.default_rng(seed)
    none, full = np.zeros(jets, int), np.full(jets, nodes)
    kinds = ("random", "random"), ("coincident", "bounds"), ("grid", "raw"), ("random", "raw")
    return [
        random_batch(preprocess, n_node, rng, points=points, features=features)
        for points, features in kinds
        for n_node in (none, full, rng.integers(0, nodes + 1, jets))
    ]


def shipped_jets(nodes: str) -> Iterator[Jets]:
    """Jets of the shipped samples that graphs can be made of.

    Args:
        nodes: of the graphs.

    Yields:
        Up to 500 jets of detector objects, or of the tau sample; then for candidates those of a reconstruction with
        pileup, which know their vertex and the pileup density. Nothing for pixels of images.
    """
    from e2e_tf.data.jets import read_jets
    from e2e_tf.data.samples import sample_path

    if nodes in ("hits", "candidates") and sample_path("tau").is_file():
        yield read_jets(sample_path("tau"))
    if nodes in ("detector", "candidates") and sample_path("tau_detector").is_file():
        jets = read_jets(sample_path("tau_detector"), stop=_REAL)
        yield replace(jets, candidates=jets.objects["candidate"]) if nodes == "candidates" else jets


def raw_jets(preprocess: Preprocess, seed: int) -> tuple[tuple[Jets, JetBatch] | None, str]:
    """Jets of a shipped sample and broken ones, with their graphs; or None and why there are none.

    The sample is the first of :func:`shipped_jets` that has all inputs.

    Args:
        preprocess: of the bundle.
        seed: of the broken jets.

    Returns:
        The jets with their graphs and an empty text, or None and the reason.
    """
    from e2e_tf.data.graphs import graphs_of

    why = "the shipped sample is absent"
    for jets in shipped_jets(preprocess.nodes):
        raw = adversarial_jets(jets, preprocess, np.random.default_rng(seed))
        try:
            graphs = graphs_of(raw, preprocess)
        except InputError:
            why = "the shipped sample lacks an input"
        else:
            return (raw, JetBatch(graphs.batch, graphs.positions)), ""
    return None, "no sample is of images" if preprocess.nodes == "pixels" else why


def tensor_batch(
    inputs: Sequence[dict[str, Any]], size: int, rng: np.random.Generator, kind: str = "uniform"
) -> dict[str, np.ndarray]:
    """Tensors float32 (B, ...) by name.

    Args:
        inputs: of the manifest: name and shape of each, the first dimension the batch, and ``below`` of integers.
        size: B.
        rng: source of everything random.
        kind: ``uniform`` in [0, 1), ``normal``, ``zeros``, or ``large`` (images up to
            255, as pixels are, others up to 10).

    Returns:
        float32 (B, ...) by name.
    """
    feeds = {}
    for info in inputs:
        shape = (size, *info["shape"][1:])
        values = rng.normal(size=shape) if kind == "normal" else rng.random(shape)
        # Pixels go up to 255; other inputs are normalised, or should be.
        scale = {"zeros": 0.0, "large": 255.0 if len(shape) > 3 else 10.0}.get(kind, 1.0)
        if info.get("below"):
            values, scale = rng.integers(0, info["below"], shape).astype(np.float64), min(scale, 1.0)
        feeds[info["name"]] = (scale * values).astype(np.float32)
    return feeds


def tensor_batches(inputs: Sequence[dict[str, Any]], entries: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Batches of several sizes and of every kind of :func:`tensor_batch`, ``entries`` entries in all.

    Args:
        inputs: of the manifest.
        entries: in all batches together.
        seed: of all of them.

    Returns:
        The batches.
    """
    rng = np.random.default_rng(seed)
    sizes: list[int] = []
    while sum(sizes) < entries:
        sizes.append(min(_SIZES[len(sizes) % len(_SIZES)], entries - sum(sizes)))
    return [tensor_batch(inputs, size, rng, _KINDS[i % len(_KINDS)]) for i, size in enumerate(sizes)]
