"""A fixture of the tests that score fresh jets."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from studies.detector import fresh


@pytest.fixture
def scores_are_pt(monkeypatch) -> None:
    """Runs are opened without a file and score a jet by its pT; the part that forests train on is the sample's name."""
    run = SimpleNamespace(model=lambda: "model", preprocess=None)
    monkeypatch.setattr(fresh, "open_run", lambda path: run)
    monkeypatch.setattr(fresh, "graphs_of", lambda jets, preprocess: jets)
    monkeypatch.setattr(fresh, "predict", lambda model, jets: np.stack([jets["pt"], jets["eta"]], axis=1))
    monkeypatch.setattr(fresh, "prepare", lambda config, folder: SimpleNamespace(train=config.data.sample))
