"""Runs a script in an environment of its own: arrays in, arrays out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def python(name: str, variable: str) -> Path:
    """The python of a parity environment; skips the test if there is none."""
    path = Path(os.environ.get(variable) or ROOT / f".venv-{name}" / "bin" / "python")
    if not path.exists():
        pytest.skip(f"no {name} environment: run 'sh tests/parity/make_envs.sh' or set {variable}")
    return path


def run(executable: Path, script: Path, arrays: dict[str, np.ndarray], folder: Path) -> dict[str, np.ndarray]:
    """Call ``script inputs.npz outputs.npz`` with another python and give back its outputs."""
    inputs, outputs = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(inputs, **arrays)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TF_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(executable), str(script), str(inputs), str(outputs)],
        env={**clean, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with np.load(outputs) as data:
        return {key: data[key] for key in data.files}
