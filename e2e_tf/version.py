"""The version, which the package's metadata and what is written to files name.

The build takes it from the last tag of git and writes it into ``_version.py``: reading it takes no time, and no git.
"""

from __future__ import annotations

try:
    from e2e_tf._version import __version__
except ModuleNotFoundError:  # a clone that was never installed
    __version__ = "0.0+unknown"

__all__ = ["__version__"]
