"""The loader: every graph once, in an order that only the seed and the epoch decide."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.weights import PtReweighting
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, knn

N = 50


@pytest.fixture(scope="module")
def data(make_jets):
    return build_graphs(make_jets(N, empty=(3, 17, -1)), GraphRecipe(edges="knn:4"))


def graphs(batches) -> list[tuple[bytes, ...]]:
    """Each graph of the batches as bytes: features, edges and u."""
    out = []
    for item in batches:
        inputs = {name: np.asarray(value) for name, value in item[0].items()}
        nodes = np.concatenate([[0], np.cumsum(inputs["n_node"])])
        receivers = inputs["receivers"]
        for g in range(len(inputs["n_node"])):
            mine = (receivers >= nodes[g]) & (receivers < nodes[g + 1])
            out.append(
                (
                    inputs["x"][nodes[g] : nodes[g + 1]].tobytes(),
                    (inputs["senders"][mine] - nodes[g]).astype(np.int32).tobytes(),
                    (receivers[mine] - nodes[g]).astype(np.int32).tobytes(),
                    inputs["u"][g].tobytes(),
                )
            )
    return out


def loader(data, **options) -> DisjointLoader:
    return DisjointLoader(data.batch, data.label, data.weight, **{"batch_size": 8, **options})


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "bucket": True}])
def test_every_graph_comes_once(data, options):
    expected = graphs(loader(data).batches())
    assert len(expected) == N
    assert expected[3] == (b"", b"", b"", data.batch.u[3].tobytes())
    found = graphs(loader(data, **options).batches(epoch=2))
    assert sorted(found) == sorted(expected)
    assert (found == expected) == (not options)


def test_the_seed_decides_the_order(data):
    first = loader(data, shuffle=True, seed=7)
    again = loader(data, shuffle=True, seed=7)
    np.testing.assert_array_equal(first.order(3), again.order(3))
    assert not np.array_equal(first.order(3), first.order(4))
    assert not np.array_equal(first.order(3), loader(data, shuffle=True, seed=8).order(3))
    np.testing.assert_array_equal(loader(data).order(5), np.arange(N))


def test_the_callers_arrays_stay_as_they_are(data):
    names = ("x", "senders", "receivers", "n_node", "n_edge", "u")
    before = {name: getattr(data.batch, name).copy() for name in names}
    label, weight, index = data.label.copy(), data.weight.copy(), np.arange(N)
    shuffled = loader(data, shuffle=True, bucket=True, class_weight={0: 2.0, 1: 1.0}, index=index, pad=True)
    list(shuffled.batches(1))
    for name in names:
        np.testing.assert_array_equal(getattr(data.batch, name), before[name])
    np.testing.assert_array_equal(data.label, label)
    np.testing.assert_array_equal(data.weight, weight)
    np.testing.assert_array_equal(index, np.arange(N))


def test_labels_and_weights_travel_with_their_graphs(data):
    shuffled = loader(data, shuffle=True)
    order = shuffled.order(4)
    start = 0
    for inputs, label, weight in shuffled.batches(4):
        index = order[start : start + len(label)]
        start += len(label)
        np.testing.assert_array_equal(label, data.label[index][:, None].astype(np.float32))
        np.testing.assert_array_equal(weight, data.weight[index])
        np.testing.assert_array_equal(inputs["u"], data.batch.u[index])
        assert label.dtype == weight.dtype == np.float32
    assert start == N


def test_what_comes_with_a_batch(data):
    batch = next(DisjointLoader(data.batch).batches())
    assert len(batch) == 1
    assert list(batch[0]) == ["x", "senders", "receivers", "n_node", "u"]
    assert len(next(DisjointLoader(data.batch, data.label).batches())) == 2
    several = DisjointLoader(data.batch, np.eye(3)[np.arange(N) % 3])
    assert next(several.batches())[1].shape == (N, 3)


def test_empty_graphs_at_the_end_of_a_batch_stay(data):
    last = list(loader(data, batch_size=25).batches())[-1]
    assert last[0]["n_node"][-1] == 0
    assert len(last[0]["n_node"]) == len(last[0]["u"]) == len(last[1]) == 25


@pytest.mark.parametrize("options", [{"pad": True}, {"node_budget": 60}, {"shard": (1, 2)}])
def test_edge_features_and_empty_graphs_reach_the_model(data, options):
    """Graphs without nodes, and with one node and no edge, at the end of batches, through tf.data."""
    sizes = np.array([3, 0, 1, 4, 2, 1, 0, 5, 1, 0, 0, 0], np.int32)
    points = np.random.default_rng(0).normal(size=(sizes.sum(), 2)).astype(np.float32)
    senders, receivers = knn(points, sizes, 2)
    features = np.arange(len(senders), dtype=np.float32)[:, None]
    batch = GraphBatch.from_edges(points, senders, receivers, sizes, features, np.arange(12)[:, None])
    streamed = DisjointLoader(batch, np.arange(12) % 2, batch_size=4, **options)
    order, start = streamed.order(0), 0
    for inputs, label, *_ in streamed.dataset().as_numpy_iterator():
        real = min(len(label), 4, len(order) - start)
        if "node_budget" in options:
            real = len(label)
        mine = order[start : start + real]
        start += real
        expected = batch.take(mine)
        np.testing.assert_array_equal(inputs["n_node"][:real], sizes[mine])
        np.testing.assert_array_equal(inputs["u"][:real, 0], mine)
        edges = len(expected.senders)
        np.testing.assert_array_equal(inputs["edge_features"][:edges], expected.edge_features)
        np.testing.assert_array_equal(inputs["receivers"][:edges], expected.receivers)
        assert not inputs["edge_features"][edges:].any()
        assert len(inputs["n_node"]) == len(inputs["u"]) == len(label)
    assert start == len(order)


def test_weights_in_pt_reach_the_batches(data):
    pt = data.jets["pt"].astype(np.float64)
    weights = PtReweighting.fit(pt, data.label, [20, 80, 140, 200]).weights(pt, data.label)
    seen = np.concatenate([item[2] for item in DisjointLoader(data.batch, data.label, weights).batches()])
    for low, high in pairwise([20, 80, 140, 200]):
        inside = (pt >= low) & (pt < high)
        signal = seen[inside & (data.label == 1)].sum() / seen[data.label == 1].sum()
        background = seen[inside & (data.label == 0)].sum() / seen[data.label == 0].sum()
        assert background == pytest.approx(signal, rel=1e-5)


def test_bucketing_batches_similar_sizes(data):
    plain, bucket = loader(data, shuffle=True), loader(data, shuffle=True, bucket=True)

    def padding(loader: DisjointLoader) -> int:
        sizes = [item[0]["n_node"] for item in loader.batches(0)]
        return sum(int(n.max()) * len(n) - int(n.sum()) for n in sizes)

    assert padding(bucket) < 0.5 * padding(plain)
    assert sorted(bucket.order(0)) == list(range(N))
    starts = [bucket.order(e)[:8].tolist() for e in range(4)]
    assert len({tuple(s) for s in starts}) == 4


def test_class_weights_multiply(data):
    weighted = loader(data, class_weight={0: 3.0, 1: 0.5})
    weight = np.concatenate([item[2] for item in weighted.batches()])
    np.testing.assert_allclose(weight, data.weight * np.where(data.label == 1, 0.5, 3.0), rtol=1e-6)
    alone = DisjointLoader(data.batch, data.label, class_weight={0: 3.0, 1: 0.5}, batch_size=N)
    np.testing.assert_allclose(next(alone.batches())[2], np.where(data.label == 1, 0.5, 3.0))


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "bucket": True}])
@pytest.mark.parametrize("workers", [2, 3])
def test_shards_share_an_epoch(data, options, workers):
    parts = [loader(data, shard=(i, workers), seed=3, **options) for i in range(workers)]
    orders = [part.order(1) for part in parts]
    assert sorted(np.concatenate(orders).tolist()) == list(range(N))
    assert [len(list(part.batches(1))) for part in parts] == [len(part) for part in parts]
    equal = [loader(data, shard=(i, workers), drop_remainder=True, **options) for i in range(workers)]
    assert len({len(e) for e in equal}) == 1
    for part in equal:
        assert [len(item[1]) for item in part.batches(1)] == [8] * len(part)


def test_a_node_budget_limits_batches(data):
    budget = 120
    limited = loader(data, node_budget=budget, shuffle=True, batch_size=20)
    sizes = [item[0]["n_node"] for item in limited.batches(0)]
    assert sum(len(n) for n in sizes) == N
    for n, following in zip(sizes, [*sizes[1:], None], strict=True):
        assert n.sum() <= budget or len(n) == 1
        assert len(n) <= 20
        if following is not None and len(n) < 20:  # the next graph would not have fitted
            assert n.sum() + following[0] > budget
    assert len(limited) == len(sizes)
    alone = loader(data, node_budget=1)
    assert all((n > 0).sum() <= 1 for n in (item[0]["n_node"] for item in alone.batches()))


def test_an_index_selects(data):
    index = np.array([40, 3, 22, 5])
    some = loader(data, index=index, batch_size=3)
    assert graphs(some.batches()) == [graphs(loader(data).batches())[i] for i in index]
    assert len(some) == 2
    assert sorted(loader(data, index=index, shuffle=True).order(0)) == [3, 5, 22, 40]


def test_batches_can_be_normalised(data):
    recipe = GraphRecipe(edges="knn:4")
    fitted = data.fit_preprocess(recipe)
    found = next(loader(data, preprocess=fitted, batch_size=N).batches())[0]
    expected = data.normalised(fitted).batch
    np.testing.assert_array_equal(found["x"], expected.x)
    np.testing.assert_array_equal(found["u"], expected.u)


def test_padded_batches_have_few_shapes_and_no_weight(data):
    padded = loader(data, pad=True, shuffle=True)
    items = list(padded.batches(0))
    assert {len(item[1]) for item in items} == {9}
    assert sum(float(item[2].sum()) for item in items) == pytest.approx(float(data.weight.sum()), rel=1e-5)
    order = padded.order(0)
    for number, item in enumerate(items):
        real = order[8 * number : 8 * number + 8]
        np.testing.assert_array_equal(item[2][: len(real)], data.weight[real])
        assert not item[2][len(real) :].any()
    without = DisjointLoader(data.batch, data.label, batch_size=8, pad=True)
    assert sum(float(item[2].sum()) for item in without.batches()) == N


@pytest.mark.parametrize(
    "options", [{}, {"shuffle": True, "bucket": True}, {"pad": True}, {"node_budget": 99}]
)
def test_the_dataset_gives_the_batches_epoch_after_epoch(data, options):
    reference, streamed = loader(data, seed=2, **options), loader(data, seed=2, **options)
    dataset = streamed.dataset()
    for epoch in range(2):
        expected = list(reference.batches(epoch))
        found = list(dataset.as_numpy_iterator())
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert list(a[0]) == sorted(b[0]) or list(a[0]) == list(b[0])
            for name, values in b[0].items():
                np.testing.assert_array_equal(a[0][name], values)
                assert a[0][name].dtype == values.dtype
            for one, other in zip(a[1:], b[1:], strict=True):
                np.testing.assert_array_equal(one, other)
    streamed.epoch = 0  # a run that continues says where
    first = next(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(first[1], next(reference.batches(0))[1])


def test_the_dataset_knows_its_shapes(data):
    dataset = loader(data).dataset()
    inputs, label, weight = dataset.element_spec
    assert inputs["x"].shape.as_list() == [None, 17]
    assert inputs["senders"].shape.as_list() == [None]
    assert inputs["u"].shape.as_list() == [None, 2]
    assert label.shape.as_list() == [None, 1]
    assert weight.shape.as_list() == [None]
    assert int(dataset.cardinality()) == 7
    assert DisjointLoader(data.batch).dataset().element_spec[0]["x"].dtype == "float32"


def test_an_error_in_a_batch_is_not_lost(data):
    broken = loader(data)
    broken.label = broken.label[:20]
    with pytest.raises(Exception, match="out of bounds"):
        list(broken.dataset())


def test_batches_for_spektral(data):
    plain, spektral = loader(data, shuffle=True), loader(data, shuffle=True)
    for (inputs, label, weight), (own, own_label, own_weight) in zip(
        plain.batches(1), spektral.spektral_batches(1, sparse="scipy"), strict=True
    ):
        x, a, i, u = own
        np.testing.assert_array_equal(x, inputs["x"])
        assert a.toarray().sum() == len(inputs["senders"])
        assert np.all(a.toarray()[inputs["senders"], inputs["receivers"]] == 1)
        np.testing.assert_array_equal(np.bincount(i, minlength=len(label)), inputs["n_node"])
        np.testing.assert_array_equal(u, inputs["u"])
        np.testing.assert_array_equal(own_label, label)
        np.testing.assert_array_equal(own_weight, weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be positive, it is 0"),
        ({"node_budget": -1}, "node_budget must not be negative, it is -1"),
        ({"shard": (2, 2)}, "shard must be (i, n) with 0 <= i < n, it is (2, 2)"),
        ({"index": np.array([1, 50])}, "index must be within the 50 graphs, got 50"),
        ({"index": np.array([0.5])}, "index must be integers of rank 1, got float64"),
        ({"class_weight": {0: 1.0}}, "class_weight must have a factor for every label, it lacks [1]"),
        ({"drop_remainder": True, "node_budget": 9}, "drop_remainder needs batches of a fixed number"),
        ({"buffer": 0}, "buffer must be positive, it is 0"),
    ],
)
def test_arguments_that_cannot_be(data, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        loader(data, **options)


def test_lengths_must_agree(data):
    with pytest.raises(InputError, match=re.escape("label must have one entry per graph (50), it has 49")):
        DisjointLoader(data.batch, data.label[1:])
    with pytest.raises(InputError, match=re.escape("weight must have one entry per graph (50), it has 49")):
        DisjointLoader(data.batch, data.label, data.weight[1:])
    with pytest.raises(InputError, match="weight needs label"):
        DisjointLoader(data.batch, None, data.weight)


def test_labels_weights_and_nodes_by_name(data):
    """Several outputs and further inputs of the nodes stay with their graphs, with padding and shuffled."""
    number = np.arange(N, dtype=np.float32)
    owner = np.repeat(number, data.batch.n_node)
    nodes = {
        "points": np.stack([owner, np.arange(len(owner))], axis=1),
        "p4": np.ones((len(owner), 4), np.float32),
    }
    label, weight = (
        {"a": number, "b": np.stack([number, -number], axis=1)},
        {"a": number + 1, "b": number + 2},
    )
    options = {"batch_size": 8, "shuffle": True, "nodes": nodes, "inputs": ["n_node", "points", "x"]}
    for pad in (False, True):
        made = DisjointLoader(data.batch, label, weight, pad=pad, **options)
        seen = []
        for (inputs, labels, weights), batch in zip(made.dataset(), made.batches(), strict=True):
            for one, other in zip((inputs, labels, weights), batch, strict=True):
                assert set(one) == set(other)
                for name in one:
                    np.testing.assert_array_equal(one[name], other[name])
            assert set(inputs) == {"n_node", "points", "x"}
            real = batch[2]["a"] > 0
            graph = batch[1]["a"][real, 0]
            np.testing.assert_array_equal(batch[1]["b"][real], np.stack([graph, -graph], axis=1))
            np.testing.assert_array_equal(batch[2]["b"][real], graph + 2)
            counts = batch[0]["n_node"][real]
            points = batch[0]["points"]
            assert len(points) == len(batch[0]["x"])
            np.testing.assert_array_equal(points[: counts.sum(), 0], np.repeat(graph, counts))
            np.testing.assert_array_equal(
                batch[0]["x"][: counts.sum()], data.batch.x[points[: counts.sum(), 1].astype(int)]
            )
            assert not points[counts.sum() :].any()
            seen += graph.astype(int).tolist()
        assert sorted(seen) == list(range(N))
    every = next(DisjointLoader(data.batch, label, number + 1, batch_size=N).batches())
    np.testing.assert_array_equal(every[2]["b"], number + 1)


def test_labels_weights_and_nodes_that_do_not_fit(data):
    number = np.arange(N, dtype=np.float32)
    with pytest.raises(InputError, match=r"label of a must have one entry per graph \(50\), it has 3"):
        DisjointLoader(data.batch, {"a": np.zeros(3)})
    with pytest.raises(
        InputError, match="weight by name must have the names of label, it has b; label has a"
    ):
        DisjointLoader(data.batch, {"a": number}, {"b": number})
    with pytest.raises(
        InputError, match="class_weight needs labels of one integer per graph, not labels by name"
    ):
        DisjointLoader(data.batch, {"a": number}, class_weight={0: 1.0})
    with pytest.raises(
        InputError, match=r"nodes must have rows .* every node \(\d+\), p4 has shape \(2, 4\)"
    ):
        DisjointLoader(data.batch, nodes={"p4": np.zeros((2, 4))})
    with pytest.raises(InputError, match=r"needs the inputs x, p4; these graphs have .* and lack p4"):
        next(DisjointLoader(data.batch, inputs=["x", "p4"]).batches())


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "bucket": True}, {"pad": True, "shuffle": True}])
def test_labels_of_nodes_and_edges_go_with_their_graphs(data, options):
    """Labels that are a feature of the node, or of the two nodes of the edge, still are in every batch."""
    batch = data.batch
    joined = batch.x[batch.senders, 0] - batch.x[batch.receivers, 0]
    labels = {"node": batch.x[:, 0], "edge": joined, "jet": batch.u[:, 0]}
    weights = {"node": np.full(len(batch.x), 2.0), "edge": None, "jet": None}
    seen = 0
    for inputs, label, weight in DisjointLoader(
        batch, labels, weights, batch_size=8, seed=1, **options
    ).batches():
        np.testing.assert_array_equal(label["node"][:, 0], inputs["x"][:, 0])
        ends = inputs["x"][inputs["senders"], 0] - inputs["x"][inputs["receivers"], 0]
        np.testing.assert_array_equal(label["edge"][:, 0], ends)
        np.testing.assert_array_equal(label["jet"][:, 0], inputs["u"][:, 0])
        assert [len(weight[name]) for name in ("node", "edge", "jet")] == [
            len(inputs["x"]), len(inputs["senders"]), len(inputs["n_node"])
        ]  # fmt: skip
        seen += int((weight["node"] == 2).sum())
    assert seen == len(batch.x)


def test_heads_of_nodes_and_edges_are_trained(data):
    """The target of a node is the sign of its feature: the loss of the node's head falls."""
    from e2e_tf.models import Head, build_model, head_losses

    batch = data.batch
    heads = {"node": Head("binary", 1, "node"), "edge": Head("binary", 1, "edge"), "jet": Head()}
    small = {"phi": [8], "dense": [4]}
    model = build_model("deep_sets", batch.x.shape[1], batch.u.shape[1], small, heads)
    above = batch.x[:, 0] > np.median(batch.x[:, 0])
    labels = {"node": above, "edge": above[batch.senders], "jet": data.label}
    model.compile("adam", head_losses(heads))
    model.optimizer.learning_rate = 0.05
    given = [tensor.name for tensor in model.inputs]
    loader = DisjointLoader(batch, labels, batch_size=16, inputs=given, shuffle=True)
    history = model.fit(loader.dataset(), epochs=3, verbose=0, shuffle=False).history
    assert history["node_loss"][-1] < history["node_loss"][0]
    assert history["edge_loss"][-1] < history["edge_loss"][0]
