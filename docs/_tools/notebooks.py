"""Runs the notebooks and leaves the copies with outputs in build/notebooks, which the site shows.

python docs/_tools/notebooks.py [NAME...]. `--strip` takes the outputs out of docs/notebooks, as git should have them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "docs" / "notebooks"
EXECUTED = ROOT / "build" / "notebooks"


def stripped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without outputs, counts of runs and traces of a machine.

    Args:
        notebook: it; it is changed.

    Returns:
        The same notebook.
    """
    notebook.metadata = {"language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def main(names: list[str]) -> None:
    """Run notebooks, or strip all of them.

    Args:
        names: of notebooks, without their ending; all if empty. ``--strip`` alone strips.
    """
    if names == ["--strip"]:
        for path in sorted(SOURCES.glob("*.ipynb")):
            nbformat.write(stripped(nbformat.read(path, 4)), path)
        return
    EXECUTED.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["PYTHONWARNINGS"] = "ignore"
    for path in sorted(SOURCES.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        started = time.perf_counter()
        notebook = nbformat.read(path, 4)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "examples").symlink_to(ROOT / "examples")
            NotebookClient(
                notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}
            ).execute()
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            # What TensorFlow says as it loads is no result.
            cell.outputs = [one for one in cell.get("outputs", []) if one.get("name") != "stderr"]
        nbformat.write(notebook, EXECUTED / path.name)
        print(f"{path.stem}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
