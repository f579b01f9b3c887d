from __future__ import annotations

import sys

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.sim.pythia import PROCESSES, EventGenerator, import_extra


def test_missing_extra_names_the_install_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(InputError, match=r"fastjet.*pip install 'e2e-tf\[sim\]'"):
        import_extra("fastjet")


def test_record_conserves_momentum_and_charge():
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    events = EventGenerator(PROCESSES["tau"].sources[0].cards, 12).next(4)
    assert len(events) == 4
    final = events.status > 0
    total = np.stack([np.bincount(events.event[final], events.momentum[final, i]) for i in range(4)], 1)
    np.testing.assert_allclose(total, [[0, 0, 0, 13_000]] * 4, atol=0.5)
    np.testing.assert_allclose(np.bincount(events.event[final], events.charge[final]), 2, atol=1e-9)
    # Daughters are rows of the same event, and every tau has flown.
    parents = np.flatnonzero(events.daughters[:, 0])
    np.testing.assert_array_equal(events.event[events.daughters[parents, 0]], events.event[parents])
    neutrinos = final & (np.abs(events.pdg_id) == 16)
    assert neutrinos.sum() >= 8
    assert (np.linalg.norm(events.vertex[neutrinos], axis=1) > 0).any()


def test_a_wrong_card_is_refused():
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    with pytest.raises(RuntimeError, match="NoSuch:setting"):
        EventGenerator(("NoSuch:setting = on",), 1)
