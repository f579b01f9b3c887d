"""Exports the grid of models, outputs, interfaces and forms, and says which bundles give Keras' scores.

    .venv/bin/python tests/grid.py FOLDER              # every cell, in FOLDER/<release>/<model>_<outputs>_<interface>
    .venv/bin/python tests/grid.py FOLDER --only edges # those whose name has this in it

A cell is a registered model, or one with further inputs of nodes, with one output, several of each kind, or a
regression alone, in one interface. It is written in every form that the interface has (ONNX, frozen graph, SavedModel,
float16 and int8, a fixed shape or one jet), for CMSSW_12_1 or 13_3, of which every model gets both, and validated
against the Keras model column by column. What is there already stays. The exit status is 1 if a cell was refused or
differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from registered_models import small_efficientnet, write_model

from e2e_tf.deploy.export import export
from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.models import MODELS, Head

OUTPUTS: dict[str, Any] = {
    "one": 1,
    "several": {"tau": Head(), "kind": Head("multiclass", 3), "pt": Head("regression")},
    "regression": {"pt": Head("regression")},
}
COLUMNS = {"one": {"score": 1}, "several": {"tau": 1, "kind": 3, "pt": 1}, "regression": {"pt": 1}}
OLD, NEW = "12_1", "13_3"
# Models with further inputs of nodes: the registered one and its settings.
WITH_INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "particle_net_with_points": ("particle_net", {"coordinates": "points"}),
    "particle_attention_with_p4": ("particle_attention", {"pairs": "p4"}),
}


@dataclass(frozen=True)
class Cell:
    """A bundle of the grid; ``settings`` are of its model besides those of the case."""

    model: str
    outputs: str
    interface: str
    release: str
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.release}/{self.model}_{self.outputs}_{self.interface}"

    @property
    def forms(self) -> set[str]:
        """Keys of its formats in the manifest."""
        own = {"padded": {"fixed"}, "edges": {"onnx_one_jet"}}.get(self.interface, set())
        return {"onnx", "onnx_float16", "onnx_int8", "frozen_graph", "saved_model"} | own


def cells() -> list[Cell]:
    """Every model with every kind of outputs in every interface, releases by turns."""
    found = []
    for model in [*sorted(MODELS), *WITH_INPUTS]:
        registered, more = WITH_INPUTS.get(model, (model, {}))
        interfaces = ("padded", "edges") if MODELS[registered].inputs == "graph" else ("tensors",)
        for number, interface in enumerate(interfaces):
            for turn, outputs in enumerate(OUTPUTS):
                release = (OLD, NEW)[(number + turn) % 2]
                # On edge lists it needs a scatter that adds, which CMSSW_12_1 lacks.
                lists = interface == "edges" and release == NEW
                settings = {"layout": "edges" if lists else "blocks"} if model == "detector_net" else more
                found.append(Cell(model, outputs, interface, release, settings))
    return found


def write(cell: Cell, folder: Path) -> dict[str, Any]:
    """Export a cell and validate it; the manifest."""
    options: dict[str, Any] = {"float16_weights": True, "int8": True, "proof": 30, "cmssw": cell.release}
    if cell.interface == "padded":
        options["fixed"] = (2, 12)
    if cell.interface == "edges":
        options["one_jet"] = True
    with tempfile.TemporaryDirectory() as scratch:
        registered = WITH_INPUTS.get(cell.model, (cell.model,))[0]
        file = write_model(Path(scratch), registered, OUTPUTS[cell.outputs], **cell.settings)
        interface = "" if cell.interface == "tensors" else cell.interface
        manifest: dict[str, Any] = read_json(
            export(file, folder, interface=interface, **options) / "manifest.json"
        )
    return manifest


def wrong(cell: Cell, manifest: dict[str, Any]) -> str:
    """What a manifest of a cell has that it should not; empty where it is as it should be."""
    if manifest["outputs"][0]["columns"] != COLUMNS[cell.outputs]:
        return f"columns {manifest['outputs'][0]['columns']}"
    if set(manifest["formats"]) != cell.forms:
        return f"forms {', '.join(manifest['formats'])}"
    beyond = [
        f"{test['runtime']} by {test['largest_difference']}"
        for test in manifest["tested"]
        if test["largest_difference"] is None or test["largest_difference"] > test["tolerance"]
    ]
    return "; ".join(beyond)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="cells whose name has this in it")
    options = parser.parse_args()
    import keras

    keras.applications.EfficientNetB2 = small_efficientnet
    failed = 0
    chosen = [cell for cell in cells() if options.only in cell.name]
    for cell in chosen:
        start, folder = time.monotonic(), options.folder / cell.name
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            manifest = read_json(folder / "manifest.json") if folder.is_dir() else write(cell, folder)
            problem = wrong(cell, manifest)
        except InputError as error:
            problem = str(error)
        failed += bool(problem)
        print(f"{cell.name:45} {time.monotonic() - start:5.1f} s  {problem or 'agrees'}", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} cells agree")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
