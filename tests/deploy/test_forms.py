"""The forms of a model in a folder: small, standard, by the rules of CMSSW's wrappers."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from e2e_tf.deploy.export import export
from e2e_tf.deploy.exported import Export, exported_function, freeze
from e2e_tf.deploy.forms import FORMATS, write_forms
from e2e_tf.deploy.profiles import release
from e2e_tf.errors import InputError

KINDS = ["padded", "edges"]


def read(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_keeps_to_the_rules_of_the_wrapper(bundles: dict[str, Path], kind: str) -> None:
    model = onnx.load(bundles[kind] / "model.onnx")
    manifest = read(bundles[kind])
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
    assert model.ir_version == 8
    for listed, values in (
        (manifest["inputs"], model.graph.input),
        (manifest["outputs"], model.graph.output),
    ):
        assert [v.name for v in values] == [info["name"] for info in listed]
        for info, value in zip(listed, values, strict=True):
            tensor = value.type.tensor_type
            assert tensor.elem_type == onnx.TensorProto.FLOAT
            assert len(tensor.shape.dim) == len(info["shape"]) >= 1
            fixed = [d if isinstance(d, int) else 0 for d in info["shape"]]
            assert [d.dim_value for d in tensor.shape.dim] == fixed
    # Dimension 0 of every input is the batch of one and the same size, or one.
    assert len({info["shape"][0] for info in manifest["inputs"] + manifest["outputs"]}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_is_small_and_standard(bundles: dict[str, Path], kind: str) -> None:
    nodes = onnx.load(bundles[kind] / "model.onnx").graph.node
    operations = {node.op_type for node in nodes}
    assert {node.domain for node in nodes} == {""}
    assert not operations & {"Unique", "Loop", "If", "Identity", "NonZero", "Compress"}
    assert ("ScatterND" in operations) == (kind == "edges")
    assert len(nodes) < 190
    constants = {tensor.name for tensor in onnx.load(bundles[kind] / "model.onnx").graph.initializer}
    assert not [node.name for node in nodes if node.input and set(node.input) <= constants]  # all folded
    used = {name for node in nodes for name in node.input}
    assert constants <= used
    outputs = {"score"}
    assert all(set(node.output) & (used | outputs) for node in nodes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["frozen_graph", "saved_model"])
def test_raw_tensor_names_of_the_manifest_work(bundles: dict[str, Path], kind: str, form: str) -> None:
    import tensorflow as tf

    folder = bundles[kind]
    info = read(folder)["formats"][form]
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        if form == "frozen_graph":
            definition = tf.compat.v1.GraphDef.FromString((folder / info["file"]).read_bytes())
            assert not definition.library.function
            tf.compat.v1.import_graph_def(definition, name="")
        else:
            tf.compat.v1.saved_model.load(session, [info["tag"]], str(folder / info["folder"]))
        inputs, outputs = np.load(folder / "inputs.npz"), np.load(folder / "outputs.npz")
        for batch in ("0", "3"):
            feeds = {raw: inputs[f"{batch}/{name}"] for name, raw in info["inputs"].items()}
            score = session.run(info["outputs"]["score"], feeds)
            np.testing.assert_allclose(score, outputs[f"{batch}/score"], atol=1e-5)


def test_old_releases_get_old_opsets_and_no_reduction(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = export(runs["edges"], tmp_path / "old", cmssw="12_4", formats=("onnx",), proof=0)
    model = onnx.load(folder / "model.onnx")
    assert model.opset_import[0].version == 15
    scatters = [node for node in model.graph.node if node.op_type.startswith("Scatter")]
    assert scatters
    assert not any(attribute.name == "reduction" for node in scatters for attribute in node.attribute)
    assert not (folder / "model.pb").exists()
    assert not (folder / "saved_model").exists()
    manifest = read(folder)
    assert manifest["limits"]["repeated_edges"] is False
    assert set(manifest["formats"]) == {"onnx"}


def test_the_forms_that_can_be_asked_for() -> None:
    assert FORMATS == ("onnx", "pb", "savedmodel")


def test_a_saved_model_that_finds_no_room_is_one_sentence(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((100,), name="values")
    model = keras.Model(inputs, keras.layers.Dense(100)(inputs))
    exported = exported_function(None, model, "tensors", release("13_1"))  # type: ignore[arg-type]
    graph, names = freeze(exported.function)
    export = Export(
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        model,
        model,
        release("13_1"),
        exported,
        graph,
        names,
        tmp_path,
        {"score": 1},
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # the weights alone take four times as much
    try:
        with pytest.raises(InputError, match=r"saved_model cannot be written: File too large$"):
            write_forms(export, ["savedmodel"], [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert set(write_forms(export, ["savedmodel"], [])) == {"saved_model"}
