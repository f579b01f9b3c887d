"""The API reference has every public name, and what is wrong with a built site is found."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from sources import read_sources

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "_tools"))

import reference  # noqa: E402
from check import faults  # noqa: E402


def test_no_public_name_is_missing():
    """What ``__all__`` of every public module holds, as Python sees it, is asked for on a page."""
    text = "\n".join(reference.pages().values())
    asked = set()
    module = ""
    for line in text.splitlines():
        if line.startswith("::: "):
            module = line[4:]
            asked.add(module)
        elif line.startswith("        - "):
            asked.add(f"{module}.{line[10:]}")
        asked |= set(re.findall(r'<a id="([\w.]+)">', line))
    names = reference.public_names()
    assert {name for name, target in names.items() if target not in asked} == set()
    public = [
        name for name in read_sources(ROOT) if not any(part.startswith("_") for part in name.split("."))
    ]
    assert len(public) > 250
    for module in (
        "e2e_tf",
        "e2e_tf.graph",
        "e2e_tf.config",
        "e2e_tf.tuning",
        "e2e_tf.files",
        "e2e_tf.data.jets",
    ):
        imported = importlib.import_module(module)
        assert {name for name in imported.__all__ if not name.startswith("__")} <= {
            name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == module
        }


def test_names_are_followed_to_where_they_are_defined():
    names = reference.public_names()
    assert names["e2e_tf.graph.knn"] == "e2e_tf.graph.knn.knn"
    assert names["e2e_tf.verify"] == names["e2e_tf.validate"] == "e2e_tf.deploy.validate.validate"
    assert reference.page_of("e2e_tf.data.readers.nano") == "e2e_tf.data.readers"
    assert reference.page_of("e2e_tf.data.jets") == "e2e_tf.data"
    assert "e2e_tf.graph._kernels.delaunay" not in reference._modules()


def test_every_layer_and_model_has_a_page():
    from e2e_tf.models import MODELS

    pages = reference.pages()
    assert "::: e2e_tf.layers.gat_conv.GATConv" in pages["layers/GATConv.md"]
    assert len([page for page in pages if page.startswith("layers/")]) == len(reference.LAYERS) >= 28
    functions = {entry.build.__module__.rpartition(".")[2] for entry in MODELS.values()}
    assert functions == set(reference.MODELS)


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="b.html#there">', ""),
        ('<a href="b.html">', ""),
        ('<a href="https://arxiv.org/abs/1">', ""),
        ('<a href="c.html">', "a.html links to c.html, which is not there"),
        ('<a href="b.html#here">', "a.html links to b.html#here, which has no such anchor"),
        ('<a href="#here">', "a.html links to #here, which has no such anchor"),
        (
            '<script src="https://cdn.example.org/x.js">',
            "a.html loads https://cdn.example.org/x.js from another host",
        ),
        ('<img src="c.png">', "a.html links to c.png, which is not there"),
    ],
)
def test_what_is_wrong_with_a_site_is_found(tmp_path, page, fault):
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.html").write_text('<h2 id="there">')
    assert faults(tmp_path, {"there"}) == ([fault] if fault else [])
    assert faults(tmp_path, {"gone"})[-1] == "gone is public and on no page of the reference"
