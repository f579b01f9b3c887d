"""Where the jets of a run come from: one object that the run stores and that every later step uses.

``fit`` makes a :class:`JetSource` of the section ``[data]`` (:func:`e2e_tf.data.sources.source_of`) and stores it
in ``config.json`` under ``source``; ``evaluate``, ``predict``, ``tune``, a resumed ``fit`` and ``export`` read it back.

- :attr:`JetSource.parts`: groups of files that are read in the same way, one for ``data.sample``, one for each section
  of several samples, with reader, options, SHA-256 of each file and what else the section says (``settings``).
- :attr:`JetSource.columns`, :attr:`~JetSource.selection`, :attr:`~JetSource.weights`: what is done with the jets that
  were read, JSON values by the names of the settings.
- :meth:`JetSource.located` looks at the files (readers, SHA-256), :meth:`JetSource.read` reads them and
  :meth:`JetSource.selected` applies the selection.
- :mod:`e2e_tf.data.source_changes` says what is another source, how another file is read in the same way, and follows
  files that were moved.

Paths are relative to the configuration's folder where they lie in it; what a path means is decided in :func:`locate`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from e2e_tf.data.derived import derived, jets_that_pass
from e2e_tf.data.file_lists import expanded
from e2e_tf.data.hdf5 import format_of
from e2e_tf.data.held import streamed_jets
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.readers import READERS, open_reader
from e2e_tf.data.readers.nano_events import generated_weights
from e2e_tf.data.readers.stored import STORED, store_is_made_with
from e2e_tf.data.remote import is_remote, local, remote_name
from e2e_tf.data.sample_sets import joined, numbering, of_section, one_format, renumbered, sample_weight
from e2e_tf.data.samples import SAMPLES, sample_path
from e2e_tf.data.store_writer import GRAPHS_FORMAT
from e2e_tf.errors import InputError
from e2e_tf.files import sha256

__all__ = ["OWN", "JetSource", "SourceFile", "SourcePart", "is_own", "locate", "own_name", "read_file"]

OWN = "e2e_tf"
"""The reader of this library's own files of jets; ``jets`` is accepted for it too."""


@dataclass(frozen=True)
class SourceFile:
    """One file.

    Attributes:
        path: as in the configuration: the name of a shipped sample, or a path, relative where possible.
        sha256: of its content; empty before it was looked at.
    """

    path: str
    sha256: str = ""


@dataclass(frozen=True)
class SourcePart:
    """Files that are read in the same way.

    Attributes:
        files: in the order in which their jets come.
        reader: a name of :data:`e2e_tf.data.readers.READERS`; empty before the files were looked at.
        options: more arguments of the reader.
        beside: files that options of the reader name (such as the labels of npy files), by option.
        name: of the section that describes these files; empty for the only one.
        settings: what else that section says of these files, such as their class (JSON values).
    """

    files: tuple[SourceFile, ...]
    reader: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, SourceFile] = field(default_factory=dict)
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def all_options(self, base: Path) -> dict[str, Any]:
        """The options as the reader takes them.

        Args:
            base: where relative paths start.

        Returns:
            Values by name.
        """
        return {**self.options, **{name: str(locate(file.path, base)) for name, file in self.beside.items()}}

    @property
    def every_file(self) -> tuple[SourceFile, ...]:
        """Those with jets, and those beside them."""
        return (*self.files, *self.beside.values())


@dataclass(frozen=True)
class JetSource:
    """Where the jets of a run come from and what is done with them; see the module.

    Attributes:
        parts: groups of files, at least one.
        columns: columns that are computed and candidates that are cut, see :func:`e2e_tf.data.derived.derived`.
        selection: which jets are kept: ``jet_pt`` is a range [GeV], ``selection`` an expression.
        weights: what a jet counts in training; ``weight`` is an expression.
    """

    parts: tuple[SourcePart, ...]
    columns: Mapping[str, Any] = field(default_factory=dict)
    selection: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files with jets of all parts, in order."""
        return tuple(file for part in self.parts for file in part.files)

    @property
    def title(self) -> str:
        """What to call the source in a message: its first file and how many more there are."""
        first, *more = self.files
        return first.path if not more else f"{first.path} and {len(more)} more"

    def missing(self, base: Path) -> list[Path]:
        """Files that are not there.

        Args:
            base: where relative paths start.

        Returns:
            Their paths.
        """
        names = [file.path for part in self.parts for file in part.every_file]
        paths = [locate(name, base) for name in names if not is_remote(name)]
        return [path for path in paths if not path.is_file()]

    def located(self, base: Path) -> JetSource:
        """The source with the reader of each part and the SHA-256 of each file, as the files are now.

        Args:
            base: where relative paths start.

        Returns:
            A source that can be compared and stored.

        Raises:
            InputError: a file is missing, or its format cannot be told.
        """
        source = replace(self, parts=tuple(_expanded(part, base) for part in self.parts))
        if missing := source.missing(base):
            how = f"data.sample takes a path or one of {', '.join(SAMPLES)}"
            if self.parts[0].every_file[0].sha256:
                how = "if it was moved, --relocate OLD=NEW of evaluate, export and tune says where to"
            raise InputError(f"there is no sample {missing[0]}; {how}")
        return replace(source, parts=tuple(_located(part, base) for part in source.parts))

    def read(self, base: Path, stream: bool = False) -> Jets | Images:
        """All jets, those of the first file first; nothing is selected.

        Args:
            base: where relative paths start.
            stream: leave the graphs of stores on disk; every part must be of stores then.

        Returns:
            The jets, or the images.

        Raises:
            InputError: a file is missing or cannot be read, or files do not hold the same kind of entries.
        """
        keys = self._numberings(base)
        read: list[Jets | Images] = []
        for number, part in enumerate(self.parts):
            options = part.all_options(base)
            if "label" in part.settings:  # the class is known: a reader that needs to be told is not
                needed = READERS[part.reader].class_options if part.reader in READERS else ()
                options = {**dict.fromkeys(needed), **options}
            scale = self._scale(part, base)
            for file in part.files:
                path = locate(file.path, base)
                with one_format(path, part.files[0].path, part.reader):
                    one = _streamed(path, options) if stream else read_file(path, part.reader, options)
                if part.name or part.settings:
                    one = of_section(one, part.settings, number, scale)
                if len(set(keys)) > 1:
                    one = replace(one, event=renumbered(one.event, keys[len(read)]))
                read.append(one)
        together = joined(read, [file.path for file in self.files])
        selection, weight = self.selection.get("selection", ""), self.weights.get("weight", "")
        return derived(together, self.columns, selection, weight)

    def _numberings(self, base: Path) -> list[str]:
        return [
            numbering(locate(file.path, base), part.reader, part.name, file.sha256 or file.path)
            for part in self.parts
            for file in part.files
        ]

    def _scale(self, part: SourcePart, base: Path) -> float:
        """The factor of the weights of a part's jets."""
        total = None
        if part.settings.get("cross_section") is not None and not part.settings.get("sum_of_weights"):
            sums = [generated_weights(locate(file.path, base)) for file in part.files]
            total = None if None in sums else sum(cast("list[float]", sums))
        return sample_weight(part.name, part.settings, total)

    def selected(self, sample: Jets | Images) -> np.ndarray:
        """Which jets the selection keeps.

        Args:
            sample: what was read.

        Returns:
            bool (B,).

        Raises:
            InputError: the selection needs a quantity that the jets do not have.
        """
        keep = np.ones(len(sample), bool)
        if self.selection.get("jet_pt") is not None:
            low, high = self.selection["jet_pt"]
            keep &= (sample["pt"] >= low) & (sample["pt"] < high)
        if self.selection.get("selection"):
            keep &= jets_that_pass(sample, self.selection["selection"])
        return keep

    def identity(self) -> dict[str, Any]:
        """What ``provenance.json`` says of the files: texts, or lists where there are several.

        Returns:
            ``sample`` (paths as configured), ``file`` (names) and ``sha256``.
        """
        found = {
            "sample": [file.path for file in self.files],
            "file": [
                remote_name(file.path) if is_remote(file.path) else locate(file.path, Path()).name
                for file in self.files
            ],
            "sha256": [file.sha256 for file in self.files],
        }
        return {key: values if len(values) > 1 else values[0] for key, values in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """For ``config.json``; :meth:`from_dict` reads it.

        Returns:
            What can be written as JSON, by name.
        """
        return {
            "parts": [
                {
                    "name": part.name,
                    "reader": part.reader,
                    "options": dict(part.options),
                    "files": [vars(file) for file in part.files],
                    "beside": {name: vars(file) for name, file in part.beside.items()},
                    "settings": dict(part.settings),
                }
                for part in self.parts
            ],
            "columns": dict(self.columns),
            "selection": dict(self.selection),
            "weights": dict(self.weights),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> JetSource:
        """From what :meth:`to_dict` gave.

        Args:
            stored: by name.

        Returns:
            The source.
        """
        parts = [
            SourcePart(
                tuple(SourceFile(**file) for file in part["files"]),
                part["reader"],
                part["options"],
                {name: SourceFile(**file) for name, file in part["beside"].items()},
                part["name"],
                part["settings"],
            )
            for part in stored["parts"]
        ]
        return cls(tuple(parts), stored["columns"], stored["selection"], stored["weights"])


def locate(path: str, base: Path) -> Path:
    """Where a file of a source lies, whether or not it is there; one of another machine is fetched.

    Args:
        path: as in the configuration.
        base: where relative paths start.

    Returns:
        The path.
    """
    if is_remote(path):
        return local(path)
    return sample_path(path) if path in SAMPLES else base / path


def read_file(path: Path, reader: str = "", options: Mapping[str, Any] | None = None) -> Jets | Images:
    """The jets or images of one file.

    Args:
        path: the file.
        reader: a name in :data:`e2e_tf.data.readers.READERS`; empty recognises the format.
        options: more arguments of the reader.

    Returns:
        What the reader gives.

    Raises:
        InputError: the file cannot be read.
    """
    name = own_name(reader)
    if name in ("", OWN) and not options and is_own(path):
        return read_jets(path)
    file = open_reader(path, name or None)
    if file.reader.name == STORED and options:
        store_is_made_with(path, options)
        return file.read()
    return file.read(**(options or {}))


def _streamed(path: Path, options: Mapping[str, Any]) -> Jets:
    if options:
        store_is_made_with(path, options)
    return streamed_jets(path)


def own_name(reader: str) -> str:
    """The name of a reader, also of the old name of this library's own.

    Args:
        reader: as a user writes it.

    Returns:
        The name in :data:`e2e_tf.data.readers.READERS`.
    """
    return OWN if reader == "jets" else reader


def is_own(path: Path) -> bool:
    """True for this library's own format, and for damage that its reader explains best.

    Args:
        path: the file.

    Returns:
        Whether its reader is to read the file.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            return "format" in file.attrs and format_of(file) != GRAPHS_FORMAT
    except OSError:
        return path.suffix in (".h5", ".hdf5")


def _recognised(path: Path) -> str:
    return OWN if is_own(path) else open_reader(path).reader.name


def _expanded(part: SourcePart, base: Path) -> SourcePart:
    """A part whose files are named one by one; of one that was looked at they are."""
    if all(file.sha256 for file in part.files):
        return part
    names = expanded([file.path for file in part.files], base)
    known = {file.path: file for file in part.files}
    return replace(part, files=tuple(known.get(name, SourceFile(name)) for name in names))


def _located(part: SourcePart, base: Path) -> SourcePart:
    reader = own_name(part.reader) or _recognised(locate(part.files[0].path, base))
    named = () if reader not in READERS else READERS[reader].files
    beside = {
        **part.beside,
        **{key: SourceFile(str(part.options[key])) for key in named if key in part.options},
    }
    return replace(
        part,
        reader=reader,
        options={key: value for key, value in part.options.items() if key not in beside},
        files=tuple(_digested(file, base) for file in part.files),
        beside={key: _digested(file, base) for key, file in beside.items()},
    )


def _digested(file: SourceFile, base: Path) -> SourceFile:
    path = file.path
    if os.path.isabs(path) and Path(path).is_relative_to(base):
        path = Path(path).relative_to(base).as_posix()
    return SourceFile(path, sha256(locate(path, base)))
