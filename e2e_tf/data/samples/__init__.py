"""Samples that ship with the package, by name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["SAMPLES", "sample_path"]

SAMPLES = ("tau", "tau_detector")


def sample_path(name: str) -> Path:
    """Where the sample of that name lies.

    Args:
        name: of a shipped sample, such as ``tau``.

    Returns:
        The path of its HDF5 file.
    """
    return Path(str(files(__name__).joinpath(f"{name}.h5")))
