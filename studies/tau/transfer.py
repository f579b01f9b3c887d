"""Models of hits on jets of real 2012 collisions, beside simulated jets, with the hits that both sides have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, concatenate_jets
from e2e_tf.data.quantities import hit_positions
from e2e_tf.data.readers import READERS
from studies.tau.variations import kept_rows

FILES = ("BJetPlusX_Run2012C_0.ig", "TauParked_Run2012C_0.ig")
# Where hits of simulated and real jets were compared, and above which energies [GeV]: docs/simulation.md.
THRESHOLDS = {"track": 0.8, "ecal": 0.2, "hcal": 2.0}
RADIUS = 0.4
MAX_ETA = 0.8  # so that this stays inside the public barrel towers, |η| < 1.26
PT_RANGE = (20.0, 50.0)  # GeV
BINS = np.linspace(0, 1, 11)


def real_jets(folder: Path) -> Jets:
    """Jets of the public event files."""
    read = READERS["ispy"].read
    return concatenate_jets([read(folder / name, min_pt=PT_RANGE[0], max_abs_eta=MAX_ETA) for name in FILES])


def comparable(jets: Jets) -> Jets:
    """Jets in the range of the comparison, with their hits within :data:`RADIUS` and above the thresholds."""
    pt = jets["pt"]
    inside = (pt >= PT_RANGE[0]) & (pt < PT_RANGE[1]) & (np.abs(jets["eta"]) < MAX_ETA)
    chosen = jets.take(inside)
    hits = {}
    for channel, rows in chosen.hits.items():
        _, deta, dphi = hit_positions(chosen, channel)
        kept = (np.hypot(deta, dphi) < RADIUS) & (rows["value"] > THRESHOLDS[channel])
        hits[channel] = kept_rows(rows, kept)
    return replace(chosen, hits=hits)


def both_sides(test: Jets, folder: Path) -> dict[str, Jets]:
    """Real and simulated jets of the comparison by the names that the report gives them."""
    simulated = comparable(test.take(test.truth["n_pileup"] > 0))
    return {
        "jets of 2012": comparable(real_jets(folder)),
        "simulated QCD": simulated.take(simulated.label == 0),
        "simulated taus": simulated.take(simulated.label == 1),
    }


def transfer(score: Callable[[Jets], np.ndarray], sides: Mapping[str, Jets], cut: float) -> dict[str, Any]:
    """Histograms of the score over :data:`BINS`, quantiles, and the share above a cut, of each side."""
    found = {}
    for name, jets in sides.items():
        values = np.asarray(score(jets), np.float64)
        found[name] = {
            "jets": len(jets),
            "hits": float(np.mean(sum(rows.counts for rows in jets.hits.values()))),
            "histogram": np.histogram(values, BINS)[0].tolist(),
            "quantiles": np.quantile(values, (0.16, 0.5, 0.84)).tolist(),
            "passing": float(np.mean(values >= cut)),
        }
    return found
