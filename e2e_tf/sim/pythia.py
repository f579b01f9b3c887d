"""Events from Pythia 8 as flat arrays, and the process cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["PROCESSES", "EventGenerator", "Events", "Process", "Source", "import_extra"]

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


@dataclass(frozen=True)
class Source:
    """One class of jets of a process.

    Attributes:
        name: what the events are.
        label: 1 for signal, 0 for background.
        cards: Pythia settings on top of the common ones.
    """

    name: str
    label: int
    cards: tuple[str, ...]


@dataclass(frozen=True)
class Process:
    """A choice of signal and background.

    Attributes:
        sources: one per label.
        jet_pt: range of the reconstructed jet pT [GeV], the same for every label.
        visible_pt: range of the visible tau pT [GeV] of signal jets.
        max_eta: limit on |η| of the jet and of the visible tau.
        radius: anti-kT distance parameter.
        match: largest ΔR between a jet and its visible tau.
    """

    sources: tuple[Source, ...]
    jet_pt: tuple[float, float]
    visible_pt: tuple[float, float]
    max_eta: float
    radius: float
    match: float


PROCESSES = {
    "tau": Process(
        sources=(
            Source(
                "Z/gamma* -> tau tau, both taus to hadrons",
                1,
                (
                    "WeakSingleBoson:ffbar2gmZ = on",
                    "PhaseSpace:mHatMin = 30",
                    "23:onMode = off",
                    "23:onIfAny = 15",
                    "15:offIfAny = 11 13",
                    # The massless-fermion matrix element for the spin correlation, above this mass: the taus'
                    # polarisation is kept and events come more than twice as fast.
                    "TauDecays:mMinForZ = 10",
                ),
            ),
            Source(
                "QCD jets",
                0,
                (
                    "HardQCD:all = on",
                    "PhaseSpace:pTHatMin = 12",
                    "PhaseSpace:pTHatMax = 80",
                    # Flat in pT rather than steeply falling; event weights undo it.
                    "PhaseSpace:bias2Selection = on",
                    "PhaseSpace:bias2SelectionPow = 4.5",
                    "PhaseSpace:bias2SelectionRef = 20",
                ),
            ),
        ),
        jet_pt=(10.0, 50.0),
        visible_pt=(10.0, 50.0),
        max_eta=2.3,
        radius=0.4,
        match=0.2,
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
        """The next ``count`` events; fewer where Pythia gives one up."""
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
