"""Joins the parts of a conversion to one store, in order and without jets that had come before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import GraphData, GraphRecipe
from e2e_tf.data.parts import Part
from e2e_tf.data.store import GraphStore
from e2e_tf.data.store_writer import largest, new_store
from e2e_tf.errors import InputError

__all__ = ["ConvertReport", "PartsJoin"]


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


class _Wider(Exception):
    """A part has more nodes in a graph than the type of the edges of the store counts."""


class PartsJoin:
    """Joins the parts in order while others are still being made, without jets that had come before.

    Args:
        output: the store.
        recipe: how jets became graphs.
        plan: of the conversion; its inputs and options go to the store's attributes.
        report: filled with what was read and left out.
        on_error: ``"stop"`` at a jet that had come before, or ``"skip"`` and count it.
        threads: that compress, 0 to compress in this one.
        folder: where the store grows until it is complete.
    """

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

    def run(self, parts: Iterator[Part]) -> None:
        """Write the store.

        Args:
            parts: made parts, in order.

        Raises:
            InputError: no part can be used, jets occur twice (with ``on_error="stop"``), parts have other
                columns than the first, or the store cannot be written.
        """
        taken: list[Part] = []

        def remembered() -> Iterator[Part]:
            for part in parts:
                taken.append(part)
                yield part

        coming = remembered()
        most = 0
        while True:
            try:
                self._write(chain(list(taken), coming), most)
                return
            except _Wider as found:  # rare: most parts are as large as the first
                most = found.args[0]

    def _write(self, parts: Iterator[Part], most: int) -> None:
        self.before: list[Part] = []
        self.seen: list[np.ndarray] = []
        self.counts = ConvertReport()
        self.samples: list[dict[str, Any]] = []
        held: list[GraphData] = []
        for part in parts:
            data = self._take(part)
            if data is not None:
                held.append(data)
                if len(data):
                    break
        if not held:
            raise InputError(f"no piece of the inputs can be used: {next(iter(self.counts.skipped))}")
        # The columns of the store are those of the first part that has a jet, or of the first of all.
        like = held[-1] if len(held[-1]) else held[0]
        room = 256 ** np.min_scalar_type(max(0, most - 1, largest(held[-1]) - 1)).itemsize
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
            for data in chain(held, (d for d in map(self._take, parts) if d is not None)):
                if largest(data) > room:
                    raise _Wider(largest(data))
                writer.append(_cast(data, like))
            attributes |= self._attributes()
        for name in ("graphs", "read", "duplicates", "skipped", "replaced"):
            setattr(self.report, name, getattr(self.counts, name))

    def _take(self, part: Part) -> GraphData | None:
        """The graphs of a part that have not come before; None of a part that could not be made."""
        failure = part.failure
        if failure is not None:
            skipped = self.counts.skipped
            skipped[failure["failed"]] = skipped.get(failure["failed"], 0) + failure["units"]
            return None
        with GraphStore(part.store) as store:
            data = store.read()
            self.counts.read += store.attributes["read"]
            for kind, counts in (("skipped", self.counts.skipped), ("replaced", self.counts.replaced)):
                for name, number in store.attributes[kind].items():
                    counts[name] = counts.get(name, 0) + number
            if part.start == 0:
                self.samples.append(store.attributes["sample"])
        fresh = self._fresh(part)
        self.counts.graphs += int(np.count_nonzero(fresh))
        self.counts.duplicates += int(np.count_nonzero(~fresh))
        return data if fresh.all() else data.take(np.flatnonzero(fresh))

    def _fresh(self, part: Part) -> np.ndarray:
        """bool (B,): jets of a part that have not come before."""
        identity = np.load(part.identity, allow_pickle=False)
        unique, first, back = np.unique(identity, return_index=True, return_inverse=True)
        fresh = first[back] == np.arange(len(identity))
        for known in self.seen:
            place = np.searchsorted(known, identity)
            fresh &= known[np.minimum(place, len(known) - 1)] != identity
        fresh |= identity == 0  # nothing is known of such a jet
        if self.on_error == "stop" and not fresh.all():
            self._stop(part, identity, int(np.argmin(fresh)))
        self.before.append(part)
        if len(unique):
            self.seen.append(unique)
        # Sorted runs, each more than twice the next: few to search, and nothing is sorted often.
        while len(self.seen) > 1 and len(self.seen[-2]) <= 2 * len(self.seen[-1]):
            self.seen[-2:] = [np.sort(np.concatenate(self.seen[-2:]))]
        return fresh

    def _stop(self, part: Part, identity: np.ndarray, row: int) -> None:
        earlier = next(
            (t for t in self.before if identity[row] in np.load(t.identity, allow_pickle=False)), part
        )
        raise InputError(
            f"every jet may occur once, but {Path(part.path).name} repeats jets of {Path(earlier.path).name}; "
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
