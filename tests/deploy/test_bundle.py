"""A folder is opened only if it is complete, unchanged and fits its model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e_tf.deploy.bundle import open_bundle
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
