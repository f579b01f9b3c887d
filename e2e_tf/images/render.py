"""Collision events as pictures: circles in the η-φ plane whose radius grows with ln pT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError
from e2e_tf.images.events import Events

__all__ = ["Canvas", "render_events"]

_RED, _BLUE, _BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


@dataclass(frozen=True)
class Canvas:
    """How events are drawn; the defaults are those of the event-image study.

    Attributes:
        pixels: side of the drawing.
        resized: side of the result; the drawing is resampled bilinearly. Equal to ``pixels`` for none.
        dpi: pixels per inch, which is 72 points, the unit of line widths.
        limit: the axes run from ``-limit`` to ``limit``.
        margin: pixels between the axes and the edge of the picture; what sticks out of the axes is cut off.
        scale: η and φ are multiplied by it.
        muon_radius, jet_radius, met_radius: α in R = α ln(pT / GeV).
        max_jets: leading jets that are drawn.
        points: vertices of a circle, the last one on the first.
        plus_width, minus_width: line width of a muon by its charge [points].
        width: line width of everything else [points].
        draw_met: draw the missing momentum.
        draw_charge: draw muons by their charge; without, all have ``minus_width``.
    """

    pixels: int = 244
    resized: int = 224
    dpi: float = 96.0
    limit: float = float(np.pi)
    margin: float = 14.4
    scale: float = 0.4
    muon_radius: float = 0.25
    jet_radius: float = 0.1
    met_radius: float = 0.1
    max_jets: int = 4
    points: int = 125
    plus_width: float = 2.0
    minus_width: float = 1.0
    width: float = 1.5
    draw_met: bool = True
    draw_charge: bool = True

    def __post_init__(self) -> None:
        for name in ("pixels", "resized", "max_jets"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.points < 4:
            raise InputError(f"points must be at least 4, not {self.points}")
        for name in ("dpi", "limit", "plus_width", "minus_width", "width"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if not 0 <= self.margin < self.pixels / 2:
            raise InputError(f"margin must be from 0 to below {self.pixels / 2}, not {self.margin}")


def render_events(events: Events, canvas: Canvas | None = None) -> np.ndarray:
    """Draw events without a plotting library, in some milliseconds each.

    Muons are red circles, jets blue ones and the missing momentum a black one at η = 0, on white, at (0.4 η,
    0.4 φ) with the radius α ln pT; they are not filled, and later ones cover earlier ones: jets after the
    leading one, muons, missing momentum, leading jet. Lines have the coverage of a pixel as their opacity. An
    object of at most 1 GeV has no radius and is left out.

    Args:
        events: n events with at least two muons; see :func:`e2e_tf.images.select_events`.
        canvas: see :class:`Canvas`.

    Returns:
        uint8 (n, resized, resized, 3), φ upwards.

    Raises:
        InputError: an event has fewer than two muons, or a momentum or angle is not finite.
    """
    canvas = canvas or Canvas()
    few = np.flatnonzero(events.muons.counts < 2)
    if len(few):
        raise InputError(
            f"events must have at least two muons to be drawn, event {few[0]} has "
            f"{events.muons.counts[few[0]]}; apply select_events first"
        )
    for name, part in (("muons", events.muons), ("jets", events.jets)):
        for column in ("pt", "eta", "phi"):
            if not np.isfinite(part[column]).all():
                raise InputError(f"{name} {column} must be finite, got NaN or infinity")
    if not (np.isfinite(events.met).all() and np.isfinite(events.met_phi).all()):
        raise InputError("met and met_phi must be finite, got NaN or infinity")
    images = np.empty((len(events), canvas.resized, canvas.resized, 3), np.uint8)
    for i in range(len(events)):
        images[i] = _resized(_drawn(_circles(events, i, canvas), canvas), canvas.resized)
    return images


_Circle = tuple[float, float, float, float, tuple[int, int, int]]  # η, φ, α ln pT, width [points], colour


def _circles(events: Events, i: int, canvas: Canvas) -> list[_Circle]:
    """The circles of an event in the order in which they are drawn."""

    def rows(part: Ragged, most: int) -> range:
        start = int(part.offsets[i])
        return range(start, min(start + most, int(part.offsets[i + 1])))

    def circle(
        eta: float, phi: float, alpha: float, pt: float, width: float, colour: tuple[int, int, int]
    ) -> _Circle:
        radius = alpha * float(np.log(pt)) if pt > 1 else 0.0
        return eta * canvas.scale, phi * canvas.scale, radius, width, colour

    jets, muons = events.jets, events.muons
    drawn = [
        circle(jets["eta"][j], jets["phi"][j], canvas.jet_radius, jets["pt"][j], canvas.width, _BLUE)
        for j in rows(jets, canvas.max_jets)
    ]
    leading, rest = drawn[:1], drawn[1:]
    for j in rows(muons, 2):
        plus = canvas.draw_charge and muons["charge"][j] > 0
        width = canvas.plus_width if plus else canvas.minus_width
        rest.append(circle(muons["eta"][j], muons["phi"][j], canvas.muon_radius, muons["pt"][j], width, _RED))
    if canvas.draw_met:
        met = float(events.met[i])
        rest.append(circle(0.0, float(events.met_phi[i]), canvas.met_radius, met, canvas.width, _BLACK))
    return [found for found in rest + leading if found[2] > 0]


def _drawn(circles: list[_Circle], canvas: Canvas) -> np.ndarray:
    """float32 (3, pixels, pixels), 0 to 255."""
    size = canvas.pixels
    image = np.full((3, size, size), 255, np.float32)
    per_unit = (size - 2 * canvas.margin) / (2 * canvas.limit)
    low, high = canvas.margin, size - canvas.margin
    for x, y, radius, points, colour in circles:
        centre_x, centre_y = size / 2 + x * per_unit, size / 2 - y * per_unit
        r, half = radius * per_unit, 0.5 * points * canvas.dpi / 72
        reach = r + half + 1
        columns = slice(max(0, int(centre_x - reach)), min(size, int(centre_x + reach) + 1))
        lines = slice(max(0, int(centre_y - reach)), min(size, int(centre_y + reach) + 1))
        if columns.start >= columns.stop or lines.start >= lines.stop:
            continue
        dx = np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - np.float32(centre_x)
        dy = np.float32(centre_y) - np.arange(lines.start, lines.stop, dtype=np.float32) - 0.5
        distance = _from_polygon(dx[None, :], dy[:, None], r, canvas.points)
        # A pixel that the line's edge crosses is covered in proportion.
        opacity = np.clip(half + 0.5 - distance, 0, min(1.0, 2 * half))
        opacity *= _inside(lines, low, high)[:, None] * _inside(columns, low, high)[None, :]
        part = image[:, lines, columns]
        part += opacity * (np.array(colour, np.float32)[:, None, None] - part)
    return image


def _inside(pixels: slice, low: float, high: float) -> np.ndarray:
    """Share of each pixel of a row that lies within the axes, which clip what is drawn."""
    edge = np.arange(pixels.start, pixels.stop, dtype=np.float32)
    return np.clip(np.minimum(edge + 1, high) - np.maximum(edge, low), 0, 1)


def _from_polygon(dx: np.ndarray, dy: np.ndarray, radius: float, points: int) -> np.ndarray:
    """Distance to the line through ``points`` points on a circle, the last one on the first."""
    step = 2 * np.pi / (points - 1)
    angle = np.arctan2(dy, dx)
    # Within a segment: the angle from its middle, and the distance from its chord.
    from_middle = (angle % step) - 0.5 * step
    return np.abs(np.hypot(dx, dy) * np.cos(from_middle) - radius * np.cos(0.5 * step))


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    """uint8 (size, size, 3) of (3, pixels, pixels), resampled bilinearly with the samples at pixels' middles."""
    pixels = image.shape[1]
    if pixels != size:
        where = np.clip((np.arange(size) + 0.5) * pixels / size - 0.5, 0, pixels - 1)
        low = np.minimum(where.astype(int), pixels - 2)
        share = (where - low).astype(np.float32)
        image = image[:, low] + share[:, None] * (image[:, low + 1] - image[:, low])
        image = image[:, :, low] + share * (image[:, :, low + 1] - image[:, :, low])
    return np.rint(image).astype(np.uint8).transpose(1, 2, 0)
