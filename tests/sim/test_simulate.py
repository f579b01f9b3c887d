from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.grid import PITCH, TOWER, delta_phi, window_corner
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.pileup import Pool, minimum_bias
from e2e_tf.sim.pythia import PROCESSES
from e2e_tf.sim.response import Particles
from e2e_tf.sim.simulate import (
    CHUNK_JETS,
    Chunk,
    _in_random_pairs,
    _provenance,
    _renumbered,
    chunk_of_event,
    plan,
    simulate,
    simulate_chunk,
)

sim = pytest.mark.skipif(
    any(
        not list(importlib.metadata.distributions(name=name)) for name in ("pythia8mc", "fastjet", "awkward")
    ),
    reason="needs the extra 'sim'",
)


def assert_equal(left: Jets, right: Jets) -> None:
    """Same columns, types and values."""
    pairs = [(left.event, right.event), (left.label, right.label), (left.weight, right.weight)]
    pairs += [(left[k], right[k]) for k in left.columns]
    pairs += [(left.truth[k], right.truth[k]) for k in left.truth]
    assert left.candidates is not None
    assert right.candidates is not None
    ragged = [(left.hits[k], right.hits[k]) for k in left.hits] + [(left.candidates, right.candidates)]
    for one, other in ragged:
        assert set(one.columns) == set(other.columns)
        pairs += [(one.offsets, other.offsets), *((one[k], other[k]) for k in one.columns)]
    for one_column, other_column in pairs:
        assert one_column.dtype == other_column.dtype  # type: ignore[union-attr]
        np.testing.assert_array_equal(one_column, other_column)


@pytest.fixture(scope="module")
def shipped() -> Jets:
    with as_file(files("e2e_tf.data") / "samples" / "tau.h5") as path:
        return read_jets(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Jets]:
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    path = tmp_path_factory.mktemp("sim") / "one.h5"
    return path, simulate("tau", 9, 5, path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("higgs", 10, 1),
            "process must be one of tau, wtau, z_jet, dijet, top, egamma, got 'higgs'",
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


def test_plan_is_balanced_and_numbered():
    chunks = plan("tau", 2 * CHUNK_JETS + 101, 3)
    assert [(c.source, c.number, c.jets) for c in chunks] == [
        (0, 0, CHUNK_JETS),
        (1, 0, CHUNK_JETS),
        (0, 1, 51),
        (1, 1, 50),
    ]
    assert [c.index for c in chunks] == [0, 1, 2, 3]


def test_same_bytes_with_one_and_two_workers(small: tuple[Path, Jets], tmp_path: Path):
    path, jets = small
    again = simulate("tau", 9, 5, tmp_path / "two.h5", workers=2)
    assert sha256(tmp_path / "two.h5") == sha256(path)
    assert_equal(again, jets)
    assert_equal(read_jets(path), jets)
    assert read_jets(path).attributes == jets.attributes


@pytest.fixture(scope="module")
def background() -> Jets:
    """The chunk that ``small`` begins with, longer."""
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    return simulate_chunk(Chunk("tau", 5, 1, 0, 30))


@sim
def test_a_smaller_chunk_is_the_beginning_of_a_larger_one_and_seeds_differ(
    small: tuple[Path, Jets], background: Jets
):
    less = small[1].take(small[1].label == 0)
    assert_equal(background.take(np.arange(len(less))), less)
    for seed, number in ((6, 0), (5, 1)):
        other = simulate_chunk(Chunk("tau", seed, 1, number, 4))
        assert not np.array_equal(other["pt"], less["pt"])
    assert not np.isin(other.event, background.event).any()


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Twenty stand-ins for collisions: 60 soft pions and photons each, flat in η and φ."""
    rng = np.random.default_rng(0)
    count = 20 * 60
    charge = rng.choice([-1.0, 0.0, 1.0], count)
    momentum = four_momentum(
        rng.exponential(0.6, count) + 0.1, rng.uniform(-3, 3, count), rng.uniform(-np.pi, np.pi, count), 0.0
    )
    particles = Particles(
        np.repeat(np.arange(20), 60),
        np.where(charge == 0, 22, 211 * charge).astype(np.int32),
        charge,
        momentum,
        np.zeros((count, 3)),
        np.arange(count),
    )
    return Pool(particles, np.arange(0, count + 1, 60))


@sim
def test_pileup_over_the_same_hard_scatters(background: Jets, pool: Pool):
    jets = simulate_chunk(Chunk("tau", 5, 1, 0, 15, pileup=20.0), pool)
    assert jets.candidates is not None
    assert background.candidates is not None
    # The same events, up to jets that the correction moves across the limits of pT.
    assert np.isin(jets.event, background.event).mean() > 0.6
    # A jet is one of the hard scatter: within ΔR < 0.2 of a generated jet above 8 GeV.
    assert jets.truth["generated_pt"].min() > 8
    assert np.median(jets["pt"] / jets.truth["generated_pt"]) == pytest.approx(1, abs=0.2)
    assert 8 < jets.truth["n_pileup"].mean() < 32
    assert (jets["rho"] > 0).all()
    flags = jets.candidates["from_pv"]
    np.testing.assert_array_equal(flags == -1, jets.candidates["charge"] == 0)
    # Vertices are 3.5 cm apart: most tracks of pileup are recognised.
    far = np.abs(jets.candidates["dz"]) > 1.0
    assert far.any()
    np.testing.assert_array_equal(flags[far], 0)
    assert jets.hits["track"].counts.mean() > 2 * background.hits["track"].counts.mean()
    again = simulate_chunk(Chunk("tau", 5, 1, 0, 5, pileup=20.0), pool)
    assert_equal(jets.take(np.arange(5)), again)


@sim
def test_a_file_with_pileup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    # A small pool without diffraction, with which Pythia starts in a fraction of the time.
    monkeypatch.setattr("e2e_tf.sim.pileup.MINIMUM_BIAS", ("SoftQCD:nonDiffractive = on",))
    monkeypatch.setattr(sys.modules["e2e_tf.sim.simulate"], "POOL_EVENTS", 6)
    path = tmp_path / "pileup.h5"
    jets = simulate("tau", 4, 5, path, pileup=3, detector="cms2012")
    assert_equal(read_jets(path), jets)
    assert [p.name for p in tmp_path.iterdir()] == ["pileup.h5"]
    assert jets.attributes["command"].endswith("--seed 5 --pileup 3 --detector cms2012 -o tau.h5")
    assert jets.attributes["settings"]["pileup"]["pool_events"] == 6
    assert jets.attributes["settings"]["detector"]["mip_probability"] == 0.40
    assert jets.label.reshape(-1, 2).sum(1).tolist() == [1, 1]
    monkeypatch.undo()
    minimum_bias.cache_clear()


@sim
@pytest.mark.parametrize(
    ("process", "source", "label"), [("wtau", 0, 1), ("z_jet", 0, 1), ("dijet", 1, 0), ("top", 0, 1)]
)
def test_other_processes(process: str, source: int, label: int):
    jets = simulate_chunk(Chunk(process, 2, source, 0, 4))
    chosen = PROCESSES[process]
    np.testing.assert_array_equal(jets.label, label)
    low, high = chosen.jet_pt
    assert (jets["pt"] > low).all()
    assert (jets["pt"] < high).all()
    assert np.abs(jets["eta"]).max() < chosen.max_eta
    assert (jets.weight > 0).all()
    assert jets.candidates is not None
    away = np.hypot(jets.candidates["deta"], jets.candidates["dphi"])
    assert away.max() <= chosen.candidate_radius * (1 + 2**-10)
    truth = jets.truth
    if process == "wtau":
        assert (truth["decay_mode"] >= 0).all()
    elif process == "top":
        assert (truth["is_top"] == 1).all()
        np.testing.assert_allclose(truth["top_mass"], 172.5, atol=12)
        np.testing.assert_allclose(jets["mass"], 172.5, atol=80)
    else:
        assert set(truth["parton"]) <= ({1, 2, 3, 4, 5} if label else {21})
        columns = np.stack([truth[name] for name in ("is_uds", "is_c", "is_b", "is_gluon")])
        np.testing.assert_array_equal(columns.sum(0), 1)
        # Gluons lose much out of the cone, and their jets are chosen flat in pT.
        assert 0.7 < np.median(truth["parton_pt"] / jets["pt"]) < 1.8


def test_events_are_numbered_as_they_appear():
    """Three background events with two jets each and six of signal: no number or place tells the class."""
    label = np.repeat([0, 1], 6).astype(np.int8)
    event = np.concatenate([np.repeat([7, 8, 9], 2), 1_000_000 + np.arange(6)])
    sample = Jets({"pt": np.arange(12.0, dtype=np.float32)}, event, np.ones(12, np.float32), label)
    orders = []
    for seed in (1, 2):
        ordered = _renumbered(sample.take(_in_random_pairs(sample, seed)))
        assert ordered.label is not None
        np.testing.assert_array_equal(ordered.label.reshape(-1, 2).sum(1), 1)
        _, first = np.unique(ordered.event, return_index=True)
        np.testing.assert_array_equal(first, np.sort(first))
        for number in np.unique(ordered.event):
            assert len(set(event[ordered["pt"].astype(int)[ordered.event == number]])) == 1
        assert len(np.unique(ordered.event)) == 9
        orders.append(ordered.label.tolist())
    assert orders[0] != orders[1]


def test_shipped_sample_is_that_of_its_command(shipped: Jets):
    """Everything that fixes the numbers, but versions, is still what it was."""
    now = _provenance("tau", 8000, 1, 0.0, "cms")
    assert {k: v for k, v in shipped.attributes.items() if k != "versions"} == {
        k: v for k, v in now.items() if k != "versions"
    }


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


@sim
@pytest.mark.parametrize("source", [0, 1])
def test_a_chunk_of_the_shipped_sample_again(shipped: Jets, source: int):
    versions = shipped.attributes["versions"]
    others = {
        name: (versions[name], importlib.metadata.version(name))
        for name in ("pythia8mc", "fastjet", "numpy")
        if versions[name] != importlib.metadata.version(name)
    }
    if others:
        pytest.skip(f"the sample was made with other versions: {others}")
    chunk = plan("tau", 8000, 1)[4 + source]
    assert (chunk.source, chunk.number) == (source, 2)
    rows = np.flatnonzero(chunk_of_event(shipped.event) == chunk.index)
    # Chunks can be cut short: a smaller one is the beginning of a larger one.
    first = replace(chunk, jets=50)
    assert_equal(simulate_chunk(first), shipped.take(rows[:50]))
