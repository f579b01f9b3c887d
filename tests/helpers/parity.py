"""Parity with other libraries: cases, recorded numbers, and scripts that run in an environment of their own.

A case is one of our layers, its configuration, the form of graph it takes, and the same in the other library.
The other library's numbers are recorded in ``tests/parity/reference/NAME.npz``: the graphs, our weights, its
outputs and the versions that made them. Tests compare with these always, and with a living environment where
there is one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "parity"
FEATURES = 6

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One layer of ours and what it must agree with.

    Attributes:
        layer: our class.
        config: its configuration.
        form: the form in which it takes the graph.
        other: the other library's class; empty where it has the same name and configuration.
        other_config: its configuration.
        carry: from our weights, in our order, to the other library's by name.
    """

    layer: str
    config: dict[str, Any]
    form: str
    other: str = ""
    other_config: dict[str, Any] = field(default_factory=dict)
    carry: Callable[[list[np.ndarray]], Arrays] | None = None

    def description(self, weights: list[np.ndarray]) -> dict[str, Any]:
        """What the other library's script has to know, as JSON."""
        return {
            "layer": self.other or self.layer,
            "config": self.other_config if self.other else self.config,
            "graph": self.form,
            "weights": sorted(self.carry(weights)) if self.carry else [str(i) for i in range(len(weights))],
        }


def state(layer: Any) -> list[Any]:
    """The variables of a layer, trained ones first, without random seeds."""
    values = [*layer.trainable_weights, *layer.non_trainable_weights]
    return [w for w in values if "seed" not in w.name]


def inputs(graphs: Arrays, cases: dict[str, Case], weights: dict[str, list[np.ndarray]]) -> Arrays:
    """The arrays that a script gets: graphs, the cases as JSON, and the weights in its own form."""
    arrays = dict(graphs)
    for name, case in cases.items():
        carried = (
            case.carry(weights[name]) if case.carry else {str(i): w for i, w in enumerate(weights[name])}
        )
        arrays |= {f"{name}/{key}": np.ascontiguousarray(value) for key, value in carried.items()}
    described = {name: case.description(weights[name]) for name, case in cases.items()}
    return arrays | {"cases": np.array(json.dumps(described, sort_keys=True))}


def read(name: str) -> tuple[Arrays, dict[str, list[np.ndarray]], Arrays, dict[str, str]]:
    """Recorded graphs, our weights and the other library's outputs by case, and versions."""
    graphs: Arrays = {}
    weights: dict[str, list[np.ndarray]] = {}
    outputs: Arrays = {}
    with np.load(FOLDER / "reference" / f"{name}.npz") as data:
        versions = json.loads(str(data["versions"]))
        for key in data.files:
            kind, _, rest = key.partition("/")
            if kind == "graph":
                graphs[rest] = data[key]
            elif kind == "output":
                outputs[rest] = data[key]
                weights.setdefault(rest, [])  # a pooling layer has none
            elif kind == "weights":
                weights.setdefault(rest.split("/")[0], []).append(data[key])
    return graphs, weights, outputs, versions


def write(
    name: str, graphs: Arrays, weights: dict[str, list[np.ndarray]], outputs: Arrays, versions: dict[str, str]
) -> Path:
    """Record what :func:`read` reads; the same content gives the same bytes."""
    arrays = {f"graph/{key}": value for key, value in graphs.items()}
    for case, values in weights.items():
        arrays |= {f"weights/{case}/{i:02d}": value for i, value in enumerate(values)}
        arrays[f"output/{case}"] = outputs[case]
    path = FOLDER / "reference" / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, **arrays, versions=np.array(json.dumps(versions, sort_keys=True)))
    return part.replace(path)


def living(name: str) -> Path | None:
    """A python in which the other library runs now, or None.

    ``E2E_TF_SPEKTRAL_PYTHON`` and ``E2E_TF_PYG_PYTHON`` name one; ``.venv-spektral`` and ``.venv-pyg``, which
    ``make_envs.sh`` makes, come next. Spektral also runs beside us where Keras 2 is installed as ``tf_keras``.
    """
    variable = f"E2E_TF_{name.upper()}_PYTHON"
    if os.environ.get(variable):
        path = Path(os.environ[variable])
        assert path.exists(), f"{variable} names {path}, which does not exist"
        return path
    path = ROOT / f".venv-{name}" / "bin" / "python"
    if path.exists():
        return path
    if name == "spektral" and importlib.util.find_spec("tf_keras"):
        return Path(sys.executable)
    return None


def run(executable: Path, name: str, arrays: Arrays, folder: Path) -> tuple[Arrays, dict[str, str]]:
    """Outputs and versions of ``NAME_layers.py inputs.npz outputs.npz`` in another process."""
    given, found = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(given, **arrays)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TF_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(executable), str(FOLDER / f"{name}_layers.py"), str(given), str(found)],
        env={**clean, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with np.load(found) as data:
        outputs = {key: data[key] for key in data.files}
    return outputs, json.loads(str(outputs.pop("versions")))
