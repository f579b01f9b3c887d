"""ML4SCI electrons and photons as images (HDF5).

``SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5`` and ``SinglePhotonPt50_IMGCROPS_n249k_RHv1.hdf5`` (CERNBox,
shares FbXw3V4XNyYB3oA and AtBT8y4MiQYFcgc, linked from https://ml4sci.org; also spelled ``…PT50…``): CMS
simulation of particles of pT 50 GeV shot from the interaction point, the electromagnetic barrel around them:

- ``X`` float32 (249000, 32, 32, 2): crystal energy (scaled by the producer, no unit given), crystal time;
- ``y`` (249000,): **1 for an electron and 0 for a photon**.

Some images are all zeros; ``drop_empty`` leaves them out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from e2e_tf.data.images import Images
from e2e_tf.data.readers.arrays import hdf5_length, hdf5_rows, hdf5_shape, open_hdf5
from e2e_tf.data.readers.checks import need, need_shape
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, check_choice, row_range
from e2e_tf.data.readers.registry import reader

__all__ = ["count_ml4sci_eg", "read_ml4sci_eg"]

_CHANNELS = ("energy", "time")


def count_ml4sci_eg(path: PathLike) -> int:
    """Number of images in the file.

    Args:
        path: the HDF5 file.

    Returns:
        The number of images.

    Raises:
        InputError: the file is missing, damaged or has other data sets.
    """
    return hdf5_length(path, ("X", "y"), "y")


def _accepts(content: Content) -> bool:
    fits = content.has("X", "y") and content.shape("X")[1:] == (32, 32, 2)
    return content.container == "HDF5" and fits


@reader(
    "ml4sci_eg", "ML4SCI electron and photon images", unit="images", count=count_ml4sci_eg, accepts=_accepts
)
def read_ml4sci_eg(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    signal: Literal["electron", "photon"] = "electron",
    drop_empty: bool = False,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Images:
    """Images (n, 32, 32, 2) with the channels ``energy`` and ``time``.

    ``event`` is the image's row in the file.

    Args:
        path: an HDF5 file.
        start, stop: range of images.
        signal: which particle has label 1.
        drop_empty: leave out images of zeros; they are counted in the report.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged images.
        report: counts what was left out.

    Returns:
        float32 images that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, a data set is missing or of another shape, a value is NaN
            or infinite, or a label is neither 0 nor 1.
    """
    check_choice("signal", signal, ("electron", "photon"))
    with open_hdf5(path) as (path, file):
        need(path, "data set", ("X", "y"), file)
        n = hdf5_shape(path, file, "y")[0]
        need_shape(path, "X", hdf5_shape(path, file, "X"), (n, 32, 32, 2), f"({n}, 32, 32, 2)")
        need_shape(path, "y", hdf5_shape(path, file, "y"), (n,), f"({n},)")
        first, last = row_range(n, start, stop)
        images, y = hdf5_rows(path, file["X"], first, last), hdf5_rows(path, file["y"], first, last)
    entries = EntryValidator(path, len(y), on_error, report, first, "images")
    entries.finite("X", images)
    entries.one_of("y", y, (0, 1))
    if drop_empty:
        empty = ~np.any(images, axis=(1, 2, 3)) & entries.keep
        entries.report.add("an image must not be all zeros", int(empty.sum()))
        entries.keep &= ~empty
    keep = entries.passed
    is_electron = y[keep].astype(np.int8)
    return entries.finish(
        Images,
        "ml4sci_eg",
        {"signal": signal, "drop_empty": drop_empty},
        images=images[keep].astype(np.float32),
        channels=_CHANNELS,
        label=is_electron if signal == "electron" else (1 - is_electron).astype(np.int8),
        truth={"is_electron": is_electron},
    )
