"""From files of any readable format to one graph store, in pieces and in several processes.

The inputs are cut into pieces; every piece becomes a part file in a folder beside the output, and the parts
are joined in order, so that the result does not depend on who made which part, nor on how often the work was
interrupted. The output appears under its name only when it is complete.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.duplicates import fingerprints, mixed
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets
from e2e_tf.data.readers import Report, open_reader
from e2e_tf.data.readers.entries import check_on_error
from e2e_tf.data.store import GraphStore, new_store
from e2e_tf.errors import InputError
from e2e_tf.files import new_file, refuse_existing, sha256
from e2e_tf.jobs import parts_folder, run_tasks
from e2e_tf.terminal import status, track

__all__ = ["ConvertReport", "convert", "reader_options", "recipe_for"]

PIECE = 2000  # units of an input (jets, events, images) in a part


@dataclass
class ConvertReport:
    """What a conversion did.

    Attributes:
        graphs: graphs in the store.
        read: jets (or images) that readers gave.
        skipped: reason to number of what was left out.
        replaced: column to number of values that were not finite in the file and became 0.
        duplicates: jets left out because the same jet had come before.
        files: inputs that could not be read at all, and why.
        resumed: parts that an earlier run had made.
    """

    graphs: int = 0
    read: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    files: dict[str, str] = field(default_factory=dict)
    resumed: int = 0

    def __str__(self) -> str:
        lines = [f"{self.graphs} graphs of {self.read} jets"]
        lines += [f"left out: {number} for {reason}" for reason, number in self.skipped.items()]
        lines += [f"set to 0: {number} values of {column}" for column, number in self.replaced.items()]
        lines += [f"left out: {self.duplicates} that had come before"] if self.duplicates else []
        lines += [f"left out: the file {name}: {why}" for name, why in self.files.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Task:
    """One piece of one input; what a worker needs to make its part."""

    number: int
    path: str
    reader: str
    start: int
    stop: int
    options: dict[str, Any]
    recipe: dict[str, Any]
    on_error: str
    folder: str

    @property
    def part(self) -> Path:
        """The graphs; when this is there the piece is done."""
        return Path(self.folder) / f"part-{self.number:06d}.h5"

    @property
    def identity(self) -> Path:
        """Fingerprints of the jets."""
        return self.part.with_suffix(".npy")


def convert(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    recipe: GraphRecipe | None = None,
    *,
    reader: str = "",
    options: Mapping[str, Any] | None = None,
    processes: int = 1,
    resume: bool = False,
    on_error: str = "stop",
    scheduler: str = "",
    piece: int = PIECE,
    force: bool = False,
) -> ConvertReport:
    """Make one graph store of all inputs.

    Args:
        inputs: files, in the order in which their graphs come out.
        output: the new store.
        recipe: how jets become graphs; None takes hits, candidates or pixels, whichever the first input has,
            with the default graph.
        reader: a name in ``READERS`` for all inputs; empty recognises each.
        options: more arguments of the reader, such as ``{"channels": ("ecal", "hcal", "track")}``.
        processes: worker processes; the result does not depend on it.
        resume: go on where an interrupted conversion of the same inputs stopped.
        on_error: ``"stop"`` at the first thing that cannot be used, or ``"skip"`` and count it.
        scheduler: address of a ``dask.distributed`` scheduler, whose workers see the same files; it takes the
            place of ``processes``.
        piece: units of an input in a part.
        force: replace what exists.

    Returns:
        What was read and what was left out.

    Raises:
        InputError: an input cannot be used, jets occur twice (with ``on_error="stop"``), the output exists or
            cannot be written, or an unfinished conversion is in the way.
    """
    check_on_error(on_error)
    output = Path(output)
    if not inputs:
        raise InputError("convert needs at least one input, got none")
    if processes < 1 or piece < 1:
        raise InputError(f"processes and piece must be positive, they are {processes} and {piece}")
    refuse_existing(output, force)
    report = ConvertReport()
    folder = output.with_name(f".{output.name}.parts")
    plan, tasks, recipe = _plan(inputs, recipe, reader, dict(options or {}), on_error, piece, folder, report)
    with parts_folder(folder, plan, "conversion", resume=resume, force=force):
        open_tasks = [task for task in tasks if not _is_done(task)]
        report.resumed = len(tasks) - len(open_tasks)
        description = f"Converting {len(open_tasks)} of {len(tasks)} parts"
        # One process compresses where it works, so that it takes one core; several leave that to threads.
        threads = processes if processes > 1 or scheduler else 0
        made = run_tasks(_make_part, open_tasks, processes, scheduler)
        with closing(_in_order(tasks, open_tasks, made)) as ready:
            parts = track(ready, description, total=len(tasks))
            _Join(output, recipe, plan, report, on_error, threads, folder).run(parts)
    return report


def reader_options(items: Sequence[str]) -> dict[str, Any]:
    """Arguments of a reader from ``name=value``: numbers, ``true`` and ``false``, lists with commas, text.

    Raises:
        InputError: an item is not like that.
    """
    options: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"an option of a reader must be name=value, got {item!r}")
        values = [_value(part.strip()) for part in text.split(",")]
        options[name] = values if len(values) > 1 else values[0]
    return options


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def recipe_for(
    inputs: Sequence[str | os.PathLike[str]],
    edges: str = "",
    nodes: str = "",
    max_nodes: int = 0,
    reader: str = "",
    options: Mapping[str, Any] | None = None,
    on_error: str = "stop",
) -> GraphRecipe:
    """A recipe in which what is left open follows the first input that can be read.

    Raises:
        InputError: no input can be read, or the recipe cannot be.
    """
    check_on_error(on_error)
    problem: InputError | None = None
    for path in map(Path, inputs):
        try:
            name, _ = _look(path, reader, options or {})
            found = _default_recipe(path, name, options or {})
        except InputError as error:
            if on_error == "stop":
                raise
            problem = problem or error
            continue
        return replace(found, edges=edges or found.edges, nodes=nodes or found.nodes, max_nodes=max_nodes)
    raise InputError(f"none of the {len(inputs)} inputs can be read: {problem}")


def _plan(
    inputs: Sequence[str | os.PathLike[str]],
    recipe: GraphRecipe | None,
    reader: str,
    options: dict[str, Any],
    on_error: str,
    piece: int,
    folder: Path,
    report: ConvertReport,
) -> tuple[dict[str, Any], list[_Task], GraphRecipe]:
    """What a conversion consists of: the same for the same inputs, whoever runs it."""
    found: list[dict[str, Any]] = []
    recipe = recipe or recipe_for(inputs, reader=reader, options=options, on_error=on_error)
    with status(f"Looking at {len(inputs)} file{'s' if len(inputs) > 1 else ''}"):
        for path in map(Path, inputs):
            try:
                name, count = _look(path, reader, options)
            except InputError as error:
                if on_error == "stop":
                    raise
                report.files[path.name] = str(error)
                continue
            found.append(
                {"path": str(path.resolve()), "reader": name, "count": count, "sha256": sha256(path)}
            )
    if not found:
        raise InputError(f"none of the {len(inputs)} inputs can be read: {next(iter(report.files.values()))}")
    plan = {
        "inputs": found,
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "options": json.loads(json.dumps(options)),
        "piece": piece,
    }
    tasks: list[_Task] = []
    for entry in found:
        # An empty input still makes one part, so that its columns are checked.
        for start in range(0, max(1, entry["count"]), piece):
            stop = min(start + piece, entry["count"])
            tasks.append(
                _Task(
                    number=len(tasks),
                    path=entry["path"],
                    reader=entry["reader"],
                    start=start,
                    stop=stop,
                    options=options,
                    recipe=asdict(recipe),
                    on_error=on_error,
                    folder=str(folder.resolve()),
                )
            )
    return plan, tasks, recipe


def _look(path: Path, reader: str, options: Mapping[str, Any]) -> tuple[str, int]:
    """The reader of a file and the number of its units."""
    file = open_reader(path, reader or None)
    return file.reader.name, file.count(**options)


def _read(path: Path, reader: str, start: int, stop: int, on_error: str, options: Mapping[str, Any]) -> Any:
    """A piece of a file and the report of its reader."""
    report = Report()
    file = open_reader(path, reader)
    return file.read(start=start, stop=stop, on_error=on_error, report=report, **options), report


def _default_recipe(path: Path, reader: str, options: Mapping[str, Any]) -> GraphRecipe:
    sample, _ = _read(path, reader, 0, 1, "skip", options)
    if not isinstance(sample, Jets):
        return GraphRecipe(nodes="pixels", edges="grid8", jet_features=())
    known = tuple(name for name in ("pt", "mass") if name in sample.columns)
    return GraphRecipe(nodes="hits" if sample.hits else "candidates", jet_features=known)


def _make_part(task: _Task) -> int:
    """Make one part file; it appears when it is complete."""
    path = Path(task.path)
    recipe = GraphRecipe(**task.recipe)
    try:
        sample, report = _read(path, task.reader, task.start, task.stop, task.on_error, task.options)
        data = build_graphs(sample, recipe)
    except InputError as error:
        if task.on_error == "stop":
            raise
        _write_failure(task, str(error))
        return task.number
    attributes = {
        "read": report.read,
        "skipped": report.skipped,
        "replaced": report.replaced,
        "sample": dict(sample.attributes),
    }
    with new_file(task.identity, force=True) as part:
        # Through memory: of a full disk np.save says only how many values did not fit.
        content = io.BytesIO()
        np.save(content, _identity(data), allow_pickle=False)
        part.write_bytes(content.getvalue())
    with new_store(
        task.part, data, recipe, _most(data), attributes=attributes, compressed=False, force=True
    ) as out:
        out.append(data)
    return task.number


def _write_failure(task: _Task, why: str) -> None:
    with new_file(task.part, force=True) as part:
        part.write_text(json.dumps({"failed": why, "units": task.stop - task.start}), encoding="utf-8")


def _is_done(task: _Task) -> bool:
    """Whether a part is there; one that was given up counts only where giving up is allowed."""
    return task.part.exists() and (task.on_error == "skip" or _failure(task.part) is None)


def _failure(part: Path) -> dict[str, Any] | None:
    """What a part says that could not be made."""
    with open(part, "rb") as file:
        if file.read(1) != b"{":
            return None
    found: dict[str, Any] = json.loads(part.read_text(encoding="utf-8"))
    return found


def _identity(data: GraphData) -> np.ndarray:
    """uint64 (B,): a fingerprint of each jet and its event number; 0 for a jet of which nothing is known."""
    prints = fingerprints(data)
    own = mixed(prints + data.event.astype(np.int64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return np.where(prints == 0, np.uint64(0), own)


def _in_order(
    tasks: list[_Task], open_tasks: list[_Task], ready: Iterator[int]
) -> Generator[_Task, None, None]:
    """The tasks in order, each as soon as its part and those before are there."""
    missing = {task.number for task in open_tasks}
    for task in tasks:
        while task.number in missing:
            missing.discard(next(ready))
        yield task
    for _ in ready:  # lets the workers end
        pass


class _Wider(Exception):
    """A part has more nodes in a graph than the type of the edges of the store counts."""


class _Join:
    """Joins the parts in order while others are still being made, without jets that had come before."""

    def __init__(
        self,
        output: Path,
        recipe: GraphRecipe,
        plan: dict[str, Any],
        report: ConvertReport,
        on_error: str,
        threads: int,
        folder: Path,
    ) -> None:
        self.output, self.recipe, self.plan, self.report = output, recipe, plan, report
        self.on_error, self.threads, self.folder = on_error, threads, folder

    def run(self, tasks: Iterator[_Task]) -> None:
        """Write the store.

        Raises:
            InputError: no part can be used, jets occur twice (with ``on_error="stop"``), parts have other
                columns than the first, or the store cannot be written.
        """
        taken: list[_Task] = []

        def remembered() -> Iterator[_Task]:
            for task in tasks:
                taken.append(task)
                yield task

        coming = remembered()
        most = 0
        while True:
            try:
                self._write(chain(list(taken), coming), most)
                return
            except _Wider as found:  # rare: most parts are as large as the first
                most = found.args[0]

    def _write(self, tasks: Iterator[_Task], most: int) -> None:
        self.before: list[_Task] = []
        self.seen: list[np.ndarray] = []
        self.counts = ConvertReport()
        self.samples: list[dict[str, Any]] = []
        held: list[GraphData] = []
        for task in tasks:
            data = self._take(task)
            if data is not None:
                held.append(data)
                if len(data):
                    break
        if not held:
            raise InputError(f"no piece of the inputs can be used: {next(iter(self.counts.skipped))}")
        # The columns of the store are those of the first part that has a jet, or of the first of all.
        like = held[-1] if len(held[-1]) else held[0]
        room = 256 ** np.min_scalar_type(max(0, most - 1, _most(held[-1]) - 1)).itemsize
        attributes: dict[str, Any] = {}
        with new_store(
            self.output,
            like.take(np.arange(min(1, len(like)))),
            self.recipe,
            room,
            attributes=attributes,
            threads=self.threads,
            force=True,  # convert() has looked
            folder=self.folder,
        ) as writer:
            for data in chain(held, (d for d in map(self._take, tasks) if d is not None)):
                if _most(data) > room:
                    raise _Wider(_most(data))
                writer.append(_cast(data, like))
            attributes |= self._attributes()
        for name in ("graphs", "read", "duplicates", "skipped", "replaced"):
            setattr(self.report, name, getattr(self.counts, name))

    def _take(self, task: _Task) -> GraphData | None:
        """The graphs of a part that have not come before; None of a part that could not be made."""
        failure = _failure(task.part)
        if failure is not None:
            skipped = self.counts.skipped
            skipped[failure["failed"]] = skipped.get(failure["failed"], 0) + failure["units"]
            return None
        with GraphStore(task.part) as store:
            data = store.read()
            self.counts.read += store.attributes["read"]
            for kind, counts in (("skipped", self.counts.skipped), ("replaced", self.counts.replaced)):
                for name, number in store.attributes[kind].items():
                    counts[name] = counts.get(name, 0) + number
            if task.start == 0:
                self.samples.append(store.attributes["sample"])
        fresh = self._fresh(task)
        self.counts.graphs += int(np.count_nonzero(fresh))
        self.counts.duplicates += int(np.count_nonzero(~fresh))
        return data if fresh.all() else data.take(np.flatnonzero(fresh))

    def _fresh(self, task: _Task) -> np.ndarray:
        """bool (B,): jets of a part that have not come before."""
        identity = np.load(task.identity, allow_pickle=False)
        unique, first, back = np.unique(identity, return_index=True, return_inverse=True)
        fresh = first[back] == np.arange(len(identity))
        for known in self.seen:
            place = np.searchsorted(known, identity)
            fresh &= known[np.minimum(place, len(known) - 1)] != identity
        fresh |= identity == 0  # nothing is known of such a jet
        if self.on_error == "stop" and not fresh.all():
            self._stop(task, identity, int(np.argmin(fresh)))
        self.before.append(task)
        if len(unique):
            self.seen.append(unique)
        # Sorted runs, each more than twice the next: few to search, and nothing is sorted often.
        while len(self.seen) > 1 and len(self.seen[-2]) <= 2 * len(self.seen[-1]):
            self.seen[-2:] = [np.sort(np.concatenate(self.seen[-2:]))]
        return fresh

    def _stop(self, task: _Task, identity: np.ndarray, row: int) -> None:
        earlier = next(
            (t for t in self.before if identity[row] in np.load(t.identity, allow_pickle=False)), task
        )
        raise InputError(
            f"every jet may occur once, but {Path(task.path).name} repeats jets of {Path(earlier.path).name}; "
            f"leave out the repeated input, or give --on-error skip to drop repeated jets and count them"
        )

    def _attributes(self) -> dict[str, Any]:
        counts = self.counts
        return {
            "sources": [
                {
                    "file": Path(entry["path"]).name,
                    "reader": entry["reader"],
                    "units": entry["count"],
                    "sha256": entry["sha256"],
                }
                for entry in self.plan["inputs"]
            ],
            "samples": self.samples,
            "options": self.plan["options"],
            "report": {
                "graphs": counts.graphs,
                "read": counts.read,
                "skipped": counts.skipped,
                "replaced": counts.replaced,
                "duplicates": counts.duplicates,
                "files": sorted(self.report.files),
            },
        }


def _most(data: GraphData) -> int:
    return int(data.batch.n_node.max(initial=0))


def _cast(data: GraphData, like: GraphData) -> GraphData:
    """Columns in the types of the first part: formats store the same quantity in several widths."""
    if sorted(data.jets) != sorted(like.jets):
        raise InputError(
            f"all inputs need the same columns of jets; one has {', '.join(sorted(data.jets))}, the first "
            f"has {', '.join(sorted(like.jets))}"
        )
    return replace(
        data, jets={name: values.astype(like.jets[name].dtype) for name, values in data.jets.items()}
    )
