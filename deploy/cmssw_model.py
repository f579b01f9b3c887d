"""A model of a CMSSW package: its files and names there, its scores, its working points, its module."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e_tf.deploy.cmssw_jets import jet_parameters
from e2e_tf.deploy.meaning import relative_columns
from e2e_tf.errors import InputError
from e2e_tf.training.pt_points import PtPoint, pt_points

__all__ = [
    "BACKENDS",
    "CmsswModel",
    "binned_table",
    "contents",
    "module_text",
    "points_table",
    "quoted",
    "scores",
]

BACKENDS = {"onnx": "ONNX", "frozen_graph": "TF"}
"""Formats that producers run, and what the names of these end with."""


@dataclass(frozen=True)
class CmsswModel:
    """A bundle in a package.

    Attributes:
        bundle: its folder.
        manifest: of it.
        backends: keys of :data:`BACKENDS` that producers of the package run it with.
        name: of letters and digits, by which a package of several models tells it apart; empty in one of a single.
    """

    bundle: Path
    manifest: dict[str, Any]
    backends: tuple[str, ...]
    name: str = ""

    @property
    def data(self) -> str:
        """Folder of its files, in the package."""
        return f"data/{self.name}" if self.name else "data"

    @property
    def parity(self) -> str:
        """Its parity vectors, in the package."""
        return f"test/parity{self.name}.txt"

    @property
    def raw_jets(self) -> str:
        """Raw jets with their scores, in the package, where its bundle has any."""
        return f"test/jets{self.name}.bin"

    @property
    def files(self) -> list[str]:
        """Names of its files in its folder."""
        return ["manifest.json", "preprocess.json", *(self.file(key) for key in self.backends)]

    @property
    def nodes(self) -> str:
        """What its nodes are, ``candidates`` or ``detector``."""
        return str(self.manifest["graph"]["nodes"])

    @property
    def kind(self) -> str:
        """Architecture, interface and graph, in words."""
        model = self.manifest.get("model", {}).get("name", "unnamed")
        return f"model {model}, {self.manifest['interface']} interface, graph\n`{self.manifest['graph']['edges']}`"

    @property
    def relative(self) -> list[str]:
        """Quantity of the jet that each score is multiplied by; nothing where none is."""
        found = relative_columns(self.manifest)
        return found if any(found) else []

    def file(self, backend: str) -> str:
        """Name of the file of a format.

        Args:
            backend: key of :data:`BACKENDS`.

        Returns:
            Its name in :attr:`data`.
        """
        return str(self.manifest["formats"][backend]["file"])

    def inputs(self, backend: str) -> list[str]:
        """Raw names of its inputs.

        Args:
            backend: key of :data:`BACKENDS`.

        Returns:
            In the order of the manifest.
        """
        names = self.manifest["formats"][backend]["inputs"]
        return [names[info["name"]] for info in self.manifest["inputs"]]

    def output(self, backend: str) -> str:
        """Raw name of its output.

        Args:
            backend: key of :data:`BACKENDS`.

        Returns:
            The name.
        """
        return str(self.manifest["formats"][backend]["outputs"][self.manifest["outputs"][0]["name"]])


def quoted(names: Iterable[str]) -> str:
    """Names as literals of C++ or Python.

    Args:
        names: without quotes in them.

    Returns:
        In double quotes, joined by commas.
    """
    return ", ".join(f'"{name}"' for name in names)


def module_text(model: CmsswModel, package: str, label: str) -> str:
    """The module of a model in the configuration language, as a clone of ``_default``.

    Args:
        model: of the package.
        package: ``Subsystem/Package``.
        label: of the package's modules, which the name of the model is added to.

    Returns:
        Lines. A single model has the parameters that are the defaults of its plugins.

    Raises:
        InputError: a working point does not say which score it cuts on.
    """
    backend, folder = model.backends[0], f"{package}/{model.data}"
    values = {
        "model_path": f'cms.FileInPath("{folder}/{model.file(backend)}")',
        "preprocess_json": f'cms.FileInPath("{folder}/preprocess.json")',
        "input_names": f"cms.vstring({quoted(info['name'] for info in model.manifest['inputs'])})",
        "model_inputs": f"cms.vstring({quoted(model.inputs(backend))})",
        "model_output": f'cms.string("{model.output(backend)}")',
        "score_names": f"cms.vstring({quoted(scores(model.manifest))})",
        "relative_to": f"cms.vstring({quoted(model.relative)})",
        **jet_parameters(model.manifest),
    }
    values = (values if model.name else {}) | {"workingPoints": f"cms.VPSet({_points_text(model.manifest)})"}
    lines = "".join(f"    {name}={value},\n" for name, value in values.items())
    return f"{label}{model.name} = _default.clone(\n{lines})"


def _points(manifest: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Working points with their names."""
    return [(_label(point["target"]), point) for point in manifest["working_points"]]


def _binned_points(manifest: dict[str, Any]) -> list[tuple[str, PtPoint]]:
    """Working points in bins of pT with their names."""
    found = pt_points(manifest.get("binned_working_points", ()), "manifest.json")
    return [(f"{_label(point.target)}_binned", point) for point in found]


def _label(target: float) -> str:
    return f"eff{100 * target:g}".replace(".", "p")


def _points_text(manifest: dict[str, Any]) -> str:
    """Working points in the configuration language, behind them those in bins of pT."""
    parts = [
        (label, point.get("output"), {"threshold": f"double({point['threshold']!r})"})
        for label, point in _points(manifest)
    ]
    for label, binned in _binned_points(manifest):
        values = {"pt_low": binned.low, "pt_high": binned.high, "thresholds": binned.threshold}
        lists = {name: f"vdouble({', '.join(map(repr, of))})" for name, of in values.items()}
        parts.append((label, binned.output or None, lists))
    lines = [
        f'\n        cms.PSet(name=cms.string("{label}"), score=cms.string("{_score_of(output, manifest)}"), '
        f"{', '.join(f'{name}=cms.{value}' for name, value in more.items())}),"
        for label, output, more in parts
    ]
    return "".join(lines) + "\n    " * bool(lines)


def points_table(manifest: dict[str, Any]) -> str:
    """Working points as a table of Markdown.

    Args:
        manifest: of the bundle.

    Returns:
        The table, or a sentence that there are none.
    """
    points = _points(manifest)
    if not points:
        return "The bundle has no working points: its run was not evaluated. They can be added in the configuration."
    rows = [
        f"| {i} | {label} | {point['threshold']!r} | {point['signal_efficiency']:.3f} "
        f"| {point['background_efficiency']:.2e} |"
        for i, (label, point) in enumerate(points)
    ]
    head = ["| bit | name | threshold | signal efficiency | background efficiency |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def binned_table(manifest: dict[str, Any]) -> str:
    """Working points in bins of pT as a table of Markdown, with the rule for jets outside of the bins.

    Args:
        manifest: of the bundle.

    Returns:
        The table, or a sentence that there are none.
    """
    points = _binned_points(manifest)
    if not points:
        return "There are no working points in bins of pT."
    rows = []
    for i, (label, _) in enumerate(points):
        for part in manifest["binned_working_points"]:
            start = f"| {len(_points(manifest)) + i} | {label} | {part['low']:g} to {part['high']:g} |"
            if not part["working_points"]:
                rows.append(f"{start} none: too few jets, no jet passes | | |")
                continue
            point = part["working_points"][i]
            above = 0.0 if point["high"] is None else 1 / point["high"]
            background = (
                f"below {1 / point['rejection']:.1e}"
                if point["is_limit"]
                else f"{point['background_efficiency']:.2e} ({above:.1e} to {1 / point['low']:.1e})"
            )
            signal = f"{point['signal_efficiency']:.3f} ± {point['signal_error']:.3f}"
            rows.append(f"{start} {point['threshold']!r} | {signal} | {background} |")
    head = [
        "In bins of the pT that the model takes, each with its lower edge and without its upper one. **A jet in no bin",
        "passes none of these**, because no threshold was measured there.",
        "",
        "| bit | name | pT [GeV] | threshold | signal efficiency | background efficiency |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def scores(manifest: dict[str, Any]) -> list[str]:
    """Names of the columns of the output: ``score``, ``score0`` …, or by the heads of a model with several.

    Args:
        manifest: of the bundle.

    Returns:
        One name for each column, of letters and digits.

    Raises:
        InputError: two would be the same, or one empty.
    """
    return [name for names in _scores_by_head(manifest).values() for name in names]


def _scores_by_head(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """:func:`scores` of each head of the model. Names of products are letters and digits."""
    (output,) = manifest["outputs"]
    heads = output.get("columns") or {"score": output["shape"][-1]}
    found = {}
    for head, width in heads.items():
        name = re.sub("[^A-Za-z0-9]", "", head) if len(heads) > 1 else "score"
        found[head] = [name] if width == 1 else [f"{name}{i}" for i in range(width)]
    names = [name for of_head in found.values() for name in of_head]
    if len(set(names)) < len(names) or not all(names) or len(names) != output["shape"][-1]:
        raise InputError(
            f"the outputs of the model must have different names in letters and digits, not {', '.join(heads)}"
        )
    return found


def contents(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Each score and what it is.

    Args:
        manifest: of the bundle.

    Returns:
        Pairs of a name and a text.
    """
    meaning = manifest["outputs"][0].get("meaning", {})
    found = []
    for head, names in _scores_by_head(manifest).items():
        says = meaning.get(head, {})
        for i, name in enumerate(names):
            what = "one value per jet"
            if says.get("kind") == "multiclass":
                what += f": probability of {says['column']} = {says['classes'][i]}"
            elif says.get("kind") == "regression":
                what += f": {says['column']}" + (f" [{says['unit']}]" if "unit" in says else "")
            found.append((name, what))
    return found


def _score_of(head: str | None, manifest: dict[str, Any]) -> str:
    """The score that a working point cuts on: that of its output, which may be left out where there is one score."""
    heads = _scores_by_head(manifest)
    single = [head for head, names in heads.items() if len(names) == 1]
    if head is None and len(heads) == 1:
        (head,) = heads
    if head not in single:
        raise InputError(
            f"a working point must name the output that it cuts on, one of a single column "
            f"({', '.join(single) or 'this model has none'}), not {head or 'none'}"
        )
    return heads[head][0]
