"""Augmentation, ensembles, fine-tuning, distribution."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError
from e2e_tf.models import Head, build_model
from e2e_tf.training.augment import Augmentation, augment_images, augment_jets, augmented
from e2e_tf.training.distribute import choose_strategy, distributed_fit
from e2e_tf.training.ensemble import ensemble
from e2e_tf.training.finetune import fine_tune, freeze

SETS = {"phi": [8], "dense": [8]}


def image(rows: int = 6, columns: int = 5) -> np.ndarray:
    return np.arange(1, rows * columns * 2 + 1, dtype=np.float32).reshape(1, rows, columns, 2)


def every(augmentation: Augmentation, images: np.ndarray, tries: int = 40) -> set[bytes]:
    return {np.asarray(augment_images(images, augmentation, (7, i))).tobytes() for i in range(tries)}


def test_no_augmentation_changes_nothing() -> None:
    np.testing.assert_array_equal(augment_images(image(), Augmentation(), (0, 1)), image())


def test_flips_are_exact() -> None:
    x = image()
    assert every(Augmentation(flip_eta=True), x) == {x.tobytes(), x[:, ::-1].tobytes()}
    assert every(Augmentation(flip_phi=True), x) == {x.tobytes(), x[:, :, ::-1].tobytes()}
    both = every(Augmentation(flip_eta=True, flip_phi=True), x)
    assert both == {y.tobytes() for y in (x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1])}


def test_shifts_are_exact_and_bring_in_zeros() -> None:
    x = image()
    expected = set()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            expected.add(
                np.ascontiguousarray(padded[:, 1 - down : 7 - down, 1 - right : 6 - right]).tobytes()
            )
    found = every(Augmentation(shift=1.4), x, 150)
    assert found <= expected
    assert len(found) == 9


def test_rotation_keeps_the_middle_and_radii() -> None:
    x = np.zeros((64, 21, 21, 1), np.float32)
    x[:, 10, 10] = 5
    x[:, 10, 16] = 3  # six pixels from the middle
    y = np.asarray(augment_images(x, Augmentation(rotation=np.pi), (1, 2)))[..., 0]
    np.testing.assert_allclose(y[:, 10, 10], 5, rtol=1e-4)
    rows, columns = np.mgrid[:21, :21] - 10.0
    ring = y * (np.hypot(rows, columns) > 2)
    total = ring.sum(axis=(1, 2))
    np.testing.assert_allclose(total, 3, rtol=0.15)
    middle = np.stack([(ring * c).sum(axis=(1, 2)) / total for c in (rows, columns)])
    np.testing.assert_allclose(np.hypot(*middle), 6, atol=0.2)
    angle = np.arctan2(*middle)
    assert np.abs(angle).max() > 2
    assert np.std(angle) > 1


def test_smearing_has_its_width() -> None:
    x = np.full((50, 20, 20, 1), 10.0, np.float32)
    y = np.asarray(augment_images(x, Augmentation(smearing=0.1), (3, 4)))
    assert y.mean() == pytest.approx(10, rel=0.005)
    assert y.std() == pytest.approx(1, rel=0.05)
    zero = np.asarray(augment_images(0 * x, Augmentation(smearing=0.1), (3, 4)))
    assert not zero.any()


def test_dataset_is_augmented_anew_in_every_epoch() -> None:
    import tensorflow as tf

    x = np.repeat(image(), 8, axis=0)
    data = tf.data.Dataset.from_tensor_slices(({"image": x}, np.arange(8))).batch(4)
    data = augmented(data, Augmentation(smearing=0.3), seed=5)
    first, second = ([(b["image"].numpy(), y.numpy()) for b, y in data] for _ in range(2))
    assert [y.tolist() for _, y in first] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert np.abs(first[0][0] - first[1][0]).max() > 0.1
    assert np.abs(first[0][0] - second[0][0]).max() > 0.1


def some_jets() -> Jets:
    rng = np.random.default_rng(0)
    counts = np.array([5, 0, 2000])
    columns = {name: rng.normal(size=2005).astype(np.float32) for name in ("deta", "dphi", "charge")}
    columns |= {"pt": np.full(2005, 2, np.float32), "energy": np.full(2005, 4, np.float32)}
    jets = {"pt": np.full(3, 50, np.float32)}
    return Jets(jets, np.arange(3), np.ones(3), candidates=Ragged.from_counts(columns, counts))


def test_jets_are_rotated_as_a_whole() -> None:
    jets = some_jets()
    turned = augment_jets(jets, Augmentation(rotation=np.pi), seed=1)
    assert turned.candidates is not None
    before, after = (j["deta"] + 1j * j["dphi"] for j in (jets.candidates, turned.candidates))
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-5, atol=1e-6)
    phase = np.angle(after / before)
    for jet in (slice(0, 5), slice(5, None)):
        np.testing.assert_allclose(phase[jet], phase[jet][0], atol=1e-4)
    assert abs(phase[0] - phase[5]) > 1e-3
    assert turned.candidates["charge"] is jets.candidates["charge"]
    again = augment_jets(jets, Augmentation(rotation=np.pi), seed=1)
    np.testing.assert_array_equal(again.candidates["deta"], turned.candidates["deta"])


def test_jets_are_mirrored_shifted_and_smeared() -> None:
    jets = some_jets()
    signs = {
        float(
            np.sign(
                augment_jets(jets, Augmentation(flip_eta=True), s).candidates["deta"][0]
                / jets.candidates["deta"][0]
            )
        )
        for s in range(20)
    }
    assert signs == {1.0, -1.0}
    moved = augment_jets(jets, Augmentation(shift=0.1), 2).candidates["dphi"] - jets.candidates["dphi"]
    assert np.abs(moved).max() <= 0.1 + 1e-6
    np.testing.assert_allclose(moved[5:], moved[5], atol=1e-6)
    smeared = augment_jets(jets, Augmentation(smearing=0.2), 3).candidates
    assert smeared["pt"].std() == pytest.approx(0.4, rel=0.05)
    np.testing.assert_allclose(smeared["energy"] / smeared["pt"], 2, rtol=1e-5)
    np.testing.assert_array_equal(smeared["deta"], jets.candidates["deta"])


def test_bad_augmentation() -> None:
    with pytest.raises(InputError, match="rotation must be from 0 to 3.142, not 4"):
        Augmentation(rotation=4)
    with pytest.raises(InputError, match="shift must be from 0"):
        Augmentation(shift=-1)
    with pytest.raises(InputError, match=r"images must have shape \(B, H, W, C\)"):
        augment_images(np.zeros((3, 3)), Augmentation(), (0, 0))
    jets = some_jets()
    bare = Jets(jets.columns, jets.event, jets.weight)
    with pytest.raises(InputError, match="jets must have candidates"):
        augment_jets(bare, Augmentation(), 0)
    assert jets.candidates is not None
    only = Ragged({"pt": jets.candidates["pt"]}, jets.candidates.offsets)
    with pytest.raises(InputError, match="must have the columns deta, dphi .* lack deta, dphi"):
        augment_jets(
            Jets(jets.columns, jets.event, jets.weight, candidates=only), Augmentation(rotation=1), 0
        )


def test_ensemble_is_the_mean_and_one_model(tmp_path: Path, batch: Any) -> None:
    heads = {"score": Head(), "node": Head("regression", level="node")}
    members = [build_model("deep_sets", 6, 2, SETS, heads) for _ in range(3)]
    names = [member.name for member in members]
    whole = batch([4, 0, 7])
    model = ensemble(members)
    for key in heads:
        expected = np.mean([member(whole)[key] for member in members], axis=0)
        np.testing.assert_allclose(model(whole)[key], expected, rtol=1e-5, atol=1e-6)
    assert [member.name for member in members] == names
    model.save(tmp_path / "ensemble.keras")
    loaded = keras.models.load_model(tmp_path / "ensemble.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(loaded(whole)["score"], model(whole)["score"], rtol=1e-6)
    members[0].set_weights([0 * w for w in members[0].get_weights()])
    np.testing.assert_allclose(loaded(whole)["score"], model(whole)["score"], rtol=1e-6)


def test_ensemble_of_others_and_export(batch: Any) -> None:
    from e2e_tf.deploy.interface import edges_feeds, edges_function
    from e2e_tf.graph import GraphBatch

    whole = batch([4, 1, 7])
    members = [
        build_model("gat_cheb", 6, 2, {"channels": [4], "heads": [1], "cheb_channels": [4], "dense": [4]})
    ]
    members.append(build_model("deep_sets", 6, 2, SETS))
    model = ensemble(members)
    expected = np.mean([np.asarray(member(whole)) for member in members], axis=0)
    np.testing.assert_allclose(model(whole), expected, rtol=1e-5)
    graphs = GraphBatch.from_edges(
        whole["x"], whole["senders"], whole["receivers"], whole["n_node"], u=whole["u"]
    )
    feeds = edges_feeds(graphs)
    np.testing.assert_allclose(edges_function(model)(**feeds)[0], expected, rtol=1e-4, atol=1e-6)
    points = build_model(
        "particle_net", 6, 2, {"k": 2, "channels": [[4]], "dense": [4], "coordinates": "points"}
    )
    both, where = ensemble([members[1], points]), np.random.default_rng(0).normal(size=(12, 2)).astype("f4")
    assert {tensor.name for tensor in both.inputs} == {*whole, "points"}
    expected = np.mean([members[1](whole), points(whole | {"points": where})], axis=0)
    np.testing.assert_allclose(both(whole | {"points": where}), expected, rtol=1e-5)
    with pytest.raises(InputError, match="models must have the same inputs; model 1 has"):
        ensemble([members[1], build_model("deep_sets", 5, 2, SETS)])
    with pytest.raises(InputError, match="models must have the same outputs"):
        ensemble([members[1], build_model("deep_sets", 6, 2, SETS, 3)])
    with pytest.raises(InputError, match="at least one model, got none"):
        ensemble([])


def test_fine_tuning_from_a_file(tmp_path: Path, batch: Any) -> None:
    old = build_model("deep_sets", 6, 2, SETS)
    old.save(tmp_path / "old.keras")
    whole = batch([4, 3, 7])
    same = fine_tune(tmp_path / "old.keras")
    np.testing.assert_allclose(same(whole), old(whole), rtol=1e-6)
    new = fine_tune(
        tmp_path / "old.keras", ["phi_*"], {"mode": Head("multiclass", 3), "pt": Head("regression")}
    )
    np.testing.assert_array_equal(new.get_layer("phi_1").kernel, old.get_layer("phi_1").kernel)
    before = {layer.name: [w.copy() for w in layer.get_weights()] for layer in new.layers}
    new.compile("adam", {"mode": "sparse_categorical_crossentropy", "pt": "mse"}, jit_compile=False)
    new.train_on_batch(whole, {"mode": np.array([[0], [1], [2]]), "pt": np.ones((3, 1), np.float32)})
    for layer in new.layers:
        for ours, theirs in zip(layer.get_weights(), before[layer.name], strict=True):
            if layer.name.startswith("phi_"):
                np.testing.assert_array_equal(ours, theirs)
            elif layer.name in ("dense_1", "mode", "pt"):
                assert np.abs(ours - theirs).max() > 0
    assert freeze(new, ["dense_1"]) == ["phi_1", "dense_1"]
    with pytest.raises(InputError, match="freeze must fit layers of deep_sets: .*'gat_\\*' fits none"):
        freeze(new, ["gat_*"])
    with pytest.raises(InputError, match="head must be a layer of deep_sets: .*not 'logit'"):
        fine_tune(old, outputs=2, head="logit")
    with pytest.raises(InputError, match="there is no model"):
        fine_tune(tmp_path / "none.keras")
    (tmp_path / "bad.keras").write_bytes(b"no zip")
    with pytest.raises(InputError, match="is not a Keras model that can be loaded"):
        fine_tune(tmp_path / "bad.keras")


def test_the_source_is_not_changed() -> None:
    old = build_model("deep_sets", 6, 2, SETS)
    new = fine_tune(old, ["*"])
    assert not new.get_layer("phi_1").trainable
    assert old.get_layer("phi_1").trainable
    new.get_layer("phi_1").kernel.assign(0 * new.get_layer("phi_1").kernel)
    assert np.abs(old.get_layer("phi_1").kernel).max() > 0


TRAIN = """
import json, os, sys
kind, out = sys.argv[1:]
if kind == "mirrored":
    import tensorflow as tf
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
else:
    from e2e_tf.training.distribute import choose_strategy
    strategy = choose_strategy(kind)
import keras, numpy as np
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.graph import GraphBatch
from e2e_tf.models import build_model
from e2e_tf.training.distribute import distributed_fit
rng = np.random.default_rng(0)
counts = rng.integers(0, 8, 37)
x = rng.normal(size=(counts.sum(), 4))
graphs = GraphBatch.from_edges(x, [], [], counts, u=rng.normal(size=(37, 2)))
loader = DisjointLoader(graphs, rng.integers(0, 2, 37), rng.uniform(0.5, 2, 37), batch_size=16, shuffle=True)
with strategy.scope():
    keras.utils.set_random_seed(1)
    model = build_model("deep_sets", 4, 2, {"phi": [8], "dense": [8]})
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", jit_compile=False)
losses = distributed_fit(model, loader, strategy, epochs=3)
weight = float(sum(np.abs(w).sum() for w in model.get_weights()))
json.dump([strategy.num_replicas_in_sync, losses, weight], open(out, "w"))
"""


def test_two_workers_and_two_replicas_train_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(kind: str, name: str, extra: dict[str, str] | None = None) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"} | (extra or {})
        command = [sys.executable, "-c", TRAIN, kind, str(tmp_path / name)]
        return subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    ports = []
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("localhost", 0))
        ports.append(one.getsockname()[1])
    for one in sockets:
        one.close()
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    runs = [start("mirrored", "mirrored.json")]
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        runs.append(start("multi_worker", f"worker{index}.json", {"TF_CONFIG": config}))
    with monkeypatch.context() as patch:  # one process alone: this one
        patch.delenv("TF_CONFIG", raising=False)
        patch.setattr(sys, "argv", ["train", "none", str(tmp_path / "alone.json")])
        exec(compile(TRAIN, "train", "exec"), {"__name__": "train"})
    for run in runs:
        try:
            _, errors = run.communicate(timeout=240)
        finally:
            run.kill()
        assert run.returncode == 0, errors[-2000:]
    alone, *others = (
        json.loads((tmp_path / f"{name}.json").read_text())
        for name in ("alone", "mirrored", "worker0", "worker1")
    )
    assert alone[0] == 1
    assert alone[1][-1] < alone[1][0]
    for replicas, losses, weight in others:
        assert replicas == 2
        np.testing.assert_allclose(losses, alone[1], atol=1e-4)
        assert weight == pytest.approx(alone[2], rel=1e-5)


def test_distribution_refuses_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch, batch: Any) -> None:
    from e2e_tf.data.loader import DisjointLoader
    from e2e_tf.graph import GraphBatch

    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="kind must be one of auto, none, mirrored, multi_worker, not 'tpu'"):
        choose_strategy("tpu")
    with pytest.raises(InputError, match="multi_worker needs the environment variable TF_CONFIG"):
        choose_strategy("multi_worker")
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(InputError, match="TF_CONFIG must be JSON"):
        choose_strategy("auto")
    monkeypatch.delenv("TF_CONFIG")
    strategy = choose_strategy("auto")
    assert strategy.num_replicas_in_sync == 1
    whole = batch([3, 4])
    graphs = GraphBatch.from_edges(
        whole["x"], whole["senders"], whole["receivers"], whole["n_node"], u=whole["u"]
    )
    model = build_model("deep_sets", 6, 2, SETS)
    with pytest.raises(InputError, match="compiled with one loss by name"):
        distributed_fit(model, DisjointLoader(graphs, np.ones(2)), strategy)
    model.compile("adam", "binary_crossentropy", jit_compile=False)
    with pytest.raises(InputError, match="loader must have labels"):
        distributed_fit(model, DisjointLoader(graphs), strategy)
    strategy_of_three = type("Three", (), {"num_replicas_in_sync": 3})()
    with pytest.raises(InputError, match=r"at least one graph per replica \(3\)"):
        distributed_fit(model, DisjointLoader(graphs, np.ones(2)), strategy_of_three)
