"""Columns of tracks that follow from others: impact parameters, the place at the ECAL, what a fit usually gives.

Formulas of CMS's tracks: a track has a reference point on its path near the beam, and a momentum there.
"""

from __future__ import annotations

import numpy as np

from e2e_tf.data.helix import ECAL_HALF_LENGTH, ECAL_RADIUS, propagate

__all__ = [
    "D0_RESOLUTION",
    "DZ_RESOLUTION",
    "impact_parameters",
    "place_at_face",
    "usual_errors",
    "usual_hits",
    "usual_pixel_hits",
]

# σ of d0 = a + b √cosh η / pT and of dz = a + b cosh η / pT [cm, cm GeV] with a hit in the first pixel layer; shapes
# from multiple scattering, sizes from the CMS tracking paper, JINST 9 (2014) P10009: d0 about 90 µm at 1 GeV, 20 µm
# at 10 GeV, 10 µm at 100 GeV, dz 30 µm at 100 GeV.
D0_RESOLUTION = (0.0012, 0.0075)
DZ_RESOLUTION = (0.0030, 0.0090)

# Pixel detector of 2010 to 2016: CMS detector paper, JINST 3 (2008) S08004.
_BARREL = (4.4, 7.3, 10.2)  # cm, radii of the layers
_BARREL_HALF_LENGTH = 26.5  # cm
_DISCS = (34.5, 46.5)  # cm, |z|
_DISC_RADII = (6.0, 15.0)  # cm


def impact_parameters(
    phi: np.ndarray, eta: np.ndarray, point: np.ndarray, vertex: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Impact parameters with respect to a vertex, along the tangent at the reference point.

    With (x, y, z) from the vertex to the point: d0 = −x sin φ + y cos φ, dz = z − (x cos φ + y sin φ) sinh η; they are
    ``dxy`` and ``dz`` of CMS's tracks.

    Args:
        phi, eta: (n,), direction of the track at the point [rad].
        point: (n, 3), on the track, in any unit of length.
        vertex: (n, 3) or (3,), in the same unit.

    Returns:
        d0 and dz (n,), in that unit.
    """
    x, y, z = (np.asarray(point, np.float64) - vertex).T
    sine, cosine = np.sin(phi), np.cos(phi)
    return y * cosine - x * sine, z - (x * cosine + y * sine) * np.sinh(eta)


def place_at_face(
    charge: np.ndarray, pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, point: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where tracks meet the front of the ECAL, along helices in 3.8 T without loss of energy.

    Args:
        charge: (n,) [e].
        pt: (n,) [GeV], at the point.
        eta, phi: (n,), direction there [rad].
        point: (n, 3), inside the cylinder of 1.29 m with discs at ±3.17 m [m].

    Returns:
        η and φ (n,) of the place as seen from the middle of the detector [rad]; of a track that never gets there its
        own direction.
    """
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], 1)
    face = propagate(
        np.asarray(charge, np.float64), momentum.astype(np.float64), point, ECAL_RADIUS, ECAL_HALF_LENGTH
    )
    return np.where(face.reached, face.eta, eta), np.where(face.reached, face.phi, phi)


def usual_errors(pt: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Published resolutions of the impact parameters of tracks that have a hit in the first pixel layer.

    They stand in for the errors of a fit that a file does not hold; a track that begins further out is known worse.

    Args:
        pt: (n,) [GeV].
        eta: (n,).

    Returns:
        σ of d0 and σ of dz (n,) [cm].
    """
    return (
        D0_RESOLUTION[0] + D0_RESOLUTION[1] * np.sqrt(np.cosh(eta)) / pt,
        DZ_RESOLUTION[0] + DZ_RESOLUTION[1] * np.cosh(eta) / pt,
    )


def usual_pixel_hits(eta: np.ndarray, z: np.ndarray, d0: np.ndarray) -> np.ndarray:
    """Layers of the pixel detector (3 in the barrel, 2 discs a side) on a straight line, for a hit that none misses.

    Args:
        eta: (n,), direction.
        z: (n,), place along the beam where the track is nearest to it [cm].
        d0: (n,), its distance from the beam there [cm]; layers inside are not crossed.

    Returns:
        uint8 (n,).
    """
    slope = np.sinh(eta)
    hits = np.zeros(len(eta), np.int64)
    for radius in _BARREL:
        hits += (np.abs(z + radius * slope) < _BARREL_HALF_LENGTH) & (np.abs(d0) < radius)
    for half_length in _DISCS:
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = (np.sign(slope) * half_length - z) / slope
        hits += (radius > np.maximum(_DISC_RADII[0], np.abs(d0))) & (radius < _DISC_RADII[1])
    return hits.astype(np.uint8)


def usual_hits(freedom: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Hits in the tracker that leave a fit its degrees of freedom.

    A hit in the pixels measures two coordinates, one in the strips one, and a helix has five parameters.

    Args:
        freedom: (n,), degrees of freedom.
        pixels: (n,), hits in the pixels.

    Returns:
        Hits (n,), at least those in the pixels.
    """
    return np.maximum(freedom + 5 - pixels, pixels)
