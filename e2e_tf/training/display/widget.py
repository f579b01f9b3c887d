"""The part of a page that shows jets, one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from e2e_tf.page import to_json
from e2e_tf.training.display.nodes import DrawnJet, in_space

__all__ = ["SCRIPT", "display_html"]

SCRIPT = "display.js"
"""The script that a page with this part needs, see :func:`e2e_tf.page.page`."""


def display_html(jets: Sequence[DrawnJet], titles: Sequence[str], facts: Sequence[str]) -> str:
    """Jets in η and φ and in space, with a slider through them.

    Args:
        jets: at least one.
        titles: of each jet, as text.
        facts: what else is known of each, as text.

    Returns:
        HTML for a section of a page that has :data:`SCRIPT`.
    """
    entries = []
    for jet, title, fact in zip(jets, titles, facts, strict=True):
        space = in_space(jet)
        entries.append(
            {
                "title": title,
                "facts": fact,
                "places": jet.places,
                "vertex": jet.vertex,
                "marks": {kind: {"node": m.node, "value": m.value} for kind, m in jet.marks.items()},
                "hover": jet.hover,
                "senders": jet.senders,
                "receivers": jet.receivers,
                "attention": dict(jet.attention),
                "space": space,
            }
        )
    return (
        "<div class='display'><div class='controls'><button type='button' data-part='back'>&#8592;</button>"
        "<input type='range' min='0' value='0' data-part='slider' aria-label='jet'>"
        "<button type='button' data-part='on'>&#8594;</button>"
        "<label><select data-part='edges' aria-label='edges'></select></label>"
        "<label>strongest <input type='range' min='1' max='100' value='30' data-part='share' "
        "aria-label='share of edges by attention'></label></div>"
        "<p><b data-part='title'></b> <span class='dim' data-part='facts'></span></p>"
        "<div class='row'><figure><div style='height:560px' data-part='flat'></div></figure>"
        "<figure><div style='height:560px' data-part='space'></div></figure></div>"
        f"<script type='application/json'>{to_json(entries)}</script></div>"
    )
