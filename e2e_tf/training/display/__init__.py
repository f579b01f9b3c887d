"""Event displays in a browser: jets with hits or detector objects, their graph, and what attends to what."""

from __future__ import annotations

from e2e_tf.training.display.nodes import DrawnJet, drawn_jets
from e2e_tf.training.display.widget import SCRIPT, display_html

__all__ = ["SCRIPT", "DrawnJet", "display_html", "drawn_jets"]
