"""From jets to graphs: quantities by hand, and what must not change a graph."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from one_jet import hits_at

from e2e_tf.config import make_config
from e2e_tf.data.features import feature_names
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.grid import PITCH
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.quantities import candidate_quantities, hit_quantities
from e2e_tf.errors import InputError
from e2e_tf.training.prepare import prepare

ARRAYS = ("x", "senders", "receivers", "n_node", "n_edge", "u")


def assert_same(a, b):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a.batch, name), getattr(b.batch, name), err_msg=name)
    for name in ("event", "weight", "label", "positions"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def edges(data) -> list[tuple[int, int]]:
    return list(zip(data.batch.senders.tolist(), data.batch.receivers.tolist(), strict=True))


def test_neighbours_of_hits_are_exact_on_the_lattice():
    """Equal distances on the lattice differ after rounding of η and φ; the lower index must still win."""
    rows = [(20, 20), (20, 23), (20, 26), (23, 23), (17, 23)]  # four pixels, 3 away from (20, 23)
    for eta in np.linspace(-1.3, 1.3, 9):
        jets = hits_at({"ecal": [(r, c, 1.0) for r, c in rows]}, eta=float(eta), phi=0.123)
        data = build_graphs(jets, GraphRecipe(edges="knn:1"))
        # In order of rows: (17, 23), (20, 20), (20, 23), (20, 26), (23, 23).
        assert edges(data) == [(2, 0), (2, 1), (0, 2), (2, 3), (2, 4)]


def test_a_radius_stays_an_angle():
    jets = hits_at({"ecal": [(20, 20, 1.0), (20, 22, 1.0), (20, 25, 1.0)]})
    data = build_graphs(jets, GraphRecipe(edges=f"radius:{2.5 * PITCH:.6f}"))
    assert edges(data) == [(1, 0), (0, 1)]


def test_delaunay_and_grid8_of_hits_use_pixels():
    square = {"ecal": [(r, c, 1.0) for r in (10, 11, 12) for c in (30, 31, 32)]}
    jets = hits_at(square, eta=0.7, phi=-2.0)
    eight = build_graphs(jets, GraphRecipe(edges="grid8"))
    assert len(edges(eight)) == 40  # 2 * (6 + 6 + 4 + 4)
    assert_same(build_graphs(jets, GraphRecipe(edges="delaunay")), eight)


def test_the_coordinates_may_have_any_dimension(make_jets):
    jets = make_jets(8)
    recipe = GraphRecipe(nodes="candidates", edges="knn:2", coordinates=("deta", "dphi", "pt"))
    data = build_graphs(jets, recipe)
    c = jets.candidates
    for i in range(len(jets)):
        a, b = c.offsets[i : i + 2]
        points = np.stack([c[name][a:b] for name in recipe.coordinates], axis=1).astype(np.float64)
        distance = ((points[:, None] - points[None]) ** 2).sum(-1)
        np.fill_diagonal(distance, np.inf)
        nearest = np.sort(np.argsort(distance, axis=1, kind="stable")[:, : min(2, b - a - 1)], axis=1)
        first, last = data.batch.edge_offsets[i : i + 2]
        np.testing.assert_array_equal(data.batch.senders[first:last] - a, nearest.ravel())
    one = build_graphs(jets, replace(recipe, coordinates=("pt",), edges="knn:2+full"))
    assert one.batch.n_edge.tolist() == [n * (n - 1) for n in one.batch.n_node]


def test_phi_wraps_in_graphs_of_candidates():
    def jet(dphi: list[float]) -> Jets:
        columns = {"deta": np.zeros(3, np.float32), "dphi": np.array(dphi, np.float32)}
        return Jets(
            columns={},
            event=np.zeros(1, np.int64),
            weight=np.ones(1, np.float32),
            candidates=Ragged.from_counts(columns, np.array([3])),
        )

    recipe = GraphRecipe(nodes="candidates", edges="knn:1", jet_features=())
    assert edges(build_graphs(jet([3.1, 0.0, -3.1]), recipe)) == [(2, 0), (0, 1), (0, 2)]
    assert edges(build_graphs(jet([1.1, 0.0, -1.2]), recipe)) == [(1, 0), (0, 1), (1, 2)]


def test_graphs_without_coordinates():
    columns = {"pt": np.array([1, 2, 3], np.float32)}
    jets = Jets(
        columns={},
        event=np.zeros(1, np.int64),
        weight=np.ones(1, np.float32),
        candidates=Ragged.from_counts(columns, np.array([3])),
    )
    recipe = GraphRecipe(nodes="candidates", edges="full", jet_features=())
    data = build_graphs(jets, recipe)
    assert data.batch.n_edge.tolist() == [6]
    assert np.isnan(data.positions).all()
    message = "the graph knn:2 needs the coordinates deta, dphi; this sample lacks deta, dphi (it has pt)"
    with pytest.raises(InputError, match=re.escape(message)):
        build_graphs(jets, replace(recipe, edges="knn:2"))
    with pytest.raises(InputError, match="grid8 links neighbouring pixels; candidates are not on a grid"):
        build_graphs(jets, replace(recipe, edges="grid8"))


@pytest.mark.parametrize(
    "recipe",
    [
        GraphRecipe(),
        GraphRecipe(edges="radius:0.1+grid8", max_nodes=10),
        GraphRecipe(nodes="candidates", edges="knn:3+delaunay", max_nodes=5),
        GraphRecipe(nodes="candidates", edges="full", jet_features=()),
    ],
)
def test_the_graphs_of_some_jets_are_some_of_the_graphs(make_jets, recipe):
    jets = make_jets(24)
    everything = build_graphs(jets, recipe)
    everything.batch.check()
    for index in (np.array([5, 3, 0, 23, 3]), np.arange(0), np.arange(24)[::-1]):
        assert_same(build_graphs(jets.take(index), recipe), everything.take(index))


def test_empty_jets_keep_their_place(make_jets):
    for nodes in ("hits", "candidates"):
        data = build_graphs(make_jets(10, empty=(0, 4, 9)), GraphRecipe(nodes=nodes))
        assert len(data) == data.batch.n_graph == 10
        assert np.flatnonzero(data.batch.n_node == 0).tolist() == [0, 4, 9]
        assert data.batch.u.shape == (10, 2)
    nothing = build_graphs(make_jets(2, empty=(0, 1)), GraphRecipe())
    assert nothing.batch.x.shape == (0, 17)
    assert nothing.batch.n_node.tolist() == [0, 0]


def test_the_order_of_hits_in_the_file_does_not_matter(make_jets):
    jets = make_jets(20)
    rng = np.random.default_rng(1)
    hits = {}
    for channel, ragged in jets.hits.items():
        order = np.lexsort((rng.random(len(ragged.owner)), ragged.owner))
        hits[channel] = Ragged({k: v[order] for k, v in ragged.columns.items()}, ragged.offsets)
    recipe = GraphRecipe(edges="knn:8+delaunay", max_nodes=15)
    assert_same(build_graphs(replace(jets, hits=hits), recipe), build_graphs(jets, recipe))


def test_the_order_of_candidates_permutes_the_graph(make_jets):
    jets = make_jets(20)
    c = jets.candidates
    rng = np.random.default_rng(1)
    order = np.lexsort((rng.random(len(c.owner)), c.owner))
    shuffled = replace(jets, candidates=Ragged({k: v[order] for k, v in c.columns.items()}, c.offsets))
    recipe = GraphRecipe(nodes="candidates", edges="knn:3+delaunay")
    first, second = build_graphs(jets, recipe), build_graphs(shuffled, recipe)
    np.testing.assert_array_equal(second.batch.x, first.batch.x[order])
    renamed = sorted(
        zip(order[second.batch.senders], order[second.batch.receivers], strict=True)
    )  # node i of the second is node order[i] of the first
    assert renamed == sorted(zip(first.batch.senders, first.batch.receivers, strict=True))


@pytest.mark.parametrize(("nodes", "quantity"), [("hits", None), ("candidates", "pt")])
def test_max_nodes_keeps_the_leading(make_jets, nodes, quantity):
    jets, limit = make_jets(12), 6
    if nodes == "hits":
        raw, n_node, _ = hit_quantities(jets)
        weight = raw["track_pt"] + raw["ecal_energy"] + raw["hcal_energy"]
    else:
        raw, n_node = candidate_quantities(jets)
        weight = raw[quantity]
    data = build_graphs(jets, GraphRecipe(nodes=nodes, edges="full", max_nodes=limit))
    assert data.batch.n_node.tolist() == np.minimum(n_node, limit).tolist()
    offsets = np.concatenate([[0], np.cumsum(n_node)])
    kept = []
    for a, b in pairwise(offsets):
        best = sorted(range(a, b), key=lambda i: (-weight[i], i))[:limit]
        kept += sorted(best)  # the order in the jet stays
    np.testing.assert_array_equal(data.positions[:, 0], raw["deta"][kept])
    np.testing.assert_array_equal(data.positions[:, 1], raw["dphi"][kept])


def test_features_are_chosen_by_name(make_jets):
    recipe = GraphRecipe(
        nodes="candidates", edges="full", node_features=("dphi", "pt:identity"), jet_features=("mass",)
    )
    jets = make_jets(6)
    data = build_graphs(jets, recipe)
    assert feature_names(data.node_features) == ("dphi", "pt")
    np.testing.assert_array_equal(data.batch.x[:, 1], jets.candidates["pt"])
    np.testing.assert_allclose(data.batch.u[:, 0], np.log1p(jets["mass"]), rtol=1e-6)


def test_columns_do_not_depend_on_their_order_in_the_sample(make_jets):
    jets = make_jets(6)
    own = {"zeta": jets.candidates["pt"], **jets.candidates.columns, "alpha": jets.candidates["pt"]}
    first = replace(jets, candidates=Ragged(own, jets.candidates.offsets))
    second = replace(
        jets, candidates=Ragged(dict(sorted(own.items(), reverse=True)), jets.candidates.offsets)
    )
    recipe = GraphRecipe(nodes="candidates", edges="full")
    a, b = build_graphs(first, recipe), build_graphs(second, recipe)
    assert feature_names(a.node_features) == feature_names(b.node_features)
    assert feature_names(a.node_features)[-2:] == ("alpha", "zeta")


def test_pixels_of_images_by_hand(make_jets):
    pixels = np.zeros((2, 4, 6, 2), np.float32)
    pixels[0, 1, 2] = [3.0, -1.0]
    pixels[0, 1, 5] = [0.0, 7.0]
    pixels[0, 3, 2] = [1.0, 0.0]
    images = Images(
        images=pixels,
        channels=("energy", "time"),
        event=np.arange(2),
        weight=np.ones(2, np.float32),
        label=np.array([1, 0], np.int8),
    )
    recipe = GraphRecipe(nodes="pixels", edges="knn:1", jet_features=())
    data = build_graphs(images, recipe)
    assert data.batch.n_node.tolist() == [3, 0]
    assert feature_names(data.node_features)[:4] == (
        "energy_signed_log1p",
        "time_signed_log1p",
        "drow",
        "dcolumn",
    )
    np.testing.assert_allclose(data.batch.x[:, 1], [-np.log(2), np.log(8), 0], rtol=1e-6)
    np.testing.assert_allclose(data.batch.x[:, 2], [-0.25, -0.25, 0.75])
    np.testing.assert_allclose(data.batch.x[:, 3], [-1 / 6, 5 / 6, -1 / 6], rtol=1e-6)
    # In units of half sides the pixel three columns away would be as near as the one two rows away.
    assert edges(data) == [(2, 0), (0, 1), (0, 2)]
    with pytest.raises(InputError, match="nodes are 'hits', but this sample has images of pixels"):
        build_graphs(images, GraphRecipe())
    with pytest.raises(InputError, match="nodes are 'pixels', but this sample has jets"):
        build_graphs(make_jets(3), recipe)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes": "towers"}, "nodes must be 'hits', 'candidates', 'detector' or 'pixels', not 'towers'"),
        ({"max_nodes": -1}, "max_nodes must not be negative, it is -1"),
        ({"edges": "ring:3"}, "ring:3"),
    ],
)
def test_recipes_that_cannot_be(settings, message):
    with pytest.raises(InputError, match=re.escape(message)):
        GraphRecipe(**settings)


def test_what_the_sample_lacks_is_named(make_jets):
    jets = make_jets(6)
    with pytest.raises(InputError, match="need the channels track, ecal, hcal; this sample lacks hcal"):
        build_graphs(replace(jets, hits={k: v for k, v in jets.hits.items() if k != "hcal"}), GraphRecipe())
    with pytest.raises(InputError, match="graphs of candidates need candidates; this sample has none"):
        build_graphs(replace(jets, candidates=None), GraphRecipe(nodes="candidates"))
    with pytest.raises(InputError, match="there is no input 'tau21'"):
        build_graphs(jets, GraphRecipe(jet_features=("tau21",)))
    empty = replace(jets, candidates=Ragged({}, np.zeros(7, np.int64)))
    with pytest.raises(InputError, match="graphs need at least one quantity of the candidates"):
        build_graphs(empty, GraphRecipe(nodes="candidates"))


def test_truth_is_kept_beside_the_columns_of_jets(make_jets):
    jets = make_jets(6)
    mass = np.arange(6, dtype=np.float32)
    jets = replace(jets, truth={**jets.truth, "mass": mass, "decay_mode": np.arange(6, dtype=np.int8)})
    data = build_graphs(jets, GraphRecipe())
    assert sorted(set(data.jets) - set(jets.columns)) == [
        "truth_decay_mode",
        "truth_mass",
        "truth_visible_pt",
    ]
    assert data.jets["truth_decay_mode"].dtype == np.int8
    np.testing.assert_array_equal(data.jets["mass"], jets["mass"])
    np.testing.assert_array_equal(data.jets["truth_mass"], mass)
    # Without truth the inputs are the same bits.
    bare = build_graphs(replace(jets, truth={}), GraphRecipe())
    np.testing.assert_array_equal(data.batch.x, bare.batch.x)
    np.testing.assert_array_equal(data.batch.u, bare.batch.u)
    named = build_graphs(jets, GraphRecipe(jet_features=("truth_mass",)))
    np.testing.assert_array_equal(named.batch.u[:, 0], mass)


def test_images_from_a_configuration_to_batches(tmp_path):
    """Electron and photon images, whose pT is not known, with pixels as nodes."""
    rng = np.random.default_rng(0)
    images = np.where(rng.random((60, 32, 32, 1)) < 0.02, rng.exponential(size=(60, 32, 32, 2)), 0)
    images[7] = 0
    with h5py.File(tmp_path / "eg.hdf5", "w") as file:
        file["X"], file["y"] = images.astype(np.float32), (np.arange(60) % 2).astype(np.float32)
    graph = {"nodes": "pixels", "edges": "grid8+knn:2", "jet_features": [], "max_nodes": 16}
    data = {"sample": "eg.hdf5", "reweight_pt": False, "split": [0.5, 0.2, 0.3]}
    config = make_config({"data": data, "graph": graph})
    prepared = prepare(config, tmp_path)
    train = prepared.train
    assert prepared.preprocess.nodes == "pixels"
    assert [f.raw for f in train.graphs.node_features][:4] == ["energy", "time", "drow", "dcolumn"]
    np.testing.assert_array_equal(train.label, train.jets.event % 2)
    loader = DisjointLoader(train.graphs.batch, train.label, train.weight, batch_size=8)
    seen = 0
    for inputs, label, weight in loader.batches():
        seen += len(label)
        assert np.isfinite(inputs["x"]).all()
        assert inputs["n_node"].max() <= 16
        assert len(weight) == len(inputs["n_node"])
    assert seen == len(train.jets)
    everything = [part.graphs for part in (prepared.train, prepared.validation, prepared.test)]
    empty = [int(g.event[g.batch.n_node == 0][0]) for g in everything if (g.batch.n_node == 0).any()]
    assert empty == [7]
    photons = prepare(
        make_config({"data": {**data, "options": {"signal": "photon"}}, "graph": graph}), tmp_path
    )
    np.testing.assert_array_equal(photons.train.label, 1 - train.label)
    with pytest.raises(InputError, match="does not know the pT of its jets; leave out data.jet_pt and set"):
        prepare(make_config({"data": {"sample": "eg.hdf5"}, "graph": graph}), tmp_path)
    with pytest.raises(InputError, match="nodes are 'hits', but this sample has images of pixels"):
        prepare(make_config({"data": data, "graph": {"jet_features": []}}), tmp_path)
    with pytest.raises(InputError, match="cannot be called like that: it has no option 'colour'"):
        prepare(make_config({"data": {**data, "options": {"colour": 1}}, "graph": graph}), tmp_path)
