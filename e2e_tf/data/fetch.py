"""Public data sets: downloads that go on where they stopped and are checked before they get their name."""

from __future__ import annotations

import fnmatch
import hashlib
import http.client
import json
import os
import shutil
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from e2e_tf.errors import InputError
from e2e_tf.files import new_folder
from e2e_tf.terminal import track

__all__ = ["DATASETS", "Dataset", "RemoteFile", "download", "extract", "fetch"]

_BLOCK = 1 << 20
_TIMEOUT = 30.0  # seconds without a byte
_ATTEMPTS = 5  # in a row that bring nothing new
_ZENODO = "https://zenodo.org/api/records"
_DESY = "https://syncandshare.desy.de/index.php/s"
_CERNBOX = "https://cernbox.cern.ch/index.php/s"


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Attributes:
        name: its name here.
        url: its address, http or https.
        checksum: ``md5:...`` or ``sha256:...``; empty where the publisher gives none.
        size: bytes, 0 where unknown.
    """

    name: str
    url: str
    checksum: str = ""
    size: int = 0


@dataclass(frozen=True)
class Dataset:
    """A public data set.

    Attributes:
        description: what it holds.
        reader: the reader for its files.
        record: number of a Zenodo record, which lists its files with their checksums; 0 if it is elsewhere.
        files: files at fixed addresses.
        page: a page to download from by hand, where there is no address for programs.
    """

    description: str
    reader: str
    record: int = 0
    files: tuple[RemoteFile, ...] = ()
    page: str = ""


def _erum(description: str, reader: str, name: str, token: str) -> Dataset:
    return Dataset(description, reader, files=(RemoteFile(name, f"{_DESY}/{token}/download"),))


DATASETS: dict[str, Dataset] = {
    "top_tagging": Dataset("top-tagging reference sample, 2.0 M jets", "top_tagging", 2603256),
    "jetclass": Dataset("JetClass, ten classes, 125 M jets", "jetclass", 6619768),
    "energyflow": Dataset("EnergyFlow quark and gluon jets, 2 M", "energyflow", 3164691),
    "energyflow_2": Dataset("EnergyFlow quark and gluon jets, second generator", "energyflow", 3066475),
    "jetnet": Dataset("JetNet, 30 particles", "jetnet", 6975118),
    "jetnet150": Dataset("JetNet, 150 particles", "jetnet", 6975117),
    "future_tau": Dataset("taus of a future e⁺e⁻ collider, full simulation", "future_tau", 13881061),
    "erum_top_tagging": _erum(
        "ErUm-Data top tagging, 2 M jets", "erum_top_tagging", "1_top_tagging_2M.npz", "TWqT3E9j6q5yYSF"
    ),
    "erum_spinodal": _erum(
        "ErUm-Data spinodal, 29 k images", "erum_spinodal", "2_spinodal_29k.npz", "RN9AYWLgKHEPEfF"
    ),
    "erum_eos": _erum(
        "ErUm-Data equation of state, 180 k images", "erum_eos", "3_EOSL_or_EOSQ_180k.npz", "NXojejGjKdSJSR2"
    ),
    "erum_airshower": _erum(
        "ErUm-Data air showers, 100 k",
        "erum_airshower",
        "4_airshower_100k_regression.npz",
        "8oJoYcaCRaC9dL7",
    ),
    "erum_belle": _erum(
        "ErUm-Data Belle II, 400 k events", "erum_belle", "6_belle_selective_400k.npz", "CWD9CdCHgizgNxq"
    ),
    "ml4sci_electrons": Dataset(
        "ML4SCI electron images, 249 k", "ml4sci_eg", page=f"{_CERNBOX}/FbXw3V4XNyYB3oA"
    ),
    "ml4sci_photons": Dataset("ML4SCI photon images, 249 k", "ml4sci_eg", page=f"{_CERNBOX}/AtBT8y4MiQYFcgc"),
    "ml4sci_qg": Dataset(
        "ML4SCI quark and gluon images, 139 k", "ml4sci_qg", page=f"{_CERNBOX}/ZUHveJKajnZNwTA"
    ),
    "ml4sci_top": Dataset("ML4SCI boosted-top images", "ml4sci_top", page=f"{_CERNBOX}/cmVxUG4GJzRWKWV"),
}
"""Public data sets by name."""


def fetch(
    name: str, folder: str | os.PathLike[str], *, files: str = "*", zenodo: str = _ZENODO
) -> list[tuple[Path, bool]]:
    """Download a public data set; a file that is here and right is not downloaded again.

    Args:
        name: a name in :data:`DATASETS`.
        folder: an existing folder for the files.
        files: only files whose name fits this pattern, such as ``test*``.
        zenodo: where Zenodo's records are.

    Returns:
        The files, each with whether the publisher gave a checksum that it was compared with.

    Raises:
        InputError: the name is unknown, nothing fits ``files``, the folder is missing, there is no network,
            or a file is not what its publisher says.
    """
    if name not in DATASETS:
        raise InputError(f"there is no data set {name!r}; there are: {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist; create it first")
    if dataset.page:
        raise InputError(
            f"{name} cannot be downloaded by a program; open {dataset.page} in a browser and put the files "
            f"into {folder}"
        )
    known = _record(f"{zenodo}/{dataset.record}", folder) if dataset.record else dataset.files
    chosen = [file for file in known if fnmatch.fnmatchcase(file.name, files)]
    if not chosen:
        raise InputError(
            f"no file of {name} fits {files!r}; there are: {', '.join(file.name for file in known)}"
        )
    return [(download(file, folder), bool(file.checksum)) for file in chosen]


def _record(url: str, folder: Path) -> tuple[RemoteFile, ...]:
    """The files of a Zenodo record."""
    try:
        with urllib.request.urlopen(_request(url), timeout=_TIMEOUT) as answer:
            document = json.load(answer)
        return tuple(
            RemoteFile(_plain(entry["key"]), entry["links"]["self"], entry["checksum"], int(entry["size"]))
            for entry in document["files"]
        )
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url.replace("/api/", "/"), folder, error) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{url} is not a list of files as Zenodo gives it ({error!r})") from error


def _plain(name: Any) -> str:
    """A name without a way out of its folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise InputError(f"a file must have a plain name, the publisher's list has {name!r}")
    return name


def _request(url: str, headers: dict[str, str] | None = None) -> urllib.request.Request:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"an address must begin with http:// or https://, not {url!r}")
    return urllib.request.Request(url, headers={"User-Agent": "e2e-tf", **(headers or {})})


def _unreachable(url: str, folder: Path, error: BaseException) -> InputError:
    if isinstance(error, urllib.error.HTTPError):
        return InputError(f"{url} answers {error.code} {error.reason}; the address may have changed")
    host = urllib.parse.urlsplit(url).hostname
    reason = getattr(error, "reason", error)
    return InputError(
        f"{host} cannot be reached ({reason}); without a network, download {url} on another machine and "
        f"put the file into {folder}"
    )


def download(
    file: RemoteFile, folder: str | os.PathLike[str], *, attempts: int = _ATTEMPTS, pause: float = 1.0
) -> Path:
    """Download one file into a folder; an interrupted download goes on where it stopped, now or next time.

    What has come is kept in a hidden file beside; the name appears when size and checksum are right.

    Args:
        file: what to download.
        folder: an existing folder.
        attempts: give up after this many in a row that bring nothing new.
        pause: seconds before the second attempt, doubled for each further one.

    Returns:
        The path of the file.

    Raises:
        InputError: no network, an answer that is an error, or a file of another size or checksum.
    """
    folder = Path(folder)
    target = folder / _plain(file.name)
    if target.exists():
        _verify(target, file, target)
        return target
    part = target.with_name(f".{target.name}.part")
    tag = target.with_name(f".{target.name}.tag")  # the server's version of what is in the part
    failed = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _transfer(file, part, tag)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise _unreachable(file.url, folder, error) from error
            problem: BaseException = error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (28, 122):
                raise InputError(f"{part} cannot be written: {error}") from error
            problem = error
        after = part.stat().st_size if part.exists() else 0
        failed = 0 if after > before else failed + 1
        if failed >= attempts:
            if not after:
                raise _unreachable(file.url, folder, problem) from problem
            raise InputError(
                f"{file.name} stopped after {after:,} bytes ({problem}); run the same command again to go on "
                f"from there"
            ) from problem
        time.sleep(pause * 2 ** max(0, failed - 1))
    _verify(part, file, target)
    part.replace(target)
    tag.unlink(missing_ok=True)
    return target


def _transfer(file: RemoteFile, part: Path, tag: Path) -> None:
    """Get what is missing of a file; returns when all of it is there."""
    have = part.stat().st_size if part.exists() else 0
    version = tag.read_text(encoding="utf-8") if tag.exists() else ""
    if have and not version:
        have = 0  # nobody can say whether the rest would belong to it
    if file.size and have == file.size:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
    try:
        answer = urllib.request.urlopen(_request(file.url, headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing after what is here: it is complete, or of another version
            if error.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                return
            part.unlink()
            raise ConnectionError("the file on the server has become shorter") from error
        raise
    with answer:
        start = 0
        if answer.status == 206:
            given = answer.headers.get("Content-Range", "")
            start = int(given.partition(" ")[2].partition("-")[0] or -1)
            if start != have:
                raise ConnectionError(f"asked for the bytes from {have} on, got {given!r}")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else file.size
        found = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if found.startswith("W/"):
            found = ""  # a weak tag does not promise the same bytes
        if start == 0:
            tag.write_text(found, encoding="utf-8")
        with open(part, "ab" if start else "wb") as out:
            blocks = _blocks(answer)
            for block in track(
                blocks, f"Downloading {file.name}", total=-(-(total - start) // _BLOCK) or None
            ):
                out.write(block)
        if total and part.stat().st_size < total:
            raise ConnectionError(f"the connection ended after {part.stat().st_size:,} of {total:,} bytes")


def _blocks(answer: Any) -> Iterator[bytes]:
    while block := answer.read(_BLOCK):
        yield block


def _verify(path: Path, file: RemoteFile, target: Path) -> None:
    """Compare with size and checksum; what is wrong and was downloaded is removed."""
    problem = ""
    size = path.stat().st_size
    if file.size and size != file.size:
        problem = f"{file.size:,} bytes, it has {size:,}"
    elif file.checksum:
        kind, _, expected = file.checksum.partition(":")
        if kind not in ("md5", "sha256"):
            raise InputError(f"a checksum must be md5 or sha256, not {file.checksum!r}")
        digest = hashlib.new(kind, usedforsecurity=False)
        with open(path, "rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != expected.lower():
            problem = f"the {kind.upper()} sum {expected}, it has {digest.hexdigest()}"
    if not problem:
        return
    if path != target:
        path.unlink()
        path.with_name(f".{target.name}.tag").unlink(missing_ok=True)
        raise InputError(f"{file.name} must have {problem}; it was damaged on its way or has been replaced")
    raise InputError(f"{target} must have {problem}; remove it to download it again")


def extract(
    archive: str | os.PathLike[str], folder: str | os.PathLike[str], force: bool = False
) -> list[Path]:
    """Unpack a zip or tar archive (also compressed) into a new folder, and nothing outside it.

    Args:
        archive: the archive.
        folder: the new folder; it appears when everything is unpacked.
        force: replace what exists.

    Returns:
        The files, in the order of the archive.

    Raises:
        InputError: the archive is damaged, or holds a link, a device or a path that leaves the folder.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise InputError(f"there is no file {archive}")
    names: list[PurePosixPath] = []
    try:
        with new_folder(folder, force) as part:
            for name, content in _members(archive):
                target = part / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "xb") as out:
                    shutil.copyfileobj(content, out, _BLOCK)
                names.append(name)
    except FileExistsError as error:
        raise InputError(f"{archive} holds the same name twice ({error.filename})") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError) as error:
        raise InputError(f"{archive} cannot be unpacked: {error}") from error
    return [folder / name for name in names]


def _members(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """The regular files of an archive with their paths."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as pack:
            for info in pack.infolist():
                if (info.external_attr >> 28) == 0xA:
                    raise InputError(f"{archive} holds the link {info.filename!r}; only files are unpacked")
                if not info.is_dir():
                    with pack.open(info) as content:
                        yield _inside(archive, info.filename), content
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tape:
            for member in tape:
                if member.isdir():
                    continue
                file = tape.extractfile(member) if member.isreg() else None
                if file is None:
                    raise InputError(
                        f"{archive} holds {member.name!r}, which is a link or a device; only files are unpacked"
                    )
                yield _inside(archive, member.name), file
    else:
        raise InputError(f"{archive} is neither a zip nor a tar archive")


def _inside(archive: Path, name: str) -> PurePosixPath:
    """A member's path, refused where it would leave the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    drive = len(path.parts) > 0 and path.parts[0].endswith(":")
    if path.is_absolute() or drive or ".." in path.parts or not path.parts or "\0" in name:
        raise InputError(f"{archive} holds the path {name!r}, which leaves the folder; nothing was unpacked")
    return path
