"""Events as those of MiniAOD with jets of the shipped sample, and the same jets as the training would have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, Ragged, read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.sim.candidates import MASSES, Candidates
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.jet_objects import candidates_of_jets
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.pileup import density

__all__ = ["WHOLE", "ClosureEvents", "closure_events", "events_text"]

WHOLE = ("charge", "pdg_id", "details", "from_pv", "lost")
"""Columns of candidates that are whole numbers."""
_JET = ("pt", "eta", "phi", "mass")
_FULL = 1.2  # of all corrections on the momentum of a jet, of which the producers take a lower level
_TAU = (0.8, 0.01, 1.2)  # a tau of the stand-ins: share of its jet's pT, η off its axis, mass [GeV]
_PRODUCT = 17.0  # pileup density that the events store [GeV per unit area]


@dataclass(frozen=True)
class ClosureEvents:
    """Events of two jets each.

    Attributes:
        text: the file that the driver of the stand-ins reads.
        jets: those of all events, made in Python as the training made its own.
        label: int8 (n,), 1 for taus.
        source: collection that holds the jets.
    """

    text: str
    jets: Jets
    label: np.ndarray
    source: str


def closure_events(definition: Mapping[str, Any] | None, events: int = 150, seed: int = 5) -> ClosureEvents:
    """Lay jets of the shipped sample over pileup, one tau and one QCD jet in each event.

    Args:
        definition: how the jets of the training were made, ``jets`` of the manifest; None, as they are stored.
        events: how many.
        seed: of the pileup.

    Returns:
        The events, and their jets in Python: candidates and ρ by the functions of the simulation where
        the definition is the simulation's.
    """
    made = definition or {"candidates": "constituents", "momentum": "stored", "rho": "product"}
    rng = np.random.default_rng(seed)
    source = read_jets(sample_path("tau"), stop=2 * events)
    event = np.arange(len(source)) // 2
    phi = delta_phi(source["phi"].astype(float) + np.pi * (np.arange(len(source)) % 2), 0.0)  # apart
    axes = ReconstructedJets(
        event, *(values.astype(float) for values in (source["pt"], source["eta"], phi, source["mass"]))
    )
    rows, owner = _candidates(source, axes, rng, made["candidates"] == "cone")
    candidates, origin = _table(rows)
    used = origin != 0
    rho = density(rows["event"][used], candidates.momentum[used], events)
    if made["rho"] != "candidates":
        rho = np.full(events, _PRODUCT)
    momentum = {name: getattr(axes, name) for name in _JET}
    if made["momentum"] == "tau":
        share, shift, mass = _TAU
        momentum = {
            "pt": share * axes.pt,
            "eta": axes.eta + shift,
            "phi": axes.phi,
            "mass": np.full(len(axes), mass),
        }
    if made["candidates"] == "cone":
        around = candidates_of_jets(candidates, axes, made["radius"], origin, exact=True)
    else:
        around = _constituents(rows, owner, momentum)
    area = np.pi * float(made.get("jet_radius", 0.4)) ** 2
    lifted = axes.pt + area * rho[event] if made["momentum"] == "area" else axes.pt
    jets = Jets(
        columns={name: values.astype(np.float32) for name, values in momentum.items()}
        | {"rho": rho[event].astype(np.float32)},
        event=event,
        weight=np.ones(len(source), np.float32),
        candidates=around,
    )
    assert source.label is not None
    tau = made["momentum"] == "tau"
    text = events_text(_events(axes, lifted, rows, owner, made))
    return ClosureEvents(text, jets, source.label, "slimmedTaus" if tau else "slimmedJets")


def _candidates(
    source: Jets, axes: ReconstructedJets, rng: np.random.Generator, lost: bool
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Candidates of the events, by event, as MiniAOD has them, and the jet of each; -1 for pileup."""
    assert source.candidates is not None
    hard, events = source.candidates, len(source) // 2
    owner = hard.owner
    soft = rng.poisson(350, events)
    count = int(soft.sum())
    charged = rng.random(count) < 0.6
    kind = np.where(charged, 211, rng.choice([22, 130], count, p=[0.8, 0.2]))
    rows = {
        "event": np.concatenate([axes.event[owner], np.repeat(np.arange(events), soft)]),
        "pt": np.concatenate([hard["pt"], rng.exponential(0.6, count) + 0.3]),
        "eta": np.concatenate([axes.eta[owner] + hard["deta"], rng.uniform(-3, 3, count)]),
        "phi": np.concatenate(
            [delta_phi(axes.phi[owner] + hard["dphi"], 0.0), rng.uniform(-np.pi, np.pi, count)]
        ),
        "pdg_id": np.concatenate([np.abs(hard["pdg_id"]), kind]),
        "charge": np.concatenate([hard["charge"], np.where(charged, rng.choice([-1, 1], count), 0)]),
        "from_pv": np.concatenate([np.where(hard["charge"] == 0, 0, 2), charged * (rng.random(count) < 0.1)]),
        "d0": np.concatenate([hard["d0"], charged * rng.normal(0, 0.01, count)]),
        "dz": np.concatenate([hard["dz"], charged * rng.normal(0, 3.0, count)]),
        "d0_error": np.concatenate([hard["d0_error"], charged * 0.005]),
        "dz_error": np.concatenate([hard["dz_error"], charged * 0.01]),
    }
    rows["lost"] = (rows["charge"] != 0) & (rng.random(len(rows["charge"])) < 0.05)
    if not lost:  # a lost track is in no jet
        rows["lost"][: len(owner)] = False
    order = np.argsort(rows["event"], kind="stable")
    jet = np.concatenate([owner, np.full(count, -1)])[order]
    return {name: values[order] for name, values in rows.items()}, jet


def _table(rows: Mapping[str, np.ndarray]) -> tuple[Candidates, np.ndarray]:
    """The same as the simulation's table, and the vertex of each: 1 the first, 0 another, -1 for neutral ones."""
    momentum = four_momentum(rows["pt"].astype(float), rows["eta"], rows["phi"], _mass(rows["pdg_id"]))
    impact = {name: rows[name].astype(float) for name in ("d0", "dz", "d0_error", "dz_error")}
    table = Candidates(
        rows["event"], rows["pdg_id"].astype(np.int16), rows["charge"].astype(np.int8), momentum, **impact
    )
    return table, _origin(rows)


def _mass(pdg_id: np.ndarray) -> np.ndarray:
    return np.select([pdg_id == kind for kind in MASSES], list(MASSES.values()), 0.0)


def _origin(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.where(rows["charge"] == 0, -1, rows["from_pv"] > 0).astype(np.int8)


def _constituents(
    rows: Mapping[str, np.ndarray], owner: np.ndarray, jets: Mapping[str, np.ndarray]
) -> Ragged:
    """The candidates that each jet was made of, as readers of NanoAOD make them."""
    kept = np.flatnonzero(owner >= 0)
    kept = kept[np.argsort(owner[kept], kind="stable")]
    jet, own = owner[kept], {name: values[kept] for name, values in rows.items()}
    energy = np.hypot(own["pt"].astype(float) * np.cosh(own["eta"]), _mass(own["pdg_id"]))
    columns = {
        "pt": own["pt"],
        "energy": energy,
        "deta": own["eta"] - jets["eta"][jet],
        "dphi": delta_phi(own["phi"], jets["phi"][jet]),
        "charge": own["charge"],
        "pdg_id": own["pdg_id"],
        "from_pv": _origin(own),
        **{name: own[name] for name in ("d0", "dz", "d0_error", "dz_error")},
    }
    counts = np.bincount(jet, minlength=len(jets["pt"]))
    return Ragged.from_counts({name: values.astype(np.float32) for name, values in columns.items()}, counts)


def _events(
    axes: ReconstructedJets,
    lifted: np.ndarray,
    rows: Mapping[str, np.ndarray],
    owner: np.ndarray,
    definition: Mapping[str, Any],
) -> Iterable[tuple[Any, ...]]:
    """What :func:`events_text` takes."""
    kind = "tau" if definition["momentum"] == "tau" else "jet"
    charged = rows["charge"] != 0
    stored = {
        "pt": rows["pt"].astype(float),
        "eta": rows["eta"],
        "phi": rows["phi"],
        "mass": _mass(rows["pdg_id"]),
        "charge": rows["charge"],
        "pdg_id": np.where(rows["pdg_id"] == 211, 211 * rows["charge"], rows["pdg_id"]),
        "details": charged,
        **{name: rows[name] for name in ("d0", "d0_error", "dz", "dz_error", "from_pv")},
        "puppi": np.ones(len(charged)),
        "lost": rows["lost"],
    }
    stored = {name: values.astype(int if name in WHOLE else float) for name, values in stored.items()}
    loose = definition["candidates"] == "cone"  # of a cone all are looked at, whatever jets are made of
    first, last = np.searchsorted(rows["event"], [np.arange(len(axes) // 2), np.arange(len(axes) // 2) + 1])
    for event in range(len(axes) // 2):
        here = slice(first[event], last[event])
        whose = np.full(here.stop - here.start, -1) if loose else owner[here]
        jets = [
            {name: getattr(axes, name)[jet] for name in _JET}
            | {"rho": _PRODUCT, "rows": {name: values[here][whose == jet] for name, values in stored.items()}}
            | {"levels": (axes.pt[jet] / lifted[jet], _FULL) if definition["momentum"] == "area" else (0, 0)}
            for jet in (2 * event, 2 * event + 1)
        ]
        yield kind, jets, {name: values[here][whose < 0] for name, values in stored.items()}


def events_text(events: Iterable[tuple[Any, ...]], levels: tuple[float, float] = (0.0, 0.0)) -> str:
    """The file of events that the driver of the stand-ins reads.

    Args:
        events: kind, jets and, where an event has any, columns of the candidates of no jet. A jet has ``pt``, ``eta``,
            ``phi``, ``mass`` at its level L1FastJet, ``rho`` of its event, ``rows``, the columns of its candidates, and
            perhaps ``levels``: factors of L1FastJet and of all corrections on its raw momentum, 0 and 0 for none.
        levels: of jets that do not say theirs.

    Returns:
        Words between spaces.
    """
    lines: list[str] = []
    count = 0
    for kind, jets, *rest in events:
        count += 1
        lines.append(f"{kind} {float(jets[0]['rho'])!r} {len(jets)}" if jets else f"{kind} 1.0 0")
        for jet in jets:
            first, last = jet.get("levels", levels)
            factor = float(last / first) if first else 1.0
            pt, eta, phi, mass = (float(jet[name]) for name in _JET)
            rows = _rows_text(jet["rows"])
            words = [pt * factor, eta, phi, mass * factor, float(first), float(last), len(rows)]
            lines.append(" ".join(map(repr, words)))
            lines += rows
        loose = _rows_text(rest[0]) if rest else []
        lines += [str(len(loose)), *loose]
    return "\n".join([str(count), *lines]) + "\n"


def _rows_text(rows: Mapping[str, np.ndarray]) -> Sequence[str]:
    """Candidates as lines."""
    return [" ".join(repr(value.item()) for value in row) for row in zip(*rows.values(), strict=True)]
