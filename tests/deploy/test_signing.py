"""Whatever is changed in a manifest is noticed: thresholds, names, the graph, checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cmssw_driver import BINS, with_points

from e2e_tf.deploy.bundle import open_bundle
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.repeat import changed, main
from e2e_tf.deploy.signing import manifest_digest, write_manifest
from e2e_tf.deploy.triton import triton
from e2e_tf.deploy.validate import validate
from e2e_tf.errors import InputError


@pytest.fixture
def bundle(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """With working points, for all jets and in bins of pT."""
    folder = with_points(bundles["padded"], tmp_path / "bundle")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    write_manifest(folder, manifest | {"binned_working_points": BINS})
    return folder


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values that hold no others."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from leaves(part, (*path, key))
    if not isinstance(value, (dict, list)):
        yield path


def other(value: Any) -> Any:
    """A value that is nearly the same."""
    if isinstance(value, bool) or value is None:
        return not value
    return value + "x" if isinstance(value, str) else value + 1e-9


def test_every_value_of_a_manifest_is_covered(bundle: Path) -> None:
    path = bundle / "manifest.json"
    text = path.read_text("utf-8")
    own = json.loads(text)["checksums"]["manifest.json"]
    assert hashlib.sha256(text.replace(own, "0" * 64).encode()).hexdigest() == own
    assert changed(bundle, json.loads(text)) == []
    found = list(leaves(json.loads(text)))
    assert len(found) > 100
    for *holder, key in found:
        document = json.loads(text)
        inner = document
        for part in holder:
            inner = inner[part]
        inner[key] = other(inner[key])
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
        listed = document["checksums"]["manifest.json"]
        assert manifest_digest(bundle, listed) != listed, (holder, key)
        assert "manifest.json" in changed(bundle, document), (holder, key)
    path.write_text(text, "utf-8")
    open_bundle(bundle)


def test_an_order_is_covered(bundle: Path) -> None:
    """Columns of the score are in the order of the manifest, features in that of preprocess.json."""
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    manifest["outputs"][0]["columns"] = {"b": 1, "a": 1}
    write_manifest(bundle, manifest)
    text = (bundle / "manifest.json").read_text("utf-8")
    assert list(json.loads(text)["outputs"][0]["columns"]) == ["b", "a"]
    turned = text.replace('"a": 1', '"c": 1').replace('"b": 1', '"a": 1').replace('"c": 1', '"b": 1')
    assert turned != text
    (bundle / "manifest.json").write_text(turned, "utf-8")
    assert changed(bundle, json.loads(turned)) == ["manifest.json"]
    write_manifest(bundle, manifest)
    inputs = json.loads((bundle / "preprocess.json").read_text("utf-8"))
    inputs["features"]["var_names"].reverse()
    (bundle / "preprocess.json").write_text(json.dumps(inputs), "utf-8")
    assert changed(bundle, json.loads((bundle / "manifest.json").read_text("utf-8"))) == ["preprocess.json"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"threshold": 0.48', '"threshold": 0.3'),
        ('"binned_working_points"', '"binned_working_point"'),
        ('"max_nodes": 20', '"max_nodes": 21'),
        ('"k": 3', '"k": 4'),
        ('"score": "score:0"', '"score": "mask:0"'),
    ],
)
def test_nothing_reads_a_manifest_that_was_changed(
    bundle: Path, tmp_path: Path, before: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bundle / "manifest.json"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    for read in (
        open_bundle,
        lambda folder: validate(folder, jets=1),
        lambda folder: cmssw_package(folder, tmp_path / "package"),
        lambda folder: triton(folder, tmp_path / "triton"),
    ):
        with pytest.raises(InputError, match=r"manifest\.json has changed: its SHA-256 is [0-9a-f]{12}…"):
            read(bundle)
    assert main([str(bundle), "onnx"]) == 2
    assert capsys.readouterr().err.endswith("has changed since its export: manifest.json\n")
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["bundle"]
