"""The API reference has every public name, and what is wrong with a built site is found."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
from sources import read_sources

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "_tools"))

import layer_pictures  # noqa: E402
import model_steps  # noqa: E402
import reference  # noqa: E402
from check import faults  # noqa: E402

from e2e_tf.models import MODELS, build_model  # noqa: E402


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


def test_every_layer_has_a_picture():
    """Of its own, with a sentence that is read where it is not seen."""
    assert set(layer_pictures.PICTURES) == set(reference.LAYERS)
    for name, (_, label, caption) in layer_pictures.PICTURES.items():
        picture = layer_pictures.figure(name)
        root = ElementTree.fromstring(picture)
        svg = root.find("svg")
        assert svg is not None
        assert svg.get("aria-label") == caption == root.findtext("figcaption")
        assert label in "".join(svg.itertext())
        assert picture in reference.pages()[f"layers/{name}.md"]
        # Nothing lies outside of the frame.
        width, height = (float(one) for one in svg.attrib["viewBox"].split()[2:])
        for part in svg.iter():
            for key, end in (
                ("x", width),
                ("x1", width),
                ("cx", width),
                ("y", height),
                ("y2", height),
                ("cy", height),
            ):
                assert 0 <= float(part.get(key, 0)) <= end, (name, part.attrib)
    assert len({layer_pictures.figure(name) for name in reference.LAYERS}) >= len(reference.LAYERS) - 1


def test_names_are_followed_to_where_they_are_defined():
    names = reference.public_names()
    assert names["e2e_tf.graph.knn"] == "e2e_tf.graph.knn.knn"
    assert names["e2e_tf.verify"] == names["e2e_tf.validate"] == "e2e_tf.deploy.validate.validate"
    assert reference.page_of("e2e_tf.data.readers.nano") == "e2e_tf.data.readers"
    assert reference.page_of("e2e_tf.data.jets") == "e2e_tf.data"
    assert "e2e_tf.graph._kernels.delaunay" not in reference._modules()


def test_every_layer_and_model_has_a_page():
    pages = reference.pages()
    assert "::: e2e_tf.layers.gat_conv.GATConv" in pages["layers/GATConv.md"]
    assert len([page for page in pages if page.startswith("layers/")]) == len(reference.LAYERS) >= 28
    functions = {entry.build.__module__.rpartition(".")[2] for entry in MODELS.values()}
    assert functions == set(reference.MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_of_a_model_has_formula_shapes_paper_and_layers(name):
    entry = MODELS[name]
    module = entry.build.__module__.rpartition(".")[2]
    assert "\n.. math::\n" in inspect.cleandoc(entry.build.__doc__)
    assert re.search(r"https://(arxiv\.org/abs|doi\.org)/", entry.build.__doc__)
    page = reference.pages()[f"models/{module}.md"]
    assert f'`build_model("{name}", n_features, n_globals, settings)`' in page
    for text in {
        "graph": ("`x` | float32 (n, F)", "`senders`, `receivers` | int32 (edges,)", "`n_node` | int32 (B,)"),
        "image": ("`image` | float32 (B, height, width, F)",),
        "dense": ("`x` | float32 (B, F)",),
    }[entry.inputs]:
        assert f"| {text} |" in page
    assert "`u` | float32 (B, G)" in page
    assert "**output** `score` | float32 (B, outputs)" in page
    assert f"{entry.parameters:,} parameters" in page
    assert model_steps.diagram(name) in page
    held = model_steps.models_of(module)[name]
    assert held["features"] == list(entry.example)
    assert (held["parameters"], held["inputs"]) == (entry.parameters, entry.inputs)


@pytest.mark.parametrize("name", ["gat_cheb", "deep_sets", "fcn"])
def test_the_layers_on_the_page_are_those_of_the_model(name):
    """What `make pictures` has written; the models that take long to build are made by the same function."""
    entry = MODELS[name]
    made = model_steps.compressed(model_steps.steps_of(build_model(name, *entry.example)))
    held = model_steps.models_of(entry.build.__module__.rpartition(".")[2])[name]
    assert json.loads(json.dumps(made)) == held["groups"]
    if name == "fcn":
        assert made == [(13, [("Dense", "(B, 256) · (B, 1)")])]
    if name == "deep_sets":  # what the page on the trigger says of layers that are not Keras' own
        own = {layer for _, steps in made for layer, _ in steps if not hasattr(keras.layers, layer)}
        assert own == {"DisjointToBlocks", "GlobalSumPool"}


def test_steps_that_repeat_stand_once():
    steps = [("A", "1"), ("B", "2"), ("C", "3"), ("B", "4"), ("C", "3"), ("D", "5"), ("D", "5")]
    assert model_steps.compressed(steps) == [
        (1, [("A", "1")]),
        (2, [("B", "2 · 4"), ("C", "3")]),
        (2, [("D", "5")]),
    ]
    assert model_steps.compressed([]) == []


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
