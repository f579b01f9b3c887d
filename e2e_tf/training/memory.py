"""Whether the graphs of a run are held in memory or read from their stores in pieces."""

from __future__ import annotations

from pathlib import Path

from e2e_tf.config import RunConfig
from e2e_tf.data.held import held_bytes
from e2e_tf.data.readers.stored import STORED
from e2e_tf.data.source import JetSource, locate
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS
from e2e_tf.terminal import console

__all__ = ["HELD", "in_pieces", "memory_of"]

HELD = 1 << 30
"""Bytes of nodes and edges above which stores are read in pieces, unless the configuration says otherwise."""


def memory_of(source: JetSource, streamed: bool) -> str:
    """What a run's record says of how its graphs were read.

    Args:
        source: of its jets.
        streamed: what :func:`in_pieces` said.

    Returns:
        ``stream`` or ``hold`` of graph stores; empty of files that can only be held.
    """
    if any(part.reader != STORED for part in source.parts):
        return ""
    return "stream" if streamed else "hold"


def in_pieces(config: RunConfig, source: JetSource, base: Path) -> bool:
    """Whether the graphs of a run stay in their stores, see ``data.memory``.

    A sentence on standard error says so where they do. The choice of ``auto`` depends on the files alone, not on the
    machine, so that a run that goes on elsewhere sees its jets in the same order.

    Args:
        config: of the run.
        source: its files, which were looked at.
        base: where relative paths start.

    Returns:
        Whether they are read in pieces.

    Raises:
        InputError: the configuration wants pieces of files that are no stores, or for a model that takes a jet's nodes
            as one row or an image.
    """
    memory = config.data.memory
    if memory == "hold":
        return False
    others = [part for part in source.parts if part.reader != STORED]
    on_graphs = MODELS[config.model_name].inputs == "graph"
    if memory == "stream":
        if others:
            raise InputError(
                f"data.memory = 'stream' reads graph stores in pieces, but {others[0].files[0].path} is of the reader "
                f"{others[0].reader!r}; make a store of it with e2e-tf convert, or leave data.memory out"
            )
        if not on_graphs:
            raise InputError(
                f"data.memory = 'stream' is for models on graphs; {config.model_name} needs data.memory = 'hold'"
            )
    if others or not on_graphs:
        return False
    size = sum(held_bytes(locate(file.path, base)) for file in source.files)
    if memory == "auto" and size <= HELD:
        return False
    console().print(
        f"Graphs are read in pieces (data.memory = {memory!r}): held, they would need {size / 1e9:.2g} GB",
        style="dim",
        highlight=False,
    )
    return True
