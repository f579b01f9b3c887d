"""Quantities of detector objects by hand, their order and limits, and the graphs made of them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from same import assert_same_graphs

from e2e_tf.config import make_config
from e2e_tf.data.detector_features import DETECTOR, DETECTOR_FEATURES, detector_quantities, node_kinds
from e2e_tf.data.features import TRANSFORMS, feature_names
from e2e_tf.data.graphs import GraphRecipe, build_graphs, graphs_of
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS

LIMITS = {"track": 3, "ecal": 5, "hcal": 0}
RECIPE = GraphRecipe(nodes="detector", edges="knn:3+track-calo:0.2", max_nodes=LIMITS)


def one(**objects: dict[str, list[float]]) -> Jets:
    """A jet of 40 GeV at η = 1 with these objects."""
    ragged = {
        kind: Ragged.from_counts(
            {name: np.array(values, np.float32) for name, values in columns.items()},
            np.array([len(columns["deta"])]),
        )
        for kind, columns in objects.items()
    }
    return Jets(
        columns={name: np.array([v], np.float32) for name, v in (("pt", 40), ("eta", 1), ("phi", 0.5))},
        event=np.zeros(1, np.int64),
        weight=np.ones(1, np.float32),
        objects=ragged,
    )


JET = one(
    track={
        "pt": [1.0, 8.0],
        "deta": [0.1, 0.03],
        "dphi": [0.0, 0.04],
        "deta_face": [0.1, 0.03],
        "dphi_face": [0.3, 0.06],
        "charge": [1, -1],
        "d0": [0.02, 0.01],
        "d0_error": [0.0, 0.002],
        "n_hits": [9, 14],
    },
    ecal={"energy": [3.0], "deta": [0.03], "dphi": [0.06], "time": [0.5]},
    pixel={"deta": [0.3, 0.0, 0.1], "dphi": [0.4, 0.1, 0.0], "layer": [1, 2, 1]},
    vertex={"z": [0.0], "deta": [0.0]},
)


def test_quantities_by_hand():
    found, n_node = detector_quantities(JET)
    assert n_node.tolist() == [6]
    # Tracks by falling pT, the crystal, clusters by layer and distance.
    assert found["is_track"].tolist() == [1, 1, 0, 0, 0, 0]
    assert found["is_ecal"].tolist() == [0, 0, 1, 0, 0, 0]
    assert found["is_hcal"].tolist() == [0] * 6
    assert found["is_pixel"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["layer"].tolist() == [0, 0, 0, 1, 1, 2]
    et = 3 / np.cosh(1.03)
    np.testing.assert_allclose(found["pt"], [8, 1, et, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found["pt_fraction"], [8 / 40, 1 / 40, et / 40, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found["energy"], [8 * np.cosh(1.03), np.cosh(1.1), 3, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found["delta_r"], [0.05, 0.1, np.hypot(0.03, 0.06), 0.1, 0.5, 0.1], rtol=1e-6)
    np.testing.assert_allclose(found["dphi"], [0.04, 0, 0.06, 0, 0.4, 0.1], rtol=1e-6)
    np.testing.assert_allclose(found["dphi_face"], [0.06, 0.3, 0.06, 0, 0.4, 0.1], rtol=1e-6)
    assert found["charge"].tolist() == [-1, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(
        found["d0_significance"], [5, 0, 0, 0, 0, 0], rtol=1e-6
    )  # no error, no significance
    assert found["n_hits"].tolist() == [14, 9, 0, 0, 0, 0]
    assert found["time"].tolist() == [0, 0, 0.5, 0, 0, 0]
    assert found.keys().isdisjoint({"dz", "dz_significance", "chi2", "depth"})  # nothing here has them
    assert node_kinds(found).tolist() == [0, 0, 1, 3, 3, 3]
    assert all(values.dtype == np.float32 for values in found.values())


def test_places_from_the_leading_track_by_hand():
    """Of tracks and pixels at the vertex, of deposits at the face; without tracks from the axis."""
    found, _ = detector_quantities(JET)
    # The track of 8 GeV at (0.03, 0.04), at the face at (0.03, 0.06); clusters by layer and distance.
    np.testing.assert_allclose(found["deta_leading"], [0, 0.07, 0, 0.07, 0.27, -0.03], atol=1e-6)
    np.testing.assert_allclose(found["dphi_leading"], [0, -0.04, 0, -0.04, 0.36, 0.06], atol=1e-6)
    away = np.hypot(np.hypot(found["deta_leading"], found["dphi_leading"]), 0.01)
    np.testing.assert_allclose(found["delta_r_leading"], away, rtol=1e-5)
    et = 3 / np.cosh(1.03)
    np.testing.assert_allclose(found["pt_over_leading"], [1, 1 / 8, et / 8, 0, 0, 0], rtol=1e-6)
    assert found["charge_leading"].tolist() == [1, -1, 0, 0, 0, 0]
    none = {name: [] for name in ("pt", "deta", "dphi", "deta_face", "dphi_face", "charge")}
    found, _ = detector_quantities(one(track=none, ecal={"energy": [3.0], "deta": [0.03], "dphi": [0.06]}))
    np.testing.assert_allclose([found["deta_leading"], found["dphi_leading"]], [[0.03], [0.06]], rtol=1e-6)
    assert found["pt_over_leading"].tolist() == [0]
    beyond = one(
        track={
            **{name: [0.0] for name in none},
            "pt": [5.0],
            "dphi": [3.0],
            "dphi_face": [3.0],
            "charge": [1],
        },
        ecal={"energy": [3.0], "deta": [0.0], "dphi": [-3.0]},
    )
    found, _ = detector_quantities(beyond)
    np.testing.assert_allclose(found["dphi_leading"], [0, 2 * np.pi - 6], atol=1e-6)  # it wraps


def test_distances_to_the_leading_track_by_hand():
    """The hardest track lies outside the jet's radius; a jet without a track in it takes the hardest of all."""
    place = {"charge": [1, 1, 1], "deta_face": [0, 0, 0], "dphi_face": [0, 0, 0], "dphi": [0, 0, 0]}
    jet = one(
        track={
            **place,
            "pt": [2.0, 5.0, 9.0],
            "deta": [0.1, 0.0, 0.45],
            "dz": [1.0, 0.25, -3.0],
            "dz_error": [0.3, 0.4, 0.0],
        }
    )
    found, _ = detector_quantities(jet)
    np.testing.assert_allclose(found["dz_leading"], [-3.25, 0, 0.75], rtol=1e-6)
    np.testing.assert_allclose(found["dz_leading_significance"], [-3.25 / 0.4, 0, 0.75 / 0.5], rtol=1e-6)
    far = one(track={**place, "pt": [2.0, 5.0, 9.0], "deta": [0.41, 0.42, 0.45], "dz": [1.0, 0.25, -3.0]})
    found, _ = detector_quantities(far)
    np.testing.assert_allclose(found["dz_leading"], [0, 3.25, 4], rtol=1e-6)
    assert "dz_leading_significance" not in found


def test_azimuths_of_any_range_are_wrapped():
    turned = {name: values.copy() for name, values in JET.objects["ecal"].columns.items()}
    turned["dphi"] += np.float32(2 * np.pi)
    found, _ = detector_quantities(replace(JET, objects={"ecal": Ragged(turned, np.array([0, 1]))}))
    np.testing.assert_allclose([found["dphi"], found["dphi_face"]], 0.06, atol=1e-6)
    np.testing.assert_allclose(found["delta_r"], np.hypot(0.03, 0.06), atol=1e-6)
    # The leading track is the same one, and what is relative to it.
    expected, _ = detector_quantities(JET)
    turned = {name: values.copy() for name, values in JET.objects["track"].columns.items()}
    for name in ("dphi", "dphi_face"):
        turned[name] -= np.float32(2 * np.pi)
    tracks = Ragged(turned, JET.objects["track"].offsets)
    found, _ = detector_quantities(replace(JET, objects={**JET.objects, "track": tracks}))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)


def test_equal_deposits_are_ordered_alike_by_every_processor():
    """cosh in float32 differs between processors in the last bit, which decides between neighbours."""
    deta = np.linspace(-0.5, 0.5, 999, dtype=np.float32)
    jet = one(ecal={"energy": [2.0] * 999, "deta": deta.tolist(), "dphi": [0.0] * 999})
    found, _ = detector_quantities(jet)
    cosh = np.cosh((deta + np.float32(1)).astype(np.float64)).astype(np.float32)
    pt = np.float32(2) / cosh
    order = np.lexsort((-pt,))
    np.testing.assert_array_equal(found["pt"], pt[order])
    np.testing.assert_array_equal(found["deta"], deta[order])


def test_what_is_not_finite_comes_last_and_says_nothing():
    nan, inf = float("nan"), float("inf")
    jet = one(ecal={"energy": [1.0, nan, inf, 4.0], "deta": [0.0, 0.0, nan, 1e30], "dphi": [0.0] * 4})
    found, _ = detector_quantities(jet)
    np.testing.assert_array_equal(found["energy"], [1, 4, nan, inf])  # E / cosh of 1e30 is 0
    assert found["pt"][1] == 0


def test_edges_by_hand():
    def edges(text: str) -> set[tuple[int, int]]:
        batch = build_graphs(JET, GraphRecipe("detector", text, jet_features=("pt",))).batch
        return set(zip(batch.senders.tolist(), batch.receivers.tolist(), strict=True))

    # At the face the hard track meets the crystal; at the vertex it is 0.02 away in φ.
    assert edges("track-calo:0.01") == {(0, 2), (2, 0)}
    assert edges("track-hcal:0.5") == set()
    assert edges("pixel-track:0.11") == {(0, 3), (3, 0), (0, 5), (5, 0)}
    assert edges("track-track:0.3") == {(0, 1), (1, 0)}
    assert edges("track-calo:0.01+pixel-pixel:0.15") == {(0, 2), (2, 0), (3, 5), (5, 3)}
    assert edges("knn:1+track-calo:0.01") == edges("knn:1") | {(0, 2), (2, 0)}
    assert len(edges("full")) == 30


def test_the_table_is_complete():
    assert [f.raw for f in DETECTOR_FEATURES[:12]] == [
        *(f"is_{kind}" for kind in KINDS),
        *("pt", "pt_fraction", "energy", "deta", "dphi", "delta_r", "deta_face", "dphi_face"),
    ]
    assert [f.raw for f in DETECTOR_FEATURES[12:17]] == [
        "charge",
        "d0",
        "dz",
        "d0_significance",
        "dz_significance",
    ]
    assert [f.raw for f in DETECTOR_FEATURES[17:19]] == ["dz_leading", "dz_leading_significance"]
    assert [f.raw for f in DETECTOR_FEATURES[19:24]] == [
        *("deta_leading", "dphi_leading", "delta_r_leading", "pt_over_leading", "charge_leading")
    ]
    assert [f.raw for f in DETECTOR_FEATURES[24:]] == [
        *("chi2", "n_hits", "n_pixel_hits", "from_pv", "time", "depth", "layer")
    ]
    assert len(set(feature_names(DETECTOR_FEATURES))) == 31
    for quantity in DETECTOR:
        assert quantity.feature.transform in TRANSFORMS
        assert set(quantity.of) <= set(KINDS)


def test_every_quantity_is_there_and_limits_are_kept(make_jets):
    jets = make_jets(20)
    found, n_node = detector_quantities(jets)
    assert list(found) == [f.raw for f in DETECTOR_FEATURES]
    counts = sum(jets.objects[kind].counts for kind in KINDS)
    np.testing.assert_array_equal(n_node, counts)
    some, n_some = detector_quantities(jets, LIMITS)
    expected = [np.minimum(jets.objects[k].counts, n or 99) for k, n in LIMITS.items()]
    np.testing.assert_array_equal(n_some, sum(expected))
    kinds = node_kinds(some)
    owner = np.repeat(np.arange(20), n_some)
    assert set(kinds) == {0, 1, 2}
    assert np.all(np.diff(owner * 4 + kinds) >= 0)  # jet by jet, kind by kind
    same = (np.diff(owner) == 0) & (np.diff(kinds) == 0)
    assert np.all(np.diff(some["pt"])[same] <= 0)
    for jet in range(20):
        a, b = jets.objects["track"].offsets[jet : jet + 2]
        leading = np.sort(jets.objects["track"]["pt"][a:b])[::-1][:3]
        np.testing.assert_array_equal(some["pt"][(owner == jet) & (kinds == 0)], leading)


def test_a_number_limits_all_kinds_together(make_jets):
    data = build_graphs(make_jets(12), GraphRecipe("detector", "knn:2", max_nodes=7))
    everything = detector_quantities(make_jets(12))
    owner = np.repeat(np.arange(12), everything[1])
    pt = np.exp(data.batch.x[:, [f.raw for f in data.node_features].index("pt")])
    for jet, n in enumerate(data.batch.n_node):
        leading = np.sort(everything[0]["pt"][owner == jet])[::-1][:7]
        assert n == len(leading)
        kept = pt[data.batch.graph_id == jet]
        np.testing.assert_allclose(np.sort(kept)[::-1], np.maximum(leading, 1e-6), rtol=1e-5)


def test_the_graphs_of_some_jets_are_some_of_the_graphs(make_jets):
    jets = make_jets(16)
    everything = build_graphs(jets, RECIPE)
    everything.batch.check()
    assert np.flatnonzero(everything.batch.n_node == 0).tolist() == [3, 15]
    assert everything.p4 is not None
    for index in (np.array([5, 3, 0, 15, 3]), np.arange(0)):
        assert_same_graphs(build_graphs(jets.take(index), RECIPE), everything.take(index))


def test_the_order_of_objects_in_the_file_does_not_matter(make_jets):
    jets = make_jets(10)
    rng = np.random.default_rng(1)
    shuffled = {}
    for kind, ragged in jets.objects.items():
        order = np.lexsort((rng.random(len(ragged.owner)), ragged.owner))
        shuffled[kind] = Ragged({k: v[order] for k, v in ragged.columns.items()}, ragged.offsets)
    assert_same_graphs(build_graphs(replace(jets, objects=shuffled), RECIPE), build_graphs(jets, RECIPE))


def test_preprocess_keeps_the_recipe(make_jets, tmp_path):
    jets = make_jets(10)
    data = build_graphs(jets, RECIPE)
    data.fit_preprocess(RECIPE).write(tmp_path / "preprocess.json")
    back = read_preprocess(tmp_path / "preprocess.json")
    assert (back.nodes, back.edges, back.max_nodes, back.limit) == ("detector", RECIPE.edges, LIMITS, 0)
    assert_same_graphs(graphs_of(jets, back), data.normalised(back))
    assert replace(RECIPE, max_nodes={"track": 3, "pixel": 4}).limit == 7


def test_a_configuration_has_detector_nodes():
    graph = {"nodes": "detector", "edges": "knn:8 + track-calo:0.05", "max_nodes": {"track": 32, "ecal": 64}}
    config = make_config({"model": {"name": "deep_sets"}, "graph": graph})
    recipe = config.graph.recipe
    assert (recipe.max_nodes, recipe.limit) == ({"track": 32, "ecal": 64}, 96)
    assert str(recipe.spec) == "knn:8+track-calo:0.05"


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            {"max_nodes": {"track": 3, "muon": 1}},
            "max_nodes takes the kinds track, ecal, hcal, pixel, not muon",
        ),
        ({"max_nodes": {}}, "max_nodes takes the kinds track, ecal, hcal, pixel, not none"),
        (
            {"max_nodes": {"ecal": -1}},
            "max_nodes.ecal must be a number of at least 0 (0 keeps all), it is -1",
        ),
        (
            {"nodes": "candidates", "max_nodes": {"track": 3}},
            "max_nodes must be a number where nodes are 'candidates'",
        ),
        ({"nodes": "hits", "edges": "track-calo:0.1"}, "the rule track-calo links kinds of detector objects"),
        ({"nodes": "tracks"}, "nodes must be 'hits', 'candidates', 'detector' or 'pixels', not 'tracks'"),
    ],
)
def test_what_is_no_recipe_is_named(recipe, message):
    with pytest.raises(InputError, match=re.escape(message)):
        GraphRecipe(**{"nodes": "detector", "edges": "knn:2", **recipe})


def test_what_the_sample_lacks_is_named(make_jets):
    jets = replace(make_jets(4), objects={})
    message = "graphs of detector objects need objects (track, ecal, hcal, pixel); this sample has none"
    with pytest.raises(InputError, match=re.escape(message)):
        build_graphs(jets, RECIPE)
    with pytest.raises(InputError, match="there is no input 'chi2'"):
        build_graphs(JET, GraphRecipe("detector", "knn:2", ("pt", "chi2"), ("pt",)))
    tracks = replace(JET, objects={"track": JET.objects["track"]})
    recipe = GraphRecipe("detector", "full", ("pt",), ("pt",), max_nodes={"track": 3, "pixel": 4, "hcal": 2})
    with pytest.raises(
        InputError, match="wants nodes of the kind pixel, hcal, which .* hold; it holds track"
    ):
        build_graphs(tracks, recipe)
    assert build_graphs(tracks, replace(recipe, max_nodes={"track": 3})).batch.x.shape[1] == 1
