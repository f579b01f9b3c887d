from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from tables import nothing

from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.jet_objects import objects_of_jets
from e2e_tf.sim.objects import Crystals, PixelClusters, Segments, TrackObjects
from e2e_tf.sim.vertices import Vertices


def jets_at(*axes: tuple[int, float, float]) -> ReconstructedJets:
    """Jets of (event, η, φ)."""
    event, eta, phi = (np.array(column) for column in zip(*axes, strict=True))
    return ReconstructedJets(event, np.full(len(axes), 30.0), eta, phi, np.ones(len(axes)))


def tracks(**columns: list) -> TrackObjects:
    count = len(columns["event"])
    zero = {field.name: np.zeros(count) for field in fields(TrackObjects)}
    return TrackObjects(**(zero | {name: np.array(column) for name, column in columns.items()}))


def vertices(event: list[int], z: list[float], n_tracks: list[int]) -> Vertices:
    """Vertices by rising event, the first of each chosen, with Σp²T of ten times their tracks."""
    count = len(event)
    columns = {field.name: np.zeros(count) for field in fields(Vertices)}
    chosen = np.append(True, np.diff(event) > 0)[:count]
    columns |= {"event": np.array(event, np.int64), "z": np.array(z), "n_tracks": np.array(n_tracks)}
    return Vertices(**columns | {"sum_pt2": 10.0 * np.array(n_tracks), "chosen": chosen})


def test_columns_by_hand():
    jets = jets_at((0, 0.5, 1.0), (3, -1.0, 2.0))
    found = objects_of_jets(
        jets,
        tracks(
            event=[0, 0, 3],
            pt=[1.0, 8.0, 2.0],
            eta=[0.6, 0.5, -1.0],
            phi=[1.1, 1.0, 2.9],
            eta_face=[0.7, 0.5, -1.1],
            phi_face=[1.5, 0.9, 2.25],
            charge=np.array([1, -1, 1], np.int8),
        ),
        Crystals(*(np.array(c) for c in ([7, 9], [0, 0], [0.25, 0.75], [1.0, 1.0], [2.0, 3.0], [1.0, 0.5]))),
        Segments(*(np.array(c) for c in ([4], [3], [-1.0], [2.0], [5.0], [2]))),
        PixelClusters(*(np.array(c) for c in ([0, 0, 0], [0.5, 0.6, 0.9], [1.0, 1.0, 1.4], [2, 1, 1]))),
        vertices([0, 0, 1, 2, 3], [1.0, 3.5, 0.0, 0.0, -2.0], [9, 4, 2, 2, 5]),
        0.5,
    )
    assert {kind: objects.counts.tolist() for kind, objects in found.items()} == {
        "track": [2, 1],
        "ecal": [2, 0],
        "hcal": [0, 1],
        "pixel": [2, 0],
        "vertex": [2, 1],
    }
    # By falling pT; the third track is near its jet at the ECAL only.
    np.testing.assert_allclose(found["track"]["pt"], [8, 1, 2])
    np.testing.assert_allclose(found["track"]["deta"], [0, 0.1, 0], atol=1e-3)
    np.testing.assert_allclose(found["track"]["dphi"], [0, 0.1, 0.9], rtol=1e-3)
    np.testing.assert_allclose(found["track"]["dphi_face"], [-0.1, 0.5, 0.25], rtol=1e-3)
    assert found["track"]["charge"].tolist() == [-1, 1, 1]
    # By falling transverse energy: 3 / cosh 0.75 = 2.32 before 2 / cosh 0.25 = 1.94.
    np.testing.assert_allclose(found["ecal"]["energy"], [3, 2])
    np.testing.assert_allclose(found["ecal"]["time"], [0.5, 1.0])
    np.testing.assert_allclose(found["ecal"]["deta"], [0.25, -0.25])
    assert found["hcal"]["depth"].tolist() == [2]
    assert found["pixel"]["layer"].tolist() == [1, 2]
    # Relative to the chosen one; events without jets are left out.
    np.testing.assert_allclose(found["vertex"]["z"], [0, 2.5, 0])
    np.testing.assert_allclose(found["vertex"]["sum_pt2"], [90, 40, 50])
    assert found["track"]["pt"].dtype == np.float32


def test_the_order_of_events_does_not_matter():
    rng = np.random.default_rng(0)
    event = np.repeat(np.arange(4), 30)
    eta, phi, energy = rng.uniform(-0.6, 0.6, 120), rng.uniform(-0.6, 0.6, 120), rng.exponential(2, 120)
    crystals = Crystals(np.arange(120), event, eta, phi, energy, rng.normal(size=120))
    rest = nothing(Segments), nothing(PixelClusters), vertices([0, 1, 2, 3], [0.0] * 4, [2] * 4)
    jets = jets_at(*((i, 0.1 * i, 0.0) for i in range(4)))
    found, mixed = (
        objects_of_jets(jets, nothing(TrackObjects), cells, *rest, 0.5)["ecal"]
        for cells in (crystals, crystals.take(rng.permutation(120)))
    )
    assert found.counts.sum() == pytest.approx(120 * np.pi * 0.25 / 1.44, rel=0.3)
    for name, column in found.columns.items():
        np.testing.assert_array_equal(column, mixed[name])
