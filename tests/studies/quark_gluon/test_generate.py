"""Jets by the recipe of the EnergyFlow set."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.sim.pythia import Events


def particles(*rows: tuple[int, int, int, float, float, float]) -> Events:
    """Massless particles of event, PDG number, status, pT, rapidity and φ."""
    event, pdg_id, status, pt, y, phi = (np.array(column) for column in zip(*rows, strict=True))
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y)], 1)
    return Events(
        pdg_id=pdg_id,
        status=status,
        charge=np.zeros(len(event)),
        daughters=np.zeros((len(event), 2), np.int64),
        momentum=momentum,
        vertex=np.zeros((len(event), 3)),
        event=event,
        weight=np.ones(event.max() + 1),
    )


def test_leading_constituents_of_selected_jets():
    pytest.importorskip("awkward", reason="needs the extra 'sim'")
    pytest.importorskip("fastjet", reason="needs the extra 'sim'")
    from studies.quark_gluon.generate import leading_constituents

    events = particles(
        (0, 2, -23, 530.0, 0.0, 0.0),  # a light quark; a neutrino and a far particle are not of its jet
        (0, 22, 1, 120.0, 0.1, 0.0),
        (0, 211, 1, 400.0, 0.0, 0.1),
        (0, -14, 1, 100.0, 0.0, 0.0),
        (0, 211, 1, 60.0, 1.0, 2.0),
        (1, 21, -23, 530.0, 0.0, 0.0),  # a gluon
        (1, 211, 1, 530.0, 0.0, 0.0),
        (2, 1, -23, 600.0, 0.0, 0.0),  # too hard
        (2, 211, 1, 600.0, 0.0, 0.0),
        (3, 3, -23, 520.0, 1.8, 0.0),  # too far forward
        (3, 211, 1, 520.0, 1.8, 0.0),
        (4, -3, -23, 520.0, 1.5, -1.0),  # eleven constituents
        *[(4, 211, 1, 42.0 + i, 1.5, -1.0) for i in range(11)],
        (5, 2, -23, 520.0, 0.0, 0.0),  # nothing that can be seen
    )
    x = leading_constituents(events, (1, 2, 3))
    assert x.shape == (2, 10, 4)
    np.testing.assert_allclose(x[0, :2], [[400, 0, 0.1, 211], [120, 0.1, 0, 22]], atol=1e-9)
    assert not x[0, 2:].any()
    np.testing.assert_allclose(x[1, :, 0], np.arange(52, 42, -1))
    np.testing.assert_allclose(x[1, :, 1:], [[1.5, -1, 211]] * 10)
    np.testing.assert_allclose(leading_constituents(events, (21,))[:, 0], [[530, 0, 0, 211]], atol=1e-9)


def test_generated_jets_are_of_the_recipe(monkeypatch):
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    from studies.quark_gluon import generate

    with pytest.raises(InputError, match="even number of at least 2, not 3"):
        generate.generate(3, 1)
    monkeypatch.setattr(generate, "BATCH", 40)
    x, y = generate.generate(4, 1)
    assert y.tolist() == [1, 0, 1, 0]
    assert (np.diff(x[:, :, 0]) <= 0).all()
    assert ((x[:, :, 0].sum(1) > 150) & (x[:, :, 0].sum(1) < 550)).all()
    assert (np.abs(x[:, 0, 1]) < 2.1).all()
    assert not np.isin(np.abs(x[:, :, 3]), (12, 14, 16, 310, 3122)).any()
    np.testing.assert_array_equal(generate.generate(4, 1)[0], x)
