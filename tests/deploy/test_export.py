"""What a bundle holds, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from registered_models import write_model

import e2e_tf.deploy.export
from e2e_tf.config import RunConfig
from e2e_tf.data.features import Feature
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.deploy.bundle import open_bundle
from e2e_tf.deploy.export import export
from e2e_tf.deploy.manifest import check_manifest
from e2e_tf.deploy.raw_vectors import read_raw_vectors
from e2e_tf.deploy.runners import onnx_runner
from e2e_tf.deploy.signing import manifest_digest
from e2e_tf.deploy.triton import triton
from e2e_tf.errors import InputError
from e2e_tf.files import sha256, write_json
from e2e_tf.training.run import Run

KINDS = ["padded", "edges"]


def read(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return document


def test_inputs_that_c_plus_plus_does_not_compute_are_refused_by_name(tmp_path: Path) -> None:
    columns = {"candidates": {"share": "pt / jet_pt"}, "candidate_selection": "pt > 1"}
    features = Normalisation.fit((Feature("share", "", ""),), np.ones((3, 1), np.float32))
    preprocess = Preprocess("candidates", "knn:2", features, extra={"columns": columns})
    run = Run(tmp_path / "run", RunConfig(), tmp_path, preprocess)
    with pytest.raises(
        InputError, match=re.escape("need share = 'pt / jet_pt'; candidate_selection = 'pt > 1', which")
    ):
        export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_interface_follows_from_the_graph(bundles: dict[str, Path], kind: str) -> None:
    assert read(bundles[kind])["interface"] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_lists_every_file(bundles: dict[str, Path], kind: str) -> None:
    folder = bundles[kind]
    manifest = read(folder)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(manifest["checksums"]) == files
    own = manifest["checksums"]["manifest.json"]
    assert manifest_digest(folder, own) == own
    assert all(sha256(folder / n) == v for n, v in manifest["checksums"].items() if n != "manifest.json")
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
    check_manifest(manifest)


@pytest.mark.parametrize(
    ("outputs", "evaluated", "columns"),
    [
        ({}, "score", {"score": 1}),
        (
            {"tau": {}, "pt": {"kind": "regression", "column": "visible_pt"}, "same": {}},
            "tau",
            {"pt": 1, "same": 1, "tau": 1},
        ),
    ],
)
def test_working_points_name_the_output_that_was_evaluated(
    make_run: Callable[..., Path], tmp_path: Path, outputs: Any, evaluated: str, columns: dict[str, int]
) -> None:
    run = make_run(tmp_path / "run", outputs=outputs)
    points = [{"target": 0.5, "threshold": 0.25, "signal_efficiency": 0.5, "background_efficiency": 0.1}]
    overall = {"auc": {"value": 0.75, "error": 0.01}, "working_points": points}
    low = {"low": 10.0, "high": 20.0, "signal": 9, "background": 8}
    high = {"low": 20.0, "high": 50.0, "signal": 0, "background": 7, "working_points": None}
    rest = {"signal_error": 0.1, "rejection": 10.0, "is_limit": False, "low": 7.0, "high": 17.0}
    bins = [
        {**low, "auc": overall["auc"], "rejection": [], "working_points": [points[0] | rest]},
        {**high, "auc": None},
    ]
    write_json(run / "metrics.json", {"classifiers": {"gat_cheb": {"overall": overall, "pt_bins": bins}}})
    manifest = read(export(run, tmp_path / "bundle", formats=("pb",), proof=0))
    assert manifest["outputs"][0]["columns"] == columns
    assert manifest["working_points"] == [{**points[0], "output": evaluated}]
    assert manifest["auc"] == overall["auc"]
    named = [{**points[0], **rest, "output": evaluated}]
    assert manifest["binned_working_points"] == [{**low, "working_points": named}, high]


def test_an_existing_folder_is_kept(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(InputError, match="exists already"):
        export(runs["padded"], tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "x"


@pytest.fixture
def foreign(runs: dict[str, Path], copy: Path, tmp_path: Path) -> dict[str, Path]:
    """What --force must not replace."""
    run = Path(shutil.copytree(runs["padded"], tmp_path / "run"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (copy / "notes.txt").write_text("mine")
    return {"run": run, "mine": mine, "file": tmp_path / "file", "bundle": copy, "parent": tmp_path}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("run", "run is not a bundle; --force replaces only what this command has written"),
        ("mine", "mine is not a bundle; --force"),
        ("parent", "is not a bundle; --force"),
        ("file", "file is a file, not a folder"),
        ("bundle", r"copy holds notes\.txt, which no export has written; --force"),
    ],
)
def test_force_deletes_nothing_that_no_export_has_written(
    foreign: dict[str, Path], name: str, message: str
) -> None:
    before = {path: path.read_bytes() for path in foreign["parent"].rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=message):
        export(foreign["run"], foreign[name], force=True, formats=("pb",), proof=0)
    after = {path: path.read_bytes() for path in foreign["parent"].rglob("*") if path.is_file()}
    assert after == before


def test_the_working_folder_is_not_replaced(
    runs: dict[str, Path], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy)
    before = sorted(copy.iterdir())
    with pytest.raises(InputError, match="holds the working folder"):
        export(runs["padded"], ".", force=True, formats=("pb",), proof=0)
    assert sorted(copy.iterdir()) == before


def test_of_two_exports_to_one_name_one_wins(
    runs: dict[str, Path], copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is done while this one still works."""

    def meanwhile(job: Any) -> list[np.ndarray]:
        shutil.copytree(copy, tmp_path / "out")
        return [np.zeros((1, 1), np.float32)]

    monkeypatch.setattr(e2e_tf.deploy.export, "write_parity", meanwhile)
    with pytest.raises(InputError, match="out has been written by another process meanwhile"):
        export(runs["padded"], tmp_path / "out", force=True, formats=("pb",), proof=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "out"]
    open_bundle(tmp_path / "out")
    monkeypatch.undo()
    export(runs["padded"], tmp_path / "out", force=True, formats=("pb",), proof=0)  # a bundle is replaced
    assert set(open_bundle(tmp_path / "out")["formats"]) == {"frozen_graph"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "out"]


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


def test_the_example_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of one's own, from Python without a configuration; on fewer jets."""
    guide = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for long, short in (
        ("stop=600", "stop=80"),
        ("features=features)", "features=features, formats=['onnx'], proof=9)"),
    ):
        assert code.count(long) == 1
        code = code.replace(long, short)
    exec(compile(code, "export.md", "exec"), {})
    manifest = read(tmp_path / "bundle")
    assert manifest["interface"] == "padded"
    assert manifest["outputs"][0]["columns"] == {"tau": 1}
    assert manifest["provenance"]["data"] == {"model": manifest["model"]["name"]}
    assert all(found["largest_difference"] <= found["tolerance"] for found in manifest["tested"])


def test_a_form_of_one_jet_has_an_output_of_fixed_shape(
    runs: dict[str, Path], tmp_path: Path, not_built: None
) -> None:
    import onnx

    folder = export(runs["edges"], tmp_path / "out", formats=("onnx",), one_jet=True, proof=1)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert {t["runtime"].split(" (")[0] for t in manifest["tested"]} == {
        "Keras in a tf.function",
        "ONNX",
        "ONNX of one jet",
    }
    model = onnx.load(folder / "model_one_jet.onnx")
    shapes = {
        t.name: [d.dim_value for d in t.type.tensor_type.shape.dim]
        for t in (*model.graph.input, *model.graph.output)
    }
    assert shapes["score"] == [1, 1, 1]
    assert shapes["u"][:2] == [1, 1]
    assert shapes["x"][1] == shapes["edge_index"][2] == 0  # free
    with pytest.raises(
        InputError, match="a form of one jet takes the edges interface and ONNX, not padded and onnx"
    ):
        export(runs["padded"], tmp_path / "other", formats=("onnx",), one_jet=True)


def test_a_form_with_fused_attention_agrees_with_keras(tmp_path: Path, not_built: None) -> None:
    """Pair bias, padding, empty jets and jets of one node, and the raw jets of the bundle; another release lacks it."""
    import onnx

    file = write_model(tmp_path, "particle_attention", class_blocks=1)
    options: dict[str, Any] = {
        "formats": ("onnx",),
        "fused_attention": True,
        "float16_weights": True,
        "proof": 20,
    }
    for cmssw, runtime in (("12_1", "1.7.2"), ("13_3", "1.14.1")):
        message = (
            rf"CMSSW_{cmssw} \(ONNX Runtime {re.escape(runtime)}\) cannot run com.microsoft::MultiHeadAttention with a "
            r"bias for each jet; it needs ONNX Runtime 1\.17, so export for CMSSW_14_1 or later"
        )
        with pytest.raises(InputError, match=message):
            export(file, tmp_path / "out", cmssw=cmssw, **options)
    with pytest.raises(InputError, match="fused attention is a form of ONNX; add onnx to the formats pb"):
        export(file, tmp_path / "out", cmssw="14_1", **{**options, "formats": ("pb",)})
    folder = export(file, tmp_path / "out", cmssw="14_1", **options)
    manifest = read(folder)
    entry = manifest["formats"]["onnx_fused"]
    assert entry["file"] == "model_fused.onnx"
    assert entry["fused"] == {"com.microsoft::MultiHeadAttention": 2}  # the block and the class token's
    assert entry["nodes"] < manifest["formats"]["onnx"]["nodes"]
    tested = {t["runtime"].split(" (")[0]: t for t in manifest["tested"]}
    half = {"ONNX, float16 weights", "ONNX, fused attention, float16"}
    assert set(tested) == {"Keras in a tf.function", "ONNX", "ONNX, fused attention", *half}
    assert all(
        t["required"] and t["largest_difference"] <= t["tolerance"]
        for key, t in tested.items()
        if key not in half
    )
    assert not any(tested[key]["required"] for key in half)
    rounded = manifest["formats"]["onnx_fused_float16"]
    assert rounded["fused"] == entry["fused"]
    assert rounded["weights"] == "float16"
    assert 1e-6 < rounded["cost"]["largest_difference"] < 0.05
    standard = {node.domain for node in onnx.load(folder / "model.onnx").graph.node}
    assert standard <= {"", "ai.onnx"}
    # The scores of the raw jets that the bundle holds.
    vectors = read_raw_vectors(folder)
    assert vectors is not None
    scores = onnx_runner(folder, entry)(vectors.tensors)
    np.testing.assert_allclose(scores, vectors.score, rtol=0, atol=1e-5)
    assert np.ptp(scores) > 1e-3
    config = (
        triton(folder, tmp_path / "repository", form="onnx_fused") / "e2e_tagger" / "config.pbtxt"
    ).read_text()
    assert "instance_group [ { kind: KIND_AUTO count: 1 } ]" in config


def test_a_model_without_attention_has_none_to_be_fused(tmp_path: Path) -> None:
    import keras

    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Softmax()(keras.layers.Dense(2)(x)))
    with pytest.raises(InputError, match=r"no attention was found to be fused, softmax\(scale"):
        export(model, tmp_path / "out", formats=("onnx",), cmssw="14_1", fused_attention=True)
    assert not (tmp_path / "out").exists()
