"""Files on other machines (``https://``, ``root://``): read through fsspec, by a copy in the cache of the user.

A copy is reused while the server says that the file has the same size and mark (ETag or time). It lies in
``$XDG_CACHE_HOME/e2e-tf/remote``, or in the folder of temporary files where the home folder cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.terminal import status

__all__ = ["is_remote", "local", "remote_name"]

_NEEDS = {
    "root": ("fsspec_xrootd", "pip install fsspec-xrootd"),
    "xroot": ("fsspec_xrootd", "pip install fsspec-xrootd"),
    "http": ("aiohttp", "pip install e2e-tf[remote]"),
    "https": ("aiohttp", "pip install e2e-tf[remote]"),
}
_MARKS = ("size", "ETag", "etag", "mtime", "last_modified", "LastModified")


def is_remote(path: str | os.PathLike[str]) -> bool:
    """True for an address such as ``https://…`` or ``root://…``.

    Args:
        path: as a user writes it.

    Returns:
        Whether it names no file of this machine.
    """
    return isinstance(path, str) and "://" in path


def remote_name(address: str) -> str:
    """The name of the file at an address.

    Args:
        address: such as ``root://host//a/b.root``.

    Returns:
        What follows the last slash, without a query.
    """
    return PurePosixPath(address.partition("?")[0].partition("#")[0]).name or "file"


def local(path: str | os.PathLike[str]) -> Path:
    """A path on this machine: of a remote file its copy, which is fetched if it is not there or out of date.

    Args:
        path: a path or an address.

    Returns:
        The path.

    Raises:
        InputError: the file cannot be fetched, or what its protocol needs is not installed.
    """
    if not is_remote(path):
        return Path(path)
    address = str(path)
    system, inside = _system(address)
    folder = _cache() / hashlib.sha256(address.encode()).hexdigest()[:24]
    copy, note = folder / remote_name(address), folder / ".mark.json"
    try:
        info = system.info(inside)
        mark = {key: str(info[key]) for key in _MARKS if info.get(key) is not None}
        if copy.is_file() and note.is_file() and mark and read_json(note) == json.loads(json.dumps(mark)):
            return copy
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".part-{os.getpid()}"
        try:
            with status(f"Fetching {address}"):
                system.get_file(inside, str(part))
            part.replace(copy)
        finally:
            part.unlink(missing_ok=True)
        write_json(note, mark)
    except Exception as error:  # each protocol has exceptions of its own
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise InputError(f"{address} cannot be fetched ({type(error).__name__}: {first})") from error
    return copy


def _system(address: str) -> tuple[Any, str]:
    protocol = address.partition("://")[0].lower()
    needs, how = _NEEDS.get(protocol, ("", "pip install e2e-tf[remote]"))
    try:
        import fsspec

        if needs:
            __import__(needs)
        return fsspec.core.url_to_fs(protocol + address[len(protocol) :])
    except ImportError as error:
        missing = needs or "fsspec and what it needs for this protocol"
        raise InputError(
            f"{address} is on another machine; reading {protocol}:// needs {missing}, which is not installed: run "
            f"'{how}', or copy the file here"
        ) from error
    except ValueError as error:
        raise InputError(f"{address} cannot be read: {error}") from error


def _cache() -> Path:
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "e2e-tf" / "remote"
        home.mkdir(parents=True, exist_ok=True)
        if os.access(home, os.W_OK):
            return home
    except (OSError, RuntimeError):  # cannot be written, or is not known, as of a user without a name
        pass
    return Path(tempfile.gettempdir()) / f"e2e-tf-remote-{os.getuid()}"
