"""Files of scores: HDF5, a friend tree of ROOT, parquet and CSV, by their ending."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.readers import open_reader
from e2e_tf.data.readers.checks import optional
from e2e_tf.data.readers.tables import branch, flat, open_tree
from e2e_tf.data.source import SourcePart
from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.models.heads import column_names
from e2e_tf.training.pt_points import pt_points
from e2e_tf.training.run import Run
from e2e_tf.training.targets import label_output

__all__ = ["ENDINGS", "FRIENDS", "ending_of", "score_columns", "write_scores"]

ENDINGS = (".h5", ".hdf5", ".root", ".parquet", ".csv")
FRIENDS = "Friends"
"""Name of the tree of a ROOT file of scores."""
_NUMBERS = ("run", "luminosityBlock", "event")


def ending_of(path: Path) -> str:
    """The ending of a new file of scores, which says its format.

    Args:
        path: the new file.

    Returns:
        One of :data:`ENDINGS`.

    Raises:
        InputError: it has another ending, or the package that writes it is not installed.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"a file of scores must end in {', '.join(ENDINGS)}, not {path.name!r}")
    if ending == ".root":
        optional("uproot", "root", path)
    if ending == ".parquet":
        optional("pyarrow.parquet", "parquet", path)
    return ending


def score_columns(run: Run, found: Any, pt: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Scores and decisions of all jets, one column each.

    Args:
        run: whose model gave them.
        found: float32 (n, size), or by name of the output, in the units of their columns.
        pt: float (n,), jet pT [GeV]; None for jets without it, which have no working points in bins of pT.

    Returns:
        float32 (n,) by ``score``, by the name of an output, or by the name and the class it stands for
        (``mode_10``, a negative one ``mode_m1``); and int8 (n,), 1 for jets that pass, by the working points that
        ``evaluate`` found (``score_wp70`` is that of 70 % signal efficiency), and by those in bins of pT
        (``score_wp70_binned``), which no jet outside of the bins passes.
    """
    outputs = found if isinstance(found, Mapping) else {"score": found}
    columns: dict[str, np.ndarray] = {}
    for name, values in outputs.items():
        classes = _classes(run.config, name)
        if values.shape[1] == 1:
            columns[name] = values[:, 0]
        else:
            names = column_names(name, classes or range(values.shape[1]))
            columns |= {column: values[:, i] for i, column in enumerate(names)}
    label = label_output(run.config)
    if label is not None and (run.folder / "metrics.json").is_file():
        name = label or "score"
        judged = read_json(run.folder / "metrics.json")["classifiers"].get(run.config.model_name, {})
        for point in judged.get("overall", {}).get("working_points", ()):
            passed = columns[name] >= np.float32(point["threshold"])
            columns[f"{name}_wp{100 * point['target']:g}"] = passed.astype(np.int8)
        if pt is not None:
            for binned in pt_points(judged.get("pt_bins", ()), f"{run.folder}/metrics.json"):
                passed = binned.passes(columns[name], pt)
                columns[f"{name}_wp{100 * binned.target:g}_binned"] = passed.astype(np.int8)
    return columns


def _classes(config: RunConfig, name: str) -> tuple[int, ...]:
    return config.outputs[name].classes if name in config.outputs else ()


def write_scores(
    path: Path, ending: str, run: Run, part: SourcePart, jets: Jets | Images, found: Any
) -> None:
    """Write scores beside what identifies the jets.

    Args:
        path: the file to write, under whatever name.
        ending: one of :data:`ENDINGS`.
        run: whose model gave the scores.
        part: the file that the jets come from, with its reader and options.
        jets: the jets.
        found: as for :func:`score_columns`.

    Raises:
        InputError: a friend tree is wanted, and the reader does not say which entries its jets come from.
    """
    columns = score_columns(run, found, jets.columns.get("pt"))
    if ending == ".root":
        _write_root(path, part, jets, columns)
    elif ending in (".parquet", ".csv"):
        _write_table(path, ending, _table(jets, columns))
    else:
        _write_hdf5(path, run, jets, found, columns)


def _numbers(jets: Jets | Images) -> dict[str, np.ndarray]:
    """run, luminosityBlock, event and jet_index of each jet, as far as the file says them."""
    origin = jets.origin if isinstance(jets, Jets) else {}
    given = {"luminosityBlock": "luminosity_block", "event": "event_number", "run": "run"}
    found = {name: origin[name] for name in _NUMBERS if name in origin}
    found |= {name: jets[old] for name, old in given.items() if name not in found and old in jets}
    n = len(jets)
    return {
        "run": found.get("run", np.zeros(n, np.int64)),
        "luminosityBlock": found.get("luminosityBlock", np.zeros(n, np.int64)),
        "event": found.get("event", jets.event),
        "jet_index": origin.get("index", np.zeros(n, np.int32)),
    }


def _table(jets: Jets | Images, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = _numbers(jets)
    if jets.label is not None:
        found["label"] = jets.label
    found |= {f"jet_{name}": values for name, values in jets.columns.items()}
    if both := sorted(found.keys() & columns.keys()):
        raise InputError(f"the output {both[0]} has the name of a column of the jets; write .h5 or .root")
    return found | dict(columns)


def _write_table(path: Path, ending: str, table: Mapping[str, np.ndarray]) -> None:
    if ending == ".parquet":
        parquet, arrow = optional("pyarrow.parquet", "parquet", path), optional("pyarrow", "parquet", path)
        parquet.write_table(arrow.table(dict(table)), path)
        return
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        # As text of the column's own type: the shortest that gives the same number again.
        writer.writerows(zip(*(values.astype(str).tolist() for values in table.values()), strict=True))


def _write_hdf5(
    path: Path, run: Run, jets: Jets | Images, found: Any, columns: Mapping[str, np.ndarray]
) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        if isinstance(found, Mapping):
            for name, values in found.items():
                file[f"outputs/{name}"] = values
            found = found[next(iter(run.config.outputs))]
        file["score"] = found
        file["event"] = jets.event
        if jets.label is not None:
            file["label"] = jets.label
        for name, column in jets.columns.items():
            file[f"jets/{name}"] = column
        for name, column in columns.items():
            if column.dtype == np.int8:
                file[f"working_points/{name}"] = column
        for name, column in (jets.origin if isinstance(jets, Jets) else {}).items():
            file[f"origin/{name}"] = column
        file.attrs["run"] = Path(run.folder).name
        file.attrs["model"] = run.config.model_name


def _write_root(path: Path, part: SourcePart, jets: Jets | Images, columns: Mapping[str, np.ndarray]) -> None:
    """One entry per entry of the input, so that the tree is a friend of the one that was read."""
    source = Path(part.files[0].path)
    file = open_reader(source, part.reader)
    entries = file.count(**part.options)
    entry = _entries(jets, entries, source)
    order = np.argsort(entry, kind="stable")
    entry, numbers = entry[order], {name: values[order] for name, values in _numbers(jets).items()}
    scores = {name: values[order] for name, values in columns.items()}
    tree = _event_numbers(source, entries, entry, numbers)
    if file.reader.unit == "events":
        import awkward

        counts = np.bincount(entry, minlength=entries)
        rows = {"index": numbers["jet_index"].astype(np.int32), **scores}
        jagged = {name: awkward.unflatten(values, counts) for name, values in rows.items()}
        tree["jet"] = awkward.zip(jagged)
    else:
        present = np.full(entries, -1, np.int32)
        present[entry] = numbers["jet_index"]
        tree["jet_index"] = present
        for name, values in scores.items():
            empty = np.nan if np.issubdtype(values.dtype, np.floating) else 0
            tree[name] = np.full(entries, empty, values.dtype)
            tree[name][entry] = values
    uproot = optional("uproot", "root", path)
    with uproot.recreate(path) as out:
        types = {
            name: values.dtype if isinstance(values, np.ndarray) else values.type.content
            for name, values in tree.items()
        }
        out.mktree(FRIENDS, types).extend(tree)


def _entries(jets: Jets | Images, entries: int, source: Path) -> np.ndarray:
    if isinstance(jets, Jets) and "entry" in jets.origin:
        return np.asarray(jets.origin["entry"], np.int64)
    if len(jets) == entries:
        return np.arange(entries)
    raise InputError(
        f"a friend tree needs the entry that each of the {len(jets)} jets comes from, which the reader of {source} "
        f"does not say; write .h5, .parquet or .csv"
    )


def _event_numbers(
    source: Path, entries: int, entry: np.ndarray, numbers: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """run, luminosityBlock and event of every entry: of CMS files those of the tree, else those of the jets."""
    found: dict[str, Any] = {}
    for name in _NUMBERS:
        found[name] = np.zeros(entries, np.int64)
        found[name][entry] = numbers[name]
    with open(source, "rb") as start:
        if start.read(4) != b"root":
            return found
    try:
        with open_tree(source, "Events") as (path, tree):
            names = set(tree.keys())
            return found | {
                name: flat(branch(path, tree, name, 0, entries), np.int64)
                for name in _NUMBERS
                if name in names
            }
    except InputError:  # of jets, without a tree of events
        return found
