"""Primary vertices fitted to measured tracks, and which of them is chosen.

The clustering in z is that of the truth, but collisions that are near to each other come out as one; the position is
fitted to the tracks, with weights that fall for outliers, so that resolution and misassignment follow from the tracks
(tracking paper, JINST 9 (2014) P10009, section on primary vertices: 10 to 12 µm for vertices of interesting events,
about 20 µm for 50 tracks of minimum-bias events; tracks of clusters 1 mm apart are told from each other).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.table import Table, joined
from e2e_tf.sim.measurement import Measured

__all__ = ["VERTEXING", "Vertexing", "Vertices", "nearest_vertex", "reconstruct_vertices"]


@dataclass(frozen=True)
class Vertexing:
    """Numbers of the vertex reconstruction; those without a source are chosen.

    Attributes:
        max_significance: tracks further from the beam are not used (tracking paper: 5).
        min_pixel_hits: of the tracks used (tracking paper: 2).
        max_chi2: of the tracks used, per degree of freedom.
        merging: distance in z at which 1 of e pairs of collisions come out as one vertex [cm].
        min_tracks: of a vertex.
        beam_width: transverse spread of the collisions, to which the fit is constrained [cm]; some 10 µm in the fills
            of 2016 to 2018.
        cut: deviation in errors at which a track's weight in the fit is one half (tracking paper: adaptive fit).
    """

    max_significance: float = 5.0
    min_pixel_hits: int = 2
    max_chi2: float = 5.0
    merging: float = 0.06
    min_tracks: int = 2
    beam_width: float = 0.0010
    cut: float = 3.0


VERTEXING = Vertexing()


@dataclass(frozen=True)
class Vertices(Table):
    """Reconstructed vertices, by rising event, the chosen one first, then by falling Σp²T.

    Attributes:
        event: int64 (n,).
        x, y, z: float64 (n,) [cm].
        xy_error, z_error: float64 (n,), of the fit [cm].
        sum_pt2: float64 (n,), Σp²T of its tracks [GeV²].
        n_tracks: int64 (n,), tracks that the fit uses; 0 for the beam spot, where an event has no vertex.
        chosen: bool (n,), the primary vertex of its event.
        collision: int64 (n,), the collision (the one with most tracks) it stands for, −1 for the beam spot.
    """

    event: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    xy_error: np.ndarray
    z_error: np.ndarray
    sum_pt2: np.ndarray
    n_tracks: np.ndarray
    chosen: np.ndarray
    collision: np.ndarray


def reconstruct_vertices(
    rng: np.random.Generator,
    tracks: Measured,
    collision: np.ndarray,
    collision_event: np.ndarray,
    collision_z: np.ndarray,
    events: int,
    numbers: Vertexing = VERTEXING,
) -> Vertices:
    """Vertices of some events; every event gets at least one.

    Args:
        rng: random numbers.
        tracks: measured ones.
        collision: int64 (tracks,), collision of each track, −1 for fakes.
        collision_event: int64 (collisions,).
        collision_z: float64 (collisions,) [m].
        events: number of events.
        numbers: of the reconstruction.

    Returns:
        The vertices, by event.
    """
    good = (
        (np.abs(tracks.d0) < numbers.max_significance * tracks.d0_error)
        & (tracks.n_pixel_hits >= numbers.min_pixel_hits)
        & (tracks.chi2 < numbers.max_chi2)
    )
    used = np.flatnonzero(good & (collision >= 0))
    number = np.bincount(collision[used], minlength=len(collision_z))
    seen = np.flatnonzero(number >= numbers.min_tracks)
    seen = seen[np.lexsort((collision_z[seen], collision_event[seen]))]
    gap = 100 * np.diff(collision_z[seen])
    near = rng.random(len(gap)) < np.exp(-((gap / numbers.merging) ** 2))
    near &= np.diff(collision_event[seen]) == 0
    label = np.full(len(collision_z), -1)
    label[seen] = np.cumsum(np.append(0, ~near))[: len(seen)]
    groups = int(label.max(initial=-1)) + 1
    most = np.full(groups, -1)
    by_size = seen[np.argsort(number[seen], kind="stable")]
    most[label[by_size]] = by_size

    group = label[collision[used]]
    used, group = used[group >= 0], group[group >= 0]
    x, y, z, xy_error, z_error, count = _fit(rng, tracks.take(used), group, groups, numbers)
    kept = np.flatnonzero(count >= numbers.min_tracks)
    zero = np.zeros(len(kept))
    found = Vertices(
        collision_event[most[kept]],
        x[kept],
        y[kept],
        z[kept],
        xy_error[kept],
        z_error[kept],
        zero,
        count[kept],
        zero.astype(bool),
        most[kept],
    )
    return _ranked(joined([found, _beam_spots(found, events)]), tracks, good, events, numbers)


def _fit(
    rng: np.random.Generator, tracks: Measured, group: np.ndarray, groups: int, numbers: Vertexing
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weighted least squares for x, y and z of each group of tracks, three times, each time with weights that fall
    with the distance from the last result."""

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(group, values, groups)

    sine, cosine = np.sin(tracks.phi), np.cos(tracks.phi)
    along, across = tracks.dz_error**-2, tracks.d0_error**-2
    weight = np.ones(len(group))
    # The simulated collisions are all on the z axis; it is the beam that lies aside of them.
    prior = numbers.beam_width**-2
    beam = numbers.beam_width * rng.standard_normal((2, groups))
    for _ in range(3):
        lengthwise, sideways = weight * along, weight * across
        z_weight = np.maximum(total(lengthwise), 1e-12)
        z = total(lengthwise * tracks.z0) / z_weight
        # d0 of a track to a vertex at (x, y) is d0 + x sin φ − y cos φ.
        ss, sc, cc = (total(sideways * f) for f in (sine * sine, sine * cosine, cosine * cosine))
        ss, cc = ss + prior, cc + prior
        right_x = total(-sideways * tracks.d0 * sine) + prior * beam[0]
        right_y = total(sideways * tracks.d0 * cosine) + prior * beam[1]
        determinant = ss * cc - sc**2
        x = (cc * right_x + sc * right_y) / determinant
        y = (ss * right_y + sc * right_x) / determinant
        off = (tracks.z0 - z[group]) ** 2 * along
        off = off + (tracks.d0 + x[group] * sine - y[group] * cosine) ** 2 * across
        weight = 1 / (1 + np.exp(np.minimum((off - numbers.cut**2) / 2, 50.0)))
    xy_error = np.sqrt((ss + cc) / determinant / 2)
    return x, y, z, xy_error, z_weight**-0.5, total(weight > 0.5).astype(np.int64)


def _beam_spots(found: Vertices, events: int) -> Vertices:
    """Stand-ins for the vertices of events that have none."""
    empty = np.flatnonzero(np.bincount(found.event, minlength=events) == 0)
    zero = np.zeros(len(empty))
    none = zero.astype(np.int64)
    return Vertices(
        empty,
        zero,
        zero,
        zero,
        zero + VERTEXING.beam_width,
        zero + 3.5,
        zero,
        none,
        zero.astype(bool),
        none - 1,
    )


def _ranked(found: Vertices, tracks: Measured, good: np.ndarray, events: int, numbers: Vertexing) -> Vertices:
    """With Σp²T of the tracks that are nearest to each vertex, sorted, and one of each event chosen."""
    found = found.take(np.argsort(found.event, kind="stable"))
    vertex = nearest_vertex(tracks.event, tracks.z0, found, events)
    off = np.abs(tracks.z0 - found.z[vertex])
    counted = good & (off < numbers.max_significance * np.hypot(tracks.dz_error, found.z_error[vertex]))
    sum_pt2 = np.bincount(vertex[counted], tracks.pt[counted] ** 2, len(found))
    order = np.lexsort((-sum_pt2, found.event))
    event = found.event[order]
    columns = found.take(order)
    return Vertices(
        event,
        columns.x,
        columns.y,
        columns.z,
        columns.xy_error,
        columns.z_error,
        sum_pt2[order],
        columns.n_tracks,
        np.append(True, event[1:] != event[:-1])[: len(event)],
        columns.collision,
    )


def nearest_vertex(event: np.ndarray, z: np.ndarray, vertices: Vertices, events: int) -> np.ndarray:
    """int64 (n,): row of the vertex nearest along the beam.

    Args:
        event: int64 (n,).
        z: float64 (n,) [cm].
        vertices: by rising event, at least one of every event.
        events: number of events.

    Returns:
        int64 (n,), rows of ``vertices``.
    """
    order = np.lexsort((vertices.z, vertices.event))
    first = np.searchsorted(vertices.event, np.arange(events + 1))
    # One sorted line: events apart by more than any z.
    apart = 1e4
    line = vertices.z[order] + apart * vertices.event[order]
    place = np.searchsorted(line, np.clip(z, -4e3, 4e3) + apart * event)
    left = np.clip(place - 1, first[event], first[event + 1] - 1)
    right = np.clip(place, first[event], first[event + 1] - 1)
    nearer = np.abs(vertices.z[order[left]] - z) <= np.abs(vertices.z[order[right]] - z)
    return order[np.where(nearer, left, right)]
