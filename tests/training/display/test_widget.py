from __future__ import annotations

import json
import re

import numpy as np

from e2e_tf.training.display.nodes import DrawnJet, Mark
from e2e_tf.training.display.widget import display_html


def test_everything_that_is_drawn_is_in_the_page():
    jet = DrawnJet(
        places=np.array([[0.0, 0.1], [0.2, 0.0]]),
        vertex=None,
        marks={"ecal": Mark(np.array([1]), np.array([3.0]))},
        hover=("a </script>", "b"),
        senders=np.array([0]),
        receivers=np.array([1]),
        attention={"gat_conv": np.array([0.25])},
    )
    text = display_html([jet, jet], ["first", "second"], ["", "pt 3 GeV"])
    (content,) = re.findall(r"<script type='application/json'>(.*?)</script>", text)
    first, second = json.loads(content)
    assert (first["title"], second["title"], second["facts"]) == ("first", "second", "pt 3 GeV")
    assert first["places"] == [[0.0, 0.1], [0.2, 0.0]]
    assert first["marks"] == {"ecal": {"node": [1], "value": [3.0]}}
    assert first["attention"] == {"gat_conv": [0.25]}
    assert first["hover"] == ["a </script>", "b"]
    assert np.shape(first["space"]["lines"]["ecal"]) == (1, 2, 3)
    for part in ("slider", "back", "on", "edges", "share", "flat", "space", "title", "facts"):
        assert f"data-part='{part}'" in text
