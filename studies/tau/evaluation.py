"""What the report needs of one training, as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.training.metrics import background_efficiency, evaluate_score, roc_auc
from e2e_tf.training.prepare import Split
from studies.tau.variations import VARIATIONS

BOOTSTRAPS = 100
EFFICIENCIES = (0.5, 0.7, 0.9)
NOMINAL = 0.7  # signal efficiency of the threshold that robustness looks at
CURVE = np.linspace(0.3, 0.98, 35)  # signal efficiencies of the stored ROC curve
PT = (10, 20, 30, 40, 50)  # GeV
ETA = (0, 0.8, 1.5, 2.3)
COLLISIONS = (0, 1, 30, 100)  # beside the hard one: none, about 20, about 40
MASS = (0, 2, 4, 6, 8, 12, 50)  # GeV
MODES = {0: "1 track", 1: "1 track, 1 π⁰", 2: "1 track, 2 π⁰ or more", 10: "3 tracks", 11: "3 tracks, π⁰"}
_NO_BINS = (1e6, 2e6)  # the bins are made here


def evaluated(score: np.ndarray, test: Split, seed: int = 1) -> dict[str, Any]:
    """Everything about the scores of the test jets as they are.

    Background has the weights of the test part throughout. Rejections in bins are those at the efficiency within
    the bin; ``flat`` holds the background efficiency of one threshold in all bins.
    """
    label, weight, jets = test.label, test.weight, test.jets

    def entry(rows: np.ndarray) -> dict[str, Any]:
        found = evaluate_score(
            label[rows],
            score[rows],
            pt=jets["pt"][rows],
            weight=weight[rows],
            event=jets.event[rows],
            pt_bins=_NO_BINS,
            efficiencies=EFFICIENCIES,
            bootstraps=BOOTSTRAPS,
            seed=seed,
        )["overall"]
        return {name: found[name] for name in ("signal", "background", "auc", "rejection")}

    everything = np.arange(len(label))
    bins: dict[str, list[dict[str, Any]]] = {}
    columns = {
        "pt": (jets["pt"], PT),
        "eta": (np.abs(jets["eta"]), ETA),
        "pileup": (jets.truth["n_pileup"], COLLISIONS),
    }
    for name, (values, edges) in columns.items():
        bins[name] = [
            {"low": low, "high": high, **entry(np.flatnonzero((values >= low) & (values < high)))}
            for low, high in itertools.pairwise(edges)
        ]
    mode = grouped_modes(jets)
    bins["decay_mode"] = [
        {"mode": code, **entry(np.flatnonzero((label == 0) | (mode == code)))} for code in MODES
    ]
    cut = threshold(label, score, weight)
    return {
        **entry(everything),
        "threshold": cut,
        "bins": bins,
        "curve": background_efficiency(label, score, CURVE, weight).tolist(),
        "calibration": calibration(label, score, weight),
        "flat": {
            "pt": passing(score[label == 0] >= cut, jets["pt"][label == 0], weight[label == 0], PT),
            "mass": passing(score[label == 0] >= cut, jets["mass"][label == 0], weight[label == 0], MASS),
        },
    }


def grouped_modes(jets: Jets) -> np.ndarray:
    """Decay modes with rare ones among their neighbours: 2 for 2 to 4, 11 for 11 to 14, else as they are."""
    mode = jets.truth["decay_mode"].astype(int)
    return np.where((mode > 2) & (mode < 5), 2, np.where((mode > 11) & (mode < 15), 11, mode))


def threshold(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """The tightest cut that keeps :data:`NOMINAL` of the signal."""
    from e2e_tf.training.metrics import working_points

    return working_points(label, score, (NOMINAL,), weight)[0].threshold


def passing(passed: np.ndarray, values: np.ndarray, weight: np.ndarray, edges: Any) -> list[dict[str, float]]:
    """Weighted share that passes in bins of ``values``, with its binomial error."""
    found = []
    for low, high in itertools.pairwise(edges):
        rows = (values >= low) & (values < high)
        w = weight[rows].astype(np.float64)
        if not w.sum() > 0:
            found.append({"low": low, "high": high, "value": None, "error": None})
            continue
        share = float(np.average(passed[rows], weights=w))
        effective = w.sum() ** 2 / np.square(w).sum()
        # Where all or none pass, one jet more or less is what could have been.
        error = float(np.sqrt(share * (1 - share) / effective)) or float(1 / effective)
        found.append({"low": low, "high": high, "value": share, "error": error})
    return found


def calibration(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> list[dict[str, float]]:
    """Mean score and share of signal in ten bins of the score, both weighted."""
    found = []
    place = np.minimum((score * 10).astype(int), 9)
    for i in range(10):
        rows = place == i
        w = weight[rows].astype(np.float64)
        if w.sum() > 0:
            found.append(
                {
                    "score": float(np.average(score[rows], weights=w)),
                    "signal": float(np.average(label[rows], weights=w)),
                    "share": float(w.sum() / weight.sum()),
                }
            )
    return found


def robustness(score_of: Callable[[Jets], np.ndarray], nominal: np.ndarray, test: Split) -> dict[str, Any]:
    """AUC, rejection, and what the nominal threshold then keeps, under each variation."""
    label, weight = test.label, test.weight
    cut = threshold(label, nominal, weight)

    def entry(score: np.ndarray) -> dict[str, float]:
        signal, background = label == 1, label == 0
        return {
            "auc": roc_auc(label, score, weight),
            "rejection": 1 / max(float(background_efficiency(label, score, NOMINAL, weight)), 1e-9),
            "signal_efficiency": float(np.average(score[signal] >= cut, weights=weight[signal])),
            "background_efficiency": float(np.average(score[background] >= cut, weights=weight[background])),
        }

    return {"nominal": entry(nominal)} | {
        name: entry(score_of(change(test.jets))) for name, change in VARIATIONS.items()
    }
