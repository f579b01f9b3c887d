"""Pieces of stores that are read beside a training, before batches want them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from e2e_tf.data.streamed import StreamedGraphs

__all__ = ["ReadAhead", "read_ahead"]


class ReadAhead:
    """Called with each batch, reads the next group of pieces in the time of one, piece by piece.

    Without it the first batch of a group waits for all of its pieces, and the training with it.

    Args:
        graphs: in stores.
        index: the graphs of an epoch.
        batch_size: of them in a batch.

    Attributes:
        apart: a piece is read with every so many batches.
        batches: it is one that is wanted so many batches later.
    """

    def __init__(self, graphs: StreamedGraphs, index: np.ndarray, batch_size: int) -> None:
        pieces = max(1, len(np.unique(graphs.piece[index])))
        self.graphs = graphs
        self.apart = max(1, len(index) // pieces // batch_size)
        self.batches = self.apart * (graphs.together + 1)

    def __call__(self, plan: Sequence[np.ndarray], number: int) -> None:
        """Read a piece, if it is time for one.

        Args:
            plan: the graphs of each batch of an epoch.
            number: of the batch that was made.
        """
        if number % self.apart == 0 and number + self.batches < len(plan):
            self.graphs.read_ahead(plan[number + self.batches])


def read_ahead(
    graphs: Any, index: np.ndarray, batch_size: int
) -> Callable[[Sequence[np.ndarray], int], None]:
    """What a loader calls with each batch that it has made.

    Args:
        graphs: in memory, for which it does nothing, or in stores.
        index: as for :class:`ReadAhead`.
        batch_size: as for :class:`ReadAhead`.

    Returns:
        A function of the plan of an epoch and the number of the batch.
    """
    if isinstance(graphs, StreamedGraphs):
        return ReadAhead(graphs, index, batch_size)
    return lambda plan, number: None
