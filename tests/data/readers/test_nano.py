import awkward as ak
import numpy as np
import pytest
import uproot

from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.nano import read_nano_jets, read_nano_taus
from e2e_tf.data.readers.nano_events import count_nano
from e2e_tf.errors import InputError

KINEMATICS = ("pt", "eta", "phi", "mass")


def table(rows, names):
    """Jagged record columns; rows are tuples per event."""
    return ak.zip({n: ak.Array([[row[i] for row in event] for event in rows]) for i, n in enumerate(names)})


def f4(rows, names, **integers):
    columns = {
        n: ak.values_astype([[r[i] for r in e] for e in rows], np.float32) for i, n in enumerate(names)
    }
    return ak.zip(columns | {n: ak.values_astype(v, t) for n, (v, t) in integers.items()})


def events(**changes):
    """Two events: a real one-prong tau and a jet; a fake tau alone."""
    branches = {
        "run": np.array([1, 1], np.uint32),
        "event": np.array([11, 2**35], np.uint64),
        "genWeight": np.array([2.0, -1.0], np.float32),
        "Tau": f4(
            [[(30, 0.5, 3.1, 0.8), (20, -1.0, 0.0, 0.1)], [(25, 2.0, 1.0, 1.2)]],
            KINEMATICS,
            genPartFlav=([[5, 0], [2]], np.uint8),
            genPartIdx=([[1, -1], [0]], np.int16),
            decayMode=([[1, 0], [10]], np.uint8),
            idDecayMode=([[True, False], [True]], np.bool_),
        ),
        "GenVisTau": f4(
            [[(90, 2.5, 0, 1), (28, 0.52, -3.1, 0.7)], []], KINEMATICS, status=([[10, 1], []], np.uint8)
        ),
        "Jet": f4(
            [[(40, 0.5, 3.1, 5), (50, -1, 0, 6)], [(60, 1, 1, 7)]],
            KINEMATICS,
            partonFlavour=([[0, 21], [-2]], np.int16),
            hadronFlavour=([[0, 5], [4]], np.uint8),
        ),
        "TauProd": f4(
            [[(20, 0.5, 3.13), (10, 0.55, -3.13), (20, -1, 0)], [(25, 2, 1)]],
            ("pt", "eta", "phi"),
            pdgId=([[211, 22, -211], [13]], np.int16),
            tauIdx=([[0, 0, 1], [0]], np.int16),
        ),
    }
    return {name: value for name, value in (branches | changes).items() if value is not None}


@pytest.fixture
def write(write_tree):
    return lambda path, name="Events", **changes: write_tree(path, events(**changes), name)


@pytest.fixture
def path(tmp_path, write):
    return write(tmp_path / "nano.root")


def test_taus_with_truth(path):
    taus = read_nano_taus(path)
    assert count_nano(path) == 2
    np.testing.assert_array_equal(taus.label, [1, 0, 0])
    np.testing.assert_array_equal(taus.truth["gen_part_flav"], [5, 0, 2])
    np.testing.assert_array_equal(taus.truth["decay_mode"], [1, -1, -1])
    np.testing.assert_allclose(taus.truth["visible_pt"], [28, 0, 0])
    np.testing.assert_array_equal(taus.event, [2**40 + 11, 2**40 + 11, 2**40 + 2**35])
    np.testing.assert_allclose(taus.weight, [2, 2, -1])
    np.testing.assert_array_equal(taus["decayMode"], [1, 0, 10])
    np.testing.assert_array_equal(taus["idDecayMode"], [1, 0, 1])
    assert list(taus.columns)[:4] == list(KINEMATICS)


def test_tau_constituents(path):
    c = read_nano_taus(path).candidates
    np.testing.assert_array_equal(c.counts, [2, 1, 1])
    np.testing.assert_allclose(c["deta"], [0, 0.05, 0, 0], atol=1e-6)
    np.testing.assert_allclose(c["dphi"], [0.03, 2 * np.pi - 6.23, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(c["charge"], [1, 0, -1, -1])
    np.testing.assert_array_equal(c["is_photon"], [0, 1, 0, 0])
    np.testing.assert_array_equal(c["is_muon"], [0, 0, 0, 1])
    np.testing.assert_allclose(c["energy"][0], np.hypot(20 * np.cosh(0.5), 0.13957), rtol=1e-6)


@pytest.mark.parametrize(("signal", "label"), [
    ("tau", [1, 0, 0]), ("b", [0, 1, 0]), ("c", [0, 0, 1]), ("gluon", [0, 1, 0]), ("quark", [0, 0, 1]),
])  # fmt: skip
def test_jet_labels(path, signal, label):
    jets = read_nano_jets(path, signal=signal)
    np.testing.assert_array_equal(jets.label, label)
    np.testing.assert_array_equal(jets.truth["decay_mode"], [1, -1, -1])
    np.testing.assert_array_equal(jets.truth["parton_flavour"], [0, 21, -2])


def test_a_range_and_a_selection(path):
    assert len(read_nano_taus(path, start=1)) == 1
    np.testing.assert_allclose(read_nano_taus(path, min_pt=22, max_abs_eta=1.5)["pt"], [30])
    assert list(read_nano_taus(path, columns=["decayMode"]).columns) == [*KINEMATICS, "decayMode"]
    assert len(read_nano_taus(path, start=2)) == 0
    assert len(read_nano_jets(path, start=2)) == 0


def test_collision_data_have_no_label(tmp_path, write):
    tau = f4([[(30, 0.5, 3.1, 0.8)], []], KINEMATICS)
    path = write(tmp_path / "data.root", Tau=tau, GenVisTau=None, TauProd=None, genWeight=None)
    taus = read_nano_taus(path)
    assert taus.label is None
    assert not taus.truth
    assert taus.candidates is None
    np.testing.assert_allclose(taus.weight, [1])
    assert read_nano_jets(path).label is None


def test_bad_files(tmp_path, path, write):
    with pytest.raises(InputError, match="there is no file"):
        read_nano_taus(tmp_path / "absent.root")
    with pytest.raises(InputError, match="has no tree Events; there are: tree"):
        read_nano_taus(write(tmp_path / "tree.root", name="tree"))
    with pytest.raises(
        InputError, match=r"has no branch Tau_pt, Tau_eta, Tau_phi, Tau_mass; there are: GenVisTau_"
    ):
        read_nano_taus(write(tmp_path / "renamed.root", Tau=None))
    with pytest.raises(InputError, match="has no branch Tau_rawDeepTau"):
        read_nano_taus(path, columns=["rawDeepTau"])
    with pytest.raises(InputError, match="signal must be tau, b, c, gluon or quark"):
        read_nano_jets(path, signal="z")
    cut = tmp_path / "cut.root"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cannot be read|has no tree"):
        read_nano_taus(cut)
    text = tmp_path / "text.root"
    text.write_text("not a ROOT file")
    with pytest.raises(InputError, match="cannot be read"):
        count_nano(text)


@pytest.mark.parametrize(
    ("pt", "rule"), [(-1, "pt must be finite and not negative"), (np.nan, "pt must be finite")]
)
def test_bad_momenta_stop_or_are_skipped(tmp_path, pt, rule, write):
    jet = f4([[(pt, 0.5, 3.1, 5), (50, -1, 0, 6)], [(60, 1, 1, 7)]], KINEMATICS)
    path = write(tmp_path / "bad.root", Jet=jet)
    with pytest.raises(InputError, match=rule):
        read_nano_jets(path)
    report = Report()
    np.testing.assert_allclose(read_nano_jets(path, on_error="skip", report=report)["pt"], [50, 60])
    assert report.skipped == {"pt must be finite and not negative [GeV]": 1}


def test_values_that_are_not_finite_become_0_outside_the_kinematics(tmp_path, write):
    jet = f4([[(9, 0.5, 3.1, 5, np.nan), (50, -1, 0, 6, 2)], [(60, 1, 1, 7, np.inf)]], (*KINEMATICS, "btag"))
    report = Report()
    jets = read_nano_jets(write(tmp_path / "btag.root", Jet=jet), report=report)
    np.testing.assert_allclose(jets["btag"], [0, 2, 0])
    assert report.replaced == {"Jet_btag": 2}


def test_a_link_must_point_at_a_tau(tmp_path, write):
    products = f4(
        [[(20, 0.5, 3)], []], ("pt", "eta", "phi"), pdgId=([[22], []], np.int32), tauIdx=([[2], []], np.int32)
    )
    with pytest.raises(
        InputError, match="TauProd_tauIdx must be the number of a jet of the same event, from 0 on; 2 is not"
    ):
        read_nano_taus(write(tmp_path / "link.root", TauProd=products))


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "n_events", "taus", "real", "jets", "modes"), [
    ("nano_dy.root", 40, 29, 5, 188, {1: 4, 10: 1}),
    ("nanoAOD_2015_CMS_Open_Data_ttbar.root", 200, 81, 10, 537, {0: 2, 1: 2, 2: 2, 10: 3, 11: 1}),
])  # fmt: skip
def test_real_files(shared_data, name, n_events, taus, real, jets, modes):
    path = shared_data / "nano" / name
    assert count_nano(path) == n_events
    found = read_nano_taus(path)
    assert (len(found), found.label.sum()) == (taus, real)
    matched = found.truth["decay_mode"] >= 0
    np.testing.assert_array_equal(matched, found.label == 1)
    assert dict(zip(*np.unique(found.truth["decay_mode"][matched], return_counts=True), strict=True)) == modes
    # the matched generated tau is where the reconstructed one is
    np.testing.assert_allclose(found.truth["visible_eta"][matched], found["eta"][matched], atol=0.05)
    found = read_nano_jets(path)
    assert len(found) == jets
    assert len(np.unique(found.event)) <= n_events


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "number"), [("nano_dy.root", 15), ("nanoAOD_2015_CMS_Open_Data_ttbar.root", 38)]
)
def test_generated_taus_of_real_files(shared_data, name, number):
    with uproot.open(shared_data / "nano" / name) as file:
        assert len(ak.flatten(file["Events"]["GenVisTau_pt"].array())) == number
