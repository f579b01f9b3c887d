"""Objects of C++ sources that were compiled before: ``compiler_cache.py FOLDER COMPILER ARGUMENTS...``.

Stands before the compiler, also as CMake's CXX_COMPILER_LAUNCHER. An object is kept under the digest of the compiler,
its options and the preprocessed source, in which every header is written out; folders are no part of it, so that
copies of one source in two places are one. What is not a compilation into an object, and what fails, goes to the
compiler as it is. It imports the standard library only and starts in a fraction of what it saves.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KEPT = 30  # objects, those that were used last; up to 10 MB each

# Options whose value says where something lies, not what it is.
PLACES = ("-I", "-isystem", "-o")


def parts(arguments: list[str]) -> tuple[list[str], list[str], Path | None, Path | None]:
    """Options that decide about an object, those for preprocessing, the source and the object of a command.

    The two files are None where the command does not make one object of one C++ source, and nothing beside it.
    """
    options: list[str] = []
    search: list[str] = []
    sources: list[Path] = []
    target = None
    rest = iter(arguments)
    for word in rest:
        place = next((name for name in PLACES if word.startswith(name)), None)
        if place is not None:
            value = word[len(place) :] or next(rest, "")
            if place == "-o":
                target = Path(value)
            elif place in ("-I", "-isystem"):
                search += [place, value]
        elif word.endswith((".cc", ".cpp")):
            sources.append(Path(word))
        else:
            options.append(word)
    beside = any(word.startswith("-M") for word in options)  # lists of headers, as files of their own
    if "-c" not in options or target is None or len(sources) != 1 or beside:
        return options, search, None, None
    return options, search, sources[0], target


def digest(compiler: str, options: list[str], search: list[str], source: Path) -> str | None:
    """What an object is kept under; None where the source cannot be preprocessed."""
    plain = [word for word in options if word != "-c"]
    command = [compiler, *plain, *search, "-E", "-P", str(source)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        return None
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    found = hashlib.sha256("\0".join([*plain, str(source.suffix)]).encode())
    for content in (version, done.stdout):
        found.update(b"\0" + content)
    return found.hexdigest()


def keep(folder: Path, kept: Path, target: Path) -> None:
    """Put an object into the folder in one step, and drop those that were used longest ago."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        shutil.copyfile(target, file.name)
    os.replace(file.name, kept)
    for old in sorted(folder.glob("*.o"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)


def main(folder: Path, compiler: str, *arguments: str) -> int:
    """Compile, or copy what this very compilation gave before; the compiler's status."""
    options, search, source, target = parts(list(arguments))
    name = None if source is None else digest(compiler, options, search, source)
    if name is None or target is None:
        return subprocess.run([compiler, *arguments], check=False).returncode
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{name}.o"
    if kept.is_file():
        shutil.copyfile(kept, target)
        os.utime(kept)
        return 0
    status = subprocess.run([compiler, *arguments], check=False).returncode
    if not status:
        keep(folder, kept, target)
    return status


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), *sys.argv[2:]))
