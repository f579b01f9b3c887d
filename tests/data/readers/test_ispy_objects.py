import copy
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.inspect import inspect
from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.data.readers.ispy import read_ispy
from e2e_tf.errors import InputError

HIT = ("energy", "eta", "phi", "time")
OLD = {
    "Event_V2": ("run", "event", "ls"),
    "EBRecHits_V2": HIT,
    "EERecHits_V2": HIT,
    "HBRecHits_V2": HIT,
    "HERecHits_V2": HIT,
    "Tracks_V1": ("pt", "phi", "eta"),
    "PFJets_V1": ("et", "eta", "theta", "phi"),
}
FULL = OLD | {
    "Tracks_V3": ("pos", "dir", "pt", "phi", "eta", "charge", "chi2", "ndof"),
    "Vertices_V1": ("isValid", "isFake", "pos", "ndof"),
    "HBRecHits_V2": (*HIT, "detid"),
    "HERecHits_V2": (*HIT, "detid"),
}
OLD_CELL, NEW_CELL = 4 << 28 | 1 << 25 | 2 << 14 | 5, 4 << 28 | 1 << 25 | 1 << 24 | 6 << 20 | 3 << 14


def event(types=FULL, **collections):
    """An event of the types, without rows but for those given."""
    rows = {name: [] for name in types} | {"Event_V2": [[3, 7, 5]]} | collections
    return {"Types": {name: [[f, ""] for f in fields] for name, fields in types.items()}, "Collections": rows}


def write(path, *events):
    with zipfile.ZipFile(path, "w") as archive:
        for i, one in enumerate(events):
            archive.writestr(f"Events/Run_3/Event_{i}", json.dumps(one))
    return path


COLLISION = event(
    PFJets_V1=[[40.0, 0.0, 1.57, 3.1], [20.0, 2.0, 0.3, 0.0]],
    Tracks_V3=[
        [[0.003, 0.0, 0.05], [0, 1, 0], 2.0, 3.0, 0.0, 1, 6.0, 12.0],
        [[0.001, 0.0, 0.02], [0, 1, 0], 8.0, -3.1, 0.1, -1, 5.0, 0.0],
        [[0.001, 0.0, 0.02], [0, 1, 0], 3.0, 1.5, 0.0, -1, 5.0, 5.0],  # of no jet
    ],
    Vertices_V1=[
        [0, 0, [0.0, 0.0, -0.1], 50.0],  # not valid
        [1, 0, [0.001, 0.0, 0.02], 7.2],
        [1, 0, [0.001, 0.0, 0.049], 2.0],
    ],
    EBRecHits_V2=[[0.2, 0.1, -3.1, -4.0], [0.11, 0.0, 3.1, 1.0], [0.09, 0.0, 3.1, 9.0], [5.0, 0, 1, 0]],
    EERecHits_V2=[[0.31, 2.0, 0.1, 2.0], [0.29, 2.0, 0.1, 0.0]],
    HBRecHits_V2=[[0.36, 0.0, 3.0, 0.0, OLD_CELL], [0.34, 0.0, 3.0, 0.0, 0], [7, 0.1, 3.1, 0.0, NEW_CELL]],
)


def test_columns_by_hand(tmp_path):
    jets = read_ispy(write(tmp_path / "one.ig", COLLISION))
    assert {kind: objects.counts.tolist() for kind, objects in jets.objects.items()} == {
        "ecal": [2, 1],
        "hcal": [2, 0],
        "track": [2, 0],
        "vertex": [2, 2],
    }
    track = jets.objects["track"]
    np.testing.assert_array_equal(track["pt"], [8, 2])  # by falling pT
    np.testing.assert_allclose(track["deta"], [0.1, 0.0], atol=1e-7)
    np.testing.assert_allclose(track["dphi"], [-6.2 + 2 * np.pi, -0.1], atol=1e-6)
    half = np.arcsin(1.29 * 0.299792458 * 3.8 / (2 * 2.0))
    assert track["dphi_face"][1] == pytest.approx(-0.1 - half, abs=2e-3)  # it starts 3 mm aside
    np.testing.assert_array_equal(track["charge"], [-1, 1])
    # from the vertex to the second track: (2 mm, 0, 3 cm), at φ = 3
    assert track["d0"][1] == pytest.approx(-0.2 * np.sin(3.0))
    assert track["dz"][1] == pytest.approx(3.0)
    np.testing.assert_allclose([track["d0"][0], track["dz"][0]], 0, atol=1e-7)
    np.testing.assert_array_equal(track["from_pv"], [1, 0])
    np.testing.assert_allclose(track["chi2"], [5.0, 0.5])  # without degrees of freedom it is χ²
    ecal, hcal = jets.objects["ecal"], jets.objects["hcal"]
    np.testing.assert_allclose(ecal["energy"], [0.2, 0.11, 0.31], rtol=1e-6)
    np.testing.assert_allclose(ecal["time"], [-4, 1, 2])
    np.testing.assert_allclose(ecal["dphi"], [-6.2 + 2 * np.pi, 0, 0.1], atol=1e-6)
    np.testing.assert_array_equal(hcal["depth"], [6, 2])
    vertex = jets.objects["vertex"]
    np.testing.assert_allclose(vertex["z"], [0, 2.9, 0, 2.9], rtol=1e-6)
    np.testing.assert_array_equal(vertex["n_tracks"], [5, 2, 5, 2])
    np.testing.assert_allclose(vertex["sum_pt2"], [73, 0, 73, 0])  # 1 mm is 8 usual errors from the second


def test_what_no_file_holds_is_refused_or_filled_by_rule(tmp_path):
    path = write(tmp_path / "one.ig", COLLISION)
    recipe = GraphRecipe(nodes="detector", edges="full", node_features=("pt", "d0_significance", "layer"))
    with pytest.raises(InputError, match="there is no input 'd0_significance'; this sample has charge, "):
        build_graphs(read_ispy(path), recipe)
    jets = read_ispy(path, absent="fill")
    track = jets.objects["track"]
    np.testing.assert_allclose(track["d0_error"][1], 0.0012 + 0.0075 / 2)
    np.testing.assert_allclose(track["dz_error"][1], 0.0030 + 0.0090 / 2)
    np.testing.assert_array_equal(track["n_pixel_hits"], [3, 3])
    np.testing.assert_array_equal(track["n_hits"], [3, 14])  # 12 + 5 coordinates, two for each of three hits
    assert jets.objects["pixel"].counts.tolist() == [0, 0]
    x = build_graphs(jets, recipe).batch.x
    assert x.shape == (7, 3)
    assert x[1, 1] == pytest.approx(-np.log1p(0.2 * np.sin(3.0) / 0.00495), rel=1e-5)
    assert (x[:, 2] == 0).all()
    assert jets.attributes["settings"]["absent"] == "fill"


def test_the_shipped_tagger_takes_what_is_filled(tmp_path):
    path = write(tmp_path / "one.ig", COLLISION)
    bundle = Path(__file__).parents[3] / "deploy" / "bundles" / "tau_detector"
    recipe = replace(GraphRecipe.of(read_preprocess(bundle / "preprocess.json")), edges="full")
    with pytest.raises(InputError, match="wants nodes of the kind pixel, which this sample does not hold"):
        build_graphs(read_ispy(path), recipe)
    with pytest.raises(InputError, match="there is no input 'd0_significance'"):
        build_graphs(read_ispy(path), replace(recipe, max_nodes=104))
    graphs = build_graphs(read_ispy(path, absent="fill"), recipe)
    assert graphs.batch.n_node.tolist() == [6, 1]
    assert graphs.batch.x.shape == (7, 31)
    assert np.isfinite(graphs.batch.x).all()


def test_thresholds_of_cells_are_options(tmp_path):
    path = write(tmp_path / "one.ig", COLLISION)
    jets = read_ispy(path, min_ecal=(0.05, 0.5), min_hcal=0.5)
    assert jets.objects["ecal"].counts.tolist() == [3, 0]
    assert jets.objects["hcal"].counts.tolist() == [1, 0]
    with pytest.raises(InputError, match=r"min_ecal must be two energies.*they are \[0.1\] and 0.35"):
        read_ispy(path, min_ecal=[0.1])
    with pytest.raises(InputError, match="absent must be 'leave' or 'fill', not 'guess'"):
        read_ispy(path, absent="guess")


def test_files_that_hold_less_have_fewer_columns(tmp_path):
    jets = read_ispy(write(tmp_path / "old.ig", event(OLD, PFJets_V1=[[20, 0, 1.5, 0]])), absent="fill")
    assert set(jets.objects) == {"ecal", "hcal", "pixel"}
    assert set(jets.objects["hcal"].columns) == {"energy", "deta", "dphi"}


def test_an_event_without_anything_and_one_without_vertices(tmp_path):
    empty = event(PFJets_V1=[[20, 0, 1.5, 0]])
    alone = copy.deepcopy(COLLISION)
    alone["Collections"]["Vertices_V1"] = []
    jets = read_ispy(write(tmp_path / "e.ig", empty, alone))
    assert jets.objects["track"].counts.tolist() == [0, 2, 0]
    assert jets.objects["vertex"].counts.tolist() == [1, 1, 1]  # the beam spot
    assert jets.objects["track"]["d0"][1] == pytest.approx(-0.3 * np.sin(3.0))
    none = read_ispy(tmp_path / "e.ig", min_pt=500)
    assert len(none) == 0
    assert set(none.objects) == set(jets.objects)


def test_a_number_that_is_not_finite(tmp_path):
    bad = copy.deepcopy(COLLISION)
    bad["Collections"]["EERecHits_V2"][0][3] = float("nan")
    path = write(tmp_path / "bad.ig", COLLISION, bad)
    with pytest.raises(
        InputError, match="energy, eta, phi and time of EERecHits must be finite, 1 of 2 hits"
    ):
        read_ispy(path)
    assert len(read_ispy(path, on_error="skip")) == 2


def test_inspect_shows_the_objects(tmp_path):
    summary = inspect(write(tmp_path / "one.ig", COLLISION))
    assert summary.kind == "ispy"
    assert summary.columns["objects/track/deta_face"][2] == "η at the face relative to the jet axis"
    assert summary.counts["vertex objects"].tolist() == [2, 2]


@pytest.mark.shared_data
def test_real_collisions(shared_data):
    jets = read_ispy(shared_data / "ispy" / "TauParked_Run2012C_0.ig", stop=5, absent="fill")
    track = jets.objects["track"]
    assert 0.65 < track["pt"].min() < 0.8
    # most tracks belong to a vertex, and those of the chosen one point to it
    chosen = track["from_pv"] == 1
    assert np.median(np.abs(track["d0"][chosen] / track["d0_error"][chosen])) < 1.5
    assert np.median(np.abs(track["dz"][chosen])) < 0.02
    assert set(np.unique(jets.objects["hcal"]["depth"])) <= {1, 2, 3}
    assert 8 < track["n_hits"].mean() < 20
    # a track of a hard jet meets crystals: some lie within 0.03 of its place at the face, fewer of its direction
    ecal = jets.objects["ecal"]
    near = []
    for eta, phi in (("deta_face", "dphi_face"), ("deta", "dphi")):
        distance = np.hypot(track[eta][:, None] - ecal["deta"], track[phi][:, None] - ecal["dphi"])
        distance[track.owner[:, None] != ecal.owner] = np.inf
        hard = (track["pt"] > 2) & (track["pt"] < 5)
        near.append(np.mean(distance.min(axis=1)[hard] < 0.03))
    assert near[0] > 1.3 * near[1]
