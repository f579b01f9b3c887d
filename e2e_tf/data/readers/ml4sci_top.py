"""ML4SCI boosted top jets as images, for classification or mass regression (parquet).

CMS simulation (CERNBox share cmVxUG4GJzRWKWV, linked from https://ml4sci.org), one jet per row group:

- classification: ``X_jets``, list [8][125][125]; ``pt``, ``m0`` [GeV]; ``y``, 1 for top and 0 for QCD;
- mass regression: ``X_jet``; ``m``, the mass to predict, and ``pt`` [GeV]; ``ieta``, ``iphi``, the crystal at
  the jet's centre.

The channels are pT, d0, dz of tracks, ECAL, HCAL and three pixel layers, or pT, dz, d0, ECAL, HCAL, …,
depending on who describes them; the files do not say. So their names are an argument without a default.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.data.images import Images
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report
from e2e_tf.data.readers.parquet_images import is_labelled, named_channels, read_image_rows
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import open_parquet, parquet_length

__all__ = ["count_ml4sci_top", "read_ml4sci_top"]


def count_ml4sci_top(path: PathLike) -> int:
    """Number of images in the file.

    Args:
        path: the parquet file.

    Returns:
        The number of images.

    Raises:
        InputError: the file is missing or damaged, or the extra ``parquet`` is not installed.
    """
    return parquet_length(path)


def _accepts(content: Content) -> bool:
    if content.container == "parquet" and content.has("X_jet", "m", "pt"):
        return True
    return is_labelled(content) and content.shape("X_jets") != (3,)


@reader("ml4sci_top", "ML4SCI boosted-top images", unit="images", count=count_ml4sci_top, accepts=_accepts)
def read_ml4sci_top(
    path: PathLike,
    *,
    channels: Sequence[str],
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Images:
    """Images (n, 125, 125, C) of either kind of file.

    A classification file gives the jets' ``pt`` and ``mass`` and label 1 for top; a regression file gives
    their ``pt``, ``ieta``, ``iphi``, no label, and ``mass`` in the truth. ``event`` is the row in the file.

    Args:
        path: a parquet file.
        channels: names of the channels in the file's order.
        start, stop: range of jets.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged images.
        report: counts what was left out.

    Returns:
        float32 images that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, the extra ``parquet`` is not installed, a column is
            missing or of another type, the channels are not as many as their names, a value is NaN or
            infinite, a pT or mass is negative, or a label is neither 0 nor 1.
    """
    names = named_channels(channels)
    with open_parquet(path) as (_, file):
        regression = "X_jet" in file.schema_arrow.names
    image, mass = ("X_jet", "m") if regression else ("X_jets", "m0")
    wanted = ("pt", mass, "ieta", "iphi") if regression else ("pt", mass, "y")
    path, images, columns, first = read_image_rows(path, image, wanted, names, start, stop)
    entries = EntryValidator(path, len(images), on_error, report, first, "images")
    entries.finite(image, images)
    entries.energy("pt", columns["pt"])
    entries.energy(mass, columns[mass])
    if not regression:
        entries.one_of("y", columns["y"], (0, 1))
    keep = entries.passed
    kept = {name: column[keep] for name, column in columns.items()}
    jets = {"pt": kept["pt"].astype(np.float32)}
    masses = {"mass": kept[mass].astype(np.float32)}
    return entries.finish(
        Images,
        "ml4sci_top",
        {"channels": list(names)},
        images=images[keep],
        channels=names,
        columns=jets | {k: kept[k].astype(np.int32) for k in ("ieta", "iphi")}
        if regression
        else jets | masses,
        label=None if regression else kept["y"].astype(np.int8),
        truth=masses if regression else {},
    )
