"""From files of any readable format to one graph store, in pieces and in several processes.

The inputs are cut into pieces; every piece becomes a part file in a folder beside the output, and the parts
are joined in order, so that the result does not depend on who made which part, nor on how often the work was
interrupted. The output appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.readers.common import Report, check_on_error
from e2e_tf.data.store import GraphStore, new_store
from e2e_tf.errors import InputError
from e2e_tf.files import new_file, sha256
from e2e_tf.progress import status, track

__all__ = ["ConvertReport", "convert", "reader_options", "recipe_for"]

PIECE = 2000  # units of an input (jets, events, images) in a part
_OWN = "e2e_tf"


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
    if output.exists() and not force:
        raise InputError(f"{output} exists already; choose another name, or give --force to replace it")
    if not output.parent.is_dir():
        raise InputError(f"the folder {output.parent} of {output.name} does not exist; create it first")
    report = ConvertReport()
    folder = output.with_name(f".{output.name}.parts")
    plan, tasks, recipe = _plan(inputs, recipe, reader, dict(options or {}), on_error, piece, folder, report)
    _claim(folder, plan, resume, force)
    open_tasks = [task for task in tasks if not _is_done(task)]
    report.resumed = len(tasks) - len(open_tasks)
    description = f"Converting {len(open_tasks)} of {len(tasks)} parts"
    for _ in track(_run(open_tasks, processes, scheduler), description, total=len(open_tasks)):
        pass
    _join(tasks, output, recipe, plan, report, on_error, processes, force)
    shutil.rmtree(folder)
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
    from e2e_tf.data.readers import open_reader

    file = open_reader(path, reader or None)
    if file.reader.name == _OWN:
        import h5py

        try:
            with h5py.File(path) as content:
                return _OWN, len(content["event"])
        except (OSError, KeyError) as error:
            raise InputError(f"{path} cannot be read, it is truncated or damaged ({error})") from error
    own = {name: options[name] for name in ("split", "labels", "key") if name in options}
    return file.reader.name, file.count(**own)


def _read(path: Path, reader: str, start: int, stop: int, on_error: str, options: Mapping[str, Any]) -> Any:
    """A piece of a file and the report of its reader."""
    from e2e_tf.data.readers import open_reader

    report = Report()
    if reader == _OWN:
        if options:
            raise InputError(f"the reader {_OWN} takes no options, got {', '.join(options)}")
        jets = read_jets(path, start, stop)
        report.read = len(jets)
        return jets, report
    file = open_reader(path, reader)
    return file.read(start=start, stop=stop, on_error=on_error, report=report, **options), report


def _default_recipe(path: Path, reader: str, options: Mapping[str, Any]) -> GraphRecipe:
    sample, _ = _read(path, reader, 0, 1, "skip", options)
    if not isinstance(sample, Jets):
        return GraphRecipe(nodes="pixels", edges="grid8", jet_features=())
    known = tuple(name for name in ("pt", "mass") if name in sample.jets)
    return GraphRecipe(nodes="hits" if sample.hits else "candidates", jet_features=known)


def _claim(folder: Path, plan: dict[str, Any], resume: bool, force: bool) -> None:
    """Make the folder of parts, or take over that of an interrupted conversion of the same things."""
    stored = folder / "plan.json"
    if folder.exists() and force and not resume:
        shutil.rmtree(folder)
    if folder.exists():
        if not resume:
            raise InputError(
                f"{folder} holds an unfinished conversion; give --resume to go on, or --force to start anew"
            )
        try:
            same = json.loads(stored.read_text(encoding="utf-8")) == plan
        except (OSError, ValueError):
            same = False
        if not same:
            raise InputError(
                f"{folder} holds an unfinished conversion of other inputs or settings; repeat those, or give "
                f"--force without --resume to start anew"
            )
        for leftover in (p for p in folder.iterdir() if p.name.startswith(".")):
            leftover.unlink()  # a part that was being written
        return
    try:
        folder.mkdir()
        with new_file(stored) as part:
            part.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from error


def _run(tasks: list[_Task], processes: int, scheduler: str) -> Iterator[int]:
    """The numbers of the parts as they become ready."""
    if scheduler:
        yield from _run_dask(tasks, scheduler)
    elif processes == 1 or len(tasks) < 2:
        yield from map(_make_part, tasks)
    else:
        # Spawned, not forked: a fork copies the threads' locks of whoever called.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(processes, len(tasks)), mp_context=context) as pool:
            waiting = {pool.submit(_make_part, task) for task in tasks}
            try:
                while waiting:
                    ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ready)
            except BrokenProcessPool as error:
                raise InputError(
                    "a worker process was killed, perhaps for want of memory; --resume goes on where it was"
                ) from error
            finally:
                for future in waiting:
                    future.cancel()


def _run_dask(tasks: list[_Task], address: str) -> Iterator[int]:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise InputError(
            "a scheduler address needs the extra 'dask'; install it with pip install 'e2e-tf[dask]'"
        ) from error
    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"there is no dask scheduler at {address} ({error})") from error
    with client:
        for future in as_completed(client.map(_make_part, tasks, pure=False)):
            yield future.result()


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
    with new_file(task.identity, force=True) as part, open(part, "wb") as file:
        np.save(file, _identity(data), allow_pickle=False)
    most = int(data.graphs.n_node.max(initial=0))
    with new_store(task.part, data, recipe, most, attributes=attributes, compressed=False, force=True) as out:
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


def _mixed(values: np.ndarray) -> np.ndarray:
    """uint64 to uint64, one to one, every output bit depends on all input bits (SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _identity(data: GraphData) -> np.ndarray:
    """uint64 (B,): a fingerprint of each jet, of its event number, columns and nodes (in any order); 0 for a
    jet of which nothing is known."""
    graphs = data.graphs
    golden = np.uint64(0x9E3779B97F4A7C15)

    def rows(columns: Sequence[np.ndarray]) -> np.ndarray:
        total = np.zeros(len(columns[0]), np.uint64)
        for column in columns:
            bits = np.ascontiguousarray(column, np.float32).view(np.uint32).astype(np.uint64)
            total = _mixed(total + bits + golden)
        return total

    node = _mixed(rows(list(graphs.x.T)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(node, dtype=np.uint64)])
    offsets = graphs.node_offsets
    total = sums[offsets[1:]] - sums[offsets[:-1]]
    columns = [data.jets[name] for name in sorted(data.jets)]
    known = (graphs.n_node > 0) | (len(columns) > 0)
    total = _mixed(total + data.event.astype(np.int64).view(np.uint64) * golden)
    if columns:
        total = _mixed(total + rows(columns))
    return np.where(known, total, np.uint64(0))


def _join(
    tasks: list[_Task],
    output: Path,
    recipe: GraphRecipe,
    plan: dict[str, Any],
    report: ConvertReport,
    on_error: str,
    threads: int,
    force: bool,
) -> None:
    """Join the parts in order, without jets that had come before."""
    like: GraphData | None = None
    most = 0
    samples: list[dict[str, Any]] = []
    good: list[_Task] = []
    for task in tasks:
        failure = _failure(task.part)
        if failure is not None:
            report.skipped[failure["failed"]] = report.skipped.get(failure["failed"], 0) + failure["units"]
            continue
        with GraphStore(task.part) as store:
            most = max(most, int(store.n_node.max(initial=0)))
            if like is None or (len(store) and not len(like)):
                like = store.take(np.arange(min(1, len(store))))
            report.read += store.attributes["read"]
            for kind, counts in (("skipped", report.skipped), ("replaced", report.replaced)):
                for name, number in store.attributes[kind].items():
                    counts[name] = counts.get(name, 0) + number
            if task.start == 0:
                samples.append(store.attributes["sample"])
        good.append(task)
    if like is None:
        raise InputError(f"no piece of the inputs can be used: {next(iter(report.skipped))}")
    attributes: dict[str, Any] = {
        "sources": [
            {
                "file": Path(entry["path"]).name,
                "reader": entry["reader"],
                "units": entry["count"],
                "sha256": entry["sha256"],
            }
            for entry in plan["inputs"]
        ],
        "samples": samples,
        "options": plan["options"],
    }
    fresh = _fresh(good, on_error)
    report.duplicates = int(sum(np.count_nonzero(~part) for part in fresh))
    with (
        status(f"Joining {len(good)} parts"),
        new_store(output, like, recipe, most, attributes=attributes, threads=threads, force=force) as writer,
    ):
        for task, first in zip(good, fresh, strict=True):
            with GraphStore(task.part) as store:
                data = _cast(store.read(), like)
            writer.append(data if first.all() else data.take(np.flatnonzero(first)))
            report.graphs += int(np.count_nonzero(first))
        attributes["report"] = {
            "graphs": report.graphs,
            "read": report.read,
            "skipped": report.skipped,
            "replaced": report.replaced,
            "duplicates": report.duplicates,
            "files": sorted(report.files),
        }


def _fresh(tasks: list[_Task], on_error: str) -> list[np.ndarray]:
    """Per part bool (B,): jets that have not come before."""
    parts = [np.load(task.identity, allow_pickle=False) for task in tasks]
    everything = np.concatenate(parts)
    _, first, back = np.unique(everything, return_index=True, return_inverse=True)
    fresh = (first[back] == np.arange(len(everything))) | (everything == 0)
    ends = np.cumsum([len(part) for part in parts])
    if on_error == "stop" and not fresh.all():
        again = int(np.argmin(fresh))
        where = [int(np.searchsorted(ends, row, "right")) for row in (again, first[back[again]])]
        later, earlier = (Path(tasks[part].path).name for part in where)
        raise InputError(
            f"every jet may occur once, but {np.count_nonzero(~fresh)} occur again, the first of them in "
            f"{later} after {earlier}; leave out the repeated input, or give --on-error skip to drop repeated "
            f"jets and count them"
        )
    return np.split(fresh, ends[:-1])


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
