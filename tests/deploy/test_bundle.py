"""A folder is opened only if it is complete, unchanged and fits its model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import e2e_tf.deploy
from e2e_tf.deploy.bundle import not_a_bundle, open_bundle
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.deploy.sources import BundleFile, open_source
from e2e_tf.errors import InputError


@pytest.mark.parametrize("name", ["model.onnx", "model.pb", "preprocess.json", "saved_model/saved_model.pb"])
def test_a_changed_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"{name} has changed: its SHA-256 is"):
        open_bundle(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "inputs.npz").unlink()
    with pytest.raises(InputError, match=r"lacks inputs\.npz"):
        open_bundle(copy)


@pytest.mark.parametrize(
    "name", ["model.onnx", "saved_model/", "preprocess.json", "model.keras", "manifest.json"]
)
def test_a_file_without_a_checksum_is_refused(copy: Path, name: str) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    kept = {file: value for file, value in manifest["checksums"].items() if not file.startswith(name)}
    if name == "manifest.json":
        path.write_text(json.dumps(manifest | {"checksums": kept}), "utf-8")
    else:
        write_manifest(copy, manifest | {"checksums": kept})
    with pytest.raises(InputError, match=rf"manifest\.json lists no checksum of {name.strip('/')}"):
        open_bundle(copy)
    path.write_text(json.dumps(manifest | {"checksums": {}}), "utf-8")
    with pytest.raises(InputError, match="checksums must have at least 1 entries, not 0"):
        open_bundle(copy)
    del manifest["checksums"]
    path.write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(InputError, match="the document lacks checksums"):
        open_bundle(copy)


def test_a_bundle_of_before_is_exported_anew_and_nothing_else(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text("utf-8")) | {"format_version": 1}
    del manifest["checksums"]["manifest.json"]
    (copy / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(
        InputError,
        match=r"copy is of format_version 1: no checksum covers its thresholds and names; 'e2e-tf export .*copy -o",
    ):
        open_bundle(copy)
    assert open_bundle(copy, earlier=True) == manifest
    source = open_source(copy)
    assert isinstance(source, BundleFile)
    assert source.manifest == manifest
    assert not_a_bundle(copy) == ""


def test_what_is_no_bundle_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no bundle"):
        open_bundle(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        open_bundle(tmp_path / "empty")
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="is not the manifest of a bundle"):
        open_bundle(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        open_bundle(copy)


def test_a_preprocess_json_of_another_model_is_refused(
    copy: Path, resign: Callable[[Path, str], None]
) -> None:
    path = copy / "preprocess.json"
    document = json.loads(path.read_text("utf-8"))
    name = document["features"]["var_names"].pop()
    del document["features"]["var_infos"][name]
    path.write_text(json.dumps(document), "utf-8")
    resign(copy, "preprocess.json")
    with pytest.raises(InputError, match="has 15 variables for features, the model takes 16"):
        open_bundle(copy)
    path.write_text("{}", "utf-8")
    resign(copy, "preprocess.json")
    with pytest.raises(InputError, match=r"is not a preprocess\.json"):
        open_bundle(copy)


def test_why_a_folder_is_no_bundle_of_ours(copy: Path) -> None:
    assert not_a_bundle(copy) == ""
    (copy / "saved_model" / "mine.txt").write_text("mine")
    assert not_a_bundle(copy) == "holds saved_model/mine.txt, which no export has written"
    for text in ("[]", "{", "{}"):
        (copy / "manifest.json").write_text(text)
        assert not_a_bundle(copy) == "is not a bundle"
    (copy / "manifest.json").unlink()
    assert not_a_bundle(copy) == "is not a bundle"


@pytest.mark.parametrize("kind", ["padded", "edges", "shipped"])
def test_lengths_of_all_inputs_are_given_in_one_form(bundles: dict[str, Path], kind: str) -> None:
    shipped = Path(e2e_tf.deploy.__file__).parent / "bundles" / "tau_candidates"
    document = json.loads(((bundles | {"shipped": shipped})[kind] / "preprocess.json").read_text("utf-8"))
    groups = [document[name] for name in document["input_names"] if name in document]
    assert len(groups) >= 2
    for group in groups:
        assert "var_length" not in group
        assert group["min_length"] >= 0
        assert group["min_length"] <= group["max_length"] or group["max_length"] == 0
    assert (document["u"]["min_length"], document["u"]["max_length"]) == (1, 1)
