"""The Triton model repository."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from e2e_tf.deploy.signing import write_manifest
from e2e_tf.deploy.triton import PLATFORMS, config_pbtxt, triton
from e2e_tf.errors import InputError
from e2e_tf.files import sha256


def parsed(path: Path) -> Any:
    """``config.pbtxt`` by Triton's own schema."""
    found = importlib.util.find_spec("tritonclient")
    if found is None or not found.submodule_search_locations:
        pytest.skip("tritonclient is not installed")
    # The schema alone: the client around it needs a network stack of its own.
    source = Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", source)
    assert spec is not None
    assert spec.loader is not None
    schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)
    from google.protobuf import text_format

    return text_format.Parse(path.read_text("utf-8"), schema.ModelConfig())


@pytest.mark.parametrize("form", ["frozen_graph", "onnx", "saved_model"])
@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_the_config_is_what_the_server_expects(
    bundles: dict[str, Path], tmp_path: Path, form: str, kind: str
) -> None:
    folder = triton(bundles[kind], tmp_path / "repository", form=form) / "e2e_tagger"
    assert (folder / "1" / PLATFORMS[form][1]).exists()
    for name in ("preprocess.json", "manifest.json"):
        assert (folder / name).read_bytes() == (bundles[kind] / name).read_bytes()
    config = parsed(folder / "config.pbtxt")
    assert config.name == "e2e_tagger"
    (output,) = config.output
    assert (folder / output.label_filename).read_text() == "score\n"
    assert all(tensor.data_type == 11 for tensor in [*config.input, *config.output])  # TYPE_FP32
    shapes = {tensor.name: list(tensor.dims) for tensor in [*config.input, *config.output]}
    if kind == "padded":
        assert shapes == {"points": [2, -1], "features": [16, -1], "mask": [1, -1], "u": [2, 1], "score": [1]}
        assert config.max_batch_size == 500
        assert list(config.dynamic_batching.preferred_batch_size) == [16, 64, 200]
    else:
        assert shapes == {
            "x": [1, -1, 17],
            "edge_index": [1, 2, -1],
            "batch": [1, -1],
            "u": [1, -1, 2],
            "score": [1, -1, 1],
        }
        assert config.max_batch_size == 0
        assert not config.HasField("dynamic_batching")


def test_images_are_batched_by_the_server(tmp_path: Path) -> None:
    manifest = {
        "interface": "tensors",
        "inputs": [{"name": "image", "dtype": "float32", "shape": ["B", 8, 8, 3]}],
        "outputs": [{"name": "score", "dtype": "float32", "shape": ["B", 2]}],
        "formats": {"onnx": {"inputs": {"image": "image"}, "outputs": {"score": "score"}}},
    }
    (tmp_path / "config.pbtxt").write_text(config_pbtxt(manifest, "cnn", "onnx", 32, [4, 32]))
    config = parsed(tmp_path / "config.pbtxt")
    assert [(t.name, list(t.dims)) for t in (*config.input, *config.output)] == [
        ("image", [8, 8, 3]),
        ("score", [2]),
    ]
    assert config.max_batch_size == 32
    assert list(config.dynamic_batching.preferred_batch_size) == [4, 32]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a/b"}, "must be letters, digits"),
        ({"form": "tensorrt"}, r"the bundle holds \(onnx, saved_model, frozen_graph\), not 'tensorrt'"),
        ({"form": "onnx_int8"}, r"the bundle holds \(onnx, saved_model, frozen_graph\), not 'onnx_int8'"),
        ({"max_batch_size": 8, "preferred": (16,)}, "preferred ones at most 8"),
        ({"max_batch_size": 0, "preferred": ()}, "batches must be positive"),
    ],
)
def test_bad_options_leave_nothing(
    bundles: dict[str, Path], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        triton(bundles["padded"], tmp_path / "repository", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_repository_is_kept(bundles: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        triton(bundles["padded"], tmp_path)


def test_force_replaces_the_model_of_this_name_and_nothing_else(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    for name in ("one", "two"):
        triton(bundles["padded"], repository, name=name, force=repository.exists())
    other = repository / "theirs" / "1" / "model.onnx"
    other.parent.mkdir(parents=True)
    other.write_text("theirs")
    two = (repository / "two" / "config.pbtxt").stat().st_mtime_ns
    triton(bundles["padded"], repository, name="one", form="saved_model", force=True)
    assert sorted(path.name for path in repository.iterdir()) == ["one", "theirs", "two"]
    assert sorted(path.name for path in (repository / "one" / "1").iterdir()) == ["model.savedmodel"]
    asset = repository / "one" / "1" / "model.savedmodel" / "assets" / "mine.txt"
    asset.write_text("mine")
    with pytest.raises(InputError, match=r"one holds 1/model\.savedmodel/assets/mine\.txt, which"):
        triton(bundles["padded"], repository, name="one", force=True)
    asset.unlink()
    assert (other.read_text(), (repository / "two" / "config.pbtxt").stat().st_mtime_ns) == ("theirs", two)
    triton(bundles["padded"], repository, name="one", form="onnx", force=True)
    (repository / "one" / "2").mkdir()
    with pytest.raises(InputError, match="one holds 2, which 'e2e-tf triton' has not written; --force"):
        triton(bundles["padded"], repository, name="one", force=True)
    with pytest.raises(InputError, match="theirs is not a model of a Triton repository"):
        triton(bundles["padded"], repository, name="theirs", force=True)
    assert other.read_text() == "theirs"


@pytest.mark.parametrize("form", ["onnx_float16", "onnx_int8"])
@pytest.mark.parametrize("most", [8, 100])
def test_smaller_forms_are_served_by_onnx_runtime(
    bundles: dict[str, Path], tmp_path: Path, form: str, most: int
) -> None:
    bundle = Path(shutil.copytree(bundles["padded"], tmp_path / "bundle"))
    (bundle / "small.onnx").write_bytes(b"small")
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    manifest["formats"][form] = {**manifest["formats"]["onnx"], "file": "small.onnx"}
    manifest["checksums"]["small.onnx"] = sha256(bundle / "small.onnx")
    write_manifest(bundle, manifest)
    folder = triton(bundle, tmp_path / "repository", form=form, max_batch_size=most) / "e2e_tagger"
    assert (folder / "1" / "model.onnx").read_bytes() == b"small"
    config = parsed(folder / "config.pbtxt")
    assert (config.backend, config.max_batch_size) == ("onnxruntime", most)
    assert list(config.dynamic_batching.preferred_batch_size) == [s for s in (16, 64, 200) if s <= most]
    assert config.parameters["intra_op_thread_count"].string_value == "1"
