"""The version, in a module that imports nothing: the package's metadata and what is written to files read it."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
