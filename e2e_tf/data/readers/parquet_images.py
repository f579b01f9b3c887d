"""Images in parquet files with one jet per row: what the ML4SCI readers share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import PathLike, row_range
from e2e_tf.data.readers.tables import arrow_column, arrow_numbers, open_parquet, parquet_rows
from e2e_tf.errors import InputError

__all__ = ["is_labelled", "named_channels", "read_image_rows"]


def is_labelled(content: Content) -> bool:
    """Whether a file holds jet images with mass, pT and a label.

    Args:
        content: what is in the file.

    Returns:
        True if it has the columns of such a file.
    """
    return content.container == "parquet" and content.has("X_jets", "m0", "pt", "y")


def named_channels(channels: Sequence[str]) -> tuple[str, ...]:
    """The channels as a tuple of names.

    Args:
        channels: names in the order of the images' channels.

    Returns:
        The names.

    Raises:
        InputError: a single string, no name, or a name twice.
    """
    if isinstance(channels, str) or not channels or len(set(channels)) != len(channels):
        raise InputError(
            f"channels must be the names of the image's channels in order, each once, not {channels!r}"
        )
    return tuple(channels)


def read_image_rows(
    path: PathLike,
    image: str,
    columns: Sequence[str],
    channels: tuple[str, ...],
    start: int,
    stop: int | None,
) -> tuple[Path, np.ndarray, dict[str, np.ndarray], int]:
    """The path, images float32 (n, H, W, C), one-number columns and the number of the first row.

    Args:
        path: a parquet file.
        image: the column of images, lists of channels, rows and columns.
        columns: further columns of one number per row.
        channels: names of the channels.
        start, stop: range of rows.

    Returns:
        ``(path, images, columns, first)``: a ``Path``, float32 (n, H, W, C), (n,) by name, and the number of the
        first row.

    Raises:
        InputError: a column is missing or of another type, or an image is not of ``len(channels)`` channels.
    """
    with open_parquet(path) as (path, file):
        need(path, "column", (image, *columns), file.schema_arrow.names)
        first, last = row_range(int(file.metadata.num_rows), start, stop)
        table = parquet_rows(path, file, (image, *columns), first, last)
    images = _images(path, image, arrow_column(path, table, image), channels)
    return path, images, {c: arrow_numbers(path, c, arrow_column(path, table, c)) for c in columns}, first


def _images(path: Path, name: str, column: Any, channels: tuple[str, ...]) -> np.ndarray:
    import pyarrow.compute

    n, shape = len(column), []
    for _ in range(3):
        if not (
            pyarrow.types.is_list(column.type)
            or pyarrow.types.is_large_list(column.type)
            or pyarrow.types.is_fixed_size_list(column.type)
        ):
            raise InputError(
                f"{path}: {name} must hold lists of channels, rows and columns, it ends at {column.type}"
            )
        lengths = np.unique(pyarrow.compute.list_value_length(column).to_numpy(zero_copy_only=False))
        if len(lengths) > 1 or column.null_count:
            raise InputError(f"{path}: {name} must have images of one size, lengths are {lengths.tolist()}")
        shape.append(int(lengths[0]) if len(lengths) else 0)
        column = column.flatten()
    if n and shape[0] != len(channels):
        raise InputError(
            f"{path}: {name} has {shape[0]} channels, {len(channels)} were named: {', '.join(channels)}"
        )
    values = arrow_numbers(path, name, column).astype(np.float32)
    if not n:
        return np.zeros((0, 0, 0, len(channels)), np.float32)
    return np.ascontiguousarray(np.moveaxis(values.reshape(n, *shape), 1, -1))
