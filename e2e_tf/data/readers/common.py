"""What every reader shares: row ranges, checks that stop or skip, and files that open or say why not."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError

__all__ = ["OnError", "PathLike", "Report", "Screen"]

PathLike = str | os.PathLike[str]
OnError = Literal["stop", "skip"]


@dataclass
class Report:
    """What a reader gave back and what it left out.

    Pass one to a reader with ``on_error="skip"``; several reads may share it, the counts add up.

    Attributes:
        read: entries that came back (jets or images).
        skipped: reason to number of entries left out.
        replaced: column to number of its values that were not finite and became 0, in columns where the
            format itself writes such values (a significance with a vanishing error).
    """

    read: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, number: int) -> None:
        """Count ``number`` entries left out for ``reason``."""
        if number:
            self.skipped[reason] = self.skipped.get(reason, 0) + number

    def replace(self, column: str, values: np.ndarray) -> np.ndarray:
        """``values`` with 0 where they are not finite, counted under ``column``."""
        good = np.isfinite(values)
        number = int(len(values) - np.count_nonzero(good))
        if not number:
            return values
        self.replaced[column] = self.replaced.get(column, 0) + number
        return np.where(good, values, values.dtype.type(0))

    def __str__(self) -> str:
        left_out = "; ".join(f"{number} for {reason}" for reason, number in self.skipped.items())
        return f"{self.read} read, {left_out or 'none'} left out"


class Screen:
    """Checks entries by rules; a broken rule stops the reading or drops the entries and counts them.

    Args:
        path: the file, for messages.
        n: number of entries.
        on_error: ``"stop"`` raises at the first broken rule, ``"skip"`` drops what breaks it.
        report: filled with the counts per reason; None counts nowhere.
        first: number of the first entry in the file, for messages.
        unit: what an entry is, for messages.

    Attributes:
        keep: bool (n,), the entries that passed every rule so far.
    """

    def __init__(
        self, path: Path, n: int, on_error: OnError, report: Report | None, first: int = 0, unit: str = "jets"
    ) -> None:
        check_on_error(on_error)
        self.path, self.on_error, self.first, self.unit = path, on_error, first, unit
        self.report = Report() if report is None else report
        self.keep = np.ones(n, bool)

    def require(self, good: npt.ArrayLike, rule: str) -> None:
        """Every entry must have ``good`` true (bool, (n,)); ``rule`` says what is accepted.

        Raises:
            InputError: an entry breaks the rule and ``on_error`` is ``"stop"``.
        """
        good = np.asarray(good, bool)
        bad = self.keep & ~good
        number = int(np.count_nonzero(bad))
        if not number:
            return
        if self.on_error == "stop":
            raise InputError(
                f"{self.path}: {rule}; {number} of {len(good)} {self.unit} are not like that, "
                f"the first is number {self.first + int(np.argmax(bad))}"
            )
        self.keep &= good
        self.report.add(rule, number)

    def energy(self, name: str, values: np.ndarray) -> None:
        """One value per entry that must be finite and not negative."""
        self.require(np.isfinite(values) & (values >= 0), f"{name} must be finite and not negative [GeV]")

    def finite(self, name: str, values: np.ndarray) -> None:
        """Values (n,) or (n, ...) that must all be finite."""
        self.require(np.isfinite(values).all(axis=tuple(range(1, values.ndim))), f"{name} must be finite")

    def one_of(self, name: str, values: np.ndarray, accepted: Sequence[int]) -> None:
        """One value per entry that must be one of ``accepted``."""
        self.require(np.isin(values, list(accepted)), f"{name} must be one of {list(accepted)}")

    def rows(self, name: str, rows: Ragged, energies: Iterable[str] = ()) -> None:
        """Columns of rows: all must be finite, those in ``energies`` also not negative."""
        names = set(energies)
        for column, values in rows.columns.items():
            if column in names:
                bad, rule = ~(np.isfinite(values) & (values >= 0)), "finite and not negative [GeV]"
            elif np.issubdtype(values.dtype, np.floating):
                bad, rule = ~np.isfinite(values), "finite"
            else:
                continue
            if bad.any():
                good = np.bincount(rows.owner[bad], minlength=len(rows)) == 0
                self.require(good, f"{name} {column} must be {rule}")

    def passed(self, jets: Jets) -> Jets:
        """The jets that passed, counted in the report."""
        self.report.read += int(self.keep.sum())
        return jets if self.keep.all() else jets.take(self.keep)


def check_on_error(on_error: str) -> None:
    """Raises InputError unless ``on_error`` is known."""
    if on_error not in ("stop", "skip"):
        raise InputError(f"on_error must be 'stop' or 'skip', not {on_error!r}")


def existing_file(path: PathLike) -> Path:
    """The path of a file that is there.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path


def row_range(n: int, start: int, stop: int | None) -> tuple[int, int]:
    """``start`` and ``stop`` within ``n`` entries; a stop past the end means the end.

    Raises:
        InputError: a negative number, or ``stop`` before ``start``.
    """
    if start < 0 or (stop is not None and stop < start):
        raise InputError(f"start and stop must satisfy 0 <= start <= stop; they are {start} and {stop}")
    return min(start, n), n if stop is None else min(stop, n)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns whatever a file library raises inside the block into one sentence.

    File libraries share no base class for a damaged file (zlib.error, struct.error, uproot's own), so every
    exception counts; keep nothing but reading in the block.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be read, it is truncated, damaged or of another format ({_first_line(error)})"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def need(path: Path, what: str, wanted: Iterable[str], found: Iterable[str]) -> None:
    """Every wanted name must be there.

    Raises:
        InputError: one is missing; the sentence lists what is missing and what is there.
    """
    found = list(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        listed = ", ".join(sorted(found)[:40]) + (", …" if len(found) > 40 else "")
        raise InputError(f"{path} has no {what} {', '.join(missing)}; there are: {listed or 'none'}")


def need_shape(
    path: Path, name: str, shape: Sequence[int], accepted: Sequence[int | None], words: str
) -> None:
    """``shape`` must match ``accepted``, where None matches any length.

    Raises:
        InputError: it does not; ``words`` describe what is accepted.
    """
    fits = len(shape) == len(accepted) and all(
        a is None or a == s for s, a in zip(shape, accepted, strict=True)
    )
    if not fits:
        raise InputError(f"{path}: {name} must have the shape {words}, it has {tuple(shape)}")


def optional(module: str, extra: str, path: Path) -> Any:
    """Import a library of an optional extra.

    Raises:
        InputError: it is not installed; the sentence names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"reading {path} needs {module}, which is not installed; run 'pip install e2e-tf[{extra}]'"
        ) from error


@contextmanager
def open_hdf5(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open HDF5 file.

    Raises:
        InputError: the file is missing, truncated or not HDF5.
    """
    import h5py

    path = existing_file(path)
    with readable(path):
        file = h5py.File(path, "r")
    with file:
        yield path, file


def hdf5_rows(path: Path, dataset: Any, start: int, stop: int) -> np.ndarray:
    """Rows of a data set.

    Raises:
        InputError: the rows cannot be read, or are neither numbers nor records.
    """
    if dataset.dtype.names is None:
        numbers_only(path, dataset.name, dataset)
    with readable(path):
        return dataset[start:stop]


def hdf5_shape(path: Path, file: Any, name: str) -> tuple[int, ...]:
    """Shape of a data set of at least one dimension.

    Raises:
        InputError: it is a group, or a single value.
    """
    shape = getattr(file[name], "shape", None)
    if not shape:
        raise InputError(
            f"{path}: {name} must be an array, it is a {'group' if shape is None else 'single value'}"
        )
    return tuple(shape)


@contextmanager
def open_npz(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open npz file, never unpickling.

    Raises:
        InputError: the file is missing, truncated or not npz.
    """
    path = existing_file(path)
    with readable(path):
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InputError(f"{path} must be an npz archive of named arrays, it is a single npy array")
    with file:
        yield path, file


def npz_shape(path: Path, file: Any, key: str) -> tuple[int, ...]:
    """Shape of an array of an npz file, from its header alone.

    Raises:
        InputError: the header cannot be read.
    """
    with readable(path), file.zip.open(f"{key}.npy") as member:
        version = np.lib.format.read_magic(member)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        return tuple(int(length) for length in reader(member)[0])


def npz_rows(path: Path, file: Any, key: str, start: int, stop: int) -> np.ndarray:
    """Rows ``start:stop`` of an array of an npz file, holding no more than those rows in memory.

    Raises:
        InputError: the array cannot be read, or is of Python objects.
    """
    with readable(path), file.zip.open(f"{key}.npy") as member:
        version = np.lib.format.read_magic(member)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = reader(member)
        if dtype.hasobject:
            raise InputError(f"{path}: {key} must be an array of numbers, it holds Python objects")
        if fortran and len(shape) > 1:
            return np.ascontiguousarray(file[key][start:stop])
        row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        _skip(member, start * row)
        data = _exactly(member, (stop - start) * row)
        return np.frombuffer(data, dtype).reshape((stop - start, *shape[1:]))


def _skip(member: Any, size: int) -> None:
    while size:
        block = member.read(min(size, 1 << 22))
        if not block:
            raise EOFError("the array ends early")
        size -= len(block)


def _exactly(member: Any, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        block = member.read(min(size - len(data), 1 << 22))
        if not block:
            raise EOFError("the array ends early")
        data += block
    return data


def npy_rows(path: Path) -> np.ndarray:
    """An npy file mapped into memory.

    Raises:
        InputError: the file is missing, truncated, not npy, or of Python objects.
    """
    path = existing_file(path)
    with readable(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise InputError(f"{path} must be a single npy array, it is an npz archive")
        return array


def numbers_only(path: Path, name: str, array: Any) -> None:
    """Raises InputError unless ``array`` holds numbers."""
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: {name} must hold numbers, it holds {array.dtype}")


@contextmanager
def open_tree(path: PathLike, name: str) -> Iterator[tuple[Path, Any]]:
    """The path and the tree (or RNTuple) ``name`` of a ROOT file.

    Raises:
        InputError: the file is missing, truncated or not ROOT, it has no such tree, or the extra ``root`` is
            not installed.
    """
    path = existing_file(path)
    uproot = optional("uproot", "root", path)
    optional("awkward", "root", path)
    with readable(path):
        file = uproot.open(path)
    with file:
        need(path, "tree", [name], file.keys(cycle=False))
        with readable(path):
            tree = file[name]
        yield path, tree


def branch(path: Path, tree: Any, name: str, start: int, stop: int) -> Any:
    """Entries of one branch as an awkward array.

    Raises:
        InputError: the branch cannot be read.
    """
    with readable(path):
        return tree[name].array(entry_start=start, entry_stop=stop, library="ak")


def flat(array: Any, dtype: Any = None) -> np.ndarray:
    """A jagged array's values in one column, jagged order kept."""
    import awkward

    values = awkward.to_numpy(awkward.flatten(array, axis=None))
    return values if dtype is None else values.astype(dtype)


def row_counts(array: Any) -> np.ndarray:
    """int64, rows of each entry of a jagged array."""
    import awkward

    return awkward.to_numpy(awkward.num(array)).astype(np.int64)


@contextmanager
def open_parquet(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open parquet file.

    Raises:
        InputError: the file is missing, truncated or not parquet, or the extra ``parquet`` is not installed.
    """
    path = existing_file(path)
    parquet = optional("pyarrow.parquet", "parquet", path)
    with readable(path):
        file = parquet.ParquetFile(path)
    with file:
        yield path, file


def wrap(phi: np.ndarray) -> np.ndarray:
    """φ in [−π, π) [rad], float64."""
    return (np.asarray(phi, np.float64) + np.pi) % (2 * np.pi) - np.pi


def four_vectors(px: np.ndarray, py: np.ndarray, pz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pt, η, φ of momenta, float64; a vanishing momentum gives zeros, one along the beam η = ±20."""
    px, py, pz = (np.asarray(p, np.float64) for p in (px, py, pz))
    pt = np.hypot(px, py)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt)
    eta = np.where(pt > 0, eta, np.sign(pz) * 20.0)
    return pt, np.clip(eta, -20.0, 20.0), np.arctan2(py, px)


def energy_of(pt: np.ndarray, eta: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """float32, energy of particles [GeV]; a mass just below zero, as reduced precision gives, counts as 0."""
    momentum = np.asarray(pt, np.float64) * np.cosh(np.clip(np.asarray(eta, np.float64), -20, 20))
    return np.hypot(momentum, np.maximum(mass, 0)).astype(np.float32)


MASSES = {
    11: 0.000511,
    13: 0.10566,
    22: 0.0,
    130: 0.49761,
    211: 0.13957,
    321: 0.49368,
    2112: 0.93957,
    2212: 0.93827,
}
"""Masses [GeV] of what a jet's constituents are called, by absolute PDG number."""

_NEUTRAL_HADRONS = (130, 310, 111, 2112, 3122, 3212, 3322, 1)  # 1 is a hadron in the forward calorimeter
_PHOTONS = (22, 2)  # 2 is an electromagnetic deposit in the forward calorimeter
_LEPTONS = (11, 13, 15, 12, 14, 16)
_NEGATIVE = (11, 13, 15, 3112, 3312, 3334)  # these have negative charge where the number is positive


def mass_of(pdg_id: np.ndarray) -> np.ndarray:
    """float64, masses [GeV] by PDG number: those of `MASSES`, pions for everything else."""
    kind = np.abs(pdg_id)
    return np.select([kind == code for code in MASSES], list(MASSES.values()), MASSES[211])


def charge_of(pdg_id: np.ndarray) -> np.ndarray:
    """int8, electric charge of the particles that reach a detector, by PDG number."""
    kind = np.abs(pdg_id)
    sign = np.sign(pdg_id) * np.where(np.isin(kind, _NEGATIVE), -1, 1)
    neutral = np.isin(kind, (*_NEUTRAL_HADRONS, *_PHOTONS, 0, 12, 14, 16))
    return np.where(neutral, 0, sign).astype(np.int8)


def kinds_of(pdg_id: np.ndarray) -> dict[str, np.ndarray]:
    """int8 columns is_charged_hadron, is_neutral_hadron, is_photon, is_electron, is_muon by PDG number."""
    kind = np.abs(pdg_id)
    neutral, photon = np.isin(kind, _NEUTRAL_HADRONS), np.isin(kind, _PHOTONS)
    charged = ~neutral & ~photon & ~np.isin(kind, (*_LEPTONS, 0))
    columns = {
        "is_charged_hadron": charged,
        "is_neutral_hadron": neutral,
        "is_photon": photon,
        "is_electron": kind == 11,
        "is_muon": kind == 13,
    }
    return {name: column.astype(np.int8) for name, column in columns.items()}


RUN_SHIFT = 40


def cms_event(run: np.ndarray, number: np.ndarray) -> np.ndarray:
    """int64, run · 2⁴⁰ + event number: no two CMS events share it.

    Raises:
        InputError: a run number is not below 2²³, or an event number not below 2⁴⁰.
    """
    run, number = np.asarray(run), np.asarray(number)
    if len(run) and (int(run.max()) >= 1 << 23 or int(number.max()) >= 1 << RUN_SHIFT):
        raise InputError(
            "run numbers must be below 2^23 and event numbers below 2^40, "
            f"the largest are {int(run.max())} and {int(number.max())}"
        )
    return (run.astype(np.int64) << RUN_SHIFT) + number.astype(np.int64)


def cloud(
    px: np.ndarray,
    py: np.ndarray,
    pz: np.ndarray,
    energy: np.ndarray,
    counts: np.ndarray,
    axis: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Jets as sums of their constituents, and the constituents around them.

    Args:
        px, py, pz, energy: (rows,), four-momenta [GeV].
        counts: (n,), constituents of each jet.
        axis: η and φ (n,) of the jets to which the constituents are relative; None takes those of the sums.

    Returns:
        Jets' pt, eta, phi, mass and candidates' pt, energy, deta, dphi, float32.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    sums = [np.bincount(owner, np.asarray(p, np.float64), len(counts)) for p in (px, py, pz, energy)]
    pt, eta, phi = four_vectors(*sums[:3])
    mass = np.sqrt(np.maximum(sums[3] ** 2 - sums[0] ** 2 - sums[1] ** 2 - sums[2] ** 2, 0))
    jets = {"pt": pt, "eta": eta, "phi": phi, "mass": mass}
    centre = (eta, phi) if axis is None else axis
    own_pt, own_eta, own_phi = four_vectors(px, py, pz)
    candidates = {
        "pt": own_pt,
        "energy": np.asarray(energy),
        "deta": own_eta - centre[0][owner],
        "dphi": wrap(own_phi - centre[1][owner]),
    }
    return (
        {name: column.astype(np.float32) for name, column in jets.items()},
        {name: column.astype(np.float32) for name, column in candidates.items()},
    )


def unpad(array: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Real rows (rows, F) of a padded array (n, N, F), and their number (n,) per entry, by a mask (n, N)."""
    return array[mask], mask.sum(axis=1)


def parquet_rows(path: Path, file: Any, columns: Sequence[str], start: int, stop: int) -> Any:
    """Rows of a parquet file as an arrow table, reading only the row groups they are in.

    Raises:
        InputError: a column is missing, or the rows cannot be read.
    """
    need(path, "column", columns, file.schema_arrow.names)
    edges = np.cumsum([0] + [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)])
    groups = [i for i in range(file.num_row_groups) if edges[i] < stop and edges[i + 1] > start]
    with readable(path):
        table = file.read_row_groups(groups, columns=list(columns))
    return table.slice(start - int(edges[groups[0]]) if groups else 0, stop - start)


def arrow_column(path: Path, table: Any, name: str) -> Any:
    """One column as one arrow array without missing values.

    Raises:
        InputError: a value is missing.
    """
    column = table.column(name).combine_chunks()
    if hasattr(column, "chunks"):  # a ChunkedArray stays one when it has no chunk, or too large ones
        import pyarrow

        column = pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([], column.type)
    if column.null_count:
        raise InputError(f"{path}: {name} must have a value in every row, {column.null_count} are missing")
    return column


def arrow_numbers(path: Path, name: str, array: Any) -> np.ndarray:
    """Numbers of a flat arrow array.

    Raises:
        InputError: it is not of numbers, or a value is missing.
    """
    import pyarrow

    kind = array.type
    number = (
        pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)
    )
    if not number or array.null_count:
        raise InputError(f"{path}: {name} must hold one number per entry, it holds {kind}")
    return array.to_numpy(zero_copy_only=False)
