"""The C++ runner as Python calls it; what it computes is in test_cpp.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import e2e_tf.deploy.cpp_runner
from e2e_tf.errors import InputError


def test_a_runner_of_an_earlier_build_is_named(bundles: dict[str, Path], tmp_path: Path) -> None:
    old = tmp_path / "e2e_tf_run"
    old.write_text("#!/bin/sh\necho 'e2e_tf_run: error: unknown option --input; usage' >&2\nexit 2\n")
    old.chmod(0o755)
    with pytest.raises(InputError, match="e2e_tf_run is older than this library; 'make cpp' builds it again"):
        e2e_tf.deploy.cpp_runner._run(old, "onnx", "tensors", bundles["padded"], tmp_path / "x.bin", [1])
    old.chmod(0o644)
    with pytest.raises(InputError, match="e2e_tf_run cannot be run: Permission denied"):
        e2e_tf.deploy.cpp_runner._run(old, "onnx", "tensors", bundles["padded"], tmp_path / "x.bin", [1])
