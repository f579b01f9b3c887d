"""The fixed detector grid that images and hits live on.

Crystals are squares of 2π/360 = 0.0174533 in η and φ, so that 360 of them close the ring as in the CMS
electromagnetic barrel; the same pitch is used beyond |η| = 1.479, where the real endcap has another geometry.
A hadronic tower is 5 x 5 crystals. A jet's window is 125 x 125 crystals = 25 x 25 towers whose corner lies on
a tower edge, with the jet axis in the middle tower: nothing in an image moves with the jet inside a tower.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "CRYSTALS",
    "CRYSTALS_IN_PHI",
    "PITCH",
    "TOWER",
    "TOWERS",
    "cell_position",
    "delta_phi",
    "window_corner",
    "wrapped_angle",
]

CRYSTALS_IN_PHI = 360
PITCH = 2 * np.pi / CRYSTALS_IN_PHI  # side of a crystal in η and in φ [rad]
CRYSTALS = 125  # crystals on a side of the window
TOWER = 5  # crystals on a side of a tower
TOWERS = CRYSTALS // TOWER  # towers on a side of the window


def delta_phi(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """Difference of two azimuths, ``(a - b + π) mod 2π - π``, in [−π, π).

    Every Δφ of this library is wrapped here; in C++ by the function of the same name in
    ``deploy/cpp/include/e2e_tf/angles.hpp``, with the same bits in float64. A difference of half a turn becomes −π, but
    one that rounding puts just below −π becomes π. With ``b = 0`` it wraps a φ of any range, such as [0, 2π).

    Args:
        a: numbers of any shape [rad], not necessarily in [−π, π).
        b: numbers that broadcast against ``a`` [rad].

    Returns:
        [rad], in the precision of ``a - b``.
    """
    return (a - b + np.pi) % (2 * np.pi) - np.pi


def wrapped_angle(values: np.ndarray) -> np.ndarray:
    """Azimuths of any range, such as [0, 2π), as every builder reads them: in [−π, π].

    What lies there already, π in float32 included, keeps its bits; :func:`delta_phi` wraps the rest. NaN and infinite
    angles become NaN. In C++ it is the function of the same name in ``deploy/cpp/include/e2e_tf/angles.hpp``.

    Args:
        values: float32 of any shape [rad].

    Returns:
        float32 of the same shape [rad].
    """
    values = np.asarray(values, np.float32)
    outside = ~(np.abs(values) <= np.float32(np.pi))  # NaN too
    if not outside.any():
        return values
    with np.errstate(invalid="ignore"):
        return np.where(outside, delta_phi(values.astype(np.float64), 0.0), values).astype(np.float32)


def window_corner(eta: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crystal at the corner of the window around a jet axis.

    Args:
        eta: (n,), η of the axes.
        phi: (n,), φ of the axes [rad], of any range.

    Returns:
        ``(ieta, iphi)``, int16 (n,): crystals from η = 0, which may be negative, and from φ = 0,
        in [0, 360).
    """
    half = TOWERS // 2
    ieta = (np.floor(np.asarray(eta, np.float64) / (TOWER * PITCH)).astype(np.int64) - half) * TOWER
    iphi = (np.floor(np.asarray(phi, np.float64) / (TOWER * PITCH)).astype(np.int64) - half) * TOWER
    return ieta.astype(np.int16), (iphi % CRYSTALS_IN_PHI).astype(np.int16)


def cell_position(
    row: np.ndarray, column: np.ndarray, ieta: np.ndarray, iphi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place of the middle of crystals of windows: ``(index + corner + 1/2) · 2π/360``.

    Args:
        row: integers (n,), in the window.
        column: integers (n,), in the window.
        ieta: integers (n,), the crystal in the window's first row.
        iphi: integers (n,), the crystal in the window's first column.

    Returns:
        ``(η, φ)``, float64 (n,), φ [rad] in [−π, π).
    """
    eta = (np.asarray(row, np.float64) + ieta + 0.5) * PITCH
    phi = (np.asarray(column, np.float64) + iphi + 0.5) * PITCH
    return eta, delta_phi(phi, 0.0)
