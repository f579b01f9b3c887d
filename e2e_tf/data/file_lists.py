"""Which files a sample consists of: a path, a pattern, a folder, a text file of paths, or a list of these."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from e2e_tf.data.remote import is_remote
from e2e_tf.data.samples import SAMPLES
from e2e_tf.errors import InputError

__all__ = ["expanded"]

_LISTS = (".txt", ".list", ".lst")
_STARTS = (b"\x89HDF\r\n\x1a\n", b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06", b"root", b"PAR1")


def expanded(names: Sequence[str], base: Path) -> tuple[str, ...]:
    """The files of a sample in order.

    Args:
        names: names of shipped samples, addresses, and relative to ``base`` paths of files, patterns (``*.root``,
            ``**/*.h5``), folders (all data files in them, in the order of their names) and text files
            (``.txt``, ``.list``, ``.lst``), which hold one of these in a line, relative to the text file's folder.
        base: where relative paths start.

    Returns:
        Paths as given where they are files, in patterns and folders relative to ``base`` if it contains them. A file
        that is not there stays, for whoever reads it to say so.

    Raises:
        InputError: a pattern fits no file, a folder or a list holds none, or a file is named twice.
    """
    if not names:
        raise InputError("a sample needs at least one file, got none")
    found = [path for name in names for path in _files(name, base)]
    seen: dict[str, str] = {}
    for path in found:
        place = path if path in SAMPLES or is_remote(path) else os.path.abspath(base / path)
        if place in seen:
            raise InputError(f"{path} is in the sample twice; name every file once")
        seen[place] = path
    return tuple(found)


def _files(name: str, base: Path) -> list[str]:
    if name in SAMPLES or is_remote(name):
        return [name]
    path = base / name
    if path.is_file():
        return _listed(name, base) if path.suffix.lower() in _LISTS else [name]
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path) and _is_data(p))
        if not inside:
            raise InputError(f"the folder {path} holds no data file (HDF5, ROOT, parquet, npz, npy or ig)")
        return [_relative(p, base) for p in inside]
    if glob.has_magic(name):
        pattern = os.path.join(
            glob.escape(str(base)), name
        )  # a folder with brackets in its name is no pattern
        fits = sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))
        if not fits:
            raise InputError(f"no file fits {path}")
        return [_relative(Path(p), base) for p in fits]
    return [name]


def _listed(name: str, base: Path) -> list[str]:
    path = base / name
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"{path} must be a text file with a path in every line") from error
    entries = [line for line in lines if line and not line.startswith("#")]
    if not entries:
        raise InputError(f"{path} lists no file; write one path in every line")
    folder = path.parent
    found = [one for entry in entries for one in _files(entry, folder)]
    return [one if one in SAMPLES or is_remote(one) else _relative(folder / one, base) for one in found]


def _relative(path: Path, base: Path) -> str:
    whole, start = os.path.abspath(path), os.path.abspath(base)
    return os.path.relpath(whole, start) if whole.startswith(start.rstrip("/") + "/") else whole


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_data(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(8)
    return start.startswith(_STARTS)
