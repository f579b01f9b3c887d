"""Files: written beside their place and then renamed, so that none is ever half there; JSON; checksums.

An output that is a link stays one: what it leads to is written.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e_tf.errors import InputError

__all__ = [
    "cleared",
    "followed",
    "new_file",
    "new_folder",
    "new_subfolder",
    "read_json",
    "refuse_existing",
    "sha256",
    "write_json",
]


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Args:
        path: the file.

    Returns:
        64 digits.
    """
    with open(path, "rb") as file:
        if hasattr(hashlib, "file_digest"):
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


# What a file system answers that has no room (left), or that fails.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
# What it answers to a folder that is to take the place of one that is not empty, or of a file.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


@contextmanager
def _room(target: Path, errors: tuple[int, ...] = _NO_ROOM) -> Iterator[None]:
    """A full disk, or another of ``errors``, in one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in errors:
            raise
        raise InputError(f"{target} cannot be written: {os.strerror(error.errno)}") from error


def followed(path: str | os.PathLike[str]) -> Path:
    """Where an output goes: of a link what it leads to, perhaps on another disk, also if nothing is there yet.

    Args:
        path: the output.

    Returns:
        The path; of a link, which stays as it is, the one that it leads to.
    """
    path = Path(path)
    with _room(path, _NOT_ALLOWED):
        return Path(os.path.realpath(path)) if path.is_symlink() else path


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse a name that is taken or has no folder, before any work is done for it.

    Args:
        path: the name.
        force: it may be taken.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist or cannot be read, or the name
            is too long.
    """
    path = followed(path)
    with _room(path, _NOT_ALLOWED):
        exists, has_folder = path.exists(), path.parent.is_dir()
    if exists and not force:
        raise InputError(f"{path} exists already; choose another name, or give --force to replace it")
    if not has_folder:
        raise InputError(f"the folder {path.parent} of {path.name} does not exist; create it first")


def cleared(folder: Path, force: bool) -> bool:
    """Whether a folder that is written step by step is not there yet, or is not any more.

    Args:
        folder: that is wanted.
        force: remove what stands there.

    Returns:
        False if something is left at its place, which the caller then looks at.

    Raises:
        InputError: the folder around it does not exist.
    """
    if not folder.parent.is_dir():
        raise InputError(f"the folder {folder.parent} of {folder.name} does not exist; create it first")
    if force and folder.exists():
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    return not folder.exists()


@contextmanager
def new_file(path: str | os.PathLike[str], force: bool = False, folder: Path | None = None) -> Iterator[Path]:
    """A temporary path beside ``path``, or in ``folder``, that takes its name when the block ends well.

    Args:
        path: the name it takes.
        force: replace what exists.
        folder: where it is until then, on the same disk.

    Yields:
        The temporary path, to be written to.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or the disk is full.
    """
    target = followed(path)
    refuse_existing(target, force)
    with _room(target):
        with _room(target, _NOT_ALLOWED):
            handle, name = tempfile.mkstemp(
                prefix=f".{target.name}.", suffix=".part", dir=folder or target.parent
            )
        os.close(handle)
        part = Path(name)
        part.chmod(0o666 & ~_umask())
        try:
            yield part
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


Foreign = Callable[[Path], str]
"""Why a folder is not to be replaced, such as what it holds that the command has not written; empty where it may be."""


@contextmanager
def new_folder(
    path: str | os.PathLike[str], force: bool = False, foreign: Foreign | None = None
) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its name when the block ends without an error.

    With ``force`` an existing folder is replaced, and only once the new one is complete. What another process puts
    there meanwhile stays, and this one fails.

    Args:
        path: new folder.
        force: replace an existing one.
        foreign: says why an existing folder is not this command's, such as "is not a bundle"; without it, ``force``
            replaces any folder.

    Yields:
        The temporary folder, which exists and is empty.

    Raises:
        InputError: ``path`` exists and ``force`` is false, ``path`` is a file, holds the working folder or something
            foreign, its parent does not exist, or the disk is full or does not let itself be written.
    """
    target = followed(path)
    refuse_existing(target, force)
    _check_replaceable(target, foreign)
    before = _identity(target)
    with _room(target):
        with _room(target, _NOT_ALLOWED):
            part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        part.chmod(0o777 & ~_umask())
        try:
            yield part
            if (foreign is not None or not force) and _identity(target) != before:
                raise InputError(f"{target} has been written by another process meanwhile; it stays as it is")
            _check_replaceable(target, foreign)
            with _room(target, _NOT_ALLOWED):
                _take_place(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def new_subfolder(
    root: str | os.PathLike[str], inner: str | os.PathLike[str], force: bool, foreign: Foreign
) -> Iterator[Path]:
    """As :func:`new_folder` for ``root / inner``; beside it, an existing ``root`` stays as it is.

    Args:
        root: new folder, or with ``force`` an existing one.
        inner: path of the folder below it that is written.
        force: go into an existing root, and replace an existing folder there.
        foreign: as in :func:`new_folder`, of ``root / inner``.

    Yields:
        The temporary folder in place of ``root / inner``, which exists and is empty.

    Raises:
        InputError: as in :func:`new_folder`.
    """
    root, inner = followed(root), Path(inner)
    refuse_existing(root, force)
    if not root.exists():
        with new_folder(root) as part:
            (part / inner).mkdir(parents=True)
            yield part / inner
        return
    if not root.is_dir():
        raise InputError(f"{root} is a file, not a folder; choose another name")
    missing = [parent for parent in (root / inner).parents if not parent.exists()]
    try:
        with _room(root, _NOT_ALLOWED):
            (root / inner).parent.mkdir(parents=True, exist_ok=True)
        with new_folder(root / inner, force, foreign) as part:
            yield part
    except BaseException:
        for parent in missing:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        raise


def _check_replaceable(target: Path, foreign: Foreign | None) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{target} is a file, not a folder; choose another name")
    here = Path.cwd()
    if target.resolve() in (here, *here.parents):
        raise InputError(f"{target} holds the working folder; choose another name")
    why = foreign(target) if foreign is not None and any(target.iterdir()) else ""
    if why:
        raise InputError(f"{target} {why}; --force replaces only what this command has written")


def _identity(target: Path) -> tuple[int, int] | None:
    """Tells a folder from another that has taken its name."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _take_place(part: Path, target: Path) -> None:
    """Rename a folder to ``target``; what was there goes, or comes back where that fails."""
    old = None
    try:
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
            target.replace(old / target.name)
        part.replace(target)
    except OSError as error:
        if old is not None and (old / target.name).exists() and not target.exists():
            (old / target.name).replace(target)
        if error.errno not in _TAKEN:
            raise
        raise InputError(
            f"{target} has been written by another process meanwhile; it stays as it is"
        ) from error
    finally:
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)


def read_json(path: Path) -> Any:
    """A JSON document.

    Args:
        path: the file.

    Returns:
        What it holds: a dictionary, list, text, number, bool or None.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error})") from error


def write_json(
    path: Path,
    document: Any,
    *,
    force: bool = True,
    indent: int | None = 1,
    default: Callable[[Any], Any] | None = None,
) -> None:
    """Write a JSON document in one step: a reader finds the old document or the new one.

    Args:
        path: the file.
        document: what :func:`json.dumps` takes.
        force: replace a file that exists.
        indent: spaces by which each level is indented; None writes one line.
        default: makes JSON's types of what has none.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or the disk is full.
    """
    with new_file(path, force) as part:
        text = json.dumps(document, indent=indent, ensure_ascii=False, default=default)
        part.write_text(text + "\n", encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
