"""What a file is, from its first bytes and the names and shapes in it; endings do not matter."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from e2e_tf.data.hdf5 import format_of
from e2e_tf.data.jets import JETS_FORMAT
from e2e_tf.data.readers.common import (
    npy_rows,
    npz_shape,
    open_hdf5,
    open_npz,
    open_parquet,
    optional,
    readable,
)
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
        """Whether every name is there."""
        return all(name in self.names for name in names)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a name, empty if unknown."""
        return self.names.get(name) or ()


def content_of(path: Path) -> Content:
    """What is in a file.

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
        trees = {name: file[name] for name, kind in kinds.items() if "TTree" in kind or "RNTuple" in kind}
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


def own(c: Content) -> bool:
    """Files that this library wrote."""
    return JETS_FORMAT in c.marks


def ispy(c: Content) -> bool:
    """CMS events for the iSpy display."""
    return c.container == "ig"


def cms_uds_g(c: Content) -> bool:
    """CMS candidates cpf and npf."""
    return c.container == "HDF5" and c.has("cpf", "npf", "globalvars", "is_gluon")


def pfnano(c: Content) -> bool:
    """NanoAOD with jets linked to candidates."""
    links = (
        "JetPFCands_pFCandsIdx",
        "FatJetPFCands_pFCandsIdx",
        "JetPFCand_pfCandIdx",
        "FatJetPFCand_pfCandIdx",
    )
    return any(c.has(f"Events/{link}") for link in links)


def nano_taus(c: Content) -> bool:
    """NanoAOD with taus."""
    return c.has("Events/Tau_pt", "Events/run", "Events/event")


def nano_jets(c: Content) -> bool:
    """NanoAOD with jets."""
    return c.has("Events/Jet_pt", "Events/run", "Events/event")


def energyflow(c: Content) -> bool:
    """X (n, M, 4) with y, or X alone as npy."""
    if c.container == "npy":
        return len(c.shape("")) == 3 and c.shape("")[-1] == 4
    return (
        c.container == "npz"
        and set(c.names) == {"X", "y"}
        and len(c.shape("X")) == 3
        and c.shape("X")[-1] == 4
    )


def top_tagging(c: Content) -> bool:
    """A pandas frame called table."""
    return c.container == "HDF5" and (c.has("table/table") or c.has("table/block0_values"))


def jetclass(c: Content) -> bool:
    """A tree of jets with class labels."""
    return c.has("tree/part_px", "tree/jet_pt", "tree/label_QCD")


def jetnet(c: Content) -> bool:
    """particle_features and jet_features."""
    return c.container == "HDF5" and c.has("particle_features", "jet_features")


def future_tau(c: Content) -> bool:
    """Reconstructed candidates with generated tau decay modes."""
    return c.container == "parquet" and c.has("reco_cand_p4s", "gen_jet_tau_decaymode")


def ml4sci_eg(c: Content) -> bool:
    """Images 32 × 32 × 2."""
    return c.container == "HDF5" and c.has("X", "y") and c.shape("X")[1:] == (32, 32, 2)


def ml4sci_qg(c: Content) -> bool:
    """Jet images of three channels."""
    return c.container == "parquet" and c.has("X_jets", "m0", "pt", "y") and c.shape("X_jets") == (3,)


def ml4sci_top(c: Content) -> bool:
    """Jet images of more channels, or with a mass to predict."""
    if c.container != "parquet":
        return False
    return c.has("X_jet", "m", "pt") or (c.has("X_jets", "m0", "pt", "y") and c.shape("X_jets") != (3,))


def erum(shape: tuple[int | None, ...], c: Content) -> bool:
    """ErUm-Data arrays whose first X has the given shape per entry."""
    found = c.shape("X_train_0")[1:]
    if c.container != "npz" or not c.has("y_train") or len(found) != len(shape):
        return False
    return all(s is None or s == f for s, f in zip(shape, found, strict=True))


def padded(c: Content) -> bool:
    """A padded array with labels that is not EnergyFlow's."""
    return c.container == "npz" and c.has("X", "y") and len(c.shape("X")) == 3 and not energyflow(c)
