"""What every graph model must do, whatever its layers, and the registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fresh_process import fresh_process
from layer_exports import onnx_model
from small_models import ALL, HEADS, SMALL, F, G, features, small

import e2e_tf.models
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, build_model


def test_every_graph_model_is_tested() -> None:
    assert set(SMALL) == {name for name, entry in MODELS.items() if entry.inputs == "graph"}


@pytest.mark.parametrize("which", ALL)
def test_graphs_alone_in_a_batch_and_permuted(which: str, batch: Any, alone: Any, permute: Any) -> None:
    model = small(which, HEADS)
    whole = features(batch([5, 0, 1, 9, 2, 0], F, G))
    together = {key: value.numpy() for key, value in model(whole).items()}
    assert {key: value.shape for key, value in together.items()} == {
        "score": (6, 1),
        "mode": (6, 3),
        "visible_pt": (6, 1),
        "node": (17, 2),
        "edge": (len(whole["senders"]), 1),
    }
    for value in together.values():
        assert np.isfinite(value).all()
        assert np.std(value) > 1e-4  # a constant would pass every test below
    np.testing.assert_allclose(together["mode"].sum(axis=1), 1, rtol=1e-5)

    parts: dict[str, list[np.ndarray]] = {key: [] for key in HEADS}
    for graph in range(6):
        for key, value in model(alone(whole, graph)).items():
            parts[key].append(value.numpy())
    for key in HEADS:  # also: padding of other graphs does not matter
        np.testing.assert_allclose(np.concatenate(parts[key]), together[key], rtol=1e-4, atol=2e-6)

    moved, order = permute(whole)
    for key, value in model(moved).items():
        expected = together[key][order] if key == "node" else together[key]
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=2e-6)


# ParticleNet-Lite is ParticleNet with other defaults, and here with the same settings.
@pytest.mark.parametrize("which", [name for name in SMALL if name != "particle_net_lite"])
def test_overfits_32_graphs(which: str, batch: Any) -> None:
    rng = np.random.default_rng(3)
    whole = features(batch(rng.integers(3, 8, 32), F, G, seed=4))
    label = rng.integers(0, 2, (32, 1)).astype(np.float32)
    name, changes = ALL[which]
    known = MODELS[name].settings.__dataclass_fields__
    wide = {key: 0.0 for key in ("dropout", "last_dropout") if key in known}
    model = build_model(name, F, G, SMALL[name] | changes | wide)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_weights)  # outside, so that the step is traced once

    @tf_function
    def step() -> Any:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = keras.ops.mean(keras.losses.binary_crossentropy(label, model(whole, training=True)))
        optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
        return loss

    first = float(step())
    for _ in range(30):
        losses = [float(step()) for _ in range(10)]
        if max(losses) < 0.1:
            break
    assert losses[-1] < 0.1 < first


def tf_function(call: Any) -> Any:
    import tensorflow as tf

    return tf.function(call, autograph=False)


def test_reload_in_a_fresh_process(tmp_path: Path, batch: Any) -> None:
    whole = features(batch([4, 0, 6], F, G))
    for which in SMALL:
        model = small(which, HEADS)
        model.save(tmp_path / "model.keras")
        again = fresh_process().run(tmp_path / "model.keras", whole)
        expected = keras.tree.flatten(model(whole))
        assert [value.shape for value in again] == [value.shape for value in expected]
        for value, one in zip(again, expected, strict=True):
            np.testing.assert_allclose(value, one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "egamma_hybrid"])  # which has its own
def test_registry_knows_the_weights(name: str) -> None:
    entry = MODELS[name]
    assert build_model(name, *entry.example).count_params() == entry.parameters


def test_frozen_and_onnx(tmp_path: Path, batch: Any) -> None:
    import onnxruntime
    import tensorflow as tf

    names = ("x", "senders", "receivers", "n_node", "u")
    for which in ("particle_net", "particle_attention", "particle_attention as published"):
        model = small(which)
        specs = [
            tf.TensorSpec((None, F), tf.float32, "x"),
            *(tf.TensorSpec((None,), tf.int32, name) for name in names[1:4]),
            tf.TensorSpec((None, G), tf.float32, "u"),
        ]
        call = tf.function(
            lambda *a, m=model: m(dict(zip(names, a, strict=True)), training=False), specs, autograph=False
        )
        proto = onnx_model(call, specs)
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        for counts in ([5, 0, 1, 9], [1], [20, 3]):
            whole = features(batch(counts, F, G))
            (score,) = session.run(None, whole)
            np.testing.assert_allclose(score, model(whole), atol=1e-5, err_msg=which)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("particle_nett", {}, "model.name must be one of gat_cheb, "),
        ("particle_net", {"k": 0}, "k must be at least 1, not 0"),
        (
            "particle_net",
            {"coordinates": "eta"},
            "coordinates must be 'graph', 'points' or columns of x, not 'eta'",
        ),
        ("particle_net", {"coordinates": [6]}, "coordinates must be columns of x, 0 to 5, not (6,)"),
        ("particle_net", {"channels": [[8], []]}, "channels must hold positive numbers for each block"),
        ("particle_attention", {"heads": 3}, "heads must divide width, but 3 does not divide 64"),
        ("particle_attention", {"pairs": [0, 1]}, "pairs must be four columns of x"),
        (
            "particle_attention",
            {"pairs": "features"},
            "pairs = 'features' needs pair_columns, pair_median and",
        ),
        ("particle_attention", {"pooling": "max"}, "pooling must be 'mean' or 'sum', not 'max'"),
        ("particle_attention", {"relative": True}, "relative needs pairs = 'features', not 'graph'"),
        ("particle_attention", {"couplings": True}, "couplings need four-momenta"),
        ("deep_sets", {"pool": "median"}, "pool must be 'sum', 'mean' or 'max', not 'median'"),
        ("graph_net", {"padded_nodes": 5}, "n_globals must be 0, not 2"),
        ("gcn_belle", {"kind_column": 6}, "kind_column must be one of at least two columns of x"),
        ("deep_sets", {"phy": [3]}, "unknown key 'model.phy'; deep_sets accepts phi, dense, pool, dropout"),
    ],
)
def test_bad_settings(name: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        build_model(name, F, G, settings)
    assert sentence in str(caught.value)


def test_public_names() -> None:
    for name in e2e_tf.models.__all__:
        assert hasattr(e2e_tf.models, name)


@pytest.fixture
def bfloat16() -> Iterator[None]:
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def float16() -> Iterator[None]:
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.usefixtures("float16")
@pytest.mark.parametrize("variant", ["simple", "published"])
def test_half_precision_leaves_out_steps_that_are_too_large(variant: str, batch: Any) -> None:
    """The first losses are scaled beyond float16; such steps are left out and no weight becomes NaN."""
    whole = batch([5, 3, 6, 1], F, G)
    label = np.array([[0], [1], [1], [0]], np.float32)
    model = build_model("particle_attention", F, G, SMALL["particle_attention"] | {"variant": variant})
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-3), initial_scale=2.0**30)
    model.compile(optimizer, "binary_crossentropy", jit_compile=False, run_eagerly=True)
    before = [w.copy() for w in model.get_weights()]
    for _ in range(3):
        model.train_on_batch(whole, label)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert float(optimizer.dynamic_scale) < 2.0**30
    token = next(i for i, w in enumerate(model.weights) if "class_token" in w.path)
    np.testing.assert_array_equal(model.get_weights()[token], before[token])


@pytest.mark.usefixtures("bfloat16")
def test_mixed_precision_keeps_kinds_and_momenta(batch: Any) -> None:
    whole = batch([3], F, 0)
    whole["x"][:, -1] = 512
    model = build_model("gcn_belle", F, 0, {"units": 8})
    table = np.zeros((541, 8), np.float32)
    table[513] = 1  # bfloat16 cannot tell 512 from 513
    model.get_layer("embedding").set_weights([table])
    score = np.asarray(model(whole))
    assert score.dtype == np.float32
    whole["x"][:, -1] = 513
    assert np.abs(np.asarray(model(whole)) - score).max() > 1e-4

    model = build_model("particle_attention", F, 0, SMALL["particle_attention"] | {"pairs": "p4"})
    p4 = np.array([[50, 1.0, 1.0, 0], [40, 1.001, 1.0, 0], [30, 1.0, 1.002, 0]], np.float32)
    pairs = keras.Model(model.inputs, model.get_layer("pairs").output)
    inputs = whole | {"p4": p4}
    found = np.asarray(pairs([inputs[tensor.name] for tensor in model.inputs])).astype(np.float32)
    assert found[0, 0, 1, 2] == pytest.approx(np.log(0.001), rel=0.01)


@pytest.mark.parametrize(
    ("name", "features", "settings", "sentence"),
    [
        ("event_images", 1, {}, "n_features must be 3, red, green and blue, not 1"),
        ("event_images", 3, {"backbone": "vgg"}, "backbone must be one of resnet50, "),
        ("event_images", 3, {"backbone": "inceptionv3", "size": [64, 64]}, "size must be at least 75 x 75"),
        ("egamma_hybrid", 2, {"size": [31, 32]}, "size must be at least 32 x 32"),
        ("quark_gluon_cnn", 3, {"size": [8, 8]}, "size must be at least 16 pixels"),
        ("fcn", 0, {}, "n_features must be a positive integer, got 0"),
        ("fcn", 3, {"layers": 0}, "layers must be at least 1, not 0"),
    ],
)
def test_bad_settings_of_images(name: str, features: int, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        build_model(name, features, 0, settings)
    assert sentence in str(caught.value)
