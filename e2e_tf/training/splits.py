"""Splits that keep events together, and weights that make the classes comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["PtReweighting", "class_weights", "pt_weights", "split_by_event"]


def split_by_event(
    event: np.ndarray, fractions: Sequence[float] = (0.7, 0.1, 0.2), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split jets into training, validation and test so that no event is in two parts.

    The part is a function of the seed and the event number alone: an event stays where it is when jets are
    added, removed or reordered, so a test sample stays unseen when the data set grows. The fractions hold
    for the expected number of events; the sizes scatter around them.

    Args:
        event: int (n,), the event each jet comes from.
        fractions: expected shares of training, validation and test; not negative, they add up to 1.
        seed: not negative; another seed gives another split.

    Returns:
        Three int64 arrays of indices into ``event``, each in rising order; together they hold every jet once.

    Raises:
        InputError: the fractions or event numbers cannot be used, or a part with a positive fraction would
            be empty.
    """
    event = np.asarray(event)
    shares = np.asarray(fractions, np.float64)
    if event.ndim != 1 or not np.issubdtype(event.dtype, np.integer):
        raise InputError(
            f"event must be one integer per jet, received shape {event.shape} and type {event.dtype}"
        )
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-9:
        raise InputError(
            f"fractions must be three numbers, none negative, that add up to 1, received {list(fractions)}"
        )
    if seed < 0:
        raise InputError(f"seed must not be negative, received {seed}")
    uniform = _mix(event.astype(np.int64).view(np.uint64) ^ _mix(np.array([seed], np.uint64)))
    # The upper 53 bits are what a float64 in [0, 1) can hold.
    uniform = (uniform >> np.uint64(11)) * 2.0**-53
    part = (uniform >= shares[0]).astype(np.int8) + (uniform >= shares[0] + shares[1])
    if shares[2] == 0:
        part = np.minimum(part, 1)  # the sum of two fractions may round to just below 1
    split = np.flatnonzero(part == 0), np.flatnonzero(part == 1), np.flatnonzero(part == 2)
    names = ("training", "validation", "test")
    empty = [
        name for name, share, rows in zip(names, shares, split, strict=True) if share > 0 and not len(rows)
    ]
    if empty:
        raise InputError(
            f"{len(np.unique(event))} events are too few to split by {list(fractions)} with seed {seed}: "
            f"no jets are left for {' and '.join(empty)}"
        )
    return split


def _mix(x: np.ndarray) -> np.ndarray:
    """The SplitMix64 finaliser: uint64 to uint64, one to one, every output bit depends on all input bits."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class PtReweighting:
    """Factors per pT bin that give the background the signal's pT spectrum.

    Fitted on the training part and applied to every part. The factors bring both classes to the same total
    weight and leave the total of the fitted sample as it was, so learning rates keep their meaning.

    Attributes:
        edges: bin edges [GeV], rising. Jets beyond an outer edge count in the outer bin.
        background: one factor per bin for background jets; 0 in a bin without signal.
        signal: the factor for signal jets.
    """

    edges: tuple[float, ...]
    background: tuple[float, ...]
    signal: float

    def __post_init__(self) -> None:
        factors = np.asarray([*self.background, self.signal])
        if len(self.edges) < 2 or not np.all(np.diff(self.edges) > 0) or not np.all(np.isfinite(self.edges)):
            raise InputError(f"pT bin edges must be at least two rising numbers, received {list(self.edges)}")
        if len(self.background) != len(self.edges) - 1 or not np.all(np.isfinite(factors) & (factors >= 0)):
            raise InputError(
                f"{len(self.edges) - 1} pT bins need as many finite factors that are not negative, "
                f"received {list(self.background)} and {self.signal} for signal"
            )

    @classmethod
    def fit(
        cls,
        pt: np.ndarray,
        label: np.ndarray,
        bins: int | Sequence[float] = 10,
        weight: np.ndarray | None = None,
    ) -> PtReweighting:
        """Measure the factors.

        Args:
            pt: float (n,), jet pT [GeV].
            label: int (n,), 1 for signal and 0 for background.
            bins: edges [GeV], or a number of bins with equal numbers of signal jets.
            weight: float (n,), event weights; None means 1.

        Returns:
            The factors of every bin.

        Raises:
            InputError: inputs that disagree or are not finite, a class without jets, or a bin with signal
                and no background, for which no finite factor exists.
        """
        pt, label, weight = _checked(pt, label, weight)
        is_signal = label == 1
        for name, mask in (("signal", is_signal), ("background", ~is_signal)):
            if not weight[mask].sum() > 0:
                raise InputError(f"pT weights need signal and background, the sample holds no {name}")
        if isinstance(bins, (int, np.integer)):
            if bins < 1:
                raise InputError(f"bins must be at least one bin or a list of edges, received {bins}")
            # Equal pT values can make quantiles coincide; such bins are merged.
            edges = np.unique(np.quantile(pt[is_signal], np.linspace(0, 1, int(bins) + 1)))
            if len(edges) == 1:
                edges = np.array([edges[0], edges[0] + 1])
        else:
            edges = np.asarray(bins, np.float64)
            if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
                raise InputError(f"pT bin edges must be at least two rising numbers, received {list(bins)}")
        index, n_bins = _bin(pt, edges), len(edges) - 1
        signal = np.bincount(index[is_signal], weight[is_signal], n_bins)
        background = np.bincount(index[~is_signal], weight[~is_signal], n_bins)
        bare = np.flatnonzero((signal > 0) & (background == 0))
        if len(bare):
            where = ", ".join(f"{edges[i]:g}-{edges[i + 1]:g} GeV" for i in bare)
            raise InputError(
                f"pT bins with signal and no background cannot be reweighted ({where}); choose wider bins"
            )
        # Each class gets half of the total; bins without signal keep the factor 0 (nothing to be like).
        scale = weight.sum() / 2 / signal.sum()
        ratio = np.divide(signal, background, out=np.zeros(n_bins), where=background > 0)
        return cls(tuple(edges.tolist()), tuple((scale * ratio).tolist()), float(scale))

    def weights(self, pt: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        """float32 (n,): ``weight`` (1 where None) times the factor of each jet.

        Args:
            pt: float (n,), jet pT [GeV].
            label: int (n,), 1 for signal and 0 for background.
            weight: float (n,), event weights.

        Returns:
            float32 (n,).

        Raises:
            InputError: inputs that disagree or are not finite.
        """
        pt, label, weight = _checked(pt, label, weight)
        background = np.asarray(self.background)[_bin(pt, np.asarray(self.edges))]
        return (weight * np.where(label == 1, self.signal, background)).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; floats survive exactly.

        Returns:
            ``edges`` [GeV], ``background`` and ``signal``.
        """
        return {"edges": list(self.edges), "background": list(self.background), "signal": self.signal}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PtReweighting:
        """The inverse of `to_dict`.

        Args:
            values: what :meth:`to_dict` gave.

        Returns:
            The factors.

        Raises:
            InputError: keys are missing or unknown, or values cannot be used.
        """
        if set(values) != {"edges", "background", "signal"}:
            raise InputError(
                f"pT weights must have the keys edges, background and signal, received {sorted(values)}"
            )
        try:
            edges = tuple(float(x) for x in values["edges"])
            background = tuple(float(x) for x in values["background"])
            signal = float(values["signal"])
        except (TypeError, ValueError) as error:
            raise InputError(f"pT weights must hold numbers ({error})") from error
        return cls(edges, background, signal)


def pt_weights(
    pt: np.ndarray,
    label: np.ndarray,
    bins: int | Sequence[float] = 10,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Fit a `PtReweighting` to these jets and apply it to them: float32 (n,). See there for the arguments.

    Args:
        pt: float (n,), jet pT [GeV].
        label: int (n,), 1 for signal and 0 for background.
        bins: bin edges [GeV].
        weight: float (n,), event weights; None means 1.

    Returns:
        float32 (n,).
    """
    return PtReweighting.fit(pt, label, bins, weight).weights(pt, label, weight)


def class_weights(label: np.ndarray, weight: np.ndarray | None = None) -> dict[int, float]:
    """Factors for background (0) and signal (1), as Keras' ``class_weight``, that give both the same total.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        weight: float (n,), event weights; None means 1.

    Returns:
        The factor of each label.

    Raises:
        InputError: a class is missing, or inputs disagree.
    """
    label = np.asarray(label)
    _, label, weight = _checked(np.zeros(label.shape), label, weight)
    totals = np.bincount(label, weight, 2)
    for name, total in zip(("background", "signal"), totals, strict=True):
        if not total > 0:
            raise InputError(f"class weights need signal and background, the sample holds no {name}")
    return {i: float(totals.sum() / 2 / totals[i]) for i in (0, 1)}


def _bin(pt: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, pt, "right") - 1, 0, len(edges) - 2)


def _checked(
    pt: np.ndarray, label: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pt, label = np.asarray(pt, np.float64), np.asarray(label)
    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    if label.ndim != 1 or pt.shape != label.shape or weight.shape != label.shape:
        raise InputError(
            f"pt, label and weight must have one entry per jet, received shapes {pt.shape}, {label.shape} "
            f"and {weight.shape}"
        )
    if not np.all((label == 0) | (label == 1)):
        raise InputError(f"label must be 0 or 1, received {np.unique(label)[:5].tolist()}")
    rules = {
        "pt must be finite": np.isfinite(pt),
        "weight must be finite and not negative": np.isfinite(weight) & (weight >= 0),
    }
    for rule, fits in rules.items():
        if bad := int(np.count_nonzero(~fits)):
            raise InputError(f"{rule}, {bad} of {len(pt)} values are not")
    return pt, label.astype(np.int64), weight
