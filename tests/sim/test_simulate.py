from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from same import assert_same_jets

from e2e_tf.data.grid import PITCH, TOWER, delta_phi, window_corner
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.sim.pileup import minimum_bias
from e2e_tf.sim.simulate import simulate

sim = pytest.mark.skipif(
    any(
        not list(importlib.metadata.distributions(name=name)) for name in ("pythia8mc", "fastjet", "awkward")
    ),
    reason="needs the extra 'sim'",
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("higgs", 10, 1),
            "process must be one of tau, wtau, wtau_all, z_jet, dijet, top, egamma, got 'higgs'",
        ),
        (("tau", 1, 1), "jets must be an integer of at least 2, got 1"),
        (("tau", 10.5, 1), "jets must be an integer of at least 2, got 10.5"),
        (("tau", 10, -3), "seed must be an integer of at least 0, got -3"),
        (("tau", 10, None), "seed must be an integer of at least 0, got None"),
    ],
)
def test_bad_arguments(arguments: tuple, message: str, tmp_path: Path):
    with pytest.raises(InputError) as error:
        simulate(*arguments, tmp_path / "x.h5")
    assert str(error.value) == message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers must be an integer of at least 1, got 0"),
        ({"pileup": -1}, "pileup must be a number from 0 to 200, got -1"),
        ({"pileup": float("nan")}, "pileup must be a number from 0 to 200, got nan"),
        ({"objects": 1}, "objects must be True or False, got 1"),
        ({"detector": "atlas"}, "detector must be one of cms, cms2012, got 'atlas'"),
    ],
)
def test_bad_options(options: dict, message: str, tmp_path: Path):
    with pytest.raises(InputError) as error:
        simulate("tau", 10, 1, tmp_path / "x.h5", **options)
    assert str(error.value) == message
    assert not list(tmp_path.iterdir())


@sim
def test_existing_file_is_kept(tmp_path: Path):
    path = tmp_path / "x.h5"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        simulate("tau", 10, 1, path)
    assert path.read_text() == "mine"


def test_missing_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "awkward", None)
    with pytest.raises(InputError, match=r"pip install 'e2e-tf\[sim\]'"):
        simulate("tau", 10, 1, tmp_path / "x.h5")
    assert not list(tmp_path.iterdir())


def test_import_is_light():
    code = (
        "import sys, e2e_tf.sim\n"
        "print([m for m in ('pythia8mc', 'fastjet', 'awkward', 'tensorflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_same_bytes_with_one_and_two_workers(small: tuple[Path, Jets], tmp_path: Path):
    path, jets = small
    again = simulate("tau", 9, 5, tmp_path / "two.h5", workers=2)
    assert sha256(tmp_path / "two.h5") == sha256(path)
    assert_same_jets(again, jets)
    assert_same_jets(read_jets(path), jets)
    assert read_jets(path).attributes == jets.attributes


@sim
def test_a_file_with_pileup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    # A small pool without diffraction, with which Pythia starts in a fraction of the time.
    monkeypatch.setattr("e2e_tf.sim.pileup.MINIMUM_BIAS", ("SoftQCD:nonDiffractive = on",))
    for module in ("chunk", "provenance", "simulate"):
        monkeypatch.setattr(sys.modules[f"e2e_tf.sim.{module}"], "POOL_EVENTS", 6)
    path = tmp_path / "pileup.h5"
    jets = simulate("tau", 4, 5, path, pileup=3, detector="cms2012", objects=True)
    assert_same_jets(read_jets(path), jets)
    assert [p.name for p in tmp_path.iterdir()] == ["pileup.h5"]
    assert jets.attributes["command"].endswith("--seed 5 --pileup 3 --detector cms2012 --objects -o tau.h5")
    assert jets.attributes["settings"]["objects"]["readout"]["radius"] == 0.5
    assert list(jets.objects) == ["track", "ecal", "hcal", "pixel", "vertex", "candidate"]
    assert jets.attributes["settings"]["pileup"]["pool_events"] == 6
    assert jets.attributes["settings"]["detector"]["mip_probability"] == 0.40
    assert jets.label.reshape(-1, 2).sum(1).tolist() == [1, 1]
    monkeypatch.undo()
    minimum_bias.cache_clear()


def test_irrelevant_quantities_tell_nothing(shipped: Jets):
    """Boosted trees on what physics cannot depend on find nothing; on the jet's pT they do."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    eta, phi = shipped["eta"].astype(np.float64), shipped["phi"].astype(np.float64)
    irrelevant = {
        "phi": phi,
        "event parity": shipped.event % 2,
        "window corner": shipped["iphi"],
        "place in the crystal, eta": eta / PITCH % 1,
        "place in the crystal, phi": phi / PITCH % 1,
        "place in the tower, eta": eta / (TOWER * PITCH) % 1,
        "place in the tower, phi": phi / (TOWER * PITCH) % 1,
        "place in the file": np.arange(len(shipped)),
    }
    # Jets of one event stay together, or the trees recognise events by their φ.
    train = (shipped.event // 2) % 2 == 0
    label = shipped.label

    def auc(columns: np.ndarray) -> float:
        trees = GradientBoostingClassifier(n_estimators=30, max_depth=3, subsample=0.5, random_state=0)
        trees.fit(columns[train], label[train])
        return float(roc_auc_score(label[~train], trees.predict_proba(columns[~train])[:, 1]))

    positive = (label[~train] == 1).sum()
    negative = (~train).sum() - positive
    error = np.sqrt((positive + negative + 1) / (12 * positive * negative))
    assert error < 0.01
    assert abs(auc(np.stack(list(irrelevant.values()), 1)) - 0.5) < 3 * error
    assert auc(shipped["pt"][:, None]) > 0.5 + 10 * error


def test_small_sample_is_labelled_and_tells_its_settings(small: tuple[Path, Jets]):
    path, jets = small
    np.testing.assert_array_equal(jets.label, [1, 0] * 4 + [1])
    assert jets.attributes["command"] == "e2e-tf simulate --process tau --jets 9 --seed 5 -o tau.h5"
    assert jets.attributes["versions"]["pythia8mc"] == importlib.metadata.version("pythia8mc")
    assert jets.attributes["settings"]["detector"]["field_tesla"] == 3.8
    assert str(path.parent) not in str(jets.attributes)


def test_shipped_sample_keeps_its_promises(shipped: Jets):
    signal = shipped.label == 1
    assert len(shipped) == 8000
    assert signal.sum() == 4000
    assert shipped.attributes["seed"] == 1
    pt, eta = shipped["pt"], shipped["eta"]
    assert pt.min() > 10
    assert pt.max() < 50
    assert np.abs(eta).max() < 2.3
    np.testing.assert_array_equal(
        np.stack(window_corner(eta, shipped["phi"])), [shipped["ieta"], shipped["iphi"]]
    )
    assert not np.intersect1d(shipped.event[signal], shipped.event[~signal]).size
    np.testing.assert_array_equal(shipped.weight[signal], 1)
    assert shipped.weight.min() > 0


def test_shipped_truth(shipped: Jets):
    signal = shipped.label == 1
    truth = {name: column[signal] for name, column in shipped.truth.items()}
    modes, counts = np.unique(truth["decay_mode"], return_counts=True)
    assert set(modes) <= {5 * (prongs - 1) + pi0 for prongs in (1, 3, 5) for pi0 in range(5)}
    share = dict(zip(modes.tolist(), counts / counts.sum(), strict=True))
    # Branching fractions (PDG) among hadronic decays: h 0.18, h π0 0.40, 3h 0.15, up to the pT selection.
    assert share[0] == pytest.approx(0.16, abs=0.04)
    assert share[1] == pytest.approx(0.40, abs=0.04)
    assert share[10] == pytest.approx(0.16, abs=0.04)
    assert truth["visible_pt"].min() > 10
    assert truth["visible_pt"].max() < 50
    assert truth["visible_mass"].max() < 1.777
    away = np.hypot(
        truth["visible_eta"] - shipped["eta"][signal],
        delta_phi(truth["visible_phi"], shipped["phi"][signal]),
    )
    assert away.max() < 0.2
    assert np.median(away) < 0.02
    assert np.median(shipped["pt"][signal] / truth["visible_pt"]) == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(shipped.truth["decay_mode"][~signal], -1)
    np.testing.assert_array_equal(shipped.truth["visible_pt"][~signal], 0)


def test_shipped_energy_shares(shipped: Jets):
    background = np.flatnonzero((shipped.label == 0) & (shipped["pt"] > 20) & (np.abs(shipped["eta"]) < 1.1))
    jets = shipped.take(background)
    total = {}
    for channel, hits in jets.hits.items():
        cells, side = (25, 5) if channel == "hcal" else (125, 1)
        row = (hits["cell"] // cells + 0.5) * side + jets["ieta"][hits.owner]
        column = (hits["cell"] % cells + 0.5) * side + jets["iphi"][hits.owner]
        eta, phi = row * np.pi / 180, column * np.pi / 180
        near = np.hypot(eta - jets["eta"][hits.owner], delta_phi(phi, jets["phi"][hits.owner])) < 0.4
        transverse = hits["value"] / (1 if channel == "track" else np.cosh(eta))
        total[channel] = float(transverse[near].sum())
    everything = sum(total.values())
    assert 0.42 < total["track"] / everything < 0.60
    assert 0.25 < total["ecal"] / everything < 0.42
    assert 0.09 < total["hcal"] / everything < 0.22


def test_shipped_candidates(shipped: Jets):
    candidates = shipped.candidates
    assert candidates is not None
    assert set(np.unique(candidates["pdg_id"])) == {11, 13, 22, 130, 211}
    assert np.hypot(candidates["deta"], candidates["dphi"]).max() <= 0.5 * (1 + 2**-10)
    inner = candidates.owner[1:] == candidates.owner[:-1]
    assert (np.diff(candidates["pt"])[inner] <= 0).all()
    neutral = candidates["charge"] == 0
    np.testing.assert_array_equal(neutral, np.isin(candidates["pdg_id"], (22, 130)))
    for name in ("d0", "dz", "d0_error", "dz_error"):
        np.testing.assert_array_equal(candidates[name][neutral], 0)
    assert candidates.counts.min() >= 1
