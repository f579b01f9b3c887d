from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from same import assert_same_jets

from e2e_tf.data.jets import Jets
from e2e_tf.data.objects import OBJECTS
from e2e_tf.sim.chunk import CHUNK_JETS, Chunk, chunk_of_event, plan, simulate_chunk
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import Pool
from e2e_tf.sim.pythia import BACKGROUNDS, PROCESSES

sim = pytest.mark.skipif(
    any(
        not list(importlib.metadata.distributions(name=name)) for name in ("pythia8mc", "fastjet", "awkward")
    ),
    reason="needs the extra 'sim'",
)


def test_plan_is_balanced_and_numbered():
    chunks = plan("tau", 2 * CHUNK_JETS + 101, 3)
    assert [(c.source, c.number, c.jets) for c in chunks] == [
        (0, 0, CHUNK_JETS),
        (1, 0, CHUNK_JETS),
        (0, 1, 51),
        (1, 1, 50),
    ]
    assert [c.index for c in chunks] == [0, 1, 2, 3]


def test_backgrounds_share_the_jets_of_their_label():
    names = [source.background for source in PROCESSES["wtau_all"].sources]
    for pileup, backgrounds in ((20.0, names[1:]), (0.0, [name for name in names[1:] if name != "pileup"])):
        chunks = plan("wtau_all", 2 * CHUNK_JETS + 7, 3, pileup)
        assert len({chunk.index for chunk in chunks}) == len(chunks)
        made = {name: sum(c.jets for c in chunks if names[c.source] == name) for name in ("", *backgrounds)}
        assert made[""] == CHUNK_JETS + 4
        shares = [made[name] for name in backgrounds]
        assert sum(shares) == CHUNK_JETS + 3
        assert max(shares) - min(shares) <= 1
        assert sum(chunk.jets for chunk in chunks) == 2 * CHUNK_JETS + 7
    # The index of a chunk tells it apart from those of all sources.
    assert Chunk("wtau_all", 3, 5, 2, 10).index == 17
    assert Chunk("tau", 3, 1, 2, 10).index == 5


@sim
def test_weights_keep_a_third_of_the_statistical_power():
    # (Σw)² / (N Σw²) of QCD jets from 5 GeV on, whose weights give the physical spectrum back.
    jets = simulate_chunk(Chunk("wtau_all", 7, 1, 0, 150))
    weight = jets.weight.astype(np.float64)
    assert weight.sum() ** 2 / (len(weight) * (weight**2).sum()) > 1 / 3
    assert jets["pt"].min() < 6
    assert jets["pt"].max() > 15
    assert set(jets.truth["background"]) == {BACKGROUNDS.index("qcd")}
    low, high = jets["pt"] < 10, jets["pt"] > 15
    assert weight[low].mean() > 2 * weight[high].mean()


@sim
def test_jets_of_pileup_are_none_of_the_hard_scatter(pool: Pool):
    jets = simulate_chunk(Chunk("wtau_all", 7, 4, 0, 12, pileup=20.0), pool)
    assert (jets.truth["background"] == BACKGROUNDS.index("pileup")).all()
    assert (jets.truth["generated_pt"] == 0).all()
    assert (jets.label == 0).all()
    assert (jets.weight == 1).all()


@sim
def test_a_smaller_chunk_is_the_beginning_of_a_larger_one_and_seeds_differ(
    small: tuple[Path, Jets], background: Jets
):
    less = small[1].take(small[1].label == 0)
    assert_same_jets(background.take(np.arange(len(less))), less, attributes=False)
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
    jets = simulate_chunk(Chunk("tau", 5, 1, 0, 15, pileup=20.0, objects=True), pool)
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
    first = jets.take(np.arange(5))
    again = simulate_chunk(Chunk("tau", 5, 1, 0, 5, pileup=20.0, objects=True), pool)
    assert_same_jets(first, again, attributes=False)
    # Objects have random numbers of their own: everything else is what it is without them.
    without = simulate_chunk(Chunk("tau", 5, 1, 0, 5, pileup=20.0), pool)
    assert_same_jets(replace(first, objects={}), without, attributes=False)
    check_objects_of(jets)


def check_objects_of(jets: Jets) -> None:
    """Every column is there, finite and in its range; tracks and calorimeters add up to the jet."""
    for kind, columns in OBJECTS.items():
        found = jets.objects[kind]
        assert list(found.columns) == [column.name for column in columns]
        for column in columns:
            assert found[column.name].dtype == column.dtype
            assert np.isfinite(found[column.name]).all()
            assert column.negative or (found[column.name] >= 0).all()
        if kind != "vertex":
            away = np.hypot(found["deta"], found["dphi"])
            if kind == "track":
                away = np.minimum(away, np.hypot(found["deta_face"], found["dphi_face"]))
            assert found.counts.mean() > 2
            assert away.max() <= 0.5 * (1 + 2**-9)
            assert np.abs(found["dphi"]).max() <= np.pi * (1 + 2**-9)
    tracks, vertices = jets.objects["track"], jets.objects["vertex"]
    assert set(np.unique(tracks["charge"])) == {-1, 1}
    assert set(np.unique(tracks["from_pv"])) <= {0, 1}
    assert (tracks["n_pixel_hits"] <= tracks["n_hits"]).all()
    assert set(np.unique(jets.objects["hcal"]["depth"])) <= {1, 2, 3, 4}
    assert set(np.unique(jets.objects["pixel"]["layer"])) == {1, 2, 3}
    np.testing.assert_array_equal(vertices["z"][vertices.offsets[:-1]], 0)
    assert jets.objects["ecal"]["energy"].min() >= 0.1 * (1 - 2**-10)
    # The jet's pT is that of its objects of the hard scatter, the HCAL's response being below 1.
    total = np.zeros(len(jets))
    own = tracks["from_pv"] == 1
    near = own & (np.hypot(tracks["deta"], tracks["dphi"]) < 0.4)
    total += np.bincount(tracks.owner[near], tracks["pt"][near], len(jets))
    assert 0.3 < np.median(total / jets["pt"]) < 1.2


@sim
@pytest.mark.parametrize(
    ("process", "source", "label"), [("wtau", 0, 1), ("z_jet", 0, 1), ("dijet", 1, 0), ("top", 0, 1)]
)
def test_other_processes(process: str, source: int, label: int):
    jets = simulate_chunk(Chunk(process, 2, source, 0, 4, objects=True))
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
    for kind in ("ecal", "candidate"):
        away = np.hypot(jets.objects[kind]["deta"], jets.objects[kind]["dphi"])
        assert 0.5 * chosen.candidate_radius < away.max() <= chosen.candidate_radius * (1 + 2**-10)
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
    assert_same_jets(simulate_chunk(first), shipped.take(rows[:50]), attributes=False)
