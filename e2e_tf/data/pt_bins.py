"""Bins of jet pT that follow the jets: edges are round numbers, and every bin holds jets of both classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["checked_edges", "coarser", "covering_edges", "pt_edges"]

_BINS = 10  # at most so many of equal width, before those with many jets are split
_SHARE = 0.25  # of the signal; a bin with more is split
_DEPTH = 4  # a bin is split in halves at most so often
_JETS = 10  # of each class, at least, in a bin
_BULK = (0.005, 0.995)  # quantiles between which the bulk of the jets lies
_FAR = 50  # times the width of the bulk: jets beyond do not set the width of the bins


def checked_edges(edges: Sequence[float] | np.ndarray) -> np.ndarray:
    """Edges as numbers.

    Args:
        edges: of the bins [GeV].

    Returns:
        float64 (bins + 1,).

    Raises:
        InputError: they are not at least two rising finite numbers.
    """
    found = np.asarray(edges, np.float64)
    if found.ndim != 1 or len(found) < 2 or not (np.isfinite(found).all() and (np.diff(found) > 0).all()):
        raise InputError(f"pT bin edges must be at least two rising numbers, received {list(edges)}")
    return found


def pt_edges(
    pt: np.ndarray,
    label: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    reach: tuple[float, float] | None = None,
) -> np.ndarray:
    """Edges of bins that cover the given jets.

    Bins are at most ten of a width of 1, 2 or 5 times a power of ten; few jets of a pT far beyond all others stretch
    the outer bin, not the width of all. A bin with more than a quarter of the signal is
    split in halves, and one with fewer than 10 jets of a class, or where the weights of a class do not add up to
    more than 0, joins its neighbour.

    Args:
        pt: float (n,), jet pT [GeV], at least one.
        label: int (n,), 1 for signal and 0 for background; without, all jets are of one class.
        weight: float (n,), which may be negative; None means 1.
        reach: lowest and highest pT [GeV] of further jets that the bins must cover.

    Returns:
        float64 (bins + 1,), edges [GeV].

    Raises:
        InputError: there are no jets, or a pT is not finite.
    """
    pt = np.asarray(pt, np.float64)
    if not len(pt) or not np.isfinite(pt).all():
        raise InputError(f"bins of pT need jets of finite pT, received {len(pt)} jets")
    label = np.ones(len(pt), int) if label is None else np.asarray(label)
    weight = np.ones(len(pt)) if weight is None else np.asarray(weight, np.float64)
    classes = [label == value for value in np.unique(label)]
    signal = np.sort(pt[label == 1] if (label == 1).any() else pt)

    low, high = float(pt.min()), float(pt.max())
    if reach is not None:
        low, high = min(low, reach[0]), max(high, reach[1])
    ends = low, high
    bulk = np.quantile(pt, _BULK)
    if high - low > _FAR * (bulk[1] - bulk[0]) > 0:
        low, high = bulk.tolist()
    step = _round_step((high - low) / _BINS)
    first, last = int(np.floor(low / step)), int(np.floor(high / step)) + 1
    if high == last * step - step and last - first > 1:
        last -= 1  # the last bin holds its upper edge
    edges = [round(i * step, 9) for i in range(first, last + 1)]
    edges = [min(edges[0], ends[0]), *edges[1:-1], max(edges[-1], ends[1])]
    for _ in range(_DEPTH):
        counts = np.diff(np.searchsorted(signal, edges, "left"))
        crowded = np.flatnonzero(counts > _SHARE * len(signal))
        edges = sorted({*edges, *((edges[i] + edges[i + 1]) / 2 for i in crowded)})
    return _merged(np.array(edges), pt, weight, classes)


def covering_edges(
    edges: Sequence[float],
    pt: np.ndarray,
    label: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    reach: tuple[float, float] | None = None,
) -> np.ndarray:
    """Given edges, with more of them where the jets reach beyond.

    Args:
        edges: of the bins [GeV], rising.
        pt, label, weight, reach: as of :func:`pt_edges`.

    Returns:
        float64 (bins + 1,), the edges. What lies beyond the given ones is binned as :func:`pt_edges` does; too few
        jets for a bin of their own widen the outer one.

    Raises:
        InputError: as :func:`checked_edges` and :func:`pt_edges`.
    """
    given = checked_edges(edges)
    pt = np.asarray(pt, np.float64)
    label = np.ones(len(pt), int) if label is None else np.asarray(label)
    weight = np.ones(len(pt)) if weight is None else np.asarray(weight, np.float64)
    low, high = reach or (pt.min(), pt.max())
    found = given
    for beyond, end, needed in (
        (pt < given[0], 0, low < given[0]),
        (pt > given[-1], -1, high > given[-1]),
    ):
        if not needed:
            continue
        classes = [beyond & (label == value) for value in np.unique(label)]
        if all(np.count_nonzero(one) >= _JETS and weight[one].sum() > 0 for one in classes):
            limits = (low, pt[beyond].max()) if end == 0 else (pt[beyond].min(), high)
            more = pt_edges(pt[beyond], label[beyond], weight[beyond], limits)
            more = more[more < given[0]] if end == 0 else more[more > given[-1]]
            found = np.unique(np.concatenate([found, more]))
        else:
            found = found.copy()
            found[end] = low if end == 0 else high
    return found


def coarser(edges: Sequence[float] | np.ndarray) -> np.ndarray:
    """Bins for numbers with errors, which need more jets than factors do.

    Args:
        edges: at least two.

    Returns:
        The edges, every second one if there are more than five bins; the outer ones stay.
    """
    found = np.asarray(edges, np.float64)
    return found if len(found) <= 6 else np.unique(np.append(found[:-1:2], found[-1]))


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least so much."""
    if not least > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(power * n for n in (1, 2, 5, 10) if power * n >= least * (1 - 1e-9)))


def _merged(
    edges: np.ndarray, pt: np.ndarray, weight: np.ndarray, classes: Sequence[np.ndarray]
) -> np.ndarray:
    """The edges without those between bins that hold too little; the outer edges stay."""
    index = np.clip(np.searchsorted(edges, pt, "right") - 1, 0, len(edges) - 2)
    bins = len(edges) - 1
    counts = [np.bincount(index[part], minlength=bins) for part in classes]
    sums = [np.bincount(index[part], weight[part], bins) for part in classes]

    def enough(low: int, high: int) -> bool:
        return all(
            count[low:high].sum() >= _JETS and total[low:high].sum() > 0
            for count, total in zip(counts, sums, strict=True)
        )

    kept = [0]
    for i in range(1, bins):
        if enough(kept[-1], i):
            kept.append(i)
    while len(kept) > 1 and not enough(kept[-1], bins):
        kept.pop()
    return edges[[*kept, bins]]
