"""Events from Pythia 8 as flat arrays, and the process cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = [
    "BACKGROUNDS",
    "MINIMUM_BIAS",
    "PROCESSES",
    "EventGenerator",
    "Events",
    "Process",
    "Source",
    "import_extra",
]

_MAX_SEED = 900_000_000  # Pythia's own limit

_COMMON = (
    "Print:quiet = on",
    "Beams:eCM = 13000",
    "Random:setSeed = on",
    # Whatever lives longer than cτ = 10 mm (K0S, Λ, charged π and K) meets the detector undecayed; taus,
    # charm and beauty fly and decay.
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10",
)


BACKGROUNDS = ("signal", "qcd", "electron", "muon", "pileup", "z_jet")
"""What the truth column ``background`` counts, where a process has several backgrounds: 0 for signal, and so on."""


@dataclass(frozen=True)
class Source:
    """One class of jets of a process.

    Attributes:
        name: what the events are.
        label: 1 for signal, 0 for background.
        cards: Pythia settings on top of the common ones.
        flavours: what a jet's flavour must be among; empty where flavour does not matter.
        background: which of :data:`BACKGROUNDS` a jet must be, where a process has several.
    """

    name: str
    label: int
    cards: tuple[str, ...]
    flavours: tuple[int, ...] = ()
    background: str = ""


@dataclass(frozen=True)
class Process:
    """A choice of signal and background.

    Attributes:
        sources: at least one per label, which share the jets of their label.
        jet_pt: range of the reconstructed jet pT [GeV], the same for every label.
        visible_pt: range of the visible tau pT [GeV] of signal jets.
        max_eta: limit on |η| of the jet and of the visible tau.
        radius: anti-kT distance parameter.
        match: largest ΔR between a jet and what it stands for: a visible tau, a parton of the hard scatter, or
            every quark of a top's decay.
        truth: ``tau``, ``flavour`` or ``top``.
        candidate_radius: candidates up to this ΔR from the jet axis are kept.
        subtract_pileup: with pileup, leave out tracks of other vertices, correct pT by area, and ask for a jet of
            the hard scatter under a background jet.
    """

    sources: tuple[Source, ...]
    jet_pt: tuple[float, float]
    visible_pt: tuple[float, float]
    max_eta: float
    radius: float
    match: float
    truth: str = "tau"
    candidate_radius: float = 0.5
    subtract_pileup: bool = True


_HADRONIC_TAUS = (
    "15:offIfAny = 11 13",
    # The massless-fermion matrix element for the spin correlation, above this mass: the taus' polarisation is
    # kept and events come more than twice as fast.
    "TauDecays:mMinForZ = 10",
)
# Flat in pT rather than steeply falling; event weights undo it.
_FLAT = ("PhaseSpace:bias2Selection = on", "PhaseSpace:bias2SelectionPow = 4.5")
_SOFT_QCD_JETS = Source(
    "QCD jets",
    0,
    (
        "HardQCD:all = on",
        "PhaseSpace:pTHatMin = 12",
        "PhaseSpace:pTHatMax = 80",
        *_FLAT,
        "PhaseSpace:bias2SelectionRef = 20",
    ),
)
_MEDIUM_PT = (
    "PhaseSpace:pTHatMin = 25",
    "PhaseSpace:pTHatMax = 260",
    *_FLAT,
    "PhaseSpace:bias2SelectionRef = 50",
)
_Z_TO_MUONS = ("WeakZ0:gmZmode = 2", "23:onMode = off", "23:onIfAny = 13")
# Of HardQCD:all only what can leave a quark, or a gluon: the others would be thrown away.
_TO_BOTH = ("HardQCD:qg2qg = on",)
_TO_QUARKS = (
    *_TO_BOTH,
    "HardQCD:gg2qqbar = on",
    "HardQCD:qq2qq = on",
    "HardQCD:qqbar2qqbarNew = on",
    "HardQCD:gg2ccbar = on",
    "HardQCD:qqbar2ccbar = on",
    "HardQCD:gg2bbbar = on",
    "HardQCD:qqbar2bbbar = on",
)
_TO_GLUONS = (*_TO_BOTH, "HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on")
# As in the public top-tagging reference set (Zenodo 2603256): 14 TeV, no multiple interactions.
_REFERENCE_TOP = (
    "Beams:eCM = 14000",
    "PartonLevel:MPI = off",
    "PhaseSpace:pTHatMin = 500",
    "PhaseSpace:pTHatMax = 750",
)
# Biased less than to be flat, so that weights, which give a physical spectrum back, keep at least a third of the
# statistical power (Σw)² / (N Σw²); Z + jet, which falls less steeply, even less.
_FROM_5_GEV = (
    "PhaseSpace:pTHatMin = 5",
    "PhaseSpace:pTHatMax = 80",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionRef = 10",
)
_DRELL_YAN = ("WeakSingleBoson:ffbar2gmZ = on", "PhaseSpace:mHatMin = 12", "23:onMode = off")
_TAUS_OF_W = Source(
    "W -> tau nu, the tau to hadrons",
    1,
    ("WeakSingleBoson:ffbar2W = on", "24:onMode = off", "24:onIfAny = 15", *_HADRONIC_TAUS),
)
_QUARKS = (1, 2, 3, 4, 5)
_GLUON = (21,)

MINIMUM_BIAS = ("SoftQCD:inelastic = on",)

_soft_taus = partial(
    Process,
    jet_pt=(10.0, 50.0),
    visible_pt=(10.0, 50.0),
    max_eta=2.3,
    radius=0.4,
    match=0.2,
)
_flavoured_jets = partial(
    Process,
    jet_pt=(30.0, 200.0),
    visible_pt=(0.0, 0.0),
    max_eta=2.0,
    radius=0.4,
    match=0.3,
    truth="flavour",
)

PROCESSES = {
    "tau": _soft_taus(
        sources=(
            Source(
                "Z/gamma* -> tau tau, both taus to hadrons",
                1,
                (
                    "WeakSingleBoson:ffbar2gmZ = on",
                    "PhaseSpace:mHatMin = 30",
                    "23:onMode = off",
                    "23:onIfAny = 15",
                    *_HADRONIC_TAUS,
                ),
            ),
            _SOFT_QCD_JETS,
        ),
    ),
    "wtau": _soft_taus(
        sources=(
            _TAUS_OF_W,
            _SOFT_QCD_JETS,
        ),
    ),
    "wtau_all": _soft_taus(
        sources=(
            _TAUS_OF_W,
            Source(
                "QCD jets",
                0,
                ("HardQCD:all = on", *_FROM_5_GEV, "PhaseSpace:bias2SelectionPow = 2.25"),
                background="qcd",
            ),
            Source("Z/gamma* -> e e", 0, (*_DRELL_YAN, "23:onIfAny = 11"), background="electron"),
            Source("Z/gamma* -> mu mu", 0, (*_DRELL_YAN, "23:onIfAny = 13"), background="muon"),
            Source(
                "pileup beside Z/gamma* -> mu mu", 0, (*_DRELL_YAN, "23:onIfAny = 13"), background="pileup"
            ),
            Source(
                "Z -> mu mu with a jet",
                0,
                (
                    "WeakBosonAndParton:qg2gmZq = on",
                    "WeakBosonAndParton:qqbar2gmZg = on",
                    *_Z_TO_MUONS,
                    *_FROM_5_GEV,
                    "PhaseSpace:bias2SelectionPow = 1",
                ),
                background="z_jet",
            ),
        ),
        jet_pt=(5.0, 50.0),
        visible_pt=(5.0, 50.0),
    ),
    "z_jet": _flavoured_jets(
        sources=(
            Source(
                "Z -> mu mu with a quark",
                1,
                ("WeakBosonAndParton:qg2gmZq = on", *_Z_TO_MUONS, *_MEDIUM_PT),
                _QUARKS,
            ),
            Source(
                "Z -> mu mu with a gluon",
                0,
                ("WeakBosonAndParton:qqbar2gmZg = on", *_Z_TO_MUONS, *_MEDIUM_PT),
                _GLUON,
            ),
        ),
    ),
    "dijet": _flavoured_jets(
        sources=(
            Source("quark jets of dijets", 1, (*_TO_QUARKS, *_MEDIUM_PT), _QUARKS),
            Source("gluon jets of dijets", 0, (*_TO_GLUONS, *_MEDIUM_PT), _GLUON),
        ),
    ),
    "top": Process(
        sources=(
            Source(
                "top pairs, both tops to hadrons",
                1,
                (
                    "Top:gg2ttbar = on",
                    "Top:qqbar2ttbar = on",
                    "24:onMode = off",
                    "24:onIfAny = 1 2 3 4 5",
                    *_REFERENCE_TOP,
                ),
            ),
            Source("QCD jets", 0, ("HardQCD:all = on", *_REFERENCE_TOP)),
        ),
        jet_pt=(550.0, 650.0),
        visible_pt=(0.0, 0.0),
        max_eta=2.0,
        radius=0.8,
        match=0.8,
        truth="top",
        candidate_radius=0.8,
    ),
}


@dataclass(frozen=True)
class Events:
    """The generator's record of several events, flat.

    Attributes:
        pdg_id: int32 (rows,).
        status: int32 (rows,), positive for what reaches the detector.
        charge: float64 (rows,), in units of e.
        daughters: int64 (rows, 2), first and last daughter as rows of these arrays; 0 for none.
        momentum: float64 (rows, 4), px, py, pz, E [GeV].
        vertex: float64 (rows, 3), production point [mm] relative to the collision.
        event: int64 (rows,), number of the event.
        weight: float64 (events,).
    """

    pdg_id: np.ndarray
    status: np.ndarray
    charge: np.ndarray
    daughters: np.ndarray
    momentum: np.ndarray
    vertex: np.ndarray
    event: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.weight)


class EventGenerator:
    """Pythia 8 with the cards of one source; the same cards and seed give the same events.

    Args:
        cards: settings on top of the common ones.
        seed: any non-negative integer; folded into Pythia's range of 1 to 900,000,000.

    Raises:
        InputError: the extra ``sim`` is not installed.
        RuntimeError: Pythia refuses a setting or cannot start.
    """

    def __init__(self, cards: Sequence[str], seed: int) -> None:
        pythia8mc = import_extra("pythia8mc")
        self._pythia = pythia8mc.Pythia("", False)
        for line in (*_COMMON, *cards, f"Random:seed = {1 + seed % _MAX_SEED}"):
            if not self._pythia.readString(line):
                raise RuntimeError(f"Pythia does not accept the setting {line!r}")
        if not self._pythia.init():
            raise RuntimeError("Pythia could not start with the cards " + "; ".join(cards))

    def next(self, count: int) -> Events:
        """The next ``count`` events; fewer where Pythia gives one up.

        Args:
            count: number of events.

        Returns:
            The generator's record.
        """
        ak = import_extra("awkward")
        batch = self._pythia.nextBatch(count)
        particles = batch.prt
        rows = ak.to_numpy(ak.num(particles.id))
        event = np.repeat(np.arange(len(rows)), rows)

        def flat(column: Any) -> np.ndarray:
            return ak.to_numpy(ak.flatten(column, axis=1))

        pdg_id = flat(particles.id)
        first = (np.cumsum(rows) - rows)[event]
        daughters = np.stack([flat(particles.daughter1), flat(particles.daughter2)], 1).astype(np.int64)
        vertex = particles.vProd
        return Events(
            pdg_id=pdg_id,
            status=flat(particles.status),
            charge=self._charges(pdg_id),
            daughters=np.where(daughters > 0, daughters + first[:, None], 0),
            momentum=np.stack([flat(particles.p[name]) for name in ("px", "py", "pz", "e")], 1),
            vertex=np.stack(
                [flat(ak.fill_none(vertex[name], 0.0, axis=1)) for name in ("px", "py", "pz")], 1
            ),
            event=event,
            weight=ak.to_numpy(batch.info.weights[:, 0]),
        )

    def _charges(self, pdg_id: np.ndarray) -> np.ndarray:
        kinds, inverse = np.unique(pdg_id, return_inverse=True)
        return np.array([self._pythia.particleData.charge(int(kind)) for kind in kinds])[inverse]


def import_extra(name: str) -> Any:
    """A module of the extra ``sim``.

    Args:
        name: of the module.

    Returns:
        The module.

    Raises:
        InputError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"simulation needs {name}, which is not installed; install it with: pip install 'e2e-tf[sim]'"
        ) from error
