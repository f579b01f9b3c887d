from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.grid import delta_phi, window_corner
from e2e_tf.data.jets import Jets, concatenate_jets, read_jets
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.sim.simulate import CHUNK_JETS, Chunk, chunk_of_event, plan, simulate, simulate_chunk

sim = pytest.mark.skipif(
    any(
        not list(importlib.metadata.distributions(name=name)) for name in ("pythia8mc", "fastjet", "awkward")
    ),
    reason="needs the extra 'sim'",
)


def assert_equal(left: Jets, right: Jets) -> None:
    """Same columns, types and values."""
    pairs = [(left.event, right.event), (left.label, right.label), (left.weight, right.weight)]
    pairs += [(left.jets[k], right.jets[k]) for k in left.jets]
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
    return path, simulate("tau", 21, 5, path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("higgs", 10, 1), "process must be one of tau, got 'higgs'"),
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


def test_bad_workers(tmp_path: Path):
    with pytest.raises(InputError, match="workers must be an integer of at least 1, got 0"):
        simulate("tau", 10, 1, tmp_path / "x.h5", workers=0)


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
    again = simulate("tau", 21, 5, tmp_path / "two.h5", workers=2)
    assert sha256(tmp_path / "two.h5") == sha256(path)
    assert_equal(again, jets)
    assert_equal(read_jets(path), jets)
    assert read_jets(path).attributes == jets.attributes


@sim
def test_a_smaller_chunk_is_the_beginning_of_a_larger_one_and_seeds_differ():
    large, less, other = (
        simulate_chunk(Chunk("tau", seed, 1, 0, n)) for seed, n in ((5, 40), (5, 12), (6, 12))
    )
    assert_equal(large.take(np.arange(12)), less)
    assert not np.array_equal(other.jets["pt"], less.jets["pt"])
    following = simulate_chunk(Chunk("tau", 5, 1, 1, 12))
    assert not np.array_equal(following.jets["pt"], less.jets["pt"])
    assert not np.isin(following.event, large.event).any()


def test_small_sample_is_labelled_and_tells_its_settings(small: tuple[Path, Jets]):
    path, jets = small
    np.testing.assert_array_equal(jets.label, [1, 0] * 10 + [1])
    assert jets.attributes["command"] == "e2e-tf simulate --process tau --jets 21 --seed 5 -o tau.h5"
    assert jets.attributes["versions"]["pythia8mc"] == importlib.metadata.version("pythia8mc")
    assert jets.attributes["settings"]["detector"]["field_tesla"] == 3.8
    assert str(path.parent) not in str(jets.attributes)


def test_shipped_sample_keeps_its_promises(shipped: Jets):
    signal = shipped.label == 1
    assert len(shipped) == 8000
    assert signal.sum() == 4000
    assert shipped.attributes["seed"] == 1
    pt, eta = shipped.jets["pt"], shipped.jets["eta"]
    assert pt.min() > 10
    assert pt.max() < 50
    assert np.abs(eta).max() < 2.3
    np.testing.assert_array_equal(
        np.stack(window_corner(eta, shipped.jets["phi"])), [shipped.jets["ieta"], shipped.jets["iphi"]]
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
        truth["visible_eta"] - shipped.jets["eta"][signal],
        delta_phi(truth["visible_phi"], shipped.jets["phi"][signal]),
    )
    assert away.max() < 0.2
    assert np.median(away) < 0.02
    assert np.median(shipped.jets["pt"][signal] / truth["visible_pt"]) == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(shipped.truth["decay_mode"][~signal], -1)
    np.testing.assert_array_equal(shipped.truth["visible_pt"][~signal], 0)


def test_shipped_energy_shares(shipped: Jets):
    background = np.flatnonzero(
        (shipped.label == 0) & (shipped.jets["pt"] > 20) & (np.abs(shipped.jets["eta"]) < 1.1)
    )
    jets = shipped.take(background)
    total = {}
    for channel, hits in jets.hits.items():
        cells, side = (25, 5) if channel == "hcal" else (125, 1)
        row = (hits["cell"] // cells + 0.5) * side + jets.jets["ieta"][hits.owner]
        column = (hits["cell"] % cells + 0.5) * side + jets.jets["iphi"][hits.owner]
        eta, phi = row * np.pi / 180, column * np.pi / 180
        near = (
            np.hypot(eta - jets.jets["eta"][hits.owner], delta_phi(phi, jets.jets["phi"][hits.owner])) < 0.4
        )
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
    assert_equal(concatenate_jets([simulate_chunk(chunk)]), shipped.take(rows))
