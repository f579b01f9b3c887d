"""Several files as one sample: classes and weights of sections, event numbers that differ, columns in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from e2e_tf.data.duplicates import mixed
from e2e_tf.data.hdf5 import DAMAGE, attributes_of
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers import READERS, open_reader
from e2e_tf.errors import InputError
from e2e_tf.terminal import console

__all__ = ["joined", "numbering", "of_section", "one_format", "renumbered", "sample_weight"]

CMS = "CMS events of "
OWN = "e2e_tf"


def of_section(
    sample: Jets | Images, settings: Mapping[str, Any], number: int, scale: float
) -> Jets | Images:
    """What a section ``[data.samples.NAME]`` says of the jets of one of its files.

    Args:
        sample: as the reader gave it.
        settings: of the section: with ``label`` all its jets have this label, or none if it is None.
        number: of the section in the configuration, from 0 on; becomes the column ``sample`` of the truth.
        scale: factor of the weights.

    Returns:
        The jets with label, truth and weights.

    Raises:
        InputError: float32 does not hold the weights.
    """
    label = sample.label
    if "label" in settings:
        given = settings["label"]
        label = None if given is None else np.full(len(sample), given, np.int8)
    truth = {**sample.truth, "sample": np.full(len(sample), number, np.int16)}
    weight = sample.weight if scale == 1 else _scaled(sample.weight, scale)
    return replace(sample, label=label, truth=truth, weight=weight)


def _scaled(weight: np.ndarray, scale: float) -> np.ndarray:
    """Weights times a factor, float32, which must be able to hold them."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = (weight * np.float64(scale)).astype(np.float32)
    lost = np.isfinite(weight) & (~np.isfinite(scaled) | ((scaled == 0) & (weight != 0)))
    if lost.any():
        raise InputError(
            f"the weights of {lost.sum()} of {len(weight)} jets are too large or too small for float32 after their "
            f"factor of {scale:g}, from cross_section, sum_of_weights and factor; take another scale for all samples"
        )
    return scaled


@contextmanager
def one_format(path: Path, first: str, reader: str) -> Iterator[None]:
    """Say of a file that cannot be read if it is of another format than the first one of its section.

    Args:
        path: of the file.
        first: name of the first file, which the reader was found by.
        reader: its name in :data:`e2e_tf.data.readers.READERS`.

    Yields:
        Nothing; the file is read in the block.

    Raises:
        InputError: as the block, with the reason.
    """
    try:
        yield
    except InputError as error:
        try:
            found = open_reader(path).reader.name
        except InputError:
            found = reader
        if path.name == Path(first).name or found == reader:
            raise
        raise InputError(
            f"{first} is of the reader {reader!r} and {path} of {found!r}; files of several formats have a section "
            f"[data.samples.NAME] each ({error})"
        ) from error


def sample_weight(name: str, settings: Mapping[str, Any], total: float | None) -> float:
    """The factor of a section's event weights.

    Args:
        name: of the section, for messages.
        settings: ``cross_section`` [pb], ``sum_of_weights`` and ``factor``, each optional.
        total: sum of the generator weights that the files themselves know; None if they do not.

    Returns:
        factor x cross-section / sum of generator weights, as far as they are given.

    Raises:
        InputError: there is a cross-section and no positive sum.
    """
    factor = float(settings.get("factor") or 1.0)
    if settings.get("cross_section") is None:
        return factor
    found = settings.get("sum_of_weights") or total
    if found is None:
        raise InputError(
            f"data.samples.{name}.cross_section needs sum_of_weights, the sum of the generator weights of all events "
            "that were generated: the files do not hold it"
        )
    if not found > 0:
        raise InputError(
            f"data.samples.{name}: the sum of generator weights must be positive, it is {found:g}"
        )
    return factor * float(settings["cross_section"]) / float(found)


def numbering(path: Path, reader: str, section: str, digest: str) -> str:
    """What the event numbers of a file are counted in: the same number of two files is one event if this is the same.

    Formats without event numbers count rows, and every simulated sample counts from the same number: jets that have
    nothing in common would share a number, and be resampled and split together.

    Args:
        path: of the file.
        reader: its name in :data:`e2e_tf.data.readers.READERS`.
        section: name of the section that the file belongs to.
        digest: what tells the file from others, such as its SHA-256.

    Returns:
        A key: of CMS data the section, as events of a simulated data set are numbered through; of this library's files
        what they say of their sample, so that parts of one sample are numbered through; else the file.
    """
    if reader in READERS and READERS[reader].event_numbers:
        return f"{CMS}{section}"
    if reader == OWN:
        import h5py

        try:
            with h5py.File(path) as file:
                return str(attributes_of(file).get("attributes", digest))
        except DAMAGE:  # its reader will say so
            pass
    return digest


def renumbered(event: np.ndarray, key: str) -> np.ndarray:
    """Event numbers that files of another :func:`numbering` do not have.

    Args:
        event: int64 (n,), as the reader gave them.
        key: of the file's numbering.

    Returns:
        int64 (n,): a hash of key and number. Numbers of CMS collisions (run · 2⁴⁰ + number with a run above 1) stay:
        they are the same event in every file.
    """
    keys = np.array([int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")], np.uint64)
    hashed = mixed(np.asarray(event, np.int64).view(np.uint64) ^ mixed(keys)).view(np.int64)
    return np.where(event >> np.int64(40) > 1, event, hashed) if key.startswith(CMS) else hashed


def joined(samples: Sequence[Jets | Images], names: Sequence[str]) -> Jets | Images:
    """All jets of several files, in order, with the columns that every file has.

    A sentence on standard error names columns that are left out because a file lacks them.

    Args:
        samples: at least one.
        names: of their files, for messages.

    Returns:
        One sample.

    Raises:
        InputError: some have labels and some do not, images are mixed with jets or of another shape, or one file lacks
            candidates, hits or objects that another one has.
    """
    first = samples[0]
    if len(samples) == 1:
        return first
    for one, name in zip(samples, names, strict=True):
        if type(one) is not type(first):
            kinds = [type(sample).__name__.lower() for sample in (first, one)]
            raise InputError(
                f"{names[0]} holds {kinds[0]} and {name} {kinds[1]}; a sample has one kind of entries"
            )
        if (one.label is None) != (first.label is None):
            with_label, without = (name, names[0]) if first.label is None else (names[0], name)
            raise InputError(
                f"{with_label} has labels and {without} has none; give the class of each in [data.samples.NAME]"
            )
    dropped: dict[str, str] = {}
    common = {group: _common(samples, names, group, dropped) for group in ("columns", "truth")}
    if isinstance(first, Jets):
        samples = _with_shared_candidates(cast("list[Jets]", samples), names, dropped)
    if dropped:
        listed = ", ".join(f"{column} ({name} lacks it)" for column, name in dropped.items())
        console().print(f"columns that not every file has are left out: {listed}", style="yellow")
    alike = [
        replace(one, columns=_only(one.columns, common["columns"]), truth=_only(one.truth, common["truth"]))
        for one in samples
    ]
    if isinstance(first, Images):
        return _joined_images(cast("list[Images]", alike), names)
    return _joined_jets(cast("list[Jets]", alike), names)


def _common(samples: Sequence[Any], names: Sequence[str], group: str, dropped: dict[str, str]) -> list[str]:
    everywhere = list(getattr(samples[0], group))
    known = dict.fromkeys(column for one in samples for column in getattr(one, group))
    for column in known:
        lacking = [
            name for one, name in zip(samples, names, strict=True) if column not in getattr(one, group)
        ]
        if lacking:
            dropped[column] = lacking[0]
    return [column for column in everywhere if column not in dropped]


def _only(columns: Mapping[str, np.ndarray], wanted: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: columns[name] for name in wanted}


def _joined_images(samples: Sequence[Images], names: Sequence[str]) -> Images:
    first = samples[0]
    for one, name in zip(samples, names, strict=True):
        if one.channels != first.channels or one.images.shape[1:] != first.images.shape[1:]:
            raise InputError(
                f"images of {name} have the shape {one.images.shape[1:]} and the channels "
                f"{', '.join(one.channels)}, those of {names[0]} {first.images.shape[1:]} and "
                f"{', '.join(first.channels)}"
            )
    return Images(
        images=np.concatenate([one.images for one in samples]),
        channels=first.channels,
        event=np.concatenate([one.event for one in samples]),
        weight=np.concatenate([one.weight for one in samples]),
        columns={name: np.concatenate([one.columns[name] for one in samples]) for name in first.columns},
        label=None if first.label is None else np.concatenate([cast("Any", one.label) for one in samples]),
        truth={name: np.concatenate([one.truth[name] for one in samples]) for name in first.truth},
        attributes=first.attributes,
    )


def _joined_jets(samples: Sequence[Jets], names: Sequence[str]) -> Jets:
    first = samples[0]
    for one, name in zip(samples, names, strict=True):
        for what, mine, theirs in (
            ("hits", set(first.hits), set(one.hits)),
            ("objects", set(first.objects), set(one.objects)),
            ("candidates", _columns(first.candidates), _columns(one.candidates)),
        ):
            if mine != theirs and (what != "candidates" or not mine or not theirs):
                raise InputError(
                    f"{names[0]} and {name} have other {what}: {', '.join(sorted(mine)) or 'none'} and "
                    f"{', '.join(sorted(theirs)) or 'none'}"
                )
    return samples[0].concatenated(samples)


def _with_shared_candidates(
    samples: Sequence[Jets], names: Sequence[str], dropped: dict[str, str]
) -> Sequence[Jets]:
    tables = [_columns(one.candidates) for one in samples]
    if not all(tables):  # refused where they are joined
        return samples
    shared = set.intersection(*tables)
    for table in tables:
        for column in sorted(table - shared):
            lacking = next(name for name, other in zip(names, tables, strict=True) if column not in other)
            dropped[f"candidates/{column}"] = lacking
    made = []
    for one in samples:
        rows = cast("Ragged", one.candidates)
        kept = {name: values for name, values in rows.columns.items() if name in shared}
        made.append(replace(one, candidates=Ragged(kept, rows.offsets)))
    return made


def _columns(rows: Ragged | None) -> set[str]:
    return set() if rows is None else set(rows.columns)
