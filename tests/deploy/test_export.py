"""What a hand-off folder holds, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from e2e_tf.deploy.export import export
from e2e_tf.deploy.manifest import check_manifest, manifest_schema
from e2e_tf.errors import InputError
from e2e_tf.files import sha256

KINDS = ["padded", "edges"]


def read(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_the_interface_follows_from_the_graph(handoffs: dict[str, Path], kind: str) -> None:
    assert read(handoffs[kind])["interface"] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_keeps_to_the_rules_of_the_wrapper(handoffs: dict[str, Path], kind: str) -> None:
    model = onnx.load(handoffs[kind] / "model.onnx")
    manifest = read(handoffs[kind])
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
def test_onnx_is_small_and_standard(handoffs: dict[str, Path], kind: str) -> None:
    nodes = onnx.load(handoffs[kind] / "model.onnx").graph.node
    operations = {node.op_type for node in nodes}
    assert {node.domain for node in nodes} == {""}
    assert not operations & {"Unique", "Loop", "If", "Identity", "NonZero", "Compress"}
    assert ("ScatterND" in operations) == (kind == "edges")
    assert len(nodes) < 190
    constants = {tensor.name for tensor in onnx.load(handoffs[kind] / "model.onnx").graph.initializer}
    assert not [node.name for node in nodes if node.input and set(node.input) <= constants]  # all folded
    used = {name for node in nodes for name in node.input}
    assert constants <= used
    outputs = {"score"}
    assert all(set(node.output) & (used | outputs) for node in nodes)


@pytest.mark.parametrize("kind", KINDS)
def test_parity_vectors_repeat_the_proof_without_this_library(handoffs: dict[str, Path], kind: str) -> None:
    folder = handoffs[kind]
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    inputs, outputs = np.load(folder / "inputs.npz"), np.load(folder / "outputs.npz")
    assert len(outputs.files) >= 64
    for name in outputs.files:
        batch = name.split("/")[0]
        feeds = {key.split("/")[1]: inputs[key] for key in inputs.files if key.startswith(f"{batch}/")}
        assert all(values.dtype == np.float32 for values in feeds.values())
        (score,) = session.run(["score"], feeds)
        assert score.dtype == np.float32
        np.testing.assert_allclose(score, outputs[name], atol=1e-5)
        assert np.isfinite(score).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["frozen_graph", "saved_model"])
def test_raw_tensor_names_of_the_manifest_work(handoffs: dict[str, Path], kind: str, form: str) -> None:
    import tensorflow as tf

    folder = handoffs[kind]
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


def test_default_attributes_are_left_out_for_older_tensorflows(handoffs: dict[str, Path]) -> None:
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString((handoffs["padded"] / "model.pb").read_bytes())
    products = [node for node in graph.node if node.op in ("MatMul", "BatchMatMulV2")]
    assert products
    assert all(not [a for a in node.attr if a.startswith(("grad_", "_"))] for node in products)


@pytest.mark.parametrize("kind", KINDS)
def test_manifest_lists_every_file_and_fits_the_schema(handoffs: dict[str, Path], kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    folder = handoffs[kind]
    manifest = read(folder)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {"manifest.json"}
    assert set(manifest["checksums"]) == files
    assert all(sha256(folder / name) == value for name, value in manifest["checksums"].items())
    assert manifest["format"] == "e2e-tf hand-off"
    assert manifest["release"] == {
        "cmssw": "13_1",
        "tensorflow": "2.6.4",
        "onnxruntime": "1.14.1",
        "certain": True,
    }
    assert manifest["graph"]["k"] == 3
    assert manifest["limits"]["max_nodes"] == (20 if kind == "padded" else None)
    assert set(manifest["formats"]) == {"frozen_graph", "saved_model", "onnx"}
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    jsonschema.Draft202012Validator(manifest_schema()).validate(manifest)
    check_manifest(manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interface": "tree"}, "interface must be one of edges, padded, tensors, not 'tree'"),
        ({"format_version": 2}, "format_version must be 1, not 2"),
        ({"inputs": []}, "inputs must have at least 1 entries, not 0"),
        ({"limits": {"max_nodes": "50"}}, "limits.max_nodes must be integer or null, not '50'"),
        ({"formats": {"tree": {}}}, "formats has an unknown entry 'tree'"),
        (
            {"outputs": [{"name": "s", "dtype": "int64", "shape": [1]}]},
            r"outputs\[0\].dtype must be 'float32'",
        ),
        ({"graph": {"nodes": "hits"}}, "graph lacks edges, k"),
        ({"checksums": None}, "checksums must be object"),
    ],
)
def test_a_damaged_manifest_is_explained(
    handoffs: dict[str, Path], change: dict[str, Any], message: str
) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    manifest = read(handoffs["padded"]) | change
    with pytest.raises(InputError, match=message):
        check_manifest(manifest)
    assert not jsonschema.Draft202012Validator(manifest_schema()).is_valid(manifest)


def test_an_existing_folder_is_kept(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(InputError, match="exists already"):
        export(runs["padded"], tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "x"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cmssw": "9_4"}, "must be a series from 12_1"),
        ({"formats": ("onnx", "tflite")}, "formats must be some of onnx, pb, savedmodel, not tflite"),
        ({"formats": ()}, "not none"),
        ({"interface": "ragged"}, "must be one of edges, padded, tensors, not 'ragged'"),
        ({"interface": "edges", "fixed": (1, 10)}, "a fixed shape takes positive"),
        ({"fixed": (0, 10)}, "a fixed shape takes positive"),
        ({"formats": ("pb",), "int8": True}, "add onnx to the formats"),
    ],
)
def test_bad_options_leave_nothing(runs: dict[str, Path], tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        export(runs["padded"], tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_cannot_be_inside_leaves_nothing(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="also needs delaunay, use the edges interface"):
        export(runs["edges"], tmp_path / "out", interface="padded")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run folder"):
        export(tmp_path / "none", tmp_path / "out")


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


def test_edge_lists_need_a_reduction_which_old_releases_lack(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", settings={"channels": (4,), "heads": (1,), "layout": "edges"})
    with pytest.raises(InputError, match="CMSSW_12_4 .* ScatterND with reduction=add needs opset 16"):
        export(run, tmp_path / "out", cmssw="12_4", interface="edges")
    folder = export(run, tmp_path / "out", cmssw="13_1", interface="edges", formats=("onnx",), proof=0)
    nodes = onnx.load(folder / "model.onnx").graph.node
    # Segments are neither sorted nor padded to the largest: that takes one of these.
    assert not {node.op_type for node in nodes} & {"Unique", "TopK", "Pad", "Loop", "Scan", "NonZero"}
    reductions = {
        attribute.s.decode()
        for node in nodes
        for attribute in node.attribute
        if attribute.name == "reduction"
    }
    assert reductions == {"add", "max"}


def test_the_keras_model_holds_nothing_that_only_new_keras_knows(handoffs: dict[str, Path]) -> None:
    import zipfile

    with zipfile.ZipFile(handoffs["padded"] / "model.keras") as archive:
        config = archive.read("config.json")
        assert not [key for key in (b"quantization_config", b"input_axes", b"output_axes") if key in config]
        assert archive.testzip() is None
