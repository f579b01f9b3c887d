"""The padded interface: the graph is built inside, and is the same graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.data.features import CANDIDATE_FEATURES
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.deploy.jets import link, random_batch
from e2e_tf.deploy.padded import (
    adjacency,
    bundle_preprocess,
    padded_feeds,
    padded_function,
    padded_preprocess,
    padded_rules,
)
from e2e_tf.deploy.profiles import DEFAULT_CMSSW
from e2e_tf.errors import InputError


def recipe(
    edges: str, coordinates: tuple[str, ...] = (), nodes: str = "candidates", limit: int = 50
) -> Preprocess:
    norm = Normalisation.fit(CANDIDATE_FEATURES, np.zeros((0, len(CANDIDATE_FEATURES)), np.float32))
    return Preprocess(nodes=nodes, edges=edges, coordinates=coordinates, node_features=norm, max_nodes=limit)


def dense(
    preprocess: Preprocess, points: np.ndarray, n_node: list[int], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The graph as built outside and as built inside, both (B, N, N)."""
    counts = np.array(n_node, np.int32)
    senders, receivers = link(preprocess, points, counts)
    start = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(len(counts)), counts)
    outside = np.zeros((len(counts), size, size), np.float32)
    outside[owner[receivers], receivers - start[owner[receivers]], senders - start[owner[senders]]] = 1
    blocks = np.zeros((len(counts), points.shape[1], size), np.float32)
    slot = np.arange(len(points)) - start[owner]
    blocks[owner, :, slot] = points
    present = np.arange(size)[None, :] < counts[:, None]
    space = preprocess.space
    inside = adjacency(blocks, present, padded_rules(preprocess), space.periods(space.columns))
    return outside, inside.numpy()


@pytest.mark.parametrize("edges", ["knn:1", "knn:8", "radius:0.5", "full", "knn:2+radius:0.3", "knn:64"])
@pytest.mark.parametrize("kind", ["random", "coincident", "grid"])
def test_the_graph_inside_is_the_graph_outside(edges: str, kind: str) -> None:
    preprocess = recipe(edges)
    rng = np.random.default_rng(8)
    for n_node in ([0], [1], [2, 0, 9, 10], [33, 40], [8, 0, 7]):
        batch = random_batch(preprocess, np.array(n_node), rng, points=kind)
        for extra in (0, 3):
            outside, inside = dense(preprocess, batch.points, n_node, max(n_node) + extra or 1)
            np.testing.assert_array_equal(inside, outside)


def test_float32_distances_would_find_other_neighbours() -> None:
    # Both squared distances round to the same float32; in float64 the second node is nearer.
    points = np.array([[0, 0], [1 + 2**-23, 0], [1, 2**-13]], np.float32)
    near = (points[1:].astype(np.float64) ** 2).sum(axis=1)
    assert near[1] < near[0]
    assert np.float32(near[0]) - np.float32(near[1]) < 3e-7
    outside, inside = dense(recipe("knn:1", ("a", "b")), points, [3], 3)
    np.testing.assert_array_equal(inside, outside)
    assert inside[0, 0].tolist() == [0, 0, 1]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    data=st.data(),
    k=st.integers(1, 9),
    n_node=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    extra=st.integers(0, 2),
)
def test_any_points_give_the_same_graph(data: st.DataObject, k: int, n_node: list[int], extra: int) -> None:
    half_turn = float(np.float32(np.pi))
    coordinate = st.sampled_from([0.0, 0.1, -0.1, 3.0, -3.0, half_turn, -half_turn]) | st.floats(
        -3, 3, width=32
    )
    total = sum(n_node)
    values = data.draw(st.lists(coordinate, min_size=2 * total, max_size=2 * total))
    points = np.array(values, np.float32).reshape(total, 2)
    outside, inside = dense(recipe(f"knn:{k}"), points, n_node, max(max(n_node) + extra, 1))
    np.testing.assert_array_equal(inside, outside)


def test_scores_do_not_depend_on_padding_nor_on_what_lies_in_it(runs: dict[str, Path]) -> None:
    from e2e_tf.data.loader import model_inputs
    from e2e_tf.training.run import open_run

    run = open_run(runs["padded"])
    model = run.model()
    function = padded_function(model, run.preprocess)
    rng = np.random.default_rng(1)
    for n_node in ([0], [0, 0], [5], [20, 0, 3, 1], [4] * 64):
        batch = random_batch(run.preprocess, np.array(n_node), rng)
        expected = np.asarray(model(model_inputs(batch.graphs), training=False))
        for length in (max(n_node), max(n_node) + 1, 21):
            feeds = padded_feeds(batch, length)
            np.testing.assert_allclose(function(**feeds), expected, atol=1e-6)
            empty = feeds["mask"] == 0
            feeds["features"] = np.where(empty, np.float32(np.nan), feeds["features"])
            feeds["points"] = np.where(empty, np.float32(1e30), feeds["points"])
            np.testing.assert_allclose(function(**feeds), expected, atol=1e-6)


def test_nodes_may_lie_in_any_slot(runs: dict[str, Path]) -> None:
    from e2e_tf.training.run import open_run

    run = open_run(runs["padded"])
    function = padded_function(run.model(), run.preprocess)
    feeds = padded_feeds(random_batch(run.preprocess, np.array([6]), np.random.default_rng(2)), 9)
    order = np.array([6, 0, 1, 7, 2, 3, 8, 4, 5])  # the nodes keep their order
    moved = {k: v[:, :, order] if k != "u" else v for k, v in feeds.items()}
    np.testing.assert_allclose(function(**moved), function(**feeds), atol=1e-6)


def test_the_last_of_equally_distant_neighbours_is_the_one_of_lowest_index_in_onnx() -> None:
    import tensorflow as tf

    from e2e_tf.deploy import lowering
    from e2e_tf.deploy.exported import freeze

    preprocess = recipe("knn:3", ("a", "b"))
    signature = [tf.TensorSpec((None, 2, None), tf.float32, "points")]

    @tf.function(input_signature=signature, autograph=False)
    def graph(points):
        return adjacency(points, points[:, 0] > -5, padded_rules(preprocess), [None, None])

    model = lowering.convert(*freeze(graph), "score", 13, 7)
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(3)
    for size in (1, 2, 4, 5, 30, 90):  # ONNX Runtime looks for the first of few and of many in different ways
        points = rng.integers(0, 3, (2, 2, size)).astype(np.float32)  # most distances are shared by several
        counts = [size, size]
        outside, _ = dense(preprocess, np.concatenate(points.transpose(0, 2, 1)), counts, size)
        np.testing.assert_array_equal(session.run(None, {"points": points})[0], outside)


@pytest.mark.parametrize("cmssw", ["12_1", "12_4", "13_1"])
def test_old_runtimes_have_what_a_bundle_needs(
    runs: dict[str, Path], bundles: dict[str, Path], tmp_path: Path, cmssw: str
) -> None:
    import onnx

    from e2e_tf.deploy.export import export

    if cmssw == DEFAULT_CMSSW:
        folder = bundles["padded"]
    else:
        folder = export(runs["padded"], tmp_path / cmssw, cmssw=cmssw, formats=("onnx",), proof=0)
    model = onnx.shape_inference.infer_shapes(onnx.load(folder / "model.onnx"))
    double = {
        v.name for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    }
    assert double  # the distances
    # Run with ONNX Runtime 1.7.0, 1.10.0 and 1.12.1, none of which splits float64; these they do have.
    known = {"Add", "Cast", "Equal", "Greater", "Max", "Min", "Mul", "ReduceMin", "Slice", "Sub", "TopK"}
    known |= {"Abs", "Reshape", "Shape", "Transpose", "Where"}
    used = {n.op_type for n in model.graph.node if double & {*n.input, *n.output}}
    assert used <= known, used - known


def test_preprocess_json_has_the_particlenet_convention(runs: dict[str, Path]) -> None:
    from e2e_tf.training.run import open_run

    run = open_run(runs["padded"])
    document = json.loads(json.dumps(padded_preprocess(run.preprocess)))
    assert document["input_names"] == ["points", "features", "mask", "u"]
    for name in document["input_names"]:
        group = document[name]
        assert set(group["var_infos"]) == set(group["var_names"])
        assert "var_length" not in group  # one form of lengths: a mixture ends the job in CMSSW
        assert 0 <= group["min_length"] <= group["max_length"]
        for info in group["var_infos"].values():
            numbers = {"median", "norm_factor", "replace_inf_value", "lower_bound", "upper_bound", "pad"}
            assert numbers <= set(info)
            assert info["lower_bound"] <= info["pad"] <= info["upper_bound"]
    assert document["points"]["var_names"] == ["points_deta", "points_dphi"]
    assert document["points"]["var_infos"]["points_dphi"]["upper_bound"] == float(np.float32(np.pi))
    assert (document["features"]["min_length"], document["features"]["max_length"]) == (1, 20)
    assert (document["u"]["min_length"], document["u"]["max_length"]) == (1, 1)
    assert bundle_preprocess(document).node_features.features == run.preprocess.node_features.features


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (recipe("knn:8+delaunay"), r"also needs delaunay, use the edges interface"),
        (recipe("grid8", nodes="hits"), r"also needs grid8"),
        (recipe("radius:0.1", nodes="hits"), r"also needs radius"),
        (recipe("knn:8", limit=0), r"needs a limit on the nodes of a jet"),
    ],
)
def test_what_cannot_be_built_inside_is_refused(preprocess: Preprocess, message: str) -> None:
    with pytest.raises(InputError, match=message):
        padded_rules(preprocess)
