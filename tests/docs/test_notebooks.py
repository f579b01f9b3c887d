"""Notebooks: the sources have no outputs, and some run here on few jets; `make notebooks` runs all of them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from e2e_tf.data.samples import sample_path

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def code(path: Path) -> list[str]:
    """The code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_source_is_stripped_and_explained(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["metadata"] == {"language_info": {"name": "python"}}
    kinds = [cell["cell_type"] for cell in document["cells"]]
    assert kinds.count("markdown") >= kinds.count("code") - 1
    assert document["cells"][0]["source"][0].startswith("# ")
    for number, cell in enumerate(document["cells"]):
        assert (cell["id"], cell["metadata"]) == (f"cell-{number}", {})
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    for cell in code(path):
        compile(cell, path.name, "exec")
    links = re.findall(r"\]\((\.\./[^)#]+)", path.read_text(encoding="utf-8"))
    assert links == [] or all((path.parent / link).resolve().is_file() for link in links)


def test_pictures_have_the_style_of_all():
    """Notebooks draw as the library does, with labels above the frame."""
    for path in NOTEBOOKS:
        assert "matplotlib" not in path.read_text(encoding="utf-8"), path.name


def test_there_are_at_least_six():
    assert len(NOTEBOOKS) >= 6


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["bring_your_nanoaod", "detector_graphs", "what_a_graph_network_sees", "write_a_layer"]
)
def test_a_notebook_runs_on_few_jets(name, tau_folder, tmp_path, monkeypatch):
    """For one epoch, and untraced: as they stand, `make notebooks` trains them, with XLA as Keras chooses it."""
    import keras

    small = tau_folder / "tau.h5"
    monkeypatch.setattr(
        "e2e_tf.data.samples.sample_path", lambda name: small if name == "tau" else sample_path(name)
    )
    compile_model = keras.Model.compile
    monkeypatch.setattr(
        keras.Model, "compile", lambda *args, **options: compile_model(*args, run_eagerly=True, **options)
    )
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    names: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate(code(ROOT / "docs" / "notebooks" / f"{name}.ipynb")):
        short = re.sub(r"\bepochs=\d+", "epochs=1", cell)
        exec(compile(short, f"{name}[{number}]", "exec"), names)
    pictures = re.findall(r'Shown\("([\w.]+)"', "".join(code(ROOT / "docs" / "notebooks" / f"{name}.ipynb")))
    assert {path.name for path in tmp_path.glob("*.png")} == set(pictures)
