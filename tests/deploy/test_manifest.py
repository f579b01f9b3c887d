"""The model of the manifest and the JSON schema made from it accept the same documents."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_tf.deploy.manifest import (
    MANIFEST_FORMAT,
    MANIFEST_VERSION,
    SCHEMA_FILE,
    check_manifest,
    manifest_schema,
)
from e2e_tf.errors import InputError

EXAMPLE: dict[str, Any] = {
    "format": MANIFEST_FORMAT,
    "format_version": MANIFEST_VERSION,
    "interface": "padded",
    "release": {"cmssw": "13_1", "tensorflow": "2.6.4", "onnxruntime": "1.14.1", "certain": True},
    "model": {"name": "gat_cheb", "settings": {}},
    "graph": {"nodes": "hits", "edges": "knn:8", "k": 8},
    "limits": {"max_nodes": None, "repeated_edges": False},
    "inputs": [{"name": "points", "dtype": "float32", "shape": ["B", 2, "N"]}],
    "outputs": [{"name": "score", "dtype": "float32", "shape": ["B", 1], "columns": {"score": 1}}],
    "formats": {
        "onnx_int8": {
            "file": "model_int8.onnx",
            "inputs": {"points": "points"},
            "outputs": {"score": "score"},
            "opset": 18,
            "cost": {
                "largest_difference": 0.1,
                "mean_difference": 0.01,
                "pairs_reordered": 0,
                "auc": {"jets": 100, "keras": 0.9, "this": 0.89, "difference": -0.01, "error": 0.002},
            },
        },
        "saved_model": {
            "folder": "saved_model",
            "tag": "serve",
            "inputs": {"points": "serving_default_points:0"},
            "outputs": {"score": "StatefulPartitionedCall:0"},
        },
    },
    "working_points": [{"target": 0.5, "threshold": 0.9, "output": "score"}],
    "binned_working_points": [
        {
            "low": 10,
            "high": 20.5,
            "signal": 30,
            "background": 40,
            "working_points": [
                {
                    "target": 0.5,
                    "threshold": 0.9,
                    "output": "score",
                    "signal_efficiency": 0.5,
                    "signal_error": 0.09,
                    "background_efficiency": 0.0,
                    "rejection": 13.4,
                    "is_limit": True,
                    "low": 13.4,
                    "high": None,
                }
            ],
        },
        {"low": 20.5, "high": 50, "signal": 0, "background": 40, "working_points": None},
    ],
    "auc": {"value": 0.9, "error": None},
    "tested": [
        {"runtime": "ONNX", "jets": 10, "largest_difference": None, "tolerance": 1e-5, "required": True}
    ],
    "provenance": {"e2e_tf": "0.1.0", "versions": {}, "seed": 1},
    "checksums": {"model.onnx": "0" * 64},
}
VALUES = (None, True, 3, 0.5, "text", [], {}, [1], {"a": 1}, {"a": "b"})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every entry of a document."""
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))
        else:
            yield (*path, key)


def changed() -> Iterator[tuple[str, Any]]:
    """The example with one entry left out, added or of another kind."""
    for *where, key in places(EXAMPLE):

        def holder(document: Any, where: list[Any] = where) -> Any:
            for part in where:
                document = document[part]
            return document

        for value in VALUES:
            document = copy.deepcopy(EXAMPLE)
            holder(document)[key] = value
            yield f"{where} {key} = {value!r}", document
        document = copy.deepcopy(EXAMPLE)
        del holder(document)[key]
        yield f"{where} without {key}", document
        if isinstance(key, str):
            document = copy.deepcopy(EXAMPLE)
            holder(document)["unknown"] = "x"
            yield f"{where} unknown beside {key}", document


def accepted(document: Any) -> bool:
    try:
        check_manifest(document)
    except InputError:
        return False
    return True


def test_the_model_and_the_schema_give_the_same_verdict() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    validator = jsonschema.Draft202012Validator(manifest_schema())
    assert accepted(EXAMPLE)
    assert validator.is_valid(EXAMPLE)
    documents = list(changed())
    verdicts = {name: (accepted(document), validator.is_valid(document)) for name, document in documents}
    differ = {name for name, both in verdicts.items() if both[0] != both[1]}
    assert differ == {"[] format_version = True"}  # True equals 1 in Python
    refused = sum(not both[0] for both in verdicts.values())
    assert refused > 300
    assert len(documents) - refused > 100  # entries that are not listed, and those of any kind


def test_the_written_schema_is_that_of_the_model() -> None:
    assert json.loads(SCHEMA_FILE.read_text("utf-8")) == manifest_schema()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interface": "tree"}, "interface must be 'edges', 'padded' or 'tensors', not 'tree'"),
        ({"format_version": 3}, "format_version must be 1 or 2, not 3"),
        ({"inputs": []}, "inputs must have at least 1 entries, not 0"),
        ({"limits": {"max_nodes": "50"}}, "limits.max_nodes must be a valid integer, not '50'"),
        ({"limits": {"max_nodes": True}}, "limits.max_nodes must be a valid integer, not True"),
        ({"formats": {"tree": {}}}, "formats has an unknown entry 'tree'"),
        (
            {"outputs": [{"name": "s", "dtype": "int64", "shape": [1]}]},
            r"outputs\[0\].dtype must be 'float32', not 'int64'",
        ),
        (
            {"inputs": [{"name": "s", "dtype": "float32", "shape": [1, None]}]},
            r"inputs\[0\].shape\[1\] must be an integer or a string, not None",
        ),
        ({"graph": {"nodes": "hits"}}, "graph lacks edges, k"),
        ({"graph": 3}, "graph must be an object, not 3"),
        ({"checksums": None}, "checksums must be an object, not None"),
        ({"tested": {}}, "tested must be an array, not {}"),
        ({"binned_working_points": None}, "binned_working_points must be an array, not None"),
        (
            {
                "binned_working_points": [
                    EXAMPLE["binned_working_points"][1] | {"working_points": [{"target": 0.5}]}
                ]
            },
            r"binned_working_points\[0\].working_points\[0\] lacks threshold, signal_efficiency, signal_error, ",
        ),
    ],
)
def test_a_damaged_manifest_is_explained(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_manifest(EXAMPLE | change, "here.json")


@pytest.mark.parametrize("document", [None, 3, [], "text"])
def test_what_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(InputError, match=r"^here\.json: the document must be an object, not "):
        check_manifest(document, "here.json")


def test_a_manifest_of_before_has_no_bins_of_pt() -> None:
    check_manifest({key: value for key, value in EXAMPLE.items() if key != "binned_working_points"})


def test_manifests_of_the_shipped_bundles_fit() -> None:
    found = list((SCHEMA_FILE.parent / "bundles").glob("*/manifest.json"))
    assert found
    for path in found:
        check_manifest(json.loads(Path(path).read_text("utf-8")))
