"""How the scores of one runtime compare with those of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.deploy.tolerance import TOLERANCE, Tolerance

__all__ = ["SMALLER", "Agreement", "compare", "not_run"]

# Weights of fewer bits cannot keep it. Within what they are expected to stay; they are reported and fail nothing.
SMALLER = {"onnx_float16": 1e-2, "onnx_int8": 0.2, "onnx_fused_float16": 1e-2}


@dataclass(frozen=True)
class Agreement:
    """How one runtime compares with Keras.

    Attributes:
        runtime: its name and version.
        jets: jets scored.
        difference: largest absolute difference of a score; infinite where a score is not finite.
        where: number of nodes of the jet with the largest difference; of images, the size of its batch.
        tolerance: what the difference may be.
        required: the validation fails where this runtime differs by more.
        missing: why nothing was run; empty where something was.
        column: of the score with this difference.
    """

    runtime: str
    jets: int
    difference: float
    where: int
    tolerance: float = TOLERANCE
    required: bool = True
    missing: str = ""
    column: int = 0

    @property
    def passed(self) -> bool:
        """The scores were compared and agree."""
        return not self.missing and bool(self.difference <= self.tolerance)  # false for NaN

    @property
    def failed(self) -> bool:
        """The validation fails because of this runtime."""
        return self.required and not self.missing and not self.passed

    @property
    def verdict(self) -> str:
        """One word, or why there is none."""
        if self.missing:
            return self.missing
        return "agrees" if self.passed else "DIFFERS"

    def to_dict(self) -> dict[str, Any]:
        """The entry of the manifest.

        Returns:
            What can be written as JSON, by name.
        """
        return {
            "runtime": self.runtime,
            "jets": self.jets,
            "largest_difference": self.difference,
            "tolerance": self.tolerance,
            "required": self.required,
        }


def compare(
    name: str,
    expected: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    where: np.ndarray,
    form: str = "",
    tolerance: Tolerance | None = None,
) -> Agreement:
    """The agreement of the scores of some batches.

    Args:
        name: of the runtime, with its version.
        expected: what Keras gives, float32 (B, C) or (1, B, C) each.
        scores: what the runtime gives, as many values for each batch.
        where: integers (n_jets,): what is reported of the jet with the largest difference.
        form: key of the form in the manifest; those of :data:`SMALLER` have tolerances of their own.
        tolerance: of each column; 1e-5 for all without one.

    Returns:
        Its difference and tolerance are those of the score that comes nearest to what it may differ by, or goes
        farthest beyond. NaN and infinities agree with themselves only.
    """
    wanted = np.concatenate([values.reshape(-1, values.shape[-1]) for values in expected])
    found = np.concatenate([a.reshape(-1, b.shape[-1]) for a, b in zip(scores, expected, strict=True)])
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0, np.abs(found - wanted))
    difference = np.where(np.isfinite(difference), difference, np.inf)
    tolerance = tolerance or Tolerance()
    if form in SMALLER:
        tolerance = Tolerance(SMALLER[form] * (tolerance.absolute / TOLERANCE))
    allowed = tolerance.allowed(wanted)
    jet, column = np.unravel_index(int((difference / allowed).argmax()), difference.shape)
    return Agreement(
        name,
        len(wanted),
        float(difference[jet, column]),
        int(where[jet]),
        float(allowed[jet, column]),
        form not in SMALLER,
        column=int(column),
    )


def not_run(name: str, why: str) -> Agreement:
    """The entry of a runtime that was not run: neither a pass nor a failure.

    Args:
        name: of the runtime.
        why: nothing was run.

    Returns:
        The entry.
    """
    return Agreement(name, 0, float("nan"), -1, missing=why)
