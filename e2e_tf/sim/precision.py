"""Reduced precision: energies keep as many binary digits as they deserve, so that files compress."""

from __future__ import annotations

import numpy as np

__all__ = ["MANTISSA_BITS", "round_mantissa"]

MANTISSA_BITS = 10  # as CMS NanoAOD keeps of most floats: steps of 0.05 to 0.1 per cent
_FLOAT32_BITS = 23


def round_mantissa(values: np.ndarray, bits: int = MANTISSA_BITS) -> np.ndarray:
    """Round to the nearest float32 with ``bits`` explicit bits of mantissa, ties to even.

    Args:
        values: finite numbers of any shape.
        bits: 1 to 23; with 23 the result is plain float32.

    Returns:
        float32 of the same shape. Zero, sign and exponent are kept.
    """
    plain = np.ascontiguousarray(values, np.float32)
    drop = _FLOAT32_BITS - bits
    if drop == 0:
        return plain
    whole = plain.view(np.uint32)
    # Adding just under half a step, and one more where the last kept bit is odd, carries exactly when the
    # dropped bits are above half a step, or at half a step with an odd neighbour below.
    odd = (whole >> np.uint32(drop)) & np.uint32(1)
    carried = whole + np.uint32((1 << (drop - 1)) - 1) + odd
    return (carried & ~np.uint32((1 << drop) - 1)).view(np.float32)
