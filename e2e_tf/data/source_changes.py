"""What tells one source of jets from another, another file that is read in the same way, and files that were moved."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from e2e_tf.data.readers import READERS, open_reader
from e2e_tf.data.readers.checks import existing_file
from e2e_tf.data.readers.content import content_of
from e2e_tf.data.samples import SAMPLES
from e2e_tf.data.source import OWN, JetSource, SourceFile, SourcePart, is_own, locate, own_name
from e2e_tf.errors import InputError
from e2e_tf.files import sha256

__all__ = ["differences", "part_for_file", "relocated", "unchanged"]


def differences(before: JetSource, now: JetSource) -> list[str]:
    """What tells one source from another; where files lie does not.

    Args:
        before: a source that was looked at.
        now: the other one.

    Returns:
        Half sentences that continue "it was trained on", the most telling first; none if they are the same.
    """
    found = []
    if [part.name for part in before.parts] != [part.name for part in now.parts]:
        names = [", ".join(part.name or "one" for part in one.parts) for one in (before, now)]
        return [f"other samples: they were {names[0]}, they are {names[1]} now"]
    for old, new in zip(before.parts, now.parts, strict=True):
        found += _part_differences(old, new)
    for name in ("columns", "selection", "weights"):
        found += _changes(f"another {name.removesuffix('s')}", getattr(before, name), getattr(now, name))
    return found


def unchanged(source: JetSource, base: Path, what: str) -> JetSource:
    """A source with what its files are now; of one that was looked at before it must be the same.

    Args:
        source: of a run or sweep, or of a configuration, which may not have been looked at.
        base: where relative paths start.
        what: how a sentence about another source begins, such as "RUN was trained on".

    Returns:
        The source as :meth:`e2e_tf.data.source.JetSource.located` gives it.

    Raises:
        InputError: a file is missing or is another one; the sentence says what differs.
    """
    now = source.located(base)
    known = all(file.sha256 for part in source.parts for file in part.every_file)
    if known and (changes := differences(source, now)):
        raise InputError(f"{what} {changes[0]}")
    return now


def relocated(source: JetSource, moves: Mapping[str, str], base: Path) -> tuple[JetSource, Path]:
    """The source after files or whole folders were moved.

    Args:
        source: of a run.
        moves: old path to new path, of files or folders, relative to the working folder or as the
            configuration writes them.
        base: where relative paths started.

    Returns:
        The source, and where its relative paths start now.

    Raises:
        InputError: nothing lies in an old path.
    """
    for old, new in moves.items():
        moved = _moved(str(base), old, new)
        if moved is not None:
            base = Path(moved)
            continue
        found = replace(source, parts=tuple(_moved_part(part, base, old, new) for part in source.parts))
        if found == source:
            where = ", ".join(str(locate(file.path, base)) for file in source.files[:3])
            raise InputError(f"--relocate: no file of the run lies in {old}; they are {where}")
        source = found
    return source, base


def part_for_file(
    source: JetSource,
    path: Path,
    reader: str = "",
    options: Mapping[str, Any] | None = None,
    base: Path | None = None,
) -> tuple[SourcePart, str]:
    """How another file is read as the files of a source were.

    Args:
        source: of a run.
        path: the other file.
        reader: its reader, given explicitly; empty takes the one of the source.
        options: options of the reader, given explicitly; they override those of the source.
        base: where relative paths of the source start.

    Returns:
        The file with its reader and options, and a sentence that says what differs; empty where nothing does.

    Raises:
        InputError: the file is of another format and no reader is given, or the source was read in
            several ways that an explicit option has to choose between.
    """
    given = dict(options or {})
    same = _part_with(source, path)
    readers = list(dict.fromkeys(part.reader for part in source.parts))
    name = own_name(reader) or (same.reader if same else _chosen_reader(path, readers, source.parts))
    part = SourcePart((SourceFile(str(path)),), name)
    alike = [one for one in ([same] if same else source.parts) if one.reader == name]
    if not alike:
        note = f"{path} is read by {_way(name, given)}; the run was trained on {_ways(source)}"
        return replace(part, options=given), note
    if same:
        part = replace(part, name=same.name, settings=same.settings)
    elif any("label" in one.settings for one in alike):  # the files did not need to say their class
        part = replace(part, settings={"label": None})
    inherited = dict(alike[0].options)
    if same:  # what lies beside a file belongs to that file alone
        inherited |= same.all_options(base or Path())
    for one in alike[1:]:
        for key in [*inherited, *one.options]:
            if inherited.get(key) != one.options.get(key) and key not in given:
                raise InputError(
                    f"the samples of the run have different options {key!r} of the reader {name}; say which "
                    f"with --option {key}=VALUE"
                )
    chosen = {**inherited, **given}
    changed = {key: value for key, value in given.items() if inherited.get(key) != value}
    note = (
        f"{path} is read by {_way(name, chosen)}; the run was trained on {_ways(source)}" if changed else ""
    )
    return replace(part, options=chosen), note


def _part_with(source: JetSource, path: Path) -> SourcePart | None:
    """The part that a file belongs to, where it matters which one it is."""
    if not path.is_file() or (len(source.parts) == 1 and not source.parts[0].beside):
        return None
    digest = sha256(path)
    return next((part for part in source.parts if digest in [file.sha256 for file in part.files]), None)


def _ways(source: JetSource) -> str:
    return " and ".join(dict.fromkeys(_way(part.reader, part.options) for part in source.parts))


def _part_differences(before: SourcePart, after: SourcePart) -> list[str]:
    where = f" of {before.name}" if before.name else ""
    counts = len(before.files), len(after.files)
    if counts[0] != counts[1]:
        return [f"other files{where}: they were {counts[0]}, they are {counts[1]} now"]
    if before.beside.keys() != after.beside.keys():
        return [f"other files beside those{where}"]
    pairs = [*zip(before.files, after.files, strict=True)]
    pairs += [(before.beside[key], after.beside[key]) for key in before.beside]
    found = [
        f"another {new.path}: its SHA-256 was {old.sha256[:12]}…, it is {new.sha256[:12]}… now"
        for old, new in pairs
        if old.sha256 != new.sha256
    ]
    if before.reader and before.reader != after.reader:
        found.append(f"jets{where} of another reader: it was {before.reader!r}, it is {after.reader!r} now")
    found += _changes(f"another option{where}", before.options, after.options)
    return found + _changes(f"another setting{where}", before.settings, after.settings)


def _changes(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {key}: it was {before.get(key)!r}, it is {after.get(key)!r} now"
        for key in dict.fromkeys([*before, *after])
        if _plain(before.get(key)) != _plain(after.get(key))
    ]


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON gives them back."""
    return (
        [_plain(one) for one in value]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else value
    )


def _moved(path: str, old: str, new: str) -> str | None:
    """A path in ``old`` as the same path in ``new``; None for another one."""
    for start in dict.fromkeys([old.rstrip("/"), os.path.abspath(old)]):
        if path == start:
            return os.path.abspath(new)
        if path.startswith(f"{start}/"):
            return os.path.join(os.path.abspath(new), path.removeprefix(f"{start}/"))
    return None


def _moved_part(part: SourcePart, base: Path, old: str, new: str) -> SourcePart:
    def move(file: SourceFile) -> SourceFile:
        found = _moved(file.path, old, new) or _moved(os.path.abspath(base / file.path), old, new)
        return file if found is None or file.path in SAMPLES else replace(file, path=found)

    beside = {key: move(file) for key, file in part.beside.items()}
    return replace(part, files=tuple(move(file) for file in part.files), beside=beside)


def _chosen_reader(path: Path, readers: Sequence[str], parts: Sequence[SourcePart]) -> str:
    """The reader of a source that reads a file too; of a source of own files also the only one that fits."""
    path = existing_file(path)
    if OWN in readers and is_own(path):
        return OWN
    content = content_of(path)
    for name in readers:
        if name not in READERS or READERS[name].accepts(content):
            return name
    for part in parts:  # a format that was not recognised, but named, may fit all the same
        if _can_count(path, part):
            return part.reader
    if readers == [OWN] and not any(part.options for part in parts):
        return open_reader(path).reader.name
    fits = [reader.name for reader in READERS.values() if reader.accepts(content)]
    raise InputError(
        f"{path} is no file of the reader {' or '.join(map(repr, readers))} that the run was trained on; it can be "
        f"read as {', '.join(fits) or 'nothing that is known'}: say so with --reader, and its options with --option"
    )


def _can_count(path: Path, part: SourcePart) -> bool:
    try:
        return open_reader(path, part.reader).count(**part.options) >= 0
    except InputError:
        return False


def _way(reader: str, options: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{reader} ({listed})" if listed else reader
