from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from e2e_tf import InputError
from e2e_tf.losses import DistanceCorrelation, distance_correlation


def brute_force(x, y, w):
    """The definition with expectations written as sums over pairs, and repeated entries for weights."""
    x, y = np.repeat(x, w).astype(float), np.repeat(y, w).astype(float)

    def centred(v):
        d = np.abs(v[:, None] - v[None, :])
        return d - d.mean(axis=0) - d.mean(axis=1)[:, None] + d.mean()

    a, b = centred(x), centred(y)
    return (a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean())


class TestDistanceCorrelation:
    def test_against_the_definition(self):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=40), rng.normal(size=40)
        y[:20] += x[:20] ** 2
        w = rng.integers(0, 4, 40)
        np.testing.assert_allclose(distance_correlation(x, y), brute_force(x, y, np.ones(40, int)), rtol=1e-5)
        np.testing.assert_allclose(distance_correlation(x, y, w), brute_force(x, y, w), rtol=1e-5)

    def test_hand_computed(self):
        # Any two variables of two entries are linear in each other.
        assert float(distance_correlation([0.0, 1.0], [5.0, -3.0])) == pytest.approx(1)
        # x in {0, 1} and y in {0, 1}, all four combinations: independent.
        assert float(distance_correlation([0.0, 0, 1, 1], [0.0, 1, 0, 1])) == pytest.approx(0, abs=1e-7)

    def test_no_linear_correlation_but_dependence(self):
        x = np.linspace(-1, 1, 101)
        assert abs(np.corrcoef(x, x**2)[0, 1]) < 1e-12
        assert float(distance_correlation(x, x**2)) > 0.2

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("spread", [1e-30, 1e-6, 1e-3, 1e6, 1e30])
    def test_no_unit_is_too_small_or_too_large(self, spread, dtype):
        rng = np.random.default_rng(3)
        x = rng.normal(size=50)
        y = x + 0.5 * rng.normal(size=50)
        expected = brute_force(x, y, np.ones(50, int))
        left, right = tf.constant((x * spread).astype(dtype)), (y * spread).astype(dtype)
        with tf.GradientTape() as tape:
            tape.watch(left)
            value = distance_correlation(left, right)
        digits = {"float32": 1e-5, "float64": 1e-12}[dtype]
        assert value.dtype == dtype
        assert float(value) == pytest.approx(expected, rel=digits)
        # In units of the spread the gradient is that of x itself, here by differences.
        step = 1e-4 * np.eye(50)[7]
        one, other = (brute_force(x + sign * step, y, np.ones(50, int)) for sign in (1, -1))
        slope = float(tape.gradient(value, left)[7]) * spread
        assert slope == pytest.approx((one - other) / 2e-4, rel=1e-3)

    def test_entries_of_weight_0_have_no_influence(self):
        rng = np.random.default_rng(4)
        x, y = rng.normal(size=(2, 20))
        y[:10] += x[:10]
        w = np.array([2, 1] * 5 + [0] * 10)
        expected = brute_force(x, y, w)
        for outside in (1e20, np.inf, np.nan):
            left = tf.constant(np.where(w > 0, x, outside))
            with tf.GradientTape() as tape:
                tape.watch(left)
                value = distance_correlation(left, y, w)
            assert float(value) == pytest.approx(expected, rel=1e-10)
            gradient = tape.gradient(value, left).numpy()
            assert np.isfinite(gradient).all()
            assert np.all(gradient[w == 0] == 0)

    @pytest.mark.parametrize("value", [0.1, 1e6, 1e-30])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_a_constant_is_constant_to_the_last_digit(self, value, dtype):
        noise = 1 + np.finfo(dtype).eps * np.array([0, 1, 0, 1, 0])
        for factor in (np.ones(5), noise):
            x = (value * factor).astype(dtype)
            assert float(distance_correlation(x, np.arange(5.0).astype(dtype))) == 0

    def test_what_is_no_number_is_not_hidden(self):
        for wrong in (np.nan, np.inf):
            assert np.isnan(distance_correlation([1.0, wrong, 2.0], [1.0, 2.0, 3.0]))

    def test_scale_shift_and_order_do_not_matter(self):
        rng = np.random.default_rng(1)
        x, y = rng.normal(size=(2, 30))
        one = float(distance_correlation(x, y + x))
        order = rng.permutation(30)
        assert float(distance_correlation(5 - 3 * x[order], 2 * (y + x)[order])) == pytest.approx(
            one, rel=1e-4
        )

    @pytest.mark.parametrize("weights", [None, [0.0, 0.0, 0.0]])
    def test_constant_empty_and_unweighted(self, weights):
        x = tf.Variable([1.0, 1.0, 1.0])
        with tf.GradientTape() as tape:
            value = distance_correlation(x, [1.0, 2.0, 3.0], weights)
        assert float(value) == 0
        assert np.isfinite(tape.gradient(value, x).numpy()).all()
        assert float(distance_correlation(np.zeros((0, 1)), np.zeros((0, 1)))) == 0

    def test_lowers_the_dependence_in_training(self):
        rng = np.random.default_rng(2)
        mass = rng.normal(size=(256, 1)).astype(np.float32)
        x = np.concatenate([mass, rng.normal(size=(256, 1))], axis=1).astype(np.float32)
        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
        model.compile(keras.optimizers.Adam(0.1), DistanceCorrelation())
        before = model.evaluate(x, mass, verbose=0, batch_size=256)
        model.fit(x, mass, sample_weight=np.ones(256), epochs=30, batch_size=256, verbose=0)
        assert model.evaluate(x, mass, verbose=0, batch_size=256) < 0.1 * before

    def test_config(self):
        loss = DistanceCorrelation()
        data = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
        again = keras.saving.deserialize_keras_object(data)
        assert again.get_config() == loss.get_config()
        assert float(again([0.0, 1.0], [5.0, -3.0])) == pytest.approx(1)

    def test_errors(self):
        with pytest.raises(InputError, match=r"x must have shape \(n,\) or \(n, 1\), got \(2, 2\)"):
            distance_correlation(np.zeros((2, 2)), np.zeros(2))
        with pytest.raises(InputError, match=r"y must have as many entries as x \(2\), got 3"):
            distance_correlation(np.zeros(2), np.zeros(3))
        with pytest.raises(InputError, match=r"weights must have as many entries as x \(2\), got 1"):
            distance_correlation(np.zeros(2), np.zeros(2), np.zeros(1))
