import awkward as ak
import numpy as np
import pytest
import uproot

from e2e_tf.data.detector_features import detector_quantities
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.inspect import inspect
from e2e_tf.data.readers import open_reader
from e2e_tf.data.readers.e2e_tree import count_e2e, read_e2e_tree
from e2e_tf.errors import InputError

SIZES = {"ECAL_energy": 280, "ECAL_tracksPt_atECALfixIP": 280, "EB_energy": 170, "EB_time": 170}


def image(name, *cells):
    """Three events, of which the first has values at (row, column)."""
    shape = (3, 56, 72) if name == "HBHE_energy" else (3, SIZES[name], 360)
    values = np.zeros(shape, np.float32)
    for row, column, value in cells:
        values[0, row, column] = value
    return ak.from_regular(values.reshape(3, -1))


def numbers(*rows):
    return ak.values_astype([list(row) for row in rows], np.float32)


def events(**changes):
    """Two jets beside φ = 0 and at φ = π / 2, none, one with nothing around it."""
    branches = {
        "runId": np.full(3, 3, np.uint32),
        "eventId": np.array([7, 8, 9], np.uint64),
        # row 28 is the first tower of positive η; columns 2 and 20 begin at φ = 0 and π / 2
        "jetSeed_ieta": numbers((28, 26), (), (30,)),
        "jetSeed_iphi": numbers((2, 20), (), (40,)),
        "jet_Pt": numbers((40, 30), (), (20,)),
        "jet_M": numbers((4, 3), (), (2,)),
        "jet_IsTau": numbers((1, 0), (), (0,)),
        "ECAL_energy": image("ECAL_energy", (140, 10, 2.0), (141, 9, 3.0), (139, 359, 1.0), (225, 10, 9.0)),
        "ECAL_tracksPt_atECALfixIP": image("ECAL_tracksPt_atECALfixIP", (140, 11, 12.0)),
        "HBHE_energy": image("HBHE_energy", (28, 2, 5.0), (27, 1, 4.0), (55, 2, 7.0)),
    }
    return {name: value for name, value in (branches | changes).items() if value is not None}


def write(path, **changes):
    branches = events(**changes)
    types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in branches.items()}
    with uproot.recreate(path) as file:
        file.mktree("fevt/RHTree", types).extend(branches)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("e2e") / "tree.root")


def test_jets_stand_at_their_seeds(path):
    jets = read_e2e_tree(path, label="jet_IsTau")
    assert count_e2e(path) == 3
    np.testing.assert_array_equal(jets.event - 3 * 2**40, [7, 7, 9])
    np.testing.assert_array_equal(jets.label, [1, 0, 0])
    np.testing.assert_allclose(jets["pt"], [40, 30, 20])
    np.testing.assert_allclose(jets["mass"], [4, 3, 2])
    np.testing.assert_allclose(jets["eta"], [0.0435, -0.1305, 0.2175], atol=1e-6)
    np.testing.assert_allclose(np.degrees(jets["phi"]), [2.5, 92.5, -167.5], rtol=1e-5)
    np.testing.assert_array_equal(jets["ieta"], [-60, -70, -50])
    np.testing.assert_array_equal(jets["iphi"], [300, 30, 130])


def test_images_become_hits_of_windows(path):
    hits = read_e2e_tree(path).hits
    # the seed's tower is number 12 of the window, crystals 60 to 64; column 10 is φ of 0° to 1°
    np.testing.assert_array_equal(hits["ecal"]["cell"], [59 * 125 + 49, 60 * 125 + 60, 61 * 125 + 59])
    np.testing.assert_allclose(hits["ecal"]["value"], [1, 2, 3])
    assert hits["ecal"].counts.tolist() == [3, 0, 0]
    np.testing.assert_array_equal(hits["hcal"]["cell"], [11 * 25 + 11, 12 * 25 + 12])
    np.testing.assert_allclose(hits["hcal"]["value"], [4, 5])
    np.testing.assert_array_equal(hits["track"]["cell"], [60 * 125 + 61])
    np.testing.assert_allclose(hits["track"]["value"], [12])


def test_cells_become_objects_around_jets(path):
    objects = read_e2e_tree(path).objects
    assert set(objects) == {"ecal", "hcal"}
    ecal, hcal = objects["ecal"], objects["hcal"]
    assert ecal.counts.tolist() == [3, 0, 0]
    np.testing.assert_allclose(ecal["energy"], [3, 2, 1])
    np.testing.assert_allclose(ecal["deta"], np.array([1.5, 0.5, -0.5]) * 0.0174 - 0.0435, atol=1e-6)
    np.testing.assert_allclose(np.degrees(ecal["dphi"]), [-3, -2, -13], atol=1e-3)  # −0.5°, 0.5°, −10.5°
    np.testing.assert_allclose(hcal["energy"], [5, 4])
    np.testing.assert_allclose(hcal["deta"], [0, -0.087], atol=1e-6)
    np.testing.assert_allclose(np.degrees(hcal["dphi"]), [0, -5], atol=1e-3)


def test_endcap_rows_follow_the_towers(tmp_path):
    cells = image("ECAL_energy", (225, 10, 2.0), (279, 10, 3.0), (0, 10, 4.0))
    towers = image("HBHE_energy", (48, 2, 5.0), (55, 2, 6.0))
    path = write(
        tmp_path / "e.root", ECAL_energy=cells, HBHE_energy=towers, jet_Eta=numbers((1.5, -3), (), (0,))
    )
    jets = read_e2e_tree(path, radius=10.0)
    first = jets.take([0]).objects
    np.testing.assert_allclose(
        sorted(first["ecal"]["deta"] + 1.5), [-2.965, (1.479 + 1.4964) / 2, 2.965], atol=1e-6
    )
    np.testing.assert_allclose(sorted(first["hcal"]["deta"] + 1.5), [1.785, 2.825], atol=1e-6)


def test_the_barrel_alone_has_times(tmp_path):
    barrel = {"EB_energy": image("EB_energy", (85, 10, 2.0)), "EB_time": image("EB_time", (85, 10, -1.5))}
    path = write(tmp_path / "b.root", **barrel)
    assert "time" not in read_e2e_tree(path).objects["ecal"].columns
    ecal = read_e2e_tree(path, barrel=True).objects["ecal"]
    np.testing.assert_allclose([ecal["energy"][0], ecal["time"][0]], [2, -1.5])
    np.testing.assert_allclose(ecal["deta"], [0.0087 - 0.0435], atol=1e-6)
    alone = write(
        tmp_path / "a.root", ECAL_energy=None, HBHE_energy=None, ECAL_tracksPt_atECALfixIP=None, **barrel
    )
    jets = read_e2e_tree(alone)
    assert set(jets.hits) == {"ecal"}
    np.testing.assert_allclose(jets.objects["ecal"]["time"], [-1.5])


def test_phi_comes_from_the_momentum(tmp_path):
    momentum = {"jet_Px": numbers((-3, 0), (), (1,)), "jet_Py": numbers((-0.0, 2), (), (1,))}
    jets = read_e2e_tree(write(tmp_path / "p.root", **momentum))
    np.testing.assert_allclose(np.cos(jets["phi"]), [-1, 0, np.sqrt(0.5)], atol=1e-6)
    assert jets["iphi"][0] == 300  # the window stays at the seed


def test_a_range_and_a_selection(path):
    assert len(read_e2e_tree(path, start=1)) == 1
    assert len(read_e2e_tree(path, start=1, stop=2)) == 0
    assert len(read_e2e_tree(path, start=3)) == 0
    np.testing.assert_allclose(read_e2e_tree(path, min_pt=25)["pt"], [40, 30])


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"jetSeed_ieta": None}, {}, "has no branch jetSeed_ieta; there are: ECAL_energy"),
        ({"jet_Pt": None}, {}, "has no branch jet_Pt or jetPt or jet_pt or jetpT; there are: "),
        (
            {"ECAL_energy": None, "HBHE_energy": None},
            {},
            "has no branch ECAL_energy, EB_energy, HBHE_energy, one of",
        ),
        ({}, {"label": "jetIsQuark"}, "has no branch jetIsQuark"),
        ({}, {"barrel": True}, "has no branch EB_energy, EB_time"),
        (
            {"HBHE_energy": image("EB_energy")},
            {},
            r"HBHE_energy must have 4032 numbers \(56 x 72\) in each event",
        ),
        (
            {"jet_M": numbers((4,), (), (2,))},
            {},
            "jet_M must have one number for each of the jets of jetSeed_ieta",
        ),
        (
            {"jetSeed_ieta": numbers((28, 56), (), (30,))},
            {},
            "jetSeed_ieta must be from 0 to 55 and jetSeed_iphi",
        ),
        ({"jet_Pt": numbers((40, -1), (), (20,))}, {}, "pt must be finite and not negative"),
        (
            {"jet_IsTau": numbers((1, 5), (), (0,))},
            {"label": "jet_IsTau"},
            r"jet_IsTau must be one of \[0, 1\]",
        ),
        (
            {"ECAL_tracksPt": image("ECAL_energy")},
            {},
            "several images of tracks: ECAL_tracksPt, ECAL_tracksPt_atECAL",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, options, message):
    path = write(tmp_path / "bad.root", **changes)
    with pytest.raises(InputError, match=message):
        read_e2e_tree(path, **options)


def test_an_image_that_is_not_finite_stops_or_is_skipped(tmp_path):
    path = write(tmp_path / "nan.root", HBHE_energy=image("HBHE_energy", (3, 3, np.nan)))
    with pytest.raises(
        InputError, match="HBHE_energy must be finite; 2 of 3 jets from event 0 on are not like that"
    ):
        read_e2e_tree(path)
    np.testing.assert_allclose(read_e2e_tree(path, on_error="skip")["pt"], [20])


def test_the_file_is_recognised_and_shown(path):
    assert open_reader(path).reader.name == "e2e_tree"
    summary = inspect(path)
    assert summary.counts["ecal hits"].tolist() == [3, 0, 0]
    assert summary.columns["objects/hcal/energy"][1] == "GeV"


def test_nodes_of_cells_and_a_model_that_takes_tracks(path):
    jets = read_e2e_tree(path)
    quantities, n_node = detector_quantities(jets)
    assert n_node.tolist() == [5, 0, 0]
    np.testing.assert_array_equal(quantities["is_hcal"], [0, 0, 0, 1, 1])
    with pytest.raises(InputError, match="there is no input 'charge'"):
        build_graphs(jets, GraphRecipe(nodes="detector", edges="full", node_features=("pt", "charge")))
