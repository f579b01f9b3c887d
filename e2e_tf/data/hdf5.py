"""HDF5 files that are written completely or not at all, with checksums that show damage.

HDF5 checks what it reads of metadata since its version 1.10 and of arrays by filters; a checksum of the
attributes is kept here. HDF5 does not survive a disk that fills up (its caches fail once more
when the file is closed, some failures are only printed, some end the process), so it writes through
:class:`_Sink`, which keeps the error for us and lets HDF5 finish.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.files import new_file

__all__ = [
    "DAMAGE",
    "attributes_of",
    "check_format",
    "check_room",
    "format_of",
    "new_group",
    "new_hdf5",
    "set_attributes",
]

DAMAGE = (OSError, KeyError, RuntimeError, TypeError, AttributeError, ValueError)
"""What h5py raises where bytes were damaged."""
_DIGEST = "sha256"


class _Sink(io.FileIO):
    """A file that keeps the number of the first error in ``failed`` and from then on only pretends to write."""

    failed = 0

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        try:
            while len(rest) and not self.failed:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failed = error.errno or errno.EIO
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            if not self.failed:
                return super().truncate(size)
        except OSError as error:
            self.failed = error.errno or errno.EIO
        return self.tell() if size is None else size

    def check(self) -> None:
        """Raise the error that was kept."""
        if self.failed:
            raise OSError(self.failed, os.strerror(self.failed))


@contextmanager
def new_hdf5(path: str | os.PathLike[str], force: bool = False, folder: Path | None = None) -> Iterator[Any]:
    """A new ``h5py.File`` that appears under its name when the block ends without an error.

    Its bytes depend on what is written only: no times are stored.

    Args:
        path: the new file.
        force: replace what exists.
        folder: where the file is until it is complete, on the same disk; None takes that of ``path``.

    Yields:
        The open ``h5py.File``.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or the disk is full.
    """
    with new_file(path, force, folder) as part, _Sink(part, "w+b") as sink:
        try:
            with _created(sink, part) as file:
                file.sink = sink
                yield file
        finally:
            # Before any other error: HDF5 may have missed what was not kept.
            sink.check()


def _created(sink: _Sink, path: Path) -> Any:
    """The open file. Its list of properties has to be gone when HDF5 ends: it would call Python then."""
    import h5py

    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, sink)
    created = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    created.set_obj_track_times(False)
    return h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, fcpl=created, fapl=access))


def new_group(file: Any, name: str) -> None:
    """A group that does not store when it was made.

    Args:
        file: an open file of :func:`new_hdf5`.
        name: of the group.
    """
    import h5py

    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    h5py.h5g.create(file.id, name.encode(), gcpl=properties)


def check_room(file: Any) -> None:
    """Stop writing a file of :func:`new_hdf5` once its disk is full.

    Args:
        file: from :func:`new_hdf5`, still open.

    Raises:
        OSError: a write has failed.
    """
    file.sink.check()


def set_attributes(file: Any, attributes: Mapping[str, str | int]) -> None:
    """Write attributes of the whole file and their checksum.

    Args:
        file: an open file of :func:`new_hdf5`.
        attributes: text and integers by name.
    """
    import h5py

    for name, value in {**attributes, _DIGEST: _digest(attributes)}.items():
        if isinstance(value, str):
            # Not of variable length: HDF5 keeps such texts in a heap that, damaged, can hang it.
            encoded = value.encode()
            file.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", len(encoded)))
        else:
            file.attrs[name] = value


def attributes_of(file: Any) -> dict[str, Any]:
    """The attributes of the whole file; those of files of earlier releases have no checksum.

    Args:
        file: an open ``h5py.File``.

    Returns:
        Integers and text by name.

    Raises:
        InputError: they are not those that were written.
    """
    attributes: dict[str, Any] = {}
    for name, value in file.attrs.items():
        attributes[name] = int(value) if np.issubdtype(type(value), np.integer) else _text(value)
    written = attributes.pop(_DIGEST, None)
    if written is not None and written != _digest(attributes):
        raise InputError("its attributes are damaged: their checksum differs from the one that was written")
    return attributes


def check_format(path: Path, file: Any, what: str, name: str, version: int) -> None:
    """A file must be of a format and of the version that this release reads.

    Args:
        path: for the message.
        file: the open file.
        what: the format in words, such as ``"graph store"``.
        name: the value of the file's attribute ``format``.
        version: that of ``format_version``.

    Raises:
        InputError: it is of another format or version.
    """
    found = format_of(file) or "no format attribute"
    if found != name:
        raise InputError(f"{path} is not a {what}: its format must be {name!r}, it has {found!r}")
    found_version = int(file.attrs["format_version"])
    if found_version != version:
        raise InputError(f"{path} has format version {found_version}, this release reads version {version}")


def format_of(file: Any) -> str:
    """What the file says it is; empty where it says nothing.

    Args:
        file: an open ``h5py.File``.

    Returns:
        The attribute ``format``, or an empty string.
    """
    return _text(file.attrs.get("format", ""))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _digest(attributes: Mapping[str, str | int]) -> str:
    return hashlib.sha256(json.dumps(dict(attributes), sort_keys=True).encode()).hexdigest()
