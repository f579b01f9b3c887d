from __future__ import annotations

import numpy as np
from same import assert_same_jets

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.sim.pieces import load_columns, pack, save_columns, unpack


def ragged(n: int, seed: int) -> Ragged:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, n)
    total = int(counts.sum())
    return Ragged.from_counts(
        {"cell": np.arange(total), "value": rng.random(total).astype(np.float32)}, counts
    )


def test_jets_survive_a_file_of_flat_columns(tmp_path):
    n = 6
    vertices = ragged(n, 12)
    jets = Jets(
        {"pt": np.arange(6, dtype=np.float32)},
        np.arange(6),
        np.ones(n, np.float32),
        np.array([0, 1] * 3, np.int8),
        {"decay_mode": np.arange(6, dtype=np.int8)},
        {channel: ragged(n, i) for i, channel in enumerate(("track", "ecal", "hcal"))},
        ragged(n, 9),
        objects={"vertex": Ragged(vertices.columns | {"z": vertices["value"]}, vertices.offsets)},
    )
    save_columns(tmp_path / "a.npz", pack(jets))
    columns = load_columns(tmp_path / "a.npz")
    assert list(columns) == list(pack(jets))
    assert columns["hits/ecal/offset"].dtype == np.int64
    assert_same_jets(unpack(columns), jets)
