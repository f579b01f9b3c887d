"""From files of any readable format to one graph store, in pieces and in several processes.

The inputs are cut into pieces; every piece becomes a part file in a folder beside the output, and the parts
are joined in order, so that the result does not depend on who made which part, nor on how often the work was
interrupted. The output appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from e2e_tf.data.graphs import GraphRecipe
from e2e_tf.data.jets import Jets
from e2e_tf.data.join import ConvertReport, PartsJoin
from e2e_tf.data.parts import Part, make_part, read_piece
from e2e_tf.data.readers import open_reader
from e2e_tf.data.readers.entries import check_on_error
from e2e_tf.data.remote import local
from e2e_tf.data.sample_sets import numbering
from e2e_tf.data.stored import StoredJets
from e2e_tf.errors import InputError
from e2e_tf.files import followed, refuse_existing, sha256
from e2e_tf.jobs import parts_folder, run_tasks
from e2e_tf.terminal import status, track

__all__ = ["convert", "recipe_for"]

PIECE = 2000  # units of an input (jets, events, images) in a part


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
    output = followed(output)
    if not inputs:
        raise InputError("convert needs at least one input, got none")
    if processes < 1 or piece < 1:
        raise InputError(f"processes and piece must be positive, they are {processes} and {piece}")
    refuse_existing(output, force)
    report = ConvertReport()
    folder = output.with_name(f".{output.name}.parts")
    plan, parts, recipe = _plan(inputs, recipe, reader, dict(options or {}), on_error, piece, folder, report)
    with parts_folder(folder, plan, "conversion", resume=resume, force=force):
        missing = [part for part in parts if not part.is_done]
        report.resumed = len(parts) - len(missing)
        description = f"Converting {len(missing)} of {len(parts)} parts"
        # One process compresses where it works, so that it takes one core; several leave that to threads.
        threads = processes if processes > 1 or scheduler else 0
        made = run_tasks(make_part, missing, processes, scheduler)
        with closing(_in_order(parts, missing, made)) as ready:
            coming = track(ready, description, total=len(parts))
            PartsJoin(output, recipe, plan, report, on_error, threads, folder).run(coming)
    return report


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

    Args:
        inputs: files.
        edges: rules of the edges, such as ``"knn:8"``; empty takes the default.
        nodes: ``hits``, ``candidates``, ``detector`` or ``pixels``; empty takes what the input has.
        max_nodes: nodes of a graph at the most, 0 for no limit.
        reader: a name in ``READERS``; empty recognises each file.
        options: more arguments of the reader.
        on_error: ``"stop"`` at an input that cannot be read, or ``"skip"`` it.

    Returns:
        The recipe, with every field set.

    Raises:
        InputError: no input can be read, or the recipe cannot be.
    """
    check_on_error(on_error)
    problem: InputError | None = None
    for path in map(local, inputs):
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
) -> tuple[dict[str, Any], list[Part], GraphRecipe]:
    """What a conversion consists of: the same for the same inputs, whoever runs it."""
    found: list[dict[str, Any]] = []
    recipe = recipe or recipe_for(inputs, reader=reader, options=options, on_error=on_error)
    with status(f"Looking at {len(inputs)} file{'s' if len(inputs) > 1 else ''}"):
        for path in map(local, inputs):
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
    parts: list[Part] = []
    keys = [numbering(Path(e["path"]), e["reader"], "", e["sha256"]) for e in found]
    for entry, key in zip(found, keys, strict=True):
        # An empty input still makes one part, so that its columns are checked.
        for start in range(0, max(1, entry["count"]), piece):
            stop = min(start + piece, entry["count"])
            parts.append(
                Part(
                    number=len(parts),
                    path=entry["path"],
                    reader=entry["reader"],
                    start=start,
                    stop=stop,
                    options=options,
                    recipe=asdict(recipe),
                    on_error=on_error,
                    folder=str(folder.resolve()),
                    numbering=key if len(set(keys)) > 1 else "",
                )
            )
    return plan, parts, recipe


def _look(path: Path, reader: str, options: Mapping[str, Any]) -> tuple[str, int]:
    """The reader of a file and the number of its units."""
    file = open_reader(path, reader or None)
    return file.reader.name, file.count(**options)


def _default_recipe(path: Path, reader: str, options: Mapping[str, Any]) -> GraphRecipe:
    sample, _ = read_piece(path, reader, 0, 1, "skip", options)
    if isinstance(sample, StoredJets):
        return sample.recipe
    if not isinstance(sample, Jets):
        return GraphRecipe(nodes="pixels", edges="grid8", jet_features=())
    known = tuple(name for name in ("pt", "mass") if name in sample.columns)
    nodes = "hits" if sample.hits else "candidates" if sample.candidates is not None else "detector"
    return GraphRecipe(nodes=nodes, jet_features=known)


def _in_order(parts: list[Part], missing: list[Part], made: Iterator[int]) -> Generator[Part, None, None]:
    """The parts in order, each as soon as it and those before it are made."""
    waiting = {part.number for part in missing}
    for part in parts:
        while part.number in waiting:
            waiting.discard(next(made))
        yield part
    for _ in made:  # lets the workers end
        pass
