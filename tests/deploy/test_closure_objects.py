"""Events of RECO with jets of the shipped sample of detector objects."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.closure_events import ClosureEvents
from e2e_tf.deploy.closure_objects import _Source, object_events, reco_tracks, reco_vertices

EVENTS = 40


def test_places_at_the_face_are_those_of_the_shipped_sample() -> None:
    """Within the 10 bits that a file has of a track's momentum and direction."""
    jets = read_jets(sample_path("tau_detector"), stop=2 * EVENTS)
    event = np.arange(len(jets)) // 2
    beam = np.random.default_rng(6).normal(0, 0.02, (EVENTS, 3))
    source = _Source(jets, event, jets["eta"].astype(float), jets["phi"].astype(float), beam)
    tracks = reco_tracks(source, reco_vertices(source))
    rows = jets.objects["track"]
    stored = delta_phi(rows["dphi_face"].astype(float) + source.phi[rows.owner], 0.0)
    stored = stored[np.lexsort((-rows["pt"].astype(float), event[rows.owner]))]
    barrel = np.abs(tracks.eta_face) < 1.2  # further on φ depends on z, which the sample does not say
    apart = np.abs(delta_phi(tracks.phi_face - stored, 0.0))[barrel]
    assert len(apart) > 500
    assert np.median(apart) < 6e-4
    assert np.mean(apart < 3e-3) > 0.95


def test_jets_have_the_objects_of_the_sample_and_momenta_as_their_training() -> None:
    sample = read_jets(sample_path("tau_detector"), stop=20)
    stored = object_events(None, 10)
    assert stored.source == "jets"
    assert stored.text.split(maxsplit=1)[0] == "10"
    np.testing.assert_array_equal(stored.label, sample.label)
    assert set(stored.jets.objects) == {"track", "ecal", "hcal", "pixel", "vertex"}
    # Two jets lie apart; few objects at the edge of one are in it by their bits alone.
    for kind in ("track", "pixel"):
        found, wanted = (of.objects[kind].counts for of in (stored.jets, sample))
        assert 0.95 * wanted.sum() < found.sum() <= wanted.sum()
        assert np.abs(found - wanted).max() <= 3
    lines = {name: made.text.splitlines() for name, made in (("stored", stored), ("area", _area()))}
    momenta = {name: np.array(text[2].split()[:4], float) for name, text in lines.items()}
    np.testing.assert_allclose(momenta["stored"][[0, 3]], [sample["pt"][0], sample["mass"][0]], rtol=1e-6)
    lifted = sample["pt"][0] + 4.0 * np.pi * 0.16
    np.testing.assert_allclose(momenta["area"][0], lifted, rtol=1e-6)
    np.testing.assert_allclose(momenta["area"][3], sample["mass"][0] * lifted / sample["pt"][0], rtol=1e-6)
    np.testing.assert_array_equal(_area().jets["pt"], sample["pt"])


def _area() -> ClosureEvents:
    return object_events({"momentum": "area", "rho": "fixedGridRhoFastjetAll", "radius": 0.5}, 10)
