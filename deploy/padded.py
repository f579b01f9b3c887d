"""The ``padded`` interface: candidates in, scores out, with the edges built inside the exported graph.

What CMSSW's ParticleNet producers feed, so that a model can be dropped in with its ``preprocess.json`` and no
new C++. There is no scatter in it: it runs in every release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.block_core import block_core
from e2e_tf.deploy.interface import (
    OUTPUT,
    JetBatch,
    TensorInfo,
    tensor_specs,
    widths,
)
from e2e_tf.errors import InputError

__all__ = ["PADDED_RULES", "padded_feeds", "padded_function", "padded_preprocess", "padded_tensors"]

PADDED_RULES = ("knn", "radius", "full")
# Of an empty slot: its square is finite in float64, and next to it no coordinate in float32 is seen.
_FAR = 1e150
_NOWHERE = -1e299  # above -_FAR**2, below any squared distance of float32 coordinates with its sign turned


def padded_rules(preprocess: Preprocess) -> list[tuple[str, float]]:
    """The rules of the graph and their numbers, checked to be ones that can be followed inside.

    Args:
        preprocess: says how the graph is built.

    Returns:
        Names of the rules, each with its number (0 where it takes none).

    Raises:
        InputError: a rule needs a graph that is built outside, or there is no limit on the number of nodes.
    """
    spec = preprocess.spec
    outside = [name for name in spec.names if name not in PADDED_RULES]
    if preprocess.space.on_lattice:
        outside += [name for name in spec.names if name == "radius"]
    if outside:
        raise InputError(
            f"the padded interface builds {', '.join(PADDED_RULES)} inside; the graph {preprocess.edges} of "
            f"{preprocess.nodes} also needs {', '.join(outside)}, use the edges interface"
        )
    if preprocess.limit < 1:
        raise InputError(
            "the padded interface needs a limit on the nodes of a jet; train with graph.max_nodes, for example 50"
        )
    return [(name, float(number or 0)) for name, number in spec.parts]


def padded_tensors(model: Any, preprocess: Preprocess) -> tuple[list[TensorInfo], TensorInfo]:
    """The inputs and the output of the ``padded`` interface.

    Args:
        model: on disjoint batches, with an output (B, C).
        preprocess: says how the graph is built.

    Returns:
        The inputs in order, and the output.

    Raises:
        InputError: the model lacks an input of the interface, or has one of another dtype or kind.
    """
    n_features, n_globals = widths(model, "padded")
    infos = [
        TensorInfo("points", ("B", len(preprocess.space.columns), "N")),
        TensorInfo("features", ("B", n_features, "N")),
        TensorInfo("mask", ("B", 1, "N")),
    ]
    if n_globals:
        infos.append(TensorInfo("u", ("B", n_globals, 1)))
    return infos, TensorInfo(OUTPUT, ("B", model.output_shape[-1]))


def padded_function(
    model: Any, preprocess: Preprocess, shape: tuple[int | None, int | None] = (None, None)
) -> Any:
    """A ``tf.function`` with the ``padded`` interface around a Keras model on disjoint batches.

    Args:
        model: on disjoint batches, with one ``DisjointToBlocks`` layer.
        preprocess: says how the graph is built.
        shape: (B, N) to fix, for compilation ahead of time; None leaves a size free.

    Returns:
        The ``tf.function``, from tensors by name to scores (B, C).

    Raises:
        InputError: the model or its graph cannot be had inside.
    """
    import tensorflow as tf

    from e2e_tf.layers.plain import plain

    rules = padded_rules(preprocess)
    wraps = preprocess.space.periods(preprocess.space.columns)
    infos, _ = padded_tensors(model, preprocess)
    core = block_core(model, "padded")
    sizes = dict(zip("BN", shape, strict=True))
    specs = [
        tf.TensorSpec([d if isinstance(d, int) else sizes[d] for d in info.shape], tf.float32, info.name)
        for info in infos
    ]
    if shape == (None, None):
        specs = tensor_specs(infos)

    @tf.function(input_signature=specs, autograph=False)
    def score(points: Any, features: Any, mask: Any, u: Any = None) -> Any:
        if shape[1] is None:
            # Nothing that follows likes an axis of length 0. In int64 and rank 1, as ONNX wants its sizes.
            missing = tf.maximum(1 - tf.shape(mask, out_type=tf.int64)[2:], 0)
            paddings = tf.reshape(tf.concat([tf.zeros(5, tf.int64), missing], axis=0), (3, 2))
            points, features, mask = (_longer(values, paddings) for values in (points, features, mask))
        present = mask > 0.5
        # What lies in an empty slot, NaN included, must not reach a product with 0.
        features = tf.where(present, features, tf.zeros((), tf.float32))
        members = tf.cast(present, tf.float32)[:, 0, :]
        a = adjacency(points, present[:, 0, :], rules, wraps)
        n_node = tf.cast(tf.reduce_sum(members, axis=1), tf.int32)
        u = None if u is None else u[:, :, 0]
        with plain(model):
            return core(tf.transpose(features, (0, 2, 1)), a, members, n_node, u)

    return score


def _longer(values: Any, paddings: Any) -> Any:
    """(B, C, N) with further slots; layers still know C, which TensorFlow forgets where paddings are computed."""
    import tensorflow as tf

    made = tf.pad(values, paddings)
    made.set_shape((None, values.shape[1], None))
    return made


def adjacency(points: Any, present: Any, rules: list[tuple[str, float]], wraps: list[float | None]) -> Any:
    """Dense graphs of padded points, with the same edges as :mod:`e2e_tf.graph` finds.

    Squared distances are float64 sums in the order of the dimensions, and of equally distant nodes the ones of
    lower index are taken.

    Args:
        points: float32 (B, D, N), angles in rad.
        present: bool (B, N), false for empty slots.
        rules: of :func:`padded_rules`.
        wraps: length at which each of the D coordinates wraps, None where it does not.

    Returns:
        float32 (B, N, N), ``[b, receiver, sender]``, 1 for an edge.
    """
    import tensorflow as tf

    size = tf.maximum(tf.shape(points, out_type=tf.int64)[2:], 1)
    slot = tf.range(tf.cast(size[0], tf.int32))
    same = slot[:, None] == slot[None, :]
    near: Any = None
    if any(name != "full" for name, _ in rules):
        near = _near(points, present, slot, same, wraps)
    linked: Any = None
    for name, number in rules:
        if name == "full":
            found = present[:, :, None] & present[:, None, :] & ~same
        elif name == "radius":
            found = near >= -number * number
        else:
            found = _nearest(near, tf.cast(tf.minimum(size, int(number))[0], tf.int32), slot)
        linked = found if linked is None else linked | found
    return tf.cast(linked, tf.float32)


def _near(points: Any, present: Any, slot: Any, same: Any, wraps: list[float | None]) -> Any:
    """Squared distances float64 (B, N, N) with the sign turned, below ``_NOWHERE`` where there is no pair.

    Empty slots lie far away, from each other too, and a node far from itself: no pair of them has to be masked.
    """
    import tensorflow as tf

    far = _FAR * tf.cast(slot + 1, tf.float64)
    apart = next((d for d, period in enumerate(wraps) if not period), None)
    away = far * np.array([[float(d == apart)] for d in range(len(wraps))])
    columns = tf.where(present[:, None, :], tf.cast(points, tf.float64), away)
    distance: Any = None
    for d, period in enumerate(wraps):
        # Taken out one by one: ONNX Runtime splits no float64 before 1.14, which came with CMSSW 13_1.
        row = columns[:, d : d + 1, :]
        difference = tf.transpose(row, (0, 2, 1)) - row
        if period:
            # Wrapped coordinates lie within half a period of zero, so a difference within one period.
            difference = tf.abs(difference)
            difference = tf.minimum(difference, period - difference)
        square = difference * difference
        distance = square if distance is None else distance + square
    if apart is None:  # all coordinates wrap, and nothing is far away on them
        away = tf.where(present, tf.zeros((), tf.float64), far)
        distance = distance + tf.square(away[:, :, None] - away[:, None, :])
    return -(_FAR**2) * tf.cast(same, tf.float64) - distance


def _nearest(near: Any, k: Any, slot: Any) -> Any:
    """True for the ``k`` senders that come first by (distance, index)."""
    import tensorflow as tf

    # Only the last one is asked for: to have all in order takes longer than to look for it among k.
    top = tf.math.top_k(near, k, sorted=False)
    lowest = tf.reduce_min(top.values, axis=-1, keepdims=True)
    ties = tf.where(top.values == lowest, top.indices, -1)
    last, last_slot = tf.maximum(lowest, _NOWHERE), tf.reduce_max(ties, axis=-1, keepdims=True)
    return (near > last) | ((near == last) & (slot <= last_slot))


def padded_feeds(batch: JetBatch, length: int | None = None) -> dict[str, np.ndarray]:
    """The input tensors of a batch of graphs by name, float32.

    Args:
        batch: graphs and their points.
        length: N, at least the largest count (the default).

    Returns:
        float32 arrays by the names of the interface.
    """
    graphs = batch.graphs
    size = int(graphs.n_node.max(initial=0)) if length is None else length
    owner, slot = graphs.graph_id, graphs.slot

    def blocks(values: np.ndarray) -> np.ndarray:
        out = np.zeros((graphs.n_graph, values.shape[1], size), np.float32)
        out[owner, :, slot] = values
        return out

    feeds = {
        "points": blocks(batch.points),
        "features": blocks(graphs.x),
        "mask": blocks(np.ones((len(graphs.x), 1), np.float32)),
    }
    if graphs.u is not None:
        feeds["u"] = graphs.u[:, :, None]
    return feeds


def padded_preprocess(preprocess: Preprocess) -> dict[str, Any]:
    """``preprocess.json`` of the padded interface, in the convention of CMSSW's ParticleNet producers.

    Args:
        preprocess: of the run, with a limit on the number of nodes.

    Returns:
        What can be written as JSON, by name.
    """
    document = preprocess.to_dict()
    limits = {"min_length": 1, "max_length": preprocess.limit}
    points: dict[str, Any] = {}
    names = preprocess.space.columns
    for name, bound in zip(names, preprocess.space.bounds(names), strict=True):
        points[f"points_{name}"] = {**_plain(-bound, bound), "raw": name, "transform": "identity"}
    groups: dict[str, Any] = {
        "points": {"var_names": list(points), "var_infos": points, **limits},
        "features": {**document["x"], **limits},
        "mask": {"var_names": ["mask"], "var_infos": {"mask": _plain(0.0, 1.0)}, **limits},
    }
    if "u" in document:
        groups["u"] = document["u"]
    rest = {key: value for key, value in document.items() if key not in ("x", "u", "input_names")}
    return {"input_names": list(groups), **groups, **rest}


def bundle_preprocess(document: Mapping[str, Any]) -> Preprocess:
    """The :class:`Preprocess` that a bundle's ``preprocess.json`` holds.

    Args:
        document: of either interface.

    Returns:
        Inputs, normalisation and graph.
    """
    if "features" in document:
        document = {**document, "x": document["features"]}
    return Preprocess.from_dict(document)


def _plain(lower: float, upper: float) -> dict[str, float]:
    return {
        "median": 0.0,
        "norm_factor": 1.0,
        "replace_inf_value": 0.0,
        "lower_bound": lower,
        "upper_bound": upper,
        "pad": 0.0,
    }
