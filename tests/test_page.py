from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from e2e_tf.figure import PlotStyle
from e2e_tf.page import Cell, Plot, Section, cards, details, escaped, facts, page, plots, table, to_json


class Outline(HTMLParser):
    """Tags in order with their attributes, and what would be loaded."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loaded = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.loaded += [v for k, v in attrs if k in ("src", "href") and not v.startswith(("#", "data:"))]

    def count(self, tag, **attributes):
        return sum(
            name == tag and all(found.get(k) == v for k, v in attributes.items()) for name, found in self.tags
        )


def rows(text):
    """Texts of the cells, row by row."""
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", text)]


PLOT = Plot([{"type": "scatter", "x": np.arange(3), "y": [1.0, np.nan, 2.0]}], {"height": 1}, "a < b", 200)


def test_a_page_has_everything_in_it():
    sections = [Section("First & last", plots(PLOT, PLOT)), Section("Numbers", table(["a"], [[1], [2]]))]
    text = page("A <page>", sections, head=cards([("jets", "5")]))
    assert page("A <page>", sections, head=cards([("jets", "5")])) == text
    found = Outline(text)
    assert found.loaded == []
    assert "showSendToCloud: false" in text  # nor is anything sent
    assert not re.search(r"url\(|@import", text.split("<script", 1)[0])
    assert "<title>A &lt;page&gt;</title>" in text
    assert found.count("a", href="#first-last") == found.count("h2", id="first-last") == 1
    assert found.count("div", **{"class": "plot"}) == 2
    assert found.count("script", type="application/json") == 2
    assert found.count("script", id="plotly") == 1
    assert 1.5e6 < len(text) < 2.5e6
    assert "<div class='card'><b>5</b><span>jets</span></div>" in text


def test_labels_of_a_style():
    """As Plotly writes them; a page without a style claims nothing."""
    style = PlotStyle("A & B", True, "Preliminary", 13.6, 34.7)
    text = page("A", [Section("A", plots(PLOT))], style=style)
    (labels,) = re.findall(r"<script type='application/json' id='labels'>(.*?)</script>", text)
    assert json.loads(labels) == {
        "left": "<b>A &amp; B</b> <i>Preliminary</i>",
        "right": "34.7 fb<sup>−1</sup> (13.6 TeV)",
    }
    assert "id='labels'" not in page("A", [Section("A", plots(PLOT))])


def test_a_page_without_plots_is_small():
    text = page("Numbers", [Section("Numbers", facts([("a", 1)]))])
    assert len(text) < 20_000
    assert "id='plotly'" not in text


def test_plots_stand_beside_their_numbers():
    text = plots(PLOT)
    (content,) = re.findall(r"<script type='application/json'>(.*?)</script>", text)
    assert json.loads(content) == {
        "data": [{"type": "scatter", "x": [0, 1, 2], "y": [1.0, None, 2.0]}],
        "layout": {"height": 1},
    }
    assert "height:200px" in text
    assert "a &lt; b" in text
    assert plots() == ""


def test_tables():
    text = table(
        ["name", "n", "value"],
        [
            ["a & b", 3, Cell("0.5 ± 0.1", 0.5, "bad", "why")],
            ["c", np.int64(4), Cell("-")],
            ["", None, 0.123456789],
        ],
        keys=["0001", "0002", "0003"],
    )
    assert rows(text) == [
        ["name", "n", "value"],
        ["a &amp; b", "3", "0.5 ± 0.1"],
        ["c", "4", "-"],
        ["", "", "0.12346"],
    ]
    assert "<td class='n bad' data-value='0.5' title='why'>" in text
    assert "data-value='0.123456789'" in text
    assert "data-key='0002'" in text
    assert text.count("<th class=n>") == 2  # names are not aligned as numbers
    assert "class='sortable'" in text
    assert "sortable" not in table(["a"], [[1], [2]], sortable=False)
    assert "sortable" not in table(["a"], [[1]])


def test_no_text_ends_a_tag():
    assert escaped("<b a='1'>\"&") == "&lt;b a=&#x27;1&#x27;&gt;&quot;&amp;"
    assert "</script" not in to_json({"</script>": "</script>"})
    assert json.loads(to_json({"</script>": ["</b>"]})) == {"</script>": ["</b>"]}
    assert "<pre>a &lt; b</pre>" in details("more", "a < b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(1 / 3), 0.333333),
        (np.array([1.0, np.inf]), [1.0, None]),
        ((1, "ε", True, None), [1, "ε", True, None]),
        ({1: np.int8(3)}, {"1": 3}),
        (1234567, 1234567),
    ],
)
def test_numbers_have_six_digits(value, expected):
    assert json.loads(to_json(value)) == expected
