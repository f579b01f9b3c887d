from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from fresh_process import fresh_process

from e2e_tf import InputError
from e2e_tf.losses import ObjectCondensation, object_condensation


def condensation(beta, x, obj, q_min=0.1, noise=1.0):
    """One graph, as the paper writes it."""
    q = np.arctanh(beta) ** 2 + q_min
    attraction = repulsion = worst = 0.0
    objects = [k for k in np.unique(obj) if k >= 0]
    for k in objects:
        alpha = np.flatnonzero(obj == k)[np.argmax(beta[obj == k])]
        for j in range(len(beta)):
            d = np.linalg.norm(x[j] - x[alpha])
            if obj[j] == k:
                attraction += q[j] * d**2 * q[alpha]
            else:
                repulsion += q[j] * max(0, 1 - d) * q[alpha]
        worst += 1 - beta[alpha]
    n = max(len(beta), 1)
    background = beta[obj < 0]
    beta_term = worst / max(len(objects), 1) + (noise * background.mean() if len(background) else 0)
    return attraction / n, repulsion / n, beta_term


class TestObjectCondensation:
    sizes = np.array([6, 0, 1, 5, 0], np.int32)

    def hits(self):
        rng = np.random.default_rng(3)
        n = self.sizes.sum()
        return (
            rng.uniform(0.05, 0.95, n).astype(np.float32),
            rng.normal(size=(n, 2)).astype(np.float32),
            np.array([4, 4, 9, -1, 9, -1, -1, 0, 0, 0, 2, -1], np.int32),
        )

    def test_against_the_paper(self):
        beta, x, obj = self.hits()
        terms = object_condensation(beta, x, obj, self.sizes, noise=0.5)
        ends = np.cumsum(self.sizes)[:-1]
        parts = zip(*(np.split(v, ends) for v in (beta, x, obj)), strict=True)
        expected = np.array([condensation(*part, noise=0.5) for part in parts])
        for i, name in enumerate(("attraction", "repulsion", "beta")):
            np.testing.assert_allclose(terms[name], expected[:, i], atol=1e-6, err_msg=name)

    def test_hand_computed(self):
        # Two nodes of one object at distance 2: q = artanh²(β) + 1, the second leads.
        beta = np.tanh(np.array([0.0, 1.0], np.float32))
        x = np.array([[0.0], [2.0]], np.float32)
        terms = object_condensation(beta, x, np.array([7, 7]), np.array([2]), q_min=1.0)
        assert float(terms["attraction"][0]) == pytest.approx(1 * 4 * 2 / 2, rel=1e-5)
        assert float(terms["repulsion"][0]) == 0
        assert float(terms["beta"][0]) == pytest.approx(1 - np.tanh(1), rel=1e-5)

    def test_blocks_and_the_keras_loss_agree(self):
        beta, x, obj = self.hits()
        terms = object_condensation(beta, x, obj, self.sizes)
        rows = np.cumsum(self.sizes) - self.sizes
        blocks = np.zeros((5, 6, 3), np.float32)
        truth = np.zeros((5, 6, 2), np.float32)
        for g, (start, n) in enumerate(zip(rows, self.sizes, strict=True)):
            part = slice(start, start + n)
            blocks[g, :n] = np.concatenate([beta[part, None], x[part]], axis=1)
            truth[g, :n] = np.stack([obj[part], np.ones(n)], axis=1)
        loss = ObjectCondensation()
        total = terms["attraction"] + terms["repulsion"] + terms["beta"]
        np.testing.assert_allclose(loss.call(tf.constant(truth), tf.constant(blocks)), total, rtol=1e-5)
        np.testing.assert_allclose(loss(truth, blocks), np.mean(total), rtol=1e-5)

    def test_order_of_nodes_does_not_matter(self):
        beta, x, obj = (v[:6] for v in self.hits())
        order = np.random.default_rng(0).permutation(6)
        one = object_condensation(beta, x, obj, np.array([6]))
        two = object_condensation(beta[order], x[order], obj[order], np.array([6]))
        for name, value in one.items():
            np.testing.assert_allclose(value, two[name], rtol=1e-5)

    def near_one(self):
        """β up to the last digit below 1, and those of an object that differ only there."""
        beta = np.array([0.99995, 0.99999, 0.2, 0.999999, 0.9999, 0.0])
        return beta, np.random.default_rng(5).normal(size=(6, 2)), np.array([0, 0, 1, 1, -1, -1])

    @pytest.mark.parametrize(("dtype", "digits"), [("float32", 1e-4), ("float64", 1e-12)])
    def test_beta_up_to_1(self, dtype, digits):
        beta, x, obj = (v.astype(dtype) if v.dtype == float else v for v in self.near_one())
        terms = object_condensation(beta, x, obj, np.array([6]))
        expected = condensation(beta.astype(float), x.astype(float), obj)
        for value, (name, term) in zip(expected, terms.items(), strict=True):
            assert term.dtype == dtype
            assert float(term[0]) == pytest.approx(value, rel=digits), name

    def test_gradients_up_to_1(self):
        beta, x, obj = self.near_one()
        given = tf.constant(beta), tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(given)
            terms = object_condensation(*given, obj, np.array([6]))
            loss = tf.add_n([term[0] for term in terms.values()])
        by_beta, by_x = (g.numpy() for g in tape.gradient(loss, given))
        for i in range(6):
            step = 1e-4 * min(max(beta[i], 1e-3), 1 - beta[i]) * np.eye(6)[i]
            if beta[i] == 0:
                continue  # of one side only
            one, other = (sum(condensation(beta + sign * step, x, obj)) for sign in (1, -1))
            assert by_beta[i] == pytest.approx((one - other) / (2 * step[i]), rel=1e-5)
        for i, j in np.ndindex(6, 2):
            step = np.zeros((6, 2))
            step[i, j] = 1e-6
            one, other = (sum(condensation(beta, x + sign * step, obj)) for sign in (1, -1))
            assert by_x[i, j] == pytest.approx((one - other) / 2e-6, rel=1e-4, abs=1e-3)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_beta_0_and_1(self, dtype):
        # The charge of 1 is that of the largest number below 1; noise at 1 is still pushed down, a leader up.
        beta = tf.constant([1.0, 0.0, 1.0, 0.0], dtype)
        with tf.GradientTape() as tape:
            tape.watch(beta)
            terms = object_condensation(
                beta, tf.zeros((4, 1), dtype), np.array([0, 0, -1, -1]), np.array([4])
            )
            loss = tf.add_n([term[0] for term in terms.values()])
        charge = np.arctanh(np.nextafter(np.ones((), dtype), 0)).astype(float) ** 2 + 0.1
        assert float(terms["attraction"][0]) == 0
        assert float(terms["repulsion"][0]) == pytest.approx(charge * (charge + 0.1) / 4, rel=1e-5)
        assert float(terms["beta"][0]) == 0.5
        np.testing.assert_allclose(tape.gradient(loss, beta), [-1, 0, 0.5, 0.5], atol=1e-6)

    def test_gradients_are_finite_at_the_limits(self):
        beta = tf.Variable([1.0, 1.0, 0.0, 0.0, 0.5])
        x = tf.Variable(np.zeros((5, 2), np.float32))
        with tf.GradientTape() as tape:
            terms = object_condensation(beta, x, np.array([0, 1, 0, -1, -1]), np.array([5, 0]))
            loss = sum(tf.reduce_sum(term) for term in terms.values())
        for gradient in tape.gradient(loss, [beta, x]):
            assert np.isfinite(tf.convert_to_tensor(gradient).numpy()).all()

    def test_errors(self):
        beta, x, obj = self.hits()
        with pytest.raises(InputError, match="q_min must be positive, got 0"):
            object_condensation(beta, x, obj, self.sizes, q_min=0)
        with pytest.raises(InputError, match="noise must be a finite number of at least 0, got -1"):
            ObjectCondensation(noise=-1)
        with pytest.raises(InputError, match="n_node must add up"):
            object_condensation(beta, x, obj, self.sizes[:2])
        with pytest.raises(InputError, match=r"y_pred \(B, N, 1 \+ D\), got \(2, 3\) and \(2, 3, 3\)"):
            ObjectCondensation().call(tf.zeros((2, 3)), tf.zeros((2, 3, 3)))


def test_a_compiled_model_reloads_with_its_losses(tmp_path):
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(inputs))
    model.compile("adam", ObjectCondensation(q_min=0.3))
    model.optimizer.build(model.trainable_variables)
    x = np.ones((2, 5, 4), np.float32)
    model.save(tmp_path / "model.keras")
    (again,) = fresh_process().run(tmp_path / "model.keras", [x])
    np.testing.assert_allclose(again, model(x), atol=1e-6)
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.loss.get_config() == model.loss.get_config()
