"""From a configuration to the bins of pT and the weights of the jets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.jets import Jets
from e2e_tf.data.pt_bins import coarser, covering_edges, pt_edges
from e2e_tf.data.weights import LabelWeights, PtReweighting, of_sign, spectra_apart
from e2e_tf.terminal import console

__all__ = ["bins_of_pt", "evaluation_bins", "label_weights", "trained_weights"]

_APART = 0.2  # largest difference of cumulative spectra that bins may leave


def bins_of_pt(config: RunConfig, train: Jets, jets: Jets) -> tuple[float, ...]:
    """Edges of the bins of pT, which cover all jets and are filled by the training part.

    A sentence on standard error says where the bins of the configuration did not cover the jets.

    Args:
        config: of the run.
        train: the training part.
        jets: of all parts.

    Returns:
        The edges [GeV]; none for jets without pT.
    """
    if "pt" not in jets.columns:
        return ()
    data = config.data
    pt, label = train["pt"], train.label
    weight = train.weight if data.weighted else None
    reach = float(jets["pt"].min()), float(jets["pt"].max())
    if not data.pt_bins:
        return tuple(pt_edges(pt, label, weight, reach).tolist())
    edges = tuple(covering_edges(data.pt_bins, pt, label, weight, reach).tolist())
    low, high = data.pt_bins[0], data.pt_bins[-1]
    outside = int(np.count_nonzero((jets["pt"] < low) | (jets["pt"] > high)))
    if outside:
        console().print(
            f"data.pt_bins go from {low:g} to {high:g} GeV, but {outside} of {len(jets)} jets are outside "
            f"({reach[0]:.4g} to {reach[1]:.4g} GeV); bins now: {', '.join(f'{edge:g}' for edge in edges)}",
            style="yellow",
            highlight=False,
        )
    return edges


def trained_weights(config: RunConfig, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Event weights as training takes them, of the test part as evaluation does.

    A sentence on standard error says where weights are negative.

    Args:
        config: of the run.
        weights: float32 (n,) of the training, validation and test part.

    Returns:
        float32 (n,) of the same parts.

    Raises:
        InputError: a weight is negative and the configuration refuses it.
    """
    data = config.data
    everything = np.concatenate(weights)
    of_sign(everything, data.negative_weights, data.title)
    count = int(np.count_nonzero(everything < 0))
    if count:
        does = "keeps their sign" if data.negative_weights == "keep" else "takes the absolute value"
        console().print(
            f"{count} of {len(everything)} jets of {data.title} have a negative weight; training {does} "
            "(data.negative_weights), evaluation subtracts them",
            style="yellow",
            highlight=False,
        )
    return [*(of_sign(one, data.negative_weights) for one in weights[:2]), weights[2]]


def label_weights(
    parts: Sequence[Jets],
    weights: Sequence[np.ndarray],
    signed: np.ndarray,
    edges: tuple[float, ...] | None,
) -> tuple[list[np.ndarray], PtReweighting | None]:
    """What the jets of each part count for the label.

    A sentence on standard error says where the background cannot get the signal's pT spectrum.

    Args:
        parts: training, validation and test jets.
        weights: of the jets, in training and validation as training takes them.
        signed: weights of the training part as evaluation takes them.
        edges: of the bins of pT; None balances the classes without regard to it.

    Returns:
        float32 (n,) of the same parts, and the factors by pT of training, if any.

    Raises:
        InputError: as :meth:`e2e_tf.data.weights.LabelWeights.fit`.
    """

    def rule(weight: np.ndarray) -> LabelWeights:
        train = parts[0]
        assert train.label is not None
        if edges is None:
            return LabelWeights.fit(train.label, weight)
        return LabelWeights.fit(train.label, weight, train["pt"], edges)

    trained = rule(weights[0])
    rules = [trained, trained, trained if weights[0] is signed else rule(signed)]
    made = []
    for part, weight, one in zip(parts, weights, rules, strict=True):
        assert part.label is not None
        made.append(one.weights(part.label, weight, None if edges is None else part["pt"]))
    if edges is not None:
        train = parts[0]
        assert train.label is not None
        apart = spectra_apart(train["pt"], train.label, made[0])
        if apart > _APART:
            console().print(
                f"the pT of signal and background overlap too little for data.reweight_pt: after it their spectra "
                f"still differ by up to {apart:.0%} of the jets; take a range of pT with both (data.jet_pt), or set "
                "reweight_pt to false",
                style="yellow",
                highlight=False,
            )
    return made, trained.reweighting


def evaluation_bins(config: RunConfig, edges: tuple[float, ...], pt: np.ndarray) -> tuple[float, ...]:
    """Bins of pT for the numbers of ``evaluate``.

    Args:
        config: of the run.
        edges: those of :func:`bins_of_pt`.
        pt: float (n,), of the test part [GeV]; a sentence on standard error says how many are outside given bins.

    Returns:
        The edges [GeV].
    """
    given = config.data.evaluate_pt_bins
    if not given:
        return tuple(coarser(edges).tolist())
    outside = int(np.count_nonzero((pt < given[0]) | (pt >= given[-1])))
    if outside:
        console().print(
            f"data.evaluate_pt_bins go from {given[0]:g} to {given[-1]:g} GeV; {outside} of {len(pt)} test jets are "
            "outside and count in the row of all jets only",
            style="yellow",
            highlight=False,
        )
    return given
