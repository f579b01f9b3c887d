"""What a file is, from its first bytes and the names and shapes in it; endings do not matter."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from e2e_tf.data.hdf5 import format_of
from e2e_tf.data.readers.arrays import npy_rows, npz_shape, open_hdf5, open_npz
from e2e_tf.data.readers.checks import optional, readable
from e2e_tf.data.readers.tables import as_branches, open_parquet
from e2e_tf.errors import InputError

__all__ = ["Content", "content_of"]

Shape = tuple[int, ...] | None

_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"root": "ROOT",
    b"PAR1": "parquet",
}


@dataclass(frozen=True)
class Content:
    """What is in a file.

    Attributes:
        container: HDF5, ROOT, parquet, npz, npy or ig.
        names: name of a data set, array, column or branch (``tree/branch``) to its shape, None if unknown.
        marks: further facts: the ``format`` attribute of HDF5.
    """

    container: str
    names: dict[str, Shape] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()

    def __str__(self) -> str:
        names = list(self.names)
        return f"{self.container} with {', '.join(names[:12]) or 'nothing'}{', …' if len(names) > 12 else ''}"

    def has(self, *names: str) -> bool:
        """Whether every name is there.

        Args:
            names: of data sets, arrays, columns or branches.

        Returns:
            True if all are there.
        """
        return all(name in self.names for name in names)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a name, empty if unknown.

        Args:
            name: of a data set, array, column or branch.

        Returns:
            The lengths.
        """
        return self.names.get(name) or ()


def content_of(path: Path) -> Content:
    """What is in a file.

    Args:
        path: the file.

    Returns:
        Its container and the names and shapes of what it holds.

    Raises:
        InputError: the file is damaged, or of none of the containers.
    """
    with open(path, "rb") as file:
        start = file.read(8)
    kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    if kind is None:
        raise InputError(
            f"{path} must be HDF5, ROOT, parquet, npz, npy or an iSpy archive, it starts with {start!r}"
        )
    return {"HDF5": _hdf5, "npy": _npy, "zip": _zip, "ROOT": _root, "parquet": _parquet}[kind](path)


def _hdf5(path: Path) -> Content:
    with open_hdf5(path) as (path, file), readable(path):
        names: dict[str, Shape] = {}
        for name, item in file.items():
            names[name] = getattr(item, "shape", None)
            if not hasattr(item, "shape"):
                names |= {f"{name}/{inner}": getattr(item[inner], "shape", None) for inner in item}
        return Content("HDF5", names, frozenset([format_of(file)]))


def _npy(path: Path) -> Content:
    return Content("npy", {"": npy_rows(path).shape})


def _zip(path: Path) -> Content:
    with readable(path), zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    if any(member.startswith("Events/") for member in members):
        return Content("ig", dict.fromkeys(members))
    if not members or not all(member.endswith(".npy") for member in members):
        return Content("zip", dict.fromkeys(members))
    with open_npz(path) as (path, file):
        return Content("npz", {name: npz_shape(path, file, name) for name in file.files})


def _root(path: Path) -> Content:
    uproot = optional("uproot", "root", path)
    with readable(path), uproot.open(path) as file:
        kinds = file.classnames(cycle=False)
        trees = {
            name: as_branches(file[name])
            for name, kind in kinds.items()
            if "TTree" in kind or "RNTuple" in kind
        }
        names: dict[str, Shape] = {
            f"{name}/{key}": None for name, tree in trees.items() for key in [*tree.keys()]
        }
        return Content("ROOT", names)


def _parquet(path: Path) -> Content:
    with open_parquet(path) as (path, file), readable(path):
        names: dict[str, Shape] = dict.fromkeys(file.schema_arrow.names)
        for name in ("X_jets", "X_jet"):
            if name in names and file.metadata.num_rows:
                first = next(file.iter_batches(batch_size=1, columns=[name])).column(0)
                names[name] = (len(first[0]),)
        return Content("parquet", names)
