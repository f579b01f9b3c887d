"""Parity vectors and raw jets of a bundle for the unit test of its CMSSW package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.deploy.candidates import write_candidates
from e2e_tf.deploy.raw_vectors import read_raw_vectors
from e2e_tf.deploy.tolerance import column_tolerance

__all__ = ["write_parity_text", "write_raw_jets"]

_PARITY_NUMBERS = 20_000  # in the text file


def write_parity_text(bundle: Path, manifest: dict[str, Any], path: Path) -> None:
    """The bundle's parity vectors as text, which the unit test reads without a library.

    Behind the scores of a batch stands what each of them may differ by.

    Args:
        bundle: its folder.
        manifest: of it.
        path: new file.
    """
    names = [info["name"] for info in manifest["inputs"]]
    output = manifest["outputs"][0]["name"]
    tolerance, lines = column_tolerance(manifest), []
    with np.load(bundle / "inputs.npz") as inputs, np.load(bundle / "outputs.npz") as outputs:
        batches = _few(inputs, names)
        lines.append(str(len(batches)))
        for batch in batches:
            lines.append(str(len(names)))
            for name in names:
                values = inputs[f"{batch}/{name}"]
                lines.append(" ".join([name, str(values.ndim), *map(str, values.shape)]))
                lines.append(" ".join(map(_number, values.ravel())))
            scores = outputs[f"{batch}/{output}"]
            allowed = tolerance.allowed(scores).astype(np.float32)
            lines.append(" ".join(map(str, (scores.ndim, *scores.shape))))
            lines += [" ".join(map(_number, of.ravel())) for of in (scores, allowed)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write_raw_jets(bundle: Path, manifest: dict[str, Any], path: Path) -> None:
    """The bundle's raw jets as a file of jets, which the unit test makes tensors of; nothing where there are none.

    Columns ``score0``, ``allowed0`` and so on of the jets hold Keras' scores and what each may differ by.

    Args:
        bundle: its folder.
        manifest: of it.
        path: new file.
    """
    vectors = read_raw_vectors(bundle)
    if vectors is None:
        return
    scores = vectors.score.reshape(len(vectors.jets), -1)
    allowed = column_tolerance(manifest).allowed(scores)
    columns = {f"score{i}": scores[:, i] for i in range(scores.shape[1])}
    columns |= {f"allowed{i}": allowed[:, i] for i in range(scores.shape[1])}
    jets = vectors.jets
    write_candidates(path, replace(jets, columns={**jets.columns, **columns}))


def _few(inputs: Any, names: list[str]) -> list[int]:
    """Batches with at least one node and not too many numbers together, the first ones."""
    sizes: dict[int, int] = {}
    for key in inputs.files:
        batch = int(key.split("/")[0])
        sizes[batch] = sizes.get(batch, 0) + inputs[key].size
    found: list[int] = []
    for batch in sorted(sizes):
        empty = any(inputs[f"{batch}/{name}"].size == 0 for name in names[:2])
        if not empty and sum(sizes[b] for b in found) + sizes[batch] <= _PARITY_NUMBERS:
            found.append(batch)
    return found


def _number(value: np.float32) -> str:
    """The shortest text that gives the same float32."""
    return np.format_float_scientific(value, unique=True, trim="0") if value else "0"
