"""Single jets with hits and candidates that a hand can add up, and their features by name."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.grid import window_corner
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.objects import OBJECTS

KINDS = ("charged_hadron", "neutral_hadron", "photon", "electron", "muon")


def jets_at(eta, phi, pt, hits=None, candidates=None):
    eta, phi, pt = (np.asarray(x, np.float32) for x in (eta, phi, pt))
    ieta, iphi = window_corner(eta, phi)
    columns = {"pt": pt, "eta": eta, "phi": phi, "mass": pt / 10, "ieta": ieta, "iphi": iphi}
    n = len(pt)
    return Jets(
        columns=columns,
        event=np.arange(n),
        weight=np.ones(n, np.float32),
        label=np.arange(n, dtype=np.int8) % 2,
        hits=hits or {},
        candidates=candidates,
    )


def hits_of(cells, values, counts):
    columns = {"cell": np.array(cells, np.int16), "value": np.array(values, np.float32)}
    return Ragged.from_counts(columns, np.array(counts))


def candidates_of(rows, counts):
    """Massless candidates from (kind, charge, pt, deta, dphi, d0, d0_significance); the jet is at η = 0."""
    kind, charge, pt, deta, dphi, d0, significance = (np.array(x) for x in zip(*rows, strict=True))
    columns = {
        "charge": charge,
        "pt": pt,
        "deta": deta,
        "dphi": dphi,
        "d0": d0,
        "d0_significance": significance,
    }
    columns |= {"energy": pt * np.cosh(deta)}
    columns |= {f"is_{name}": kind == name for name in KINDS}
    return Ragged.from_counts({k: v.astype(np.float64) for k, v in columns.items()}, np.array(counts))


def row(features, jet=0):
    names, table = features
    assert table.shape[1] == len(names) == len(set(names))
    assert table.dtype == np.float32
    return dict(zip(names, table[jet].tolist(), strict=True))


TAU = [  # pT 20 at η = 0: the signal cone is 3/20 cut down to 0.1
    ("charged_hadron", 1, 8.0, 0.0, 0.0, -0.02, -4.0),
    ("charged_hadron", -1, 4.0, 0.03, 0.04, 0.01, 6.0),
    ("photon", 0, 6.0, 0.0, 0.2, 0.0, 0.0),
    ("neutral_hadron", 0, 2.0, 0.3, 0.0, 0.0, 0.0),
]


def objects(count, kinds=("track", "ecal"), most=9):
    """Fewer than ``most`` objects of each of these kinds around each jet, all columns random."""
    rng = np.random.default_rng(0)
    found = {}
    for kind in kinds:
        counts = rng.integers(0, most, count)
        columns = {}
        for column in OBJECTS[kind]:
            values = rng.normal(0, 0.1, counts.sum()) if column.negative else rng.exponential(2, counts.sum())
            columns[column.name] = values.astype(column.dtype)
        found[kind] = Ragged.from_counts(columns, counts)
    return found
