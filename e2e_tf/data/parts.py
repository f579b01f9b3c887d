"""Parts of a conversion: what a worker makes of one piece of one input, and what the files of a part say."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.duplicates import fingerprints, mixed
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.readers import Report, open_reader
from e2e_tf.data.sample_sets import renumbered
from e2e_tf.data.store_writer import largest, new_store
from e2e_tf.errors import InputError
from e2e_tf.files import new_file, read_json, write_json

__all__ = ["Part", "make_part", "read_piece"]


@dataclass(frozen=True)
class Part:
    """One piece of one input, and the files that a worker makes of it.

    Attributes:
        number: place among the parts of the conversion.
        path: the input.
        reader: name of its reader.
        start, stop: units of the input.
        options: more arguments of the reader.
        recipe: how jets become graphs, the fields of a :class:`~e2e_tf.data.graphs.GraphRecipe`.
        on_error: ``"stop"`` or ``"skip"``.
        folder: of the files.
    """

    number: int
    path: str
    reader: str
    start: int
    stop: int
    options: dict[str, Any]
    recipe: dict[str, Any]
    on_error: str
    folder: str
    numbering: str = ""

    @property
    def store(self) -> Path:
        """The graphs, or why there are none; when this file is there the part is made."""
        return Path(self.folder) / f"part-{self.number:06d}.h5"

    @property
    def identity(self) -> Path:
        """Fingerprints of the jets, uint64 (B,)."""
        return self.store.with_suffix(".npy")

    @property
    def is_done(self) -> bool:
        """Whether the part is made; one that was given up counts only where giving up is allowed."""
        return self.store.exists() and (self.on_error == "skip" or self.failure is None)

    @property
    def failure(self) -> dict[str, Any] | None:
        """Why the part could not be made (``failed``) and how many units that are; None of one with graphs."""
        with open(self.store, "rb") as file:
            if file.read(1) != b"{":
                return None
        found: dict[str, Any] = read_json(self.store)
        return found


def read_piece(
    path: Path, reader: str, start: int, stop: int, on_error: str, options: Mapping[str, Any]
) -> tuple[Jets | Images, Report]:
    """A piece of a file and the report of its reader.

    Args:
        path: the file.
        reader: name of its reader.
        start, stop: units of the file.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged entries.
        options: more arguments of the reader.

    Returns:
        The jets or images, and what was left out.

    Raises:
        InputError: as the reader.
    """
    report = Report()
    file = open_reader(path, reader)
    return file.read(start=start, stop=stop, on_error=on_error, report=report, **options), report


def make_part(part: Part) -> int:
    """Make the files of a part, which appear when they are complete.

    Args:
        part: what to read, and where its files go.

    Returns:
        The number of the part.

    Raises:
        InputError: the piece cannot be used and ``on_error`` is ``"stop"``, or the disk is full.
    """
    recipe = GraphRecipe(**part.recipe)
    try:
        sample, report = read_piece(
            Path(part.path), part.reader, part.start, part.stop, part.on_error, part.options
        )
        if part.numbering:
            sample = replace(sample, event=renumbered(sample.event, part.numbering))
        data = build_graphs(sample, recipe)
    except InputError as error:
        if part.on_error == "stop":
            raise
        write_json(part.store, {"failed": str(error), "units": part.stop - part.start}, indent=None)
        return part.number
    attributes = {
        "read": report.read,
        "skipped": report.skipped,
        "replaced": report.replaced,
        "sample": dict(sample.attributes),
    }
    with new_file(part.identity, force=True) as file:
        # Through memory: of a full disk np.save says only how many values did not fit.
        content = io.BytesIO()
        np.save(content, _identity(data), allow_pickle=False)
        file.write_bytes(content.getvalue())
    with new_store(
        part.store, data, recipe, largest(data), attributes=attributes, compressed=False, force=True
    ) as out:
        out.append(data)
    return part.number


def _identity(data: GraphData) -> np.ndarray:
    """uint64 (B,): a fingerprint of each jet and its event number; 0 for a jet of which nothing is known."""
    prints = fingerprints(data)
    own = mixed(prints + data.event.astype(np.int64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return np.where(prints == 0, np.uint64(0), own)
