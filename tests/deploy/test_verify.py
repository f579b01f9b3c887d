"""The proof passes on what agrees, and fails on what does not."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from typer.testing import CliRunner

import e2e_tf.deploy.verify
from e2e_tf.cli import app
from e2e_tf.deploy.interface import JetBatch, link
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.manifest import check_manifest
from e2e_tf.deploy.verify import (
    TOLERANCE,
    Agreement,
    feeds_of,
    keras_scores,
    onnx_runner,
    open_handoff,
    read_handoff_preprocess,
    verify,
)
from e2e_tf.errors import InputError
from e2e_tf.files import sha256


def resign(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was changed."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["checksums"][name] = sha256(folder / name)
    path.write_text(json.dumps(manifest), "utf-8")


@pytest.fixture
def copy(handoffs: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(handoffs["padded"], tmp_path / "copy"))


@pytest.fixture
def not_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No C++ runner where one is looked for, whatever this checkout holds."""
    monkeypatch.setattr(e2e_tf.deploy.verify, "RUNNER", tmp_path / "none")


def short(runtime: str) -> str:
    return runtime.split(" (")[0]


PYTHON = ["Keras in a tf.function", "frozen graph", "SavedModel", "ONNX"]
CPP = ["ONNX in C++", "frozen graph in C++", "SavedModel in C++"]


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_all_runtimes_agree_with_keras(
    handoffs: dict[str, Path], tmp_path: Path, kind: str, not_built: None
) -> None:
    folder = Path(shutil.copytree(handoffs[kind], tmp_path / "copy"))
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["tested"] == []
    agreements = verify(folder, jets=60, write=True)
    assert [short(a.runtime) for a in agreements] == PYTHON + CPP
    for agreement in agreements[:4]:
        assert agreement.passed
        assert not agreement.failed
        assert agreement.difference <= TOLERANCE
        assert agreement.jets >= 2000  # batches of every size from 1 to 64 are among them
    for agreement in agreements[4:]:  # in the table, and neither a pass nor a failure
        assert agreement.missing == agreement.verdict == "not built, see 'make cpp'"
        assert not agreement.passed
        assert not agreement.failed
    manifest = open_handoff(folder)
    check_manifest(manifest)
    assert manifest["tested"] == [agreement.to_dict() for agreement in agreements[:4]]


@pytest.fixture(scope="module")
def scorers(handoffs: dict[str, Path]) -> dict[str, tuple[Any, ...]]:
    """Keras and ONNX Runtime of each hand-off."""
    made = {}
    for kind, folder in handoffs.items():
        manifest = open_handoff(folder)
        run = onnx_runner(folder, manifest["formats"]["onnx"])
        made[kind] = (read_handoff_preprocess(folder), manifest, e2e_tf.deploy.verify._load(folder), run)
    return made


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_any_graphs_score_alike(scorers: dict[str, tuple[Any, ...]], kind: str) -> None:
    preprocess, manifest, model, onnx_runtime = scorers[kind]
    graphs = 0

    @settings(max_examples=21, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        n_node=st.lists(st.integers(0, 21), min_size=50, max_size=60),
        seed=st.integers(0, 2**32 - 1),
        points=st.sampled_from(["random", "coincident", "grid"]),
        features=st.sampled_from(["random", "bounds", "raw"]),
        extra=st.integers(0, 3),
    )
    def agree(n_node: list[int], seed: int, points: str, features: str, extra: int) -> None:
        nonlocal graphs
        rng = np.random.default_rng(seed)
        batch = random_batch(preprocess, np.array(n_node), rng, link, points=points, features=features)
        (expected,) = keras_scores(model, [batch])
        found = onnx_runtime(feeds_of(batch, manifest, extra)).reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
        graphs += len(n_node)

    agree()
    assert graphs >= 1000  # of each kind, 2,000 in all


def test_what_keras_gives_a_jet_does_not_depend_on_its_company(scorers: dict[str, tuple[Any, ...]]) -> None:
    preprocess, _, model, _ = scorers["padded"]
    rng = np.random.default_rng(2)
    batches = [random_batch(preprocess, np.array(n), rng, link) for n in ([0], [3, 20], [1], [0, 7, 0])]
    together = keras_scores(model, batches)
    assert [len(scores) for scores in together] == [1, 2, 1, 3]
    for batch, scores in zip(batches, together, strict=True):
        graphs = batch.graphs
        singly = [keras_scores(model, [JetBatch(graphs[i], batch.points)])[0] for i in range(len(graphs))]
        np.testing.assert_allclose(scores, np.concatenate(singly), rtol=0, atol=1e-6)


def perturb(folder: Path) -> None:
    """Scale weights of the ONNX model and of the frozen graph by 1.02, and sign the files again."""
    import tensorflow as tf
    from tensorflow.core.framework.graph_pb2 import GraphDef

    model = onnx.load(folder / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 2 and values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.02), tensor.name))
    onnx.save(model, folder / "model.onnx")
    graph = GraphDef.FromString((folder / "model.pb").read_bytes())
    for node in graph.node:
        if node.op == "Const" and node.attr["dtype"].type == 1:
            values = tf.make_ndarray(node.attr["value"].tensor)
            if values.ndim == 2 and values.size > 8:
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values * np.float32(1.02)))
    (folder / "model.pb").write_bytes(graph.SerializeToString())
    for name in ("model.onnx", "model.pb"):
        resign(folder, name)


def test_a_model_with_other_weights_is_caught(copy: Path, not_built: None) -> None:
    perturb(copy)
    done = CliRunner().invoke(app, ["verify", str(copy), "--jets", "1", "--record"])
    assert done.exit_code == 1
    assert done.output.count("DIFFERS") == 2
    tested = json.loads((copy / "manifest.json").read_text("utf-8"))["tested"]
    passed = {short(t["runtime"]): t["largest_difference"] <= t["tolerance"] for t in tested}
    assert passed == dict(zip(PYTHON, (True, False, True, False), strict=True))


def test_a_model_on_tensors_is_proven_too(tmp_path: Path, not_built: None) -> None:
    import keras

    from e2e_tf.deploy.export import export

    inputs = keras.Input((4,), name="values")
    outputs = keras.layers.Dense(2, "sigmoid")(keras.layers.Dense(8, "relu")(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "mine.keras")
    folder = export(tmp_path / "mine.keras", tmp_path / "out", formats=("onnx",), proof=20)
    tested = {short(t["runtime"]): t for t in json.loads((folder / "manifest.json").read_text())["tested"]}
    assert list(tested) == ["Keras in a tf.function", "ONNX"]
    assert all(t["jets"] == 20 and t["largest_difference"] <= TOLERANCE for t in tested.values())
    model = onnx.load(folder / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape == (8, 2):
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.02), tensor.name))
    onnx.save(model, folder / "model.onnx")
    resign(folder, "model.onnx")
    agreements = verify(folder, jets=20)
    assert [(short(a.runtime), a.failed) for a in agreements] == [
        ("Keras in a tf.function", False),
        ("ONNX", True),
        ("ONNX in C++", False),
    ]
    assert agreements[2].missing


def repeat(folder: Path, *kinds: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(folder / "repeat.py"), str(folder), *kinds]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_proof_is_repeated_without_this_library(copy: Path) -> None:
    tree = ast.parse((copy / "repeat.py").read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    outside = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert outside == {"numpy", "onnxruntime", "tensorflow"}
    done = repeat(copy, "onnx")
    assert done.returncode == 0, done.stderr
    assert "agrees" in done.stdout
    assert int(done.stdout.split(" jets")[0].split()[-1]) >= 2000
    perturb(copy)
    done = repeat(copy, "onnx")
    assert done.returncode == 1
    assert "DIFFERS" in done.stdout
    (copy / "model.onnx").write_bytes(b"")
    done = repeat(copy, "onnx")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("has changed since its export: model.onnx\n")


def test_why_no_raw_jets_are_scored_is_said(handoffs: dict[str, Path]) -> None:
    preprocess = read_handoff_preprocess(handoffs["padded"])
    (jets, batch), why = e2e_tf.deploy.verify._raw_jets(preprocess, 0)
    assert (len(jets), batch.graphs.n_graph, why) == (228, 228, "")
    assert {0, 1, 2, 3, 4, 20} <= set(batch.graphs.n_node[200:])  # the limit is 20, k is 3
    assert np.isinf(jets.candidates["energy"]).any()
    norm = preprocess.node_features
    other = replace(norm, features=(replace(norm.features[0], raw="spin"), *norm.features[1:]))
    lacking = e2e_tf.deploy.verify._raw_jets(replace(preprocess, node_features=other), 0)
    assert lacking == (None, "the shipped sample lacks an input")


def test_a_runner_of_an_earlier_build_is_named(handoffs: dict[str, Path], tmp_path: Path) -> None:
    old = tmp_path / "e2e_tf_run"
    old.write_text("#!/bin/sh\necho 'e2e_tf_run: error: unknown option --input; usage' >&2\nexit 2\n")
    old.chmod(0o755)
    with pytest.raises(InputError, match="e2e_tf_run is older than this library; 'make cpp' builds it again"):
        e2e_tf.deploy.verify._run(old, "onnx", "tensors", handoffs["padded"], tmp_path / "x.bin", [1])


def test_not_a_number_never_passes() -> None:
    assert not Agreement("x", 1, float("nan"), 0).passed
    assert not Agreement("x", 1, float("inf"), 0).passed
    assert Agreement("x", 1, 1e-5, 0).passed
    assert Agreement("x", 1, float("nan"), 0).failed


@pytest.mark.parametrize("name", ["model.onnx", "model.pb", "preprocess.json", "saved_model/saved_model.pb"])
def test_a_changed_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"{name} has changed: its SHA-256 is"):
        verify(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "inputs.npz").unlink()
    with pytest.raises(InputError, match=r"lacks inputs\.npz"):
        open_handoff(copy)


def test_what_is_no_handoff_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no hand-off folder"):
        open_handoff(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        open_handoff(tmp_path / "empty")
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="is not the manifest of a hand-off"):
        open_handoff(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        open_handoff(copy)


def test_a_preprocess_json_of_another_model_is_refused(copy: Path) -> None:
    path = copy / "preprocess.json"
    document = json.loads(path.read_text("utf-8"))
    name = document["features"]["var_names"].pop()
    del document["features"]["var_infos"][name]
    path.write_text(json.dumps(document), "utf-8")
    resign(copy, "preprocess.json")
    with pytest.raises(InputError, match="has 15 variables for features, the model takes 16"):
        open_handoff(copy)
    path.write_text("{}", "utf-8")
    resign(copy, "preprocess.json")
    with pytest.raises(InputError, match=r"is not a preprocess\.json"):
        open_handoff(copy)


def test_jets_must_be_positive(copy: Path) -> None:
    with pytest.raises(InputError, match="jets must be positive, not 0"):
        verify(copy, jets=0)


def test_the_status_is_1_where_a_runtime_that_must_agree_differs(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found, status in (
        (Agreement("ONNX", 3, 1e-7, 1), 0),
        (Agreement("ONNX", 3, 2e-5, 1), 1),
        (Agreement("ONNX", 3, float("nan"), 1), 1),
        (Agreement("ONNX, int8", 3, 0.5, 1, tolerance=0.2, required=False), 0),
        (Agreement("ONNX in C++", 0, float("nan"), -1, missing="not built"), 0),
    ):
        monkeypatch.setattr(e2e_tf.deploy.verify, "verify", lambda *a, found=found, **k: [found])
        done = CliRunner().invoke(app, ["verify", str(copy)])
        assert done.exit_code == status
        assert found.verdict in done.output
