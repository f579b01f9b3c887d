"""What is inside a file: schema, counts, class balance, distributions of nodes and edges."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.features import UNITS
from e2e_tf.data.hdf5 import DAMAGE, format_of
from e2e_tf.data.histogram import histogram_text
from e2e_tf.data.jets import JETS_FORMAT, Jets, read_jets
from e2e_tf.data.objects import OBJECTS
from e2e_tf.data.readers.checks import existing_file
from e2e_tf.data.source import own_name
from e2e_tf.data.store import GraphStore
from e2e_tf.data.store_writer import GRAPHS_FORMAT
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle, looks, picture
from e2e_tf.terminal import output

__all__ = ["Summary", "inspect", "plot_summary", "print_summary"]


@dataclass(frozen=True)
class Summary:
    """What a file holds.

    Attributes:
        path: the file.
        kind: ``jets``, ``graphs`` or the name of the reader that reads it.
        entries: jets or graphs.
        events: different event numbers.
        size: bytes.
        labels: label to number of entries; empty without labels.
        columns: name to (type or transform, unit, description).
        counts: name to int64 (entries,), what is drawn and summarised: nodes, edges, hits,
            candidates, objects.
        values: name to (entries,), columns of jets.
        label: int8 (entries,) or None.
        attributes: settings and provenance.
        rows: name to (rows,), columns of all candidates together.
    """

    path: Path
    kind: str
    entries: int
    events: int
    size: int
    labels: dict[int, int]
    columns: dict[str, tuple[str, str, str]]
    counts: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    label: np.ndarray | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What :func:`print_summary` shows, for JSON.

        Returns:
            The fields by name; of columns ``type``, ``unit`` and ``description``, of counts and values their
            quantiles under ``per_entry``.
        """
        named = ("type", "unit", "description")
        per_entry: dict[str, dict[str, Any]] = {}
        for name, counts in self.counts.items():
            per_entry[name] = {**_numbers(counts), "empty": int(np.count_nonzero(counts == 0))}
        for name, values in self.values.items():
            per_entry[name] = {"unit": UNITS.get(name, ""), **_numbers(values)}
        return {
            **{name: getattr(self, name) for name in ("path", "kind", "entries", "events", "size", "labels")},
            "columns": {name: dict(zip(named, cells, strict=True)) for name, cells in self.columns.items()},
            "per_entry": per_entry,
            "attributes": dict(self.attributes),
        }


def inspect(
    path: str | os.PathLike[str], reader: str = "", options: Mapping[str, Any] | None = None
) -> Summary:
    """Look into a file of jets, a graph store, or any file that a reader reads.

    Args:
        path: the file.
        reader: a name in ``READERS``; empty recognises the format.
        options: more arguments of the reader.

    Returns:
        Format, counts and columns of the file, for :func:`print_summary` and :func:`plot_summary`.

    Raises:
        InputError: the file cannot be read.
    """
    path = existing_file(path)
    found = _format(path)
    if found == GRAPHS_FORMAT and not reader:
        if options:
            raise InputError(
                f"{path} is a store of graphs, which has no options; it was given {', '.join(options)}"
            )
        with GraphStore(path) as store:
            return _of_store(path, store)
    if found == JETS_FORMAT and not reader and not options:
        return _of_jets(path, "jets", read_jets(path))
    from e2e_tf.data.readers import open_reader

    file = open_reader(path, own_name(reader) or None)
    sample = file.read(**(options or {}))
    if isinstance(sample, Jets):
        return _of_jets(path, file.reader.name, sample)
    columns = {name: ("float32", "", "channel of the images") for name in sample.channels}
    active = (sample.images != 0).any(axis=-1).sum(axis=(1, 2))
    return _summary(path, file.reader.name, sample, sample.columns, columns, {"pixels with a value": active})


def _format(path: Path) -> str:
    import h5py

    try:
        with h5py.File(path) as file:
            return format_of(file)
    except DAMAGE:
        return ""


def _summary(
    path: Path,
    kind: str,
    sample: Any,
    values: Mapping[str, np.ndarray],
    columns: dict[str, tuple[str, str, str]],
    counts: dict[str, np.ndarray],
) -> Summary:
    label = sample.label
    found = np.unique(np.empty(0, np.int8) if label is None else label, return_counts=True)
    return Summary(
        path=path,
        kind=kind,
        entries=len(sample),
        events=len(np.unique(sample.event)),
        size=path.stat().st_size,
        labels={int(value): int(number) for value, number in zip(found[0], found[1], strict=True)},
        columns=columns,
        counts={name: np.asarray(values, np.int64) for name, values in counts.items()},
        values={name: values[name] for name in sorted(values) if name not in ("ieta", "iphi")},
        label=label,
        attributes=sample.attributes,
    )


def _of_store(path: Path, store: GraphStore) -> Summary:
    columns = {f"x/{f.name}": (f.transform, f.unit, f.description) for f in store.node_features} | {
        f"u/{f.name}": (f.transform, f.unit, f.description) for f in store.jet_features
    }
    columns |= {
        f"jets/{name}": (str(values.dtype), UNITS.get(name, ""), "") for name, values in store.jets.items()
    }
    recipe = {"nodes": store.recipe.nodes, "edges": store.recipe.edges}
    summary = _summary(
        path, "graphs", store, store.jets, columns, {"nodes": store.n_node, "edges": store.n_edge}
    )
    return Summary(**{**vars(summary), "attributes": {**recipe, **store.attributes}})


def _of_jets(path: Path, kind: str, jets: Jets) -> Summary:
    columns = {}
    for group, found in (("jets", jets.columns), ("truth", jets.truth)):
        for name in sorted(found):
            columns[f"{group}/{name}"] = (str(found[name].dtype), UNITS.get(name, ""), "")
    counts = {}
    for channel, hits in jets.hits.items():
        columns[f"hits/{channel}"] = (str(hits["value"].dtype), "GeV", "cell and value")
        counts[f"{channel} hits"] = hits.counts
    if jets.candidates is not None:
        for name, values in sorted(jets.candidates.columns.items()):
            unit = "GeV" if name in ("pt", "energy") else UNITS.get(name, "")
            columns[f"candidates/{name}"] = (str(values.dtype), unit, "")
        counts["candidates"] = jets.candidates.counts
    for group, objects in jets.objects.items():
        known = {column.name: column for column in OBJECTS[group]}
        for name, values in sorted(objects.columns.items()):
            unit, text = (known[name].unit, known[name].description) if name in known else ("", "")
            columns[f"objects/{group}/{name}"] = (str(values.dtype), unit, text)
        counts[f"{group} objects"] = objects.counts
    summary = _summary(path, kind, jets, jets.columns, columns, counts)
    rows = {} if jets.candidates is None else dict(sorted(jets.candidates.columns.items()))
    return replace(summary, rows=rows)


def print_summary(summary: Summary) -> None:
    """Tables on standard output.

    Args:
        summary: from :func:`inspect`.
    """
    from rich.table import Table

    console = output()
    what = "graphs" if summary.kind == "graphs" else "jets" if summary.kind == "jets" else summary.kind
    console.print(
        f"{summary.path}: {what}, {summary.entries:,} entries of {summary.events:,} events, "
        f"{summary.size / 1e6:.1f} MB",
        soft_wrap=True,
    )
    if summary.kind == "graphs":
        attributes = summary.attributes
        console.print(f"nodes: {attributes['nodes']}, edges: {attributes['edges']}", soft_wrap=True)
        for source in attributes.get("sources", ()):
            console.print(
                f"from {source['file']} ({source['reader']}, {source['units']:,} units)", soft_wrap=True
            )
    table = Table(title="Columns", title_justify="left")
    for name in ("name", "type or transform", "unit", "description"):
        table.add_column(name)
    for name, cells in summary.columns.items():
        table.add_row(name, *cells)
    console.print(table)
    if summary.labels:
        table = Table(title="Classes", title_justify="left")
        table.add_column("label")
        table.add_column("entries", justify="right")
        table.add_column("share", justify="right")
        for value, number in summary.labels.items():
            table.add_row(str(value), f"{number:,}", f"{number / summary.entries:.1%}")
        console.print(table)
    else:
        console.print("no labels")
    counts = {name: (values, int(np.count_nonzero(values == 0))) for name, values in summary.counts.items()}
    _print_distributions("Per entry", {**counts, **{k: (v, None) for k, v in summary.values.items()}})
    if summary.rows:
        _print_distributions("Per candidate", {name: (values, None) for name, values in summary.rows.items()})


def _print_distributions(title: str, rows: Mapping[str, tuple[np.ndarray, int | None]]) -> None:
    """A table with a line for each quantity: its values, and the number of empty entries if there is one."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("quantity")
    for name in ("mean", "least", "16 %", "median", "84 %", "most", "empty"):
        table.add_column(name, justify="right")
    table.add_column("histogram", no_wrap=True)
    for name, (values, empty) in rows.items():
        text = f"{name} [{UNITS[name]}]" if UNITS.get(name) else name
        cells = [*distribution(values), "" if empty is None else f"{empty:,}"]
        table.add_row(text, *cells, histogram_text(values))
    output().print(table)


def distribution(values: np.ndarray) -> list[str]:
    """Mean, least, 16 %, median, 84 % and most, as text; dashes where there are no values.

    Args:
        values: numbers (n,), which may be none.

    Returns:
        Six texts.
    """
    return [f"{number:.4g}" for number in _numbers(values).values()] or ["-"] * 6


def _numbers(values: np.ndarray) -> dict[str, float]:
    """What :func:`distribution` writes; empty where there are no values."""
    if not len(values):
        return {}
    numbers = [values.mean(), *np.quantile(values, (0, 0.16, 0.5, 0.84, 1))]
    return dict(zip(("mean", "least", "16 %", "median", "84 %", "most"), map(float, numbers), strict=True))


def plot_summary(
    summary: Summary, path: str | os.PathLike[str], force: bool = False, style: PlotStyle | None = None
) -> None:
    """Draw every distribution of :func:`print_summary`, by class where there are labels.

    Args:
        summary: what :func:`inspect` found.
        path: the new picture; its ending (png, pdf, svg) says the format, others follow from ``style``.
        force: replace what exists.
        style: labels above the frames and formats; None takes the defaults.

    Raises:
        InputError: ``path`` exists and ``force`` is false, or its ending is no format.
    """
    drawn = {name: (values, "") for name, values in summary.counts.items()}
    drawn |= {name: (values, UNITS.get(name, "")) for name, values in summary.values.items()}
    if not drawn or not summary.entries:
        raise InputError(f"{summary.path} has nothing to draw: no entries or no columns of jets")
    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    classes: list[tuple[str, np.ndarray]] = [("all", np.ones(summary.entries, bool))]
    if summary.label is not None:
        classes = [(f"label {value}", summary.label == value) for value in summary.labels]
    size = (4.6 * columns, 3.8 * rows)
    with picture(
        path, style, force=force, rows=rows, columns=columns, size=size, sharex=False, fontsize=13
    ) as frames:
        places = np.atleast_1d(frames).ravel()
        for axes, (name, (values, unit)) in zip(places, drawn.items(), strict=False):
            low, high = float(values.min()), float(values.max())
            whole = np.issubdtype(values.dtype, np.integer)
            if whole:
                # Bins of whole numbers, or some would hold one more value than others.
                step = max(1, int(np.ceil((high - low + 1) / 50)))
                edges = np.arange(low - 0.5, high + step + 0.5, step)
            else:
                edges = np.linspace(low, high if high > low else low + 1, 51)
            for look, (text, mask) in zip(looks(), classes, strict=False):
                heights = np.histogram(values[mask], edges)[0]
                look["linewidth"] = 1.5
                axes.stairs(heights, edges, label=text, **look)
            axes.set(xlabel=f"{name} [{unit}]" if unit else name, ylabel="Entries")
            axes.set_ylim(0, 1.1 * max(axes.get_ylim()[1], 1))
        for axes in places[len(drawn) :]:
            axes.set_axis_off()
        if len(classes) > 1:
            places[0].figure.legend(
                *places[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(classes)
            )
        places[0].figure.suptitle(f"{summary.path.name}: {summary.entries:,} entries", fontsize=14)
