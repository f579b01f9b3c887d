"""The script in every folder that repeats the validation."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e_tf.deploy.repeat import changed


def repeat(folder: Path, *kinds: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(folder / "repeat.py"), str(folder), *kinds]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_validation_is_repeated_without_this_library(copy: Path, perturb: Callable[[Path], None]) -> None:
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


def test_a_manifest_without_checksums_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"checksums": {}}), "utf-8")
    assert changed(copy, {}) == changed(copy, {"checksums": {}}) == ["manifest.json"]
    done = repeat(copy, "onnx")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("has changed since its export: manifest.json\n")
