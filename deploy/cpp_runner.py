"""The C++ runner ``e2e_tf_run``, which scores a file of tensors or of raw jets with one of its backends."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.deploy.candidates import write_candidates, write_tensors
from e2e_tf.deploy.runners import NAMES
from e2e_tf.errors import InputError

__all__ = ["RUNNER", "CppRun", "cpp_runs", "score_jets"]

RUNNER = Path(__file__).parent / "cpp" / "build" / "e2e_tf_run"  # where 'make cpp' builds it
_BACKENDS = {"onnx": "onnx", "tf": "frozen_graph", "savedmodel": "saved_model"}  # of the runner


@dataclass(frozen=True)
class CppRun:
    """What a backend of the runner makes of tensors.

    Attributes:
        name: of the form of the model.
        runner, backend: how it was run.
        scores: of each batch, float32; None where nothing was run.
        version: of the library.
        missing: why nothing was run.
    """

    name: str
    runner: Path
    backend: str
    scores: list[np.ndarray] | None = None
    version: str = ""
    missing: str = ""


def cpp_runs(
    folder: Path,
    manifest: dict[str, Any],
    runner: str | os.PathLike[str] | None,
    feeds: Sequence[Mapping[str, np.ndarray]],
    sizes: Sequence[int],
) -> Iterator[CppRun]:
    """Scores of batches of tensors by every backend of the runner that the bundle has a form for.

    Args:
        folder: the bundle.
        manifest: of it.
        runner: ``e2e_tf_run``; None takes :data:`RUNNER`.
        feeds: float32 tensors of each batch.
        sizes: number of scores of each batch.

    Yields:
        One for each backend, also for those that were not run.

    Raises:
        InputError: the runner fails.
    """
    runner = RUNNER if runner is None else Path(runner)
    with tempfile.TemporaryDirectory() as scratch:
        tensors = Path(scratch) / "tensors.bin"
        if runner.is_file():
            write_tensors(tensors, feeds)
        for backend, form in _BACKENDS.items():
            if form not in manifest["formats"]:
                continue
            name = f"{NAMES[form]} in C++"
            if not runner.is_file():
                yield CppRun(name, runner, backend, missing="not built, see 'make cpp'")
                continue
            scores, version = _run(runner, backend, "tensors", folder, tensors, sizes)
            why = f"built without {backend}" if scores is None else ""
            yield CppRun(name, runner, backend, scores, version, why)


def score_jets(run: CppRun, folder: Path, jets: Jets, size: int) -> np.ndarray:
    """Scores of raw jets by the runner and backend of an earlier run, float32 (size,).

    Args:
        run: says which runner and backend.
        folder: the bundle.
        jets: whose tensors the runner makes itself.
        size: number of scores.

    Returns:
        float32 (size,).

    Raises:
        InputError: the runner fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "jets.bin"
        write_candidates(file, jets)
        found, _ = _run(run.runner, run.backend, "jets", folder, file, [size])
    return np.concatenate(found or [])


def _run(
    runner: Path, backend: str, kind: str, folder: Path, file: Path, sizes: Sequence[int]
) -> tuple[list[np.ndarray] | None, str]:
    """Scores of every batch and the version of the library; None where the runner lacks the backend."""
    out = file.with_suffix(".scores")
    command = [runner, "--backend", backend, "--input", kind, "--scores", out, folder, file]
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(f"{runner} cannot be run: {error.strerror}") from error
    if "was built without" in done.stderr:
        return None, ""
    if "unknown option" in done.stderr:
        raise InputError(f"{runner} is older than this library; 'make cpp' builds it again")
    if done.returncode:
        raise InputError(f"{runner} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    found = np.fromfile(out, "<f4")
    if found.size != sum(sizes):
        raise InputError(
            f"{runner} must give {sum(sizes)} scores, it gave {found.size}; 'make cpp' builds it again"
        )
    library = "ONNX Runtime" if backend == "onnx" else "TensorFlow"
    version = json.loads(done.stdout.splitlines()[-1])["version"]
    return np.split(found, np.cumsum(sizes)[:-1]), f"{library} {version}"
