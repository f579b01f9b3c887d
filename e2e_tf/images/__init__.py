"""Images: drawn collision events, preprocessing of calorimeter images, dimuon masses."""

from __future__ import annotations

from e2e_tf.images.classes import class_metrics
from e2e_tf.images.events import Events, dimuon_mass, generate_events, mass_spectra, select_events
from e2e_tf.images.preprocess import dequantised, max_normalised, quantised
from e2e_tf.images.render import Canvas, render_events

__all__ = [
    "Canvas",
    "Events",
    "class_metrics",
    "dequantised",
    "dimuon_mass",
    "generate_events",
    "mass_spectra",
    "max_normalised",
    "quantised",
    "render_events",
    "select_events",
]
