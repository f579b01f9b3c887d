"""The data sets: how they are read, what networks and trees see, which jets are evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import GraphRecipe
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets
from e2e_tf.data.quantities import candidate_quantities, with_candidate_quantities
from e2e_tf.data.readers import open_reader
from e2e_tf.files import new_file
from studies.quark_gluon.generate import generate

SHARED = Path(__file__).parents[2] / "../shared/data"
PT_EDGES = (20, 25, 30, 40, 50, 60, 75, 100, 130, 160, 200, 300, 500, 1000, 3000)  # GeV
PT_RANGE = (50.0, 200.0)  # GeV
GENERATED_FILE = 10_000  # jets
NODE_FEATURES = (
    *("pt:log", "ptrel:log", "delta_r", "is_charged", "is_photon", "hcal_fraction", "puppi_weight"),
    *("trackEtaRel", "trackPtRel", "trackPPar:signed_log1p", "trackPParRatio"),
    *(
        "trackSip2dVal:tanh",
        "trackSip2dSig:signed_log1p",
        "trackSip3dVal:tanh",
        "trackSip3dSig:signed_log1p",
    ),
    *("trackJetDistVal:tanh", "drminsv", "vertex_association", "fromPV"),
    *("track_chi2:log1p", "track_ndof", "track_quality"),
    *("rank", "cumulative", "log_delta_r", "pt_delta_r"),
)
# What turning or mirroring a jet about its axis does not change; the angles between constituents are in `p4`.
CONSTITUENT_FEATURES = (
    *("pt:log", "energy:log", "pt_fraction:log", "cumulative", "rank"),
    *("delta_r", "log_delta_r", "pt_delta_r", "charge"),
    *("is_charged_hadron", "is_neutral_hadron", "is_photon", "is_electron", "is_muon"),
)
JET_FEATURES = (
    *("pt:log", "eta", "n_cpf", "n_npf", "n_sv", "csv_trackSumJetEtRatio", "csv_trackSumJetDeltaR"),
    *(
        "csv_vertexCategory",
        "csv_trackSip2dValAboveCharm",
        "csv_trackSip2dSigAboveCharm:signed_log1p",
    ),
    *("csv_trackSip3dValAboveCharm", "csv_trackSip3dSigAboveCharm:signed_log1p"),
    *("csv_jetNSelectedTracks", "csv_jetNTracksEtaRel"),
)


@dataclass(frozen=True)
class Task:
    """One data set.

    Attributes:
        read: gives all its jets.
        recipe: of the networks' graphs.
        table: what the trees see.
        pt_edges: bins [GeV] in which gluon jets are weighted to the quarks' spectrum; empty for no weights.
        evaluated: range of the evaluated jets' pT [GeV].
        settings: of the models, beside those that hold for all data sets.
        generated: gives so many jets of the same kind, which it keeps in a folder.
    """

    read: Callable[[], Jets]
    recipe: GraphRecipe
    table: Callable[[Jets], np.ndarray]
    pt_edges: tuple[float, ...] = ()
    evaluated: tuple[float, float] = (0.0, np.inf)  # GeV
    settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    generated: Callable[[Path, int], Jets] | None = None


def with_order(jets: Jets) -> Jets:
    """The same jets whose candidates know their place among those of their jet by pT.

    New columns of a candidate: ``rank``, ln(1 + number of harder ones); ``cumulative``, the share of the jet's pT that
    it and the harder ones have; ``log_delta_r``, ln(ΔR + 0.001); ``pt_delta_r``, its share of pT times ΔR.
    """
    quantities, counts = candidate_quantities(jets)
    assert jets.candidates is not None  # candidate_quantities refuses jets without
    owner, first = jets.candidates.owner, jets.candidates.offsets[:-1]
    share, distance = quantities["pt_fraction"].astype(np.float64), quantities["delta_r"]
    order = np.lexsort((-share, owner))
    place, cumulative = np.empty(len(owner)), np.empty(len(owner))
    place[order] = np.arange(len(owner)) - np.repeat(first, counts)
    total = np.cumsum(share[order])
    cumulative[order] = total - np.repeat(np.append(0, total)[first], counts)
    new = {
        "rank": np.log1p(place),
        "cumulative": cumulative,
        "log_delta_r": np.log(distance + 1e-3),
        "pt_delta_r": share * distance,
    }
    columns = {**jets.candidates.columns, **{k: values.astype(np.float32) for k, values in new.items()}}
    return replace(jets, candidates=Ragged(columns, jets.candidates.offsets))


def table(jets: Jets) -> np.ndarray:
    """Hand-made features of each jet for the trees, float32 (n, F)."""
    candidates = jets.candidates
    assert candidates is not None  # this format has them
    n, owner = len(jets), candidates.owner
    share, distance = (
        candidates["ptrel"].astype(np.float64),
        candidates["delta_r"].astype(np.float64),
    )
    charged = candidates["is_charged"] > 0

    def total(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.bincount(owner[mask], values[mask], n)

    columns = [column.astype(np.float64) for column in jets.columns.values()]
    ones = np.ones(len(owner))
    for kind in (charged, ~charged, charged | ~charged):
        pt = total(share, kind) + 1e-9
        columns += [
            total(ones, kind),
            pt,
            np.sqrt(total(share**2, kind)) / pt,
            total(share * distance, kind) / pt,
        ]
        columns += [total(share * distance**2, kind) / pt]
        columns += [total(ones, kind & (share > cut)) for cut in (0.01, 0.02, 0.05, 0.1, 0.2)]
        columns += [total(share, kind & (distance < cut)) / pt for cut in (0.05, 0.1, 0.2, 0.3)]
        columns += leading(candidates, np.flatnonzero(kind), share, 8, (share, distance), 0.0)
    return np.stack([*columns, *track_columns(jets)], axis=1).astype(np.float32)


def track_columns(jets: Jets) -> list[np.ndarray]:
    """What networks see of a jet's charged candidates, one by one, for the trees.

    Args:
        jets: of CMS full simulation.

    Returns:
        (n,) each. Of every column of the candidates the mean, the mean weighted with pT, the largest and the smallest
        value, then the values of the five candidates of most pT and of the three whose impact parameters are most
        significant; NaN where a jet has fewer, which boosted trees take as such.
    """
    candidates = jets.candidates
    assert candidates is not None  # this format has them
    n, owner = len(jets), candidates.owner
    rows = np.flatnonzero(candidates["is_charged"] > 0)
    of, share = owner[rows], candidates["ptrel"][rows].astype(np.float64)
    number, weight = np.maximum(np.bincount(of, minlength=n), 1), np.bincount(of, share, n) + 1e-9
    known = ("is_charged", "is_photon", "rank", "cumulative")  # the same of all, or of the place in the order
    values = [column for name, column in candidates.columns.items() if name not in known]
    columns = []
    for value in values:
        one = value[rows].astype(np.float64)
        largest, smallest = np.full(n, -np.inf), np.full(n, np.inf)
        np.maximum.at(largest, of, one)
        np.minimum.at(smallest, of, one)
        ends = (np.where(np.isfinite(end), end, np.nan) for end in (largest, smallest))
        columns += [np.bincount(of, one, n) / number, np.bincount(of, one * share, n) / weight, *ends]
    significance = np.abs(candidates["trackSip3dSig"])
    for key, count in ((candidates["ptrel"], 5), (significance, 3)):
        columns += leading(candidates, rows, key, count, values, np.nan)
    return columns


def leading(
    candidates: Ragged,
    rows: np.ndarray,
    key: np.ndarray,
    count: int,
    values: Sequence[np.ndarray],
    missing: float,
) -> list[np.ndarray]:
    """Columns of the first candidates of each jet in an order.

    Args:
        candidates: of all jets.
        rows: those that take part.
        key: (candidates,) the largest is first.
        count: how many of a jet.
        values: (candidates,) each, what is told of them.
        missing: what stands where a jet has fewer.

    Returns:
        (jets,) for each of ``values`` of the first, then of the second, and so on.
    """
    owner = candidates.owner
    rows = rows[np.lexsort((-key[rows], owner[rows]))]
    place = np.arange(len(rows)) - np.searchsorted(owner[rows], owner[rows])
    columns = []
    for rank in range(count):
        here = rows[place == rank]
        for value in values:
            column = np.full(len(candidates.counts), missing)
            column[owner[here]] = value[here]
            columns.append(column)
    return columns


def energyflow_table(jets: Jets) -> np.ndarray:
    """The constituents in order and sums over them for the trees, float32 (n, F)."""
    candidates = with_candidate_quantities(jets).candidates
    assert candidates is not None  # this format has them
    n, owner, counts = len(jets), candidates.owner, candidates.counts
    names = ["pt_fraction", "deta", "dphi", "delta_r", "charge", "energy"]
    names += [name for name in candidates.columns if name.startswith("is_")]
    columns = [column.astype(np.float64) for column in jets.columns.values()] + [counts.astype(float)]
    share, distance = candidates["pt_fraction"].astype(float), candidates["delta_r"].astype(float)
    columns += [np.bincount(owner, share * distance**power, n) for power in (0.5, 1, 2)]
    columns += [np.bincount(owner, share**2, n)]
    for name in names:
        values = candidates[name].astype(np.float64)
        columns.append(np.bincount(owner, share * values, n))
        columns += leading(candidates, np.arange(len(owner)), candidates["pt"], 10, [values], 0.0)
    return np.stack(columns, axis=1).astype(np.float32)


def read_fullsim() -> Jets:
    jets = open_reader(SHARED / "cms_fullsim_jets" / "uds_vs_g.h5", "cms_uds_g").read()
    assert isinstance(jets, Jets)  # what this reader gives
    return with_order(jets)


def read_energyflow() -> Jets:
    folder = SHARED / "energyflow"
    opened = open_reader(folder / "x10_sorted_12500.npy", "energyflow")
    jets = opened.read(labels=folder / "y10_sorted_12500.npy")
    assert isinstance(jets, Jets)  # what this reader gives
    return with_order(jets)


def generated_energyflow(folder: Path, jets: int) -> Jets:
    """Jets from files of 10,000, which are made where they are missing."""
    parts = []
    for number in range(1, -(-jets // GENERATED_FILE) + 1):
        path = folder / f"generated-{number}.npz"
        if not path.is_file():
            x, y = generate(GENERATED_FILE, seed=number)
            with new_file(path) as part, open(part, "wb") as file:
                np.savez(file, X=x, y=y)
        read = open_reader(path, "energyflow").read()
        assert isinstance(read, Jets)  # what this reader gives
        parts.append(with_order(read))
    return concatenate_jets(parts, attributes={}).take(np.arange(jets))


TASKS = {
    "fullsim": Task(
        read_fullsim,
        GraphRecipe("candidates", "knn:8", NODE_FEATURES, JET_FEATURES, ("delta_r",)),
        table,
        PT_EDGES,
        PT_RANGE,
    ),
    "energyflow": Task(
        read_energyflow,
        GraphRecipe("candidates", "full", CONSTITUENT_FEATURES, ("pt:log", "mass:log")),
        energyflow_table,
        settings={
            "deep_sets": {"dropout": 0.1},
            "particle_attention": {"pairs": "p4"},
            "particle_net": {"coordinates": "points", "k": 5},
            "particle_net_lite": {"coordinates": "points", "k": 5},
        },
        generated=generated_energyflow,
    ),
}
