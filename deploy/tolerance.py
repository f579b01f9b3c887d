r"""What a score may differ from Keras' by: an absolute and a relative part for each output.

.. math::
    |s - s_\mathrm{Keras}| \le a + r \, |s_\mathrm{Keras}|, \quad a = 10^{-5} \max(1, \mathrm{rms}), \quad r = 10^{-5}

with the root mean square of the output on the parity vectors. A probability may differ by 1e-5 to 2e-5, a momentum of
some 50 GeV by half an MeV per GeV; both are rounding of float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["TOLERANCE", "Tolerance", "column_tolerance", "measured_tolerance"]

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Tolerance:
    """Of each column of a score.

    Attributes:
        absolute, relative: float64 (C,), or one number for all columns.
    """

    absolute: Any = TOLERANCE
    relative: Any = 0.0

    def allowed(self, expected: np.ndarray) -> np.ndarray:
        """By how much scores may differ from these.

        Args:
            expected: (n, C).

        Returns:
            float64 (n, C); the absolute part where a score is not finite.
        """
        size = np.abs(np.where(np.isfinite(expected), expected, 0).astype(np.float64))
        return np.broadcast_to(self.absolute + self.relative * size, expected.shape)


def measured_tolerance(
    scores: Sequence[np.ndarray], columns: Mapping[str, int]
) -> dict[str, dict[str, float]]:
    """The entry of the manifest.

    Args:
        scores: what Keras gives on the parity vectors, float32 (B, C) or (1, B, C) each.
        columns: how many columns each output has, in order.

    Returns:
        ``absolute`` and ``relative`` by output.
    """
    found = np.concatenate([values.reshape(-1, values.shape[-1]) for values in scores]).astype(np.float64)
    entry, first = {}, 0
    for name, width in columns.items():
        part = found[:, first : first + width]
        part = part[np.isfinite(part)]
        rms = float(np.sqrt(np.mean(part**2))) if part.size else 0.0
        entry[name] = {"absolute": float(f"{TOLERANCE * max(1.0, rms):.2g}"), "relative": TOLERANCE}
        first += width
    return entry


def column_tolerance(manifest: Mapping[str, Any]) -> Tolerance:
    """The tolerance of each column of a bundle's score; 1e-5 where its manifest is older than the entry.

    Args:
        manifest: of the bundle.

    Returns:
        One number per column and part.

    Raises:
        InputError: the entry is not of the output's columns.
    """
    output = manifest["outputs"][0]
    entry = output.get("tolerance")
    if entry is None:
        return Tolerance()
    if set(entry) != set(output["columns"]):
        raise InputError(
            f"the manifest must give a tolerance of each of the columns {', '.join(output['columns'])}, and of no "
            f"other; it gives those of {', '.join(entry)}"
        )
    parts = [
        [entry[name][key] for name, n in output["columns"].items() for _ in range(n)]
        for key in ("absolute", "relative")
    ]
    return Tolerance(*(np.array(part) for part in parts))
