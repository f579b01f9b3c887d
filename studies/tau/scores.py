"""Scores of the evaluated jets, one file for each row and seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e_tf.files import new_file
from studies.tau.rows import slug


def score_path(samples: Path, name: str, seed: int, jets: str = "") -> Path:
    """Where the scores stay: those of the test part, or of other ``jets``."""
    return samples / "scores" / f"{slug(name)}-{seed}{jets}.npy"


def write_score(path: Path, score: np.ndarray) -> None:
    """Keep scores (B,), as float32; those that are there are replaced."""
    path.parent.mkdir(exist_ok=True)
    with new_file(path, force=True) as part, open(part, "wb") as file:
        np.save(file, score.astype(np.float32))


def read_score(path: Path) -> np.ndarray:
    """float64 (B,)."""
    return np.load(path).astype(np.float64)
