from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import STANDARD, Form, pair_rows

from e2e_tf import InputError
from e2e_tf.layers import PairFeatures


def momenta(graphs):
    """(pT, η, φ, m) in GeV and rad, from the random features."""
    x = graphs.x.astype(float)
    p4 = np.stack([np.exp(x[:, 0]) * 5, x[:, 1], np.pi * np.tanh(x[:, 2]), 0.2 * np.abs(x[:, 3])], axis=1)
    return p4.astype(np.float32)


def cartesian(p4):
    pt, eta, phi, m = p4.T
    pz = pt * np.sinh(eta)
    return np.stack([np.sqrt(pt**2 + pz**2 + m**2), pt * np.cos(phi), pt * np.sin(phi), pz], axis=1)


def reference(p4, couplings):
    # In extended precision: float64 leaves few digits of E² - p² for light particles.
    p4 = p4.astype(np.longdouble)
    p = cartesian(p4)
    pt = p4[:, 0]
    y = 0.5 * np.log((p[:, 0] + p[:, 3]) / (p[:, 0] - p[:, 3]))
    dphi = np.angle(np.exp(1j * (p4[:, None, 2] - p4[None, :, 2])))
    delta = np.hypot(y[:, None] - y[None, :], dphi)
    low = np.minimum(pt[:, None], pt[None, :])
    total = p[:, None] + p[None, :]
    m2 = total[..., 0] ** 2 - (total[..., 1:] ** 2).sum(axis=-1)
    floor = 1e-8
    ln_kt = np.log(low) + np.log(np.maximum(delta, floor))
    out = [
        ln_kt,
        np.log(low / (pt[:, None] + pt[None, :])),
        np.log(np.maximum(delta, floor)),
        np.log(np.maximum(m2, floor)),
    ]
    if couplings:
        scale = 2 * np.log(np.maximum(np.exp(ln_kt), 1) / 91.1876)
        out.append(0.118 / (1 + 0.118 * 23 / (12 * np.pi) * scale))
        out.append(1 / 127.95 / (1 - 1 / 127.95 * 20 / (9 * np.pi) * scale))
    return np.stack(out, axis=-1).astype(float)


@pytest.mark.parametrize("couplings", [False, True])
def test_pair_features(couplings):
    # A layer whose inputs are momenta, whatever the random features are.
    form = Form("pairs", lambda g: g.blocks(momenta(g)), pair_rows, blocks=True)

    def by_graph(weights, graphs):
        p4 = momenta(graphs)
        parts = [p4[graphs.graph_id == i] for i in range(len(graphs.n_node))]
        width = 6 if couplings else 4
        return np.concatenate([reference(p, couplings).reshape(-1, width) for p in parts])

    check_layer(
        lambda: PairFeatures(couplings),
        [form],
        "pair",
        reference=by_graph,
        gradients=False,
        slopes=True,
        tolerance=5e-6,
    )


def test_hand_computed():
    # Two massless particles of 3 and 1 GeV, 0.6 apart in η and 0.8 across φ = π: ΔR = 1.
    p4 = np.array([[[3.0, 0.3, np.pi - 0.3, 0.0], [1.0, -0.3, 0.5 - np.pi, 0.0]]], np.float32)
    out = PairFeatures()(p4)[0, 0, 1]
    m2 = 2 * 3 * (np.cosh(0.6) - np.cos(0.8))
    np.testing.assert_allclose(out, [0, np.log(0.25), 0, np.log(m2)], atol=1e-6)


def test_floor_of_the_product():
    """As published, ln kT of a particle with itself is ln 1e-8, and of others what it is without."""
    p4 = np.array([[[200, 0.5, 1.0, 0], [3, 0.7, -1.0, 0.1], [1e-9, 0.7, -1.0, 0.1]]], np.float32)
    factors, product = PairFeatures()(p4).numpy(), PairFeatures(floor_product=True)(p4).numpy()
    np.testing.assert_array_equal(product[..., 1:], factors[..., 1:])
    np.testing.assert_allclose(product[0, 0, 1], factors[0, 0, 1])
    np.testing.assert_allclose(np.diagonal(product[0, :, :, 0]), np.log(1e-8), rtol=1e-6)
    np.testing.assert_allclose(factors[0, 0, 0, 0], np.log(200) + np.log(1e-8), rtol=1e-6)
    assert product[..., 0].min() == pytest.approx(np.log(1e-8), rel=1e-6)
    assert PairFeatures.from_config(PairFeatures(floor_product=True).get_config()).floor_product


def test_collimated_particles_keep_their_mass():
    # 500 GeV each, 1e-3 apart: E² - p² in float32 would be noise.
    p4 = np.array([[[500.0, 2.0, 0.0, 0.13957], [500.0, 2.001, 0.0, 0.13957]]], np.float32)
    p = cartesian(p4[0].astype(np.longdouble))
    got = float(PairFeatures()(p4)[0, 0, 1, 3])
    dy = float(np.float32(2.001)) - 2.0
    expected = 4 * 0.13957**2 + 500**2 * (dy) ** 2
    assert np.exp(got) == pytest.approx(expected, rel=2e-3)
    assert p.shape == (2, 4)


@pytest.mark.parametrize("floor_product", [False, True])
def test_gradients_are_finite_where_particles_coincide(floor_product):
    import tensorflow as tf

    p4 = tf.constant([[[2.0, 0.1, 0.2, 0.0], [2.0, 0.1, 0.2, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    with tf.GradientTape() as tape:
        tape.watch(p4)
        loss = tf.reduce_sum(PairFeatures(couplings=True, floor_product=floor_product)(p4))
    assert np.isfinite(tape.gradient(loss, p4).numpy()).all()


def test_couplings_run():
    # At kT = m_Z they are the measured ones; the strong one grows towards small scales and freezes at 1 GeV.
    def couplings(kt):
        p4 = np.array([[[kt, 0.0, 0.0, 0.0], [kt, 1.0, 0.0, 0.0]]], np.float32)
        return PairFeatures(couplings=True)(p4).numpy()[0, 0, 1, 4:]

    np.testing.assert_allclose(couplings(91.1876), [0.118, 1 / 127.95], rtol=1e-5)
    strong = [couplings(kt)[0] for kt in (100, 10, 2, 1, 0.1)]
    assert np.all(np.diff(strong) >= 0)
    assert strong[-1] == strong[-2]
    assert 0.30 < strong[-1] < 0.5


def test_errors():
    with pytest.raises(InputError, match=r"p4 must have shape \(B, N, 4\) .* got \(6, 6, 5\)"):
        PairFeatures()(STANDARD.blocks())
