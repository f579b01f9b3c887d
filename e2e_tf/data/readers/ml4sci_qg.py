"""ML4SCI quark and gluon jets as images (parquet).

``QCDToGGQQ_IMGjet_RH1all_jet0_run{0,1,2}_n{36272,47540,55494}.test.snappy.parquet`` (CERNBox, linked from
https://ml4sci.org): CMS simulation of 139,306 jets, one jet per row group:

- ``X_jets``, list [3][125][125]: images around the jet axis on the electromagnetic calorimeter's granularity;
- ``pt`` [GeV], ``m0`` [GeV], the jet's mass;
- ``y``: **0 for a quark and 1 for a gluon jet** (EnergyFlow has it the other way round).

The channels' order is disputed: descriptions in circulation say ECAL, HCAL, tracks as well as tracks, ECAL,
HCAL, and the files do not say. So their names are an argument without a default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from e2e_tf.data.images import Images
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, check_choice
from e2e_tf.data.readers.parquet_images import is_labelled, named_channels, read_image_rows
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import parquet_length

__all__ = ["count_ml4sci_qg", "read_ml4sci_qg"]


def count_ml4sci_qg(path: PathLike) -> int:
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
    return is_labelled(content) and content.shape("X_jets") == (3,)


@reader("ml4sci_qg", "ML4SCI quark and gluon images", unit="images", count=count_ml4sci_qg, accepts=_accepts)
def read_ml4sci_qg(
    path: PathLike,
    *,
    channels: Sequence[str],
    start: int = 0,
    stop: int | None = None,
    signal: Literal["quark", "gluon"] = "quark",
    image: str = "X_jets",
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Images:
    """Images (n, 125, 125, 3) with the jets' ``pt`` and ``mass``.

    ``event`` is the jet's row in the file: the source keeps no event numbers.

    Args:
        path: a parquet file.
        channels: names of the channels in the file's order.
        start, stop: range of jets.
        signal: which jets have label 1.
        image: the column of the images; ``X_jets_LR`` holds 64 × 64 ones in some copies.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged images.
        report: counts what was left out.

    Returns:
        float32 images that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, the extra ``parquet`` is not installed, a column is
            missing or of another type, the channels are not as many as their names, a value is NaN or
            infinite, a pT is negative, or a label is neither 0 nor 1.
    """
    check_choice("signal", signal, ("quark", "gluon"))
    names = named_channels(channels)
    path, images, columns, first = read_image_rows(path, image, ("pt", "m0", "y"), names, start, stop)
    entries = EntryValidator(path, len(images), on_error, report, first, "images")
    entries.finite(image, images)
    entries.energy("pt", columns["pt"])
    entries.energy("m0", columns["m0"])
    entries.one_of("y", columns["y"], (0, 1))
    keep = entries.passed
    is_gluon = columns["y"][keep].astype(np.int8)
    return entries.finish(
        Images,
        "ml4sci_qg",
        {"signal": signal, "channels": list(names), "image": image},
        images=images[keep],
        channels=names,
        columns={
            "pt": columns["pt"][keep].astype(np.float32),
            "mass": columns["m0"][keep].astype(np.float32),
        },
        label=is_gluon if signal == "gluon" else (1 - is_gluon).astype(np.int8),
        truth={"is_gluon": is_gluon},
    )
