"""Weights of jets: one rule for event weights, their signs, the balance of the classes and the pT spectrum.

Event weights are brought to mean 1 in each class, so that their units and cross-sections do not change what a
learning rate means. Factors then give both classes of a label the same total weight, in bins of pT or altogether.
Training and evaluation differ in the sign only: evaluation subtracts jets of negative weight; :func:`of_sign` says
what training does with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.pt_bins import checked_edges
from e2e_tf.errors import InputError

__all__ = [
    "NEGATIVE_WEIGHTS",
    "LabelWeights",
    "PtReweighting",
    "class_weighted",
    "class_weights",
    "of_sign",
    "pt_weights",
    "spectra_apart",
]

NEGATIVE_WEIGHTS = ("keep", "absolute", "refuse")
"""What training may do with jets of negative weight."""


def of_sign(weight: np.ndarray, treatment: str, what: str = "the sample") -> np.ndarray:
    """Weights as training takes them.

    Args:
        weight: float (n,).
        treatment: ``keep``: a negative weight subtracts from the loss, as it does from the spectrum of the sample;
            ``absolute``: its absolute value; ``refuse``.
        what: what to call the sample in a message.

    Returns:
        float (n,); ``weight`` itself where no weight is negative.

    Raises:
        InputError: the treatment is unknown, or it is ``refuse`` and a weight is negative.
    """
    if treatment not in NEGATIVE_WEIGHTS:
        raise InputError(f"negative weights are treated as {', '.join(NEGATIVE_WEIGHTS)}, not {treatment!r}")
    count = int(np.count_nonzero(weight < 0))
    if not count:
        return weight
    if treatment == "refuse":
        raise InputError(
            f"{count} of {len(weight)} jets of {what} have a negative event weight; give data.negative_weights as "
            "'keep' or 'absolute', or set data.use_event_weights to false"
        )
    return np.abs(weight) if treatment == "absolute" else weight


@dataclass(frozen=True)
class LabelWeights:
    """What the jets of a label count: event weights of mean 1 per class, times factors that balance the classes.

    Attributes:
        mean: means of the event weights of background and of signal, which they are divided by.
        factors: of background and of signal; not used with ``reweighting``.
        reweighting: factors by pT, if the background is weighted to the signal's spectrum.
    """

    mean: tuple[float, float]
    factors: tuple[float, float]
    reweighting: PtReweighting | None

    @classmethod
    def fit(
        cls,
        label: np.ndarray,
        weight: np.ndarray,
        pt: np.ndarray | None = None,
        edges: Sequence[float] = (),
    ) -> LabelWeights:
        """Measure means and factors, on the training part.

        Args:
            label: int (n,), 1 for signal and 0 for background.
            weight: float (n,), event weights, which may be negative.
            pt: float (n,), jet pT [GeV]; None balances the classes without regard to it.
            edges: of the bins of pT [GeV].

        Returns:
            The weights' rule.

        Raises:
            InputError: a class is missing, or its weights do not add up to more than 0; or as
                :meth:`PtReweighting.fit`.
        """
        label, weight = np.asarray(label), np.asarray(weight)
        class_weights(label, weight)  # refuses what has no balance
        background, signal = (float(np.mean(weight[label == i], dtype=np.float64)) for i in (0, 1))
        mean = (background, signal)
        scaled = _divided(label, weight, mean)
        reweighting = None if pt is None else PtReweighting.fit(pt, label, edges, scaled)
        factors = class_weights(label, scaled)
        return cls(mean, (factors[0], factors[1]), reweighting)

    def weights(self, label: np.ndarray, weight: np.ndarray, pt: np.ndarray | None = None) -> np.ndarray:
        """What jets of any part count.

        Args:
            label: int (n,).
            weight: float (n,), event weights.
            pt: float (n,), jet pT [GeV]; needed if it was given to :meth:`fit`.

        Returns:
            float32 (n,).
        """
        scaled = _divided(np.asarray(label), np.asarray(weight), self.mean)
        if self.reweighting is not None:
            assert pt is not None
            return self.reweighting.weights(pt, label, scaled)
        return (scaled * np.where(label == 1, self.factors[1], self.factors[0])).astype(np.float32)


def _divided(label: np.ndarray, weight: np.ndarray, mean: Sequence[float]) -> np.ndarray:
    return weight / np.where(label == 1, mean[1], mean[0])


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
        checked_edges(self.edges)
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
            InputError: inputs that disagree or are not finite, a class without jets, a bin with signal and no
                background, for which no finite factor exists, or one where negative weights outweigh the others.
        """
        pt, label, weight = _checked(pt, label, weight)
        is_signal = label == 1
        _check_sums("pT weights", weight, label)
        if isinstance(bins, (int, np.integer)):
            if bins < 1:
                raise InputError(f"bins must be at least one bin or a list of edges, received {bins}")
            # Equal pT values can make quantiles coincide; such bins are merged.
            edges = np.unique(np.quantile(pt[is_signal], np.linspace(0, 1, int(bins) + 1)))
            if len(edges) == 1:
                edges = np.array([edges[0], edges[0] + 1])
        else:
            edges = checked_edges(bins)
        index, n_bins = _bin(pt, edges), len(edges) - 1
        signal = np.bincount(index[is_signal], weight[is_signal], n_bins)
        background = np.bincount(index[~is_signal], weight[~is_signal], n_bins)
        negative = np.flatnonzero((signal < 0) | (background < 0))
        if len(negative):
            where = ", ".join(f"{edges[i]:g}-{edges[i + 1]:g} GeV" for i in negative)
            raise InputError(
                f"pT bins whose event weights add up to less than 0 cannot be reweighted ({where}); choose wider bins"
            )
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


def spectra_apart(pt: np.ndarray, label: np.ndarray, weight: np.ndarray) -> float:
    """How far the weighted pT spectra of both classes are apart, beyond what few jets make likely.

    Args:
        pt: float (n,) [GeV].
        label: int (n,), 1 for signal and 0 for background.
        weight: float (n,), with sums of more than 0 in both classes.

    Returns:
        The largest difference of the two cumulative distributions, from 0 to 1, as in a Kolmogorov-Smirnov test; 0
        where that of so many jets, not weighted, exceeds it in more than 1 % of the cases.
    """
    order = np.argsort(pt, kind="stable")
    last = np.append(np.flatnonzero(np.diff(pt[order])), len(pt) - 1)  # of jets of equal pT
    signal = label[order] == 1
    summed = [np.cumsum(np.where(part, weight[order], 0.0))[last] for part in (signal, ~signal)]
    largest = float(np.abs(summed[0] / summed[0][-1] - summed[1] / summed[1][-1]).max())
    likely = 1.63 * np.sqrt(1 / np.count_nonzero(signal) + 1 / np.count_nonzero(~signal))
    return largest if largest > likely else 0.0


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
    _check_sums("class weights", weight, label)
    totals = np.bincount(label, weight, 2)
    return {i: float(totals.sum() / 2 / totals[i]) for i in (0, 1)}


def _check_sums(what: str, weight: np.ndarray, label: np.ndarray) -> None:
    """Refuse a class without jets, or with weights that do not add up to more than 0."""
    for name, value in (("signal", 1), ("background", 0)):
        part = weight[label == value]
        if not len(part):
            raise InputError(f"{what} need signal and background, the sample holds no {name}")
        if not part.sum() > 0:
            raise InputError(
                f"{what} need event weights that add up to more than 0, those of {name} give {part.sum():g}"
            )


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
        "weight must be finite": np.isfinite(weight),
    }
    for rule, fits in rules.items():
        if bad := int(np.count_nonzero(~fits)):
            raise InputError(f"{rule}, {bad} of {len(pt)} values are not")
    return pt, label.astype(np.int64), weight


def class_weighted(
    label: np.ndarray | None, weight: np.ndarray | None, class_weight: Mapping[int, float] | None
) -> np.ndarray | None:
    """Weights of graphs, multiplied by a factor for each class.

    Args:
        label: int (B,); only needed with ``class_weight``.
        weight: float (B,); None means 1.
        class_weight: factor by label; None means 1.

    Returns:
        float32 (B,), or None where neither is given.

    Raises:
        InputError: a label has no factor, or labels are not one integer per graph.
    """
    out = None if weight is None else np.asarray(weight, np.float32)
    if class_weight is None:
        return out
    if label is None or np.asarray(label).ndim != 1:
        raise InputError("class_weight needs labels of one integer per graph")
    found = np.unique(label)
    missing = [int(value) for value in found if int(value) not in class_weight]
    if missing:
        raise InputError(f"class_weight must have a factor for every label, it lacks {missing}")
    factor = np.ones(len(label), np.float32) if out is None else out.copy()
    for value in found:
        factor[np.asarray(label) == value] *= np.float32(class_weight[int(value)])
    return factor
