"""What every graph model must do, whatever its layers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import e2e_tf.models
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, Head, build_model, check_inputs, fill_settings

F, G = 6, 2
# Small enough to be quick, with every kind of layer of the model.
FEATURES = {
    "pairs": "features",
    "pair_columns": [1, 0, 3],
    "pair_median": [0.2, 0.0, 0.1],
    "pair_norm": [2.0, 5.0, 4.0],
}
SMALL: dict[str, dict[str, Any]] = {
    "gat_cheb": {"channels": [4, 8], "heads": [1, 2], "cheb_channels": [8], "dense": [8]},
    "particle_net": {"k": 3, "channels": [[8, 8], [8]], "dense": [8]},
    "particle_net_lite": {"k": 3, "channels": [[8, 8], [8]], "dense": [8]},
    "particle_attention": {"width": 8, "heads": 2, "blocks": 1, "embed": [8], "dense": [8]},
    "deep_sets": {"phi": [8, 8], "dense": [8]},
    "graph_net": {"units": 8, "node_layers": 1, "convolutions": 2, "dense_layers": 2},
    "gcn_belle": {"units": 8, "kinds": 5, "embedding": 3},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gat_cheb on edges": ("gat_cheb", {"layout": "edges", "pooling": "attention+max+mean+sum"}),
    "particle_net in columns": ("particle_net", {"coordinates": [0, 1]}),
    "particle_attention with mean": ("particle_attention", {"class_blocks": 0}),
    "particle_attention with sum": ("particle_attention", {"class_blocks": 0, "pooling": "sum"}),
    "particle_attention in columns": ("particle_attention", {"pairs": [0, 1, 2, 3], "couplings": True}),
    "particle_attention in features": ("particle_attention", FEATURES),
    "particle_attention, relative": ("particle_attention", FEATURES | {"relative": True}),
    "deep_sets with max": ("deep_sets", {"pool": "max"}),
}
ALL = {name: (name, {}) for name in SMALL} | VARIANTS
HEADS = {
    "score": Head(),
    "mode": Head("multiclass", 3),
    "visible_pt": Head("regression", hidden=(4,)),
    "node": Head("binary", 2, "node"),
    "edge": Head("binary", 1, "edge"),
}


def small(which: str, outputs: Any = 1) -> Any:
    name, changes = ALL[which]
    model = build_model(name, F, G, SMALL[name] | changes, outputs)
    rng = np.random.default_rng(7)
    for weight in model.weights:  # biases and normalisations away from 0 and 1, where errors hide
        if "seed" not in weight.path and "variance" not in weight.path:
            weight.assign(weight.numpy() + rng.normal(0, 0.1, weight.shape))
    return model


def features(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The last column as a kind of particle, which gcn_belle needs and others take as it is."""
    batch["x"][:, -1] = np.arange(len(batch["x"])) % 5
    return batch


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

    return tf.function(call)


def test_reload_in_a_fresh_process(tmp_path: Path, batch: Any) -> None:
    whole = features(batch([4, 0, 6], F, G))
    np.savez(tmp_path / "inputs.npz", **whole)
    expected = {}
    for i, which in enumerate(SMALL):
        model = small(which, HEADS)
        model.save(tmp_path / f"{i}.keras")
        expected[i] = {key: value.numpy().tolist() for key, value in model(whole).items()}
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    code = """
import json, sys
import e2e_tf
import keras, numpy as np
folder = sys.argv[1]
inputs = dict(np.load(folder + "/inputs.npz"))
for i, outputs in json.load(open(folder + "/expected.json")).items():
    model = keras.models.load_model(f"{folder}/{i}.keras", compile=False, safe_mode=True)
    for key, value in model(inputs).items():
        np.testing.assert_allclose(value, np.array(outputs[key]), rtol=1e-5, atol=1e-6)
print("same")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "same", done.stderr[-2000:]


def test_weights_counted_by_hand() -> None:
    # ParticleNet with 7 features and 2 classes has 366,160 weights that are trained (1902.08570 says 366k), if
    # dense layers under a normalisation have no bias; ours in the middle of an edge convolution may have one.
    def trained(model: Any) -> int:
        weights = [w for w in model.trainable_weights if not ("edge_conv" in w.path and "bias" in w.path)]
        return sum(int(np.prod(w.shape)) for w in weights)

    blocks, dense = (64, 128, 256), 256 * 256 + 256 + 2 * 256 + 2
    by_hand, before = 2 * 7 + dense, 7
    for width in blocks:
        by_hand += 2 * before * width + 2 * width * width + 3 * 2 * width + before * width + 2 * width
        before = width
    assert by_hand == 366_160
    assert trained(build_model("particle_net", 7, 0, None, 2)) == 366_160
    lite = 2 * 7 + 64 * 128 + 128 + 2 * 128 + 2
    lite += 2 * 7 * 32 + 2 * 32 * 32 + 3 * 64 + 7 * 32 + 64
    lite += 2 * 32 * 64 + 2 * 64 * 64 + 3 * 128 + 32 * 64 + 128
    assert trained(build_model("particle_net_lite", 7, 0, None, 2)) == lite
    # The particle-flow network of the top-tagging comparison has 82k.
    flow = (3 * 100 + 100) + (100 * 100 + 100) + (100 * 256 + 256)
    flow += (256 * 100 + 100) + 2 * (100 * 100 + 100) + (2 * 100 + 2)
    assert build_model("deep_sets", 3, 0, None, 2).count_params() == flow == 82_458
    # The published GraphNet on 100 slots of 7 features.
    square = 256 * 256 + 256
    net = (7 * 256 + 256) + 2 * square + 3 * 256
    net += 3 * (square + 4 * 256 + 100 * 256) + 7 * (square + 4 * 256 + 256) + 257
    assert build_model("graph_net", 7, 0, {"padded_nodes": 100}).count_params() == net == 881_409
    # On disjoint batches a slope is shared by all nodes.
    assert build_model("graph_net", 7, 0).count_params() == net - 3 * 99 * 256
    belle = 541 * 8 + (16 * 128 + 128) + 8 * (128 * 128 + 128) + 129
    assert build_model("gcn_belle", 9, 0).count_params() == belle == 138_729


@pytest.mark.parametrize("name", SMALL)
def test_registry_knows_the_weights(name: str) -> None:
    entry = MODELS[name]
    assert build_model(name, *entry.example).count_params() == entry.weights


def test_deep_sets_by_hand(batch: Any) -> None:
    model = build_model("deep_sets", F, 0, {"phi": [4], "dense": [3]})
    whole = batch([3, 0], F, 0)
    w1, b1, w2, b2, w3, b3 = (w.numpy() for w in model.weights)
    pooled = np.stack([np.maximum(whole["x"] @ w1 + b1, 0).sum(axis=0), np.zeros(4)])
    logit = np.maximum(pooled @ w2 + b2, 0) @ w3 + b3
    np.testing.assert_allclose(model(whole), 1 / (1 + np.exp(-logit)), rtol=1e-5)


@pytest.mark.parametrize("padded", [False, True])
def test_graph_net_by_hand(padded: bool, batch: Any) -> None:
    settings = {"units": 4, "node_layers": 0, "convolutions": 1, "dense_layers": 0}
    settings |= {"batch_norm": False, "prelu": False, "padded_nodes": 5 if padded else 0}
    model = build_model("graph_net", F, 0, settings)
    w1, b1, w2, b2 = (w.numpy() for w in model.weights)
    whole = batch([3], F, 0)
    adjacency = np.eye(3)
    adjacency[whole["receivers"], whole["senders"]] = 1
    nodes = np.maximum(adjacency @ (whole["x"] @ w1 + b1), 0)
    if padded:  # the published mean divides by all slots
        nodes = nodes * 3 / 5
        dense = np.zeros((1, 5, 5), np.float32)
        dense[0, :3, :3] = adjacency
        inputs = {"features": np.pad(whole["x"], ((0, 2), (0, 0)))[None], "adj_matrix": dense}
    else:
        inputs = whole
    logit = nodes.mean(axis=0) @ w2 + b2
    np.testing.assert_allclose(model(inputs)[0], 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_particle_net_finds_the_neighbours_of_the_points(batch: Any) -> None:
    from e2e_tf.graph import knn

    whole = batch([6, 1, 9], F, 0)
    points = np.random.default_rng(5).normal(size=(16, 2)).astype(np.float32)
    whole["senders"], whole["receivers"] = (e.astype(np.int32) for e in knn(points, whole["n_node"], 3))
    settings = SMALL["particle_net"]
    graph = build_model("particle_net", F, 0, settings)
    found = build_model("particle_net", F, 0, settings | {"coordinates": "points"})
    found.set_weights(graph.get_weights())
    np.testing.assert_allclose(found(whole | {"points": points}), graph(whole), rtol=1e-5, atol=1e-6)
    other = found(whole | {"points": points[::-1].copy()})
    assert np.abs(np.asarray(other) - np.asarray(graph(whole))).max() > 1e-4


def test_attention_sees_momenta_up_to_rotations_and_boosts(batch: Any) -> None:
    whole = batch([6, 1, 9], F, 0)
    rng = np.random.default_rng(5)
    p4 = np.stack(
        [rng.uniform(1, 50, 16), rng.normal(0, 1, 16), rng.uniform(-3, 3, 16), np.full(16, 0.14)], axis=1
    ).astype(np.float32)
    model = build_model("particle_attention", F, 0, SMALL["particle_attention"] | {"pairs": "p4"})
    score = np.asarray(model(whole | {"p4": p4}))
    moved = p4.copy()
    moved[:, 1] += 0.5 * (p4[:, 3] == 0)  # η of massive particles is no rapidity: only φ is moved
    moved[:, 2] += 1.0
    np.testing.assert_allclose(model(whole | {"p4": moved}), score, rtol=1e-3, atol=1e-5)
    moved[:, 0] *= rng.uniform(0.2, 5, 16)
    assert np.abs(np.asarray(model(whole | {"p4": moved})) - score).max() > 1e-4


def test_relative_attention_sees_distances_only(batch: Any) -> None:
    whole = batch([6, 1, 9], F, 0)
    settings = SMALL["particle_attention"] | FEATURES | {"relative": True}
    model = build_model("particle_attention", F, 0, settings)
    score = np.asarray(model(whole))
    eta, phi = (FEATURES["pair_columns"][i] for i in (1, 2))
    # Mirrored in both, and shifted; a turn would change m², which is cosh Δη - cos Δφ, a little.
    turned = {**whole, "x": whole["x"].copy()}
    turned["x"][:, eta] = 1.0 - whole["x"][:, eta]
    turned["x"][:, phi] = -0.5 - whole["x"][:, phi]
    np.testing.assert_allclose(model(turned), score, rtol=1e-4, atol=1e-5)
    moved = {**whole, "x": whole["x"].copy()}
    moved["x"][:, eta] *= 3.0
    assert np.abs(np.asarray(model(moved)) - score).max() > 1e-4


def test_momenta_from_features_are_those_of_an_input(batch: Any) -> None:
    """``pairs = "features"`` undoes the normalisation, and is then the same model as with ``p4``."""
    from e2e_tf.data.preprocess import Normalisation, Preprocess
    from e2e_tf.data.schema import Feature

    whole = batch([6, 1, 9], F, 0)
    rng = np.random.default_rng(5)
    names = ("charge", "deta", "pt", "energy", "dphi", "d0")
    raw = rng.normal(0, 0.1, (16, F)).astype(np.float32)
    features = [Feature(name, "", "", "log" if name == "pt" else "identity") for name in names]
    norm = Normalisation.fit(features, raw)
    preprocess = Preprocess("candidates", "knn:2", norm, None)
    settings = fill_settings(
        "particle_attention", SMALL["particle_attention"] | {"pairs": "features"}, preprocess
    )
    assert settings["pair_columns"] == [2, 1, 4]
    found = build_model("particle_attention", F, 0, settings)
    given = build_model("particle_attention", F, 0, SMALL["particle_attention"] | {"pairs": "p4"})
    given.set_weights(found.get_weights())
    p4 = np.stack([np.exp(raw[:, 2]), raw[:, 1], raw[:, 4], np.zeros(16)], axis=1).astype(np.float32)
    whole["x"] = norm(raw)
    np.testing.assert_allclose(found(whole), given(whole | {"p4": p4}), rtol=1e-5, atol=1e-6)
    assert fill_settings("particle_attention", {"pairs": "graph"}, preprocess) == {"pairs": "graph"}
    assert fill_settings("deep_sets", {"phi": [4]}, preprocess) == {"phi": [4]}
    other = Preprocess("candidates", "knn:2", Normalisation.fit(features[1:3], raw[:, 1:3]), None)
    with pytest.raises(
        InputError, match="needs the node features dphi:identity; there are deta:identity, pt:log"
    ):
        fill_settings("particle_attention", {"pairs": "features"}, other)


def test_frozen_and_onnx(tmp_path: Path, batch: Any) -> None:
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    names = ("x", "senders", "receivers", "n_node", "u")
    for which in ("particle_net", "particle_attention"):
        model = small(which)
        specs = [
            tf.TensorSpec((None, F), tf.float32, "x"),
            *(tf.TensorSpec((None,), tf.int32, name) for name in names[1:4]),
            tf.TensorSpec((None, G), tf.float32, "u"),
        ]
        call = tf.function(lambda *a, m=model: m(dict(zip(names, a, strict=True)), training=False), specs)
        proto, _ = tf2onnx.convert.from_function(call, input_signature=specs, opset=18)
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


def test_bad_outputs() -> None:
    for outputs, sentence in (
        (0, "outputs must be a positive number, a Head, or Heads by name, got 0"),
        ({}, "at least one"),
        ({"score": 1}, "outputs must map names to Head"),
    ):
        with pytest.raises(InputError, match=sentence):
            build_model("deep_sets", F, G, None, outputs)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="size must be at least 2 for multiclass, not 1"):
        Head("multiclass")
    with pytest.raises(InputError, match="level must be 'graph' for a model without nodes"):
        build_model("fcn", 4, 0, None, {"node": Head(level="node")})


def test_missing_inputs_are_named() -> None:
    model = build_model("particle_net", F, G, SMALL["particle_net"] | {"coordinates": "points"})
    check_inputs(model, ["x", "senders", "receivers", "n_node", "u", "points", "more"])
    with pytest.raises(InputError, match="particle_net needs the inputs .* lacks points"):
        check_inputs(model, ["x", "senders", "receivers", "n_node", "u"])


def test_public_names() -> None:
    for name in e2e_tf.models.__all__:
        assert hasattr(e2e_tf.models, name)


@pytest.fixture
def bfloat16() -> Iterator[None]:
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


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
