"""Jets of the shipped sample and one made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.grid import window_corner
from e2e_tf.data.jets import Jets, Ragged, read_jets


@pytest.fixture(scope="session")
def jets(tau_folder) -> Jets:
    return read_jets(tau_folder / "tau.h5")


@pytest.fixture
def one_jet() -> Jets:
    """A jet of 20 GeV at η = φ = 0: a track of 8 GeV, a photon of 8 and a neutral hadron of 4, each with a hit."""
    ieta, iphi = window_corner(np.zeros(1), np.zeros(1))
    columns = {"pt": 20.0, "mass": 2.0, "eta": 0.0, "phi": 0.0}
    kinematics = {name: np.array([value], np.float32) for name, value in columns.items()}

    def hit(cell, value):
        column = {"cell": np.array([cell], np.int16), "value": np.array([value], np.float32)}
        return Ragged(column, np.array([0, 1]))

    candidates = {
        "pt": np.array([8, 8, 4], np.float32),
        "energy": np.array([8, 8, 4], np.float32),
        "deta": np.zeros(3, np.float32),
        "dphi": np.array([0, 0.01, 0.15], np.float32),
        "charge": np.array([1, 0, 0], np.int8),
        "pdg_id": np.array([211, 22, 130], np.int16),
    }
    return Jets(
        columns=kinematics | {"ieta": ieta, "iphi": iphi},
        event=np.zeros(1, np.int64),
        weight=np.ones(1, np.float32),
        label=np.ones(1, np.int8),
        # Crystal (60, 60) and tower (12, 12) are where the axis is.
        hits={"track": hit(60 * 125 + 60, 8), "ecal": hit(60 * 125 + 61, 8), "hcal": hit(12 * 25 + 12, 4)},
        candidates=Ragged(candidates, np.array([0, 3])),
    )
