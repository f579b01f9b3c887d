import awkward as ak
import numpy as np
import pytest
import uproot

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.inspect import inspect
from e2e_tf.data.readers.nano_objects import count_objects, read_nano_objects
from e2e_tf.data.ways import ways
from e2e_tf.errors import InputError

KINEMATICS = ("pt", "eta", "phi", "mass")
HALF = np.arcsin(1.29 * 0.299792458 * 3.8 / (2 * 2.0))  # by which 2 GeV turn on the way to the barrel


def table(rows, names):
    """Jagged records of float32; rows are tuples per event."""
    return ak.zip(
        {n: ak.values_astype([[r[i] for r in e] for e in rows], np.float32) for i, n in enumerate(names)}
    )


def events(**changes):
    """Three events: two jets beside the seam of φ; none; one jet, with nothing around it."""
    branches = {
        "run": np.array([1, 1, 1], np.uint32),
        "event": np.array([11, 12, 13], np.uint64),
        "PV_x": np.array([0.1, 0, 0], np.float32),
        "PV_y": np.array([0.0, 0, 0], np.float32),
        "PV_z": np.array([2.0, 1.0, 0], np.float32),
        "Jet": table([[(40, 0.0, 3.1, 5), (30, 2.0, 0.0, 4)], [], [(25, 1.0, 1.0, 3)]], KINEMATICS),
        "Trk": table(
            [
                [
                    (2.0, 0.0, 3.0, 1, 0.02, -0.5, 0.01, 2, 9, 3),
                    (8.0, 0.1, -3.1, -1, 0.0, 0.0, 0.02, 3, 14, 1),
                    (3.0, 0.0, 1.5, -1, 0.0, 0.0, 0.02, 3, 14, 1),  # of no jet
                ],
                [(5.0, 0.0, 3.0, 1, 0.0, 0.0, 0.02, 3, 14, 1)],
                [],
            ],
            ("pt", "eta", "phi", "charge", "dxy", "dz", "dxyErr", "fromPV", "nHits", "chi2"),
        ),
        "EcalRecHit": table(
            [[(0.2, 0.1, -3.1, -4), (0.09, 0.1, 3.1, 1), (0.31, 2.0, 0.1, 2), (0.29, 2.0, 0.1, 0), (-1, 0, 3, 0)],
             [], []],
            ("energy", "eta", "phi", "time"),
        ),
        "HBHERecHit": table([[(7, 0.1, 3.1, 2), (0.3, 0.1, 3.1, 1)], [], []], ("energy", "eta", "phi", "depth")),
        "Pix": table([[(0.1, 3.1, 2), (-0.1, 3.0, 1)], [], []], ("eta", "phi", "layer")),
        "OtherPV": table([[(5.0,), (-1.0,)], [], []], ("z",)),
    }  # fmt: skip
    return {name: value for name, value in (branches | changes).items() if value is not None}


KINDS = {"track": "Trk", "ecal": "EcalRecHit", "hcal": "HBHERecHit", "pixel": "Pix", "vertex": "OtherPV"}


@pytest.fixture
def path(tmp_path, write_tree):
    return write_tree(tmp_path / "nano.root", events())


def test_columns_by_hand(path):
    jets = read_nano_objects(path, **KINDS)
    assert count_objects(path) == 3
    np.testing.assert_array_equal(jets.event - 2**40, [11, 11, 13])
    assert {kind: objects.counts.tolist() for kind, objects in jets.objects.items()} == {
        "track": [2, 0, 0],
        "ecal": [1, 1, 0],
        "hcal": [1, 0, 0],
        "pixel": [2, 0, 0],
        "vertex": [3, 3, 1],
    }
    track = jets.objects["track"]
    np.testing.assert_array_equal(track["pt"], [8, 2])
    np.testing.assert_allclose(track["dphi"], [-6.2 + 2 * np.pi, -0.1], atol=1e-6)
    assert track["dphi_face"][1] == pytest.approx(-0.1 - HALF, abs=1e-3)
    assert track["deta_face"][1] == pytest.approx(1.5 / 129, abs=1e-4)  # 2 cm less 5 mm along the beam
    np.testing.assert_allclose(track["d0"], [0, 0.02])
    np.testing.assert_allclose(track["d0_error"], [0.02, 0.01])
    np.testing.assert_array_equal(track["from_pv"], [1, 1])
    np.testing.assert_array_equal(track["n_hits"], [14, 9])
    np.testing.assert_array_equal(track["chi2"], [1, 3])
    assert "dz_error" not in track.columns
    np.testing.assert_allclose(jets.objects["ecal"]["energy"], [0.2, 0.31])
    np.testing.assert_allclose(jets.objects["ecal"]["dphi"], [-6.2 + 2 * np.pi, 0.1], atol=1e-6)
    np.testing.assert_array_equal(jets.objects["hcal"]["depth"], [2])
    np.testing.assert_array_equal(jets.objects["pixel"]["layer"], [1, 2])
    np.testing.assert_allclose(jets.objects["vertex"]["z"], [0, 3, -3, 0, 3, -3, 0])


def test_what_the_file_lacks_is_left_out_or_filled_by_the_rule_of_event_displays(tmp_path, write_tree):
    names = ("pt", "eta", "phi", "charge", "dxy", "dz", "dxyErr", "ndof")
    tracks = table(
        [[(2.0, 0.0, 3.0, 1, 0.02, -0.5, 0.01, 12), (8.0, 0.1, -3.1, -1, 0.0, 30.0, 0.02, 3)], [], []], names
    )
    path = write_tree(tmp_path / "a.root", events(Trk=tracks))
    left = read_nano_objects(path, track="Trk")
    assert set(left.objects) == {"track"}
    assert not {"dz_error", "n_pixel_hits", "n_hits"} & left.objects["track"].columns.keys()
    jets = read_nano_objects(path, track="Trk", absent="fill")
    track = jets.objects["track"]
    np.testing.assert_allclose(track["d0_error"], [0.02, 0.01])  # as the file has them
    np.testing.assert_allclose(track["dz_error"][1], 0.0030 + 0.0090 / 2)
    # The first track begins 32 cm along the beam, beyond the barrel, and meets no disc.
    np.testing.assert_array_equal(track["n_pixel_hits"], [0, 3])
    np.testing.assert_array_equal(track["n_hits"], [8, 14])  # 3 + 5; 12 + 5, two of each of three hits
    assert jets.objects["pixel"].counts.tolist() == [0, 0, 0]
    assert set(jets.objects["pixel"].columns) == {"deta", "dphi", "layer"}
    assert jets.attributes["settings"]["absent"] == "fill"
    kept = read_nano_objects(write_tree(tmp_path / "b.root", events()), **KINDS, absent="fill").objects
    assert kept["pixel"].counts.tolist() == [2, 0, 0]
    np.testing.assert_array_equal(kept["track"]["n_hits"], [14, 9])
    # Without impact parameters there is nothing to be uncertain of.
    bare = table([[(2.0, 0.0, 3.0, 1)], [], []], names[:4])
    found = read_nano_objects(write_tree(tmp_path / "c.root", events(Trk=bare)), track="Trk", absent="fill")
    assert not {"d0_error", "dz_error"} & found.objects["track"].columns.keys()
    with pytest.raises(InputError, match="absent must be 'leave' or 'fill', not 'guess'"):
        read_nano_objects(path, track="Trk", absent="guess")


def test_the_place_at_the_ecal_that_the_file_has_is_taken(tmp_path, write_tree):
    tracks = table(
        [[(2.0, 0.0, 3.0, 211, 0.3, -3.0)], [], []], ("pt", "eta", "phi", "pdgId", "etaAtECAL", "phiAtECAL")
    )
    jets = read_nano_objects(write_tree(tmp_path / "a.root", events(Trk=tracks)), track="Trk")
    track = jets.objects["track"]
    np.testing.assert_array_equal(track["charge"], [1])
    np.testing.assert_allclose(
        [track["deta_face"][0], track["dphi_face"][0]], [0.3, 2 * np.pi - 6.1], atol=1e-6
    )
    assert set(track.columns) == {"pt", "charge", "deta", "dphi", "deta_face", "dphi_face"}


def test_impact_parameters_come_from_a_point_on_the_track(tmp_path, write_tree):
    names = ("pt", "eta", "phi", "charge", "vx", "vy", "vz", "ndof", "chi2")
    tracks = table([[(2.0, 0.0, np.pi / 2, 1, 0.13, 0.0, 2.5, 4, 8)], [], []], names)
    jets = table([[(40, 0.0, 1.5, 5)], [], []], KINEMATICS)
    path = write_tree(tmp_path / "a.root", events(Trk=tracks, Jet=jets))
    track = read_nano_objects(path, track="Trk").objects["track"]
    np.testing.assert_allclose([track["d0"][0], track["dz"][0], track["chi2"][0]], [-0.03, 0.5, 2], rtol=1e-5)
    assert track["dphi_face"][0] == pytest.approx(np.pi / 2 - 1.5 - HALF, abs=2e-3)


NAMES = {"run": "runId", "event": "eventId", "jet_pt": "jet_Pt", "jet_mass": "jet_M"}


def flat(path, energy=(([1.0, 3.0], []), (), ([0.3, 2.0, 0.7],))):
    """An RNTuple with names of its own, whose crystals stand jet by jet."""
    energy = ak.Array([[list(jet) for jet in entry] for entry in energy])
    branches = {
        "runId": np.array([1, 1, 1], np.uint32),
        "eventId": np.array([11, 12, 13], np.uint64),
        "jet_Pt": ak.Array([[40.0, 30.0], [], [20.0]]),
        "jet_eta": ak.Array([[0.0, 1.0], [], [2.0]]),
        "jet_phi": ak.Array([[3.1, 1.0], [], [0.0]]),
        "jet_M": ak.Array([[4.0, 3.0], [], [2.0]]),
        "hit_energy": energy,
        "hit_eta": ak.full_like(energy, 0.5),
        "hit_phi": ak.full_like(energy, -3.1),
    }
    with uproot.recreate(path) as file:
        file.mkrntuple("ntuple", ak.zip(branches, depth_limit=1))
    return path


def test_other_names_and_lists_of_each_jet(tmp_path):
    path = flat(tmp_path / "flat.root")
    jets = read_nano_objects(path, tree="ntuple", collection="jet", ecal="hit", names=NAMES)
    np.testing.assert_array_equal(jets["mass"], [4, 3, 2])
    ecal = jets.objects["ecal"]
    assert ecal.counts.tolist() == [2, 0, 3]
    np.testing.assert_allclose(ecal["energy"], [3, 1, 2, 0.7, 0.3])
    np.testing.assert_allclose(ecal["deta"], [0.5, 0.5, -1.5, -1.5, -1.5])  # of its jet, however far
    np.testing.assert_allclose(ecal["dphi"][:2], 2 * np.pi - 6.2, atol=1e-6)
    part = read_nano_objects(path, start=2, tree="ntuple", collection="jet", ecal="hit", names=NAMES)
    np.testing.assert_allclose(part.objects["ecal"]["energy"], [2, 0.7, 0.3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": {}}, "has no branch run, event; there are: "),
        ({"names": NAMES | {"jet_mass": "jet_m"}}, "has no branch jet_m; there are: "),
        (
            {"ecal": "cell"},
            r"has no branch cell_energy or cell_E or cell_e, .*--option names.cell_energy=BRANCH",
        ),
        (
            {"names": NAMES | {"hit_energy": "eventId"}},
            "hit_energy must hold a list in each entry",
        ),
    ],
)
def test_names_that_are_not_there(tmp_path, options, message):
    path = flat(tmp_path / "flat.root")
    with pytest.raises(InputError, match=message):
        read_nano_objects(
            path, **{"tree": "ntuple", "collection": "jet", "ecal": "hit", "names": NAMES} | options
        )


def test_lists_must_be_those_of_the_jets(tmp_path):
    path = flat(tmp_path / "flat.root", (([1.0],), (), ([0.3],)))
    with pytest.raises(
        InputError, match="hit_energy must have one list for each jet, in entry 0 it has 1 and there"
    ):
        read_nano_objects(path, tree="ntuple", collection="jet", ecal="hit", names=NAMES)
    path = flat(tmp_path / "short.root")
    with pytest.raises(
        InputError, match="branches of hit must have as many values as each other in every list; hit_time"
    ):
        read_nano_objects(
            path, tree="ntuple", collection="jet", ecal="hit", names=NAMES | {"hit_time": "jet_Pt"}
        )


def test_one_jet_in_each_entry(tmp_path, write_tree):
    branches = {
        "run": np.ones(2, np.uint32),
        "event": np.array([7, 8], np.uint64),
        "jet_pt": np.array([30.0, 20.0]),
        "jet_eta": np.array([0.0, 0.5]),
        "jet_phi": np.array([0.0, 3.1]),
        "jet_mass": np.array([3.0, 2.0]),
        "hit": table([[(1.0, 0.1, 0.2)], [(2.0, 0.5, -3.1), (3.0, 0.5, 1.0)]], ("E", "eta", "phi")),
    }
    jets = read_nano_objects(
        write_tree(tmp_path / "j.root", branches, "jets"), tree="jets", collection="jet", ecal="hit"
    )
    assert jets.objects["ecal"].counts.tolist() == [1, 1]
    np.testing.assert_allclose(jets.objects["ecal"]["energy"], [1, 2])
    np.testing.assert_allclose(jets.objects["ecal"]["dphi"], [0.2, 2 * np.pi - 6.2], atol=1e-6)


def test_what_is_missing_is_named(tmp_path, write_tree, path):
    with pytest.raises(
        InputError, match="needs a collection for one of track, ecal, hcal, pixel, vertex, such as"
    ):
        read_nano_objects(path)
    with pytest.raises(
        InputError, match="has no branch IsoTrack_pt, which objects of the kind track need; .* none"
    ):
        read_nano_objects(path, track="IsoTrack")
    with pytest.raises(
        InputError, match="has no branch EcalRecHit_layer, which objects of the kind pixel need"
    ):
        read_nano_objects(path, pixel="EcalRecHit")
    with pytest.raises(
        InputError, match="has no branch Pix_energy or Pix_E or Pix_e, .*: Pix_eta, Pix_layer, Pix_phi"
    ):
        read_nano_objects(path, ecal="Pix")
    neutral = table([[(2.0, 0.0, 3.0)], [], []], ("pt", "eta", "phi"))
    other = write_tree(tmp_path / "n.root", events(Trk=neutral))
    with pytest.raises(
        InputError, match="has no branch Trk_charge or Trk_pdgId, which objects of the kind track need"
    ):
        read_nano_objects(other, track="Trk")
    recipe = GraphRecipe(nodes="detector", edges="full", node_features=("pt", "dz_significance"))
    with pytest.raises(InputError, match="there is no input 'dz_significance'"):
        build_graphs(read_nano_objects(path, track="Trk"), recipe)


def test_a_number_that_is_not_finite_stops_or_is_skipped(tmp_path, write_tree):
    hits = table([[(np.nan, 0.1, 3.0)], [], [(2.0, 1.0, 1.0)]], ("energy", "eta", "phi"))
    path = write_tree(tmp_path / "nan.root", events(EcalRecHit=hits))
    with pytest.raises(
        InputError, match=r"ecal objects' energy must be finite and not negative \[GeV\]; 1 of 3"
    ):
        read_nano_objects(path, ecal="EcalRecHit")
    jets = read_nano_objects(path, ecal="EcalRecHit", on_error="skip")
    np.testing.assert_array_equal(jets["pt"], [30, 25])
    assert jets.objects["ecal"].counts.tolist() == [0, 1]


def test_ranges_radius_and_thresholds(path):
    jets = read_nano_objects(path, start=1, **KINDS)
    assert (len(jets), jets.objects["track"].counts.tolist()) == (1, [0])
    assert len(read_nano_objects(path, start=1, stop=2, **KINDS)) == 0
    narrow = read_nano_objects(path, ecal="EcalRecHit", radius=0.11, min_ecal=(0.05, 0.2))
    np.testing.assert_allclose(narrow.objects["ecal"]["energy"], [0.09, 0.31, 0.29])
    with pytest.raises(InputError, match="min_ecal must be two energies"):
        read_nano_objects(path, ecal="EcalRecHit", min_ecal=(0.1,))


def test_inspect_shows_the_file_and_its_ways(path):
    what, found = ways(path)
    assert "ROOT" in what
    assert [way.reader for way in found] == ["nano_jets", "nano_objects"]
    summary = inspect(path, "nano_objects", {"track": "Trk"})
    assert summary.kind == "nano_objects"
    assert summary.columns["objects/track/d0"][:2] == ("float32", "cm")
    assert summary.counts["track objects"].tolist() == [2, 0, 0]


@pytest.mark.shared_data
def test_isolated_tracks_of_real_nanoaod(shared_data):
    path = shared_data / "nano" / "nano_dy.root"
    jets = read_nano_objects(path, track="IsoTrack", vertex="OtherPV", columns=[], max_abs_eta=2.5)
    track = jets.objects["track"]
    assert (len(jets), len(track["pt"]), len(jets.objects["vertex"]["z"])) == (113, 2, 452)
    np.testing.assert_array_equal(track["charge"], [-1, -1])  # of pdgId
    np.testing.assert_array_equal(track["from_pv"], [1, 1])
    # 3.8 T turn a track of 21 GeV by 1.29 · 0.3 · 3.8 / (2 · 21) = 0.035 on the way to the barrel
    assert track["dphi_face"][0] - track["dphi"][0] == pytest.approx(0.035, abs=1e-3)
