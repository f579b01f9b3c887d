"""Files: written beside their place and then renamed, so that none is ever half there; JSON; checksums."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["new_file", "new_folder", "read_json", "refuse_existing", "sha256", "write_json"]


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        if hasattr(hashlib, "file_digest"):
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


# What a file system answers that has no room (left), or that fails.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def _room(target: Path) -> Iterator[None]:
    """A full disk in one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise InputError(f"{target} cannot be written: {os.strerror(error.errno)}") from error


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse a name that is taken or has no folder, before any work is done for it.

    Raises:
        InputError: ``path`` exists and ``force`` is false, or its folder does not exist.
    """
    if path.exists() and not force:
        raise InputError(f"{path} exists already; choose another name, or give --force to replace it")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} of {path.name} does not exist; create it first")


@contextmanager
def new_file(path: str | os.PathLike[str], force: bool = False, folder: Path | None = None) -> Iterator[Path]:
    """A temporary path beside ``path``, or in ``folder``, that takes its name when the block ends well.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or the disk is full.
    """
    target = Path(path)
    refuse_existing(target, force)
    with _room(target):
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


@contextmanager
def new_folder(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its name when the block ends without an error.

    With ``force`` an existing folder is replaced, and only once the new one is complete.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its parent does not exist, or the disk is full.
    """
    target = Path(path)
    refuse_existing(target, force)
    with _room(target):
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        part.chmod(0o777 & ~_umask())
        try:
            yield part
            if target.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
                target.replace(old / target.name)
                part.replace(target)
                shutil.rmtree(old)
            else:
                part.replace(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def read_json(path: Path) -> Any:
    """A JSON document.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error})") from error


def write_json(path: Path, document: Any, *, force: bool = True, indent: int | None = 1) -> None:
    """Write a JSON document in one step: a reader finds the old document or the new one.

    Args:
        path: the file.
        document: what :func:`json.dumps` takes.
        force: replace a file that exists.
        indent: spaces by which each level is indented; None writes one line.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or the disk is full.
    """
    with new_file(path, force) as part:
        part.write_text(json.dumps(document, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
