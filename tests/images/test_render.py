"""The renderer against a plotting library and against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError
from e2e_tf.images import Canvas, Events, generate_events, render_events


def plotted(events: Events, i: int) -> np.ndarray:
    """The event as the study drew it: matplotlib, 96 dpi, axes off, tight layout."""
    import matplotlib.pyplot as plt

    angle = np.linspace(0, 2 * np.pi, 125)
    figure, axes = plt.subplots(figsize=(244 / 96, 244 / 96), dpi=96)

    def circle(
        alpha: float, pt: float, eta: float, phi: float, style: str, width: float | None = None
    ) -> None:
        radius = alpha * np.log(pt)
        axes.plot(radius * np.cos(angle) + 0.4 * eta, radius * np.sin(angle) + 0.4 * phi, style, lw=width)

    jets = [
        (events.jets["pt"][j], events.jets["eta"][j], events.jets["phi"][j]) for j in rows(events.jets, i)
    ][:4]
    for jet in jets[1:]:
        circle(0.1, *jet, "-b")
    for j in rows(events.muons, i)[:2]:
        muon = (events.muons["pt"][j], events.muons["eta"][j], events.muons["phi"][j])
        circle(0.25, *muon, "-r", 2 if events.muons["charge"][j] > 0 else 1)
    circle(0.1, events.met[i], 0.0, events.met_phi[i], "-k")
    for jet in jets[:1]:
        circle(0.1, *jet, "-b")
    axes.set_xlim(-np.pi, np.pi)
    axes.set_ylim(-np.pi, np.pi)
    axes.axis("off")
    axes.set_aspect("equal", adjustable="box")
    figure.tight_layout()
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    plt.close(figure)
    return image


def rows(part: Ragged, i: int) -> range:
    return range(int(part.offsets[i]), int(part.offsets[i + 1]))


def test_as_matplotlib_draws_it() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    events, _ = generate_events(6, seed=1)
    ours = render_events(events, Canvas(resized=244))
    for i in range(6):
        theirs = plotted(events, i)
        ink = [255.0 - image.astype(float) for image in (ours[i], theirs)]
        assert np.corrcoef(ink[0].ravel(), ink[1].ravel())[0, 1] > 0.997
        assert ink[0].sum() == pytest.approx(ink[1].sum(), rel=0.02)
        assert np.abs(ink[0] - ink[1]).mean() < 0.2
        # A shift by one pixel would be seen.
        assert np.corrcoef(np.roll(ink[0], 1, axis=0).ravel(), ink[1].ravel())[0, 1] < 0.9


def event(muon_pt: float = np.e**2, charge: float = 1.0, met: float = 0.5, jet_pt: float = 0.5) -> Events:
    one = np.ones(1, np.float32)
    muons = {"pt": [muon_pt, 0.5], "eta": [1.0, 0.0], "phi": [-2.0, 0.0], "charge": [charge, -charge]}
    jets = {"pt": jet_pt * one, "eta": 0 * one, "phi": one}
    return Events(
        Ragged.from_counts({k: np.array(v, np.float32) for k, v in muons.items()}, np.array([2])),
        Ragged.from_counts(jets, np.array([1])),
        met * one,
        0.5 * one,
    )


def test_place_radius_and_colour_by_hand() -> None:
    canvas = Canvas(resized=244)
    image = render_events(event(), canvas)[0].astype(float)
    ink = 255 - image
    assert image[0, 0].tolist() == [255, 255, 255]
    assert ink[..., 0].max() == 0  # red lacks nothing of red, white neither
    np.testing.assert_array_equal(ink[..., 1], ink[..., 2])
    per_unit = (244 - 2 * 14.4) / (2 * np.pi)
    line, column = np.nonzero(ink[..., 1])
    weight = ink[line, column, 1]
    # The middle of the ring is the muon: (0.4 η, 0.4 φ), φ upwards.
    assert np.average(column + 0.5, weights=weight) == pytest.approx(122 + 0.4 * per_unit, abs=0.1)
    assert np.average(line + 0.5, weights=weight) == pytest.approx(122 + 0.8 * per_unit, abs=0.1)
    radius = np.hypot(column + 0.5 - 122 - 0.4 * per_unit, line + 0.5 - 122 - 0.8 * per_unit)
    assert np.average(radius, weights=weight) == pytest.approx(0.25 * 2 * per_unit, abs=0.1)
    # Ink = length × width: 2 points at 96 dpi are 8/3 pixels for a positive muon, half of it for a negative one.
    length = 2 * np.pi * 0.5 * per_unit
    assert weight.sum() / 255 == pytest.approx(length * 8 / 3, rel=0.02)
    negative = 255.0 - render_events(event(charge=-1.0), canvas)[0]
    assert negative[..., 1].sum() / 255 == pytest.approx(length * 4 / 3, rel=0.02)
    assert (
        render_events(event(charge=-1.0), Canvas(resized=244, draw_charge=False)).tobytes()
        == render_events(event(), Canvas(resized=244, draw_charge=False)).tobytes()
    )


def test_jets_and_met_have_their_colours() -> None:
    empty = event(muon_pt=0.5)
    assert (render_events(empty) == 255).all()
    jet = 255.0 - render_events(event(muon_pt=0.5, jet_pt=50.0))[0]
    assert jet[..., 2].max() == 0
    assert jet[..., 0].max() > 200
    met = 255.0 - render_events(event(muon_pt=0.5, met=50.0))[0]
    np.testing.assert_array_equal(met[..., 0], met[..., 2])
    assert met.max() > 200
    assert (render_events(event(muon_pt=0.5, met=50.0), Canvas(draw_met=False)) == 255).all()


def test_shape_resampling_and_order() -> None:
    events, _ = generate_events(12, seed=2)
    images = render_events(events)
    assert images.shape == (12, 224, 224, 3)
    assert images.dtype == np.uint8
    order = np.random.default_rng(0).permutation(12)
    np.testing.assert_array_equal(render_events(events.take(order)), images[order])
    full = render_events(events, Canvas(resized=244))
    area = (224 / 244) ** 2
    assert (255.0 - images).sum() == pytest.approx(area * (255.0 - full).sum(), rel=0.01)


def test_five_jets_draw_four() -> None:
    many = {"pt": [90, 80, 70, 60, 50], "eta": [0, 1, 2, -1, -2], "phi": [0, 1, 2, -1, -2]}
    columns = {key: np.array(value, np.float32) for key, value in many.items()}
    base = event()
    five = Events(base.muons, Ragged.from_counts(columns, np.array([5])), base.met, base.met_phi)
    four = Events(
        base.muons,
        Ragged.from_counts({k: v[:4] for k, v in columns.items()}, np.array([4])),
        base.met,
        base.met_phi,
    )
    np.testing.assert_array_equal(render_events(five), render_events(four))


def test_bad_events_and_canvas() -> None:
    base = event()
    lonely = Events(
        base.muons.take(np.array([0, 0])), base.jets.take(np.array([0, 0])), np.ones(2), np.ones(2)
    )
    muons = Ragged({k: v[:3] for k, v in lonely.muons.columns.items()}, np.array([0, 2, 3]))
    with pytest.raises(InputError, match="event 1 has 1; apply select_events first"):
        render_events(Events(muons, lonely.jets, lonely.met, lonely.met_phi))
    with pytest.raises(InputError, match="met and met_phi must be finite"):
        render_events(Events(base.muons, base.jets, np.array([np.nan]), base.met_phi))
    with pytest.raises(InputError, match="pixels must be at least 1, not 0"):
        Canvas(pixels=0)
    with pytest.raises(InputError, match="points must be at least 4, not 3"):
        Canvas(points=3)
    with pytest.raises(InputError, match="met must have one entry per event"):
        Events(base.muons, base.jets, np.ones(2), base.met_phi)
