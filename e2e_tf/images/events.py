"""Collision events with muons and jets: selection, dimuon mass, spectra of predicted classes, a toy sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError

__all__ = ["Events", "dimuon_mass", "generate_events", "mass_spectra", "select_events"]

_MUON = ("pt", "eta", "phi", "charge")
_JET = ("pt", "eta", "phi")


@dataclass(frozen=True)
class Events:
    """Reconstructed events, objects in falling pT.

    Attributes:
        muons: columns ``pt`` [GeV], ``eta``, ``phi`` [rad], ``charge`` (±1).
        jets: columns ``pt`` [GeV], ``eta``, ``phi`` [rad].
        met: float32 (n,), missing transverse momentum [GeV].
        met_phi: float32 (n,), its direction [rad].
        label: int (n,), the process, or None.
    """

    muons: Ragged
    jets: Ragged
    met: np.ndarray
    met_phi: np.ndarray
    label: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.muons)
        for name, part, columns in (("muons", self.muons, _MUON), ("jets", self.jets, _JET)):
            missing = [column for column in columns if column not in part.columns]
            if missing:
                raise InputError(f"{name} must have the columns {', '.join(columns)}; missing: {missing}")
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value is not None and len(value) != n:
                raise InputError(
                    f"{field.name} must have one entry per event ({n}, as muons), it has {len(value)}"
                )

    def __len__(self) -> int:
        return len(self.met)

    def take(self, index: np.ndarray) -> Events:
        """The given events (indices or a boolean mask) in the given order.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The m events.
        """
        index = np.asarray(index)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        return Events(
            self.muons.take(index),
            self.jets.take(index),
            self.met[index],
            self.met_phi[index],
            None if self.label is None else self.label[index],
        )


def select_events(
    events: Events, *, min_muons: int = 2, min_jets: int = 1, max_jets: int | None = None
) -> np.ndarray:
    """bool (n,): events with enough muons and jets.

    Args:
        events: n events.
        min_muons: the study asks for two.
        min_jets, max_jets: range of the number of jets; the study's sets have one to four.

    Returns:
        bool (n,).

    Raises:
        InputError: a number is negative.
    """
    for name, value in (("min_muons", min_muons), ("min_jets", min_jets), ("max_jets", max_jets)):
        if value is not None and value < 0:
            raise InputError(f"{name} must not be negative, got {value}")
    n_jets = events.jets.counts
    keep = (events.muons.counts >= min_muons) & (n_jets >= min_jets)
    return keep if max_jets is None else keep & (n_jets <= max_jets)


def dimuon_mass(events: Events) -> np.ndarray:
    r"""Mass [GeV] of the two leading muons, taken as massless; NaN with fewer than two.

    .. math::
        m^2 = 2\, p_{T,1}\, p_{T,2}\, (\cosh\Delta\eta - \cos\Delta\phi)

    Args:
        events: n events.

    Returns:
        float64 (n,).
    """
    mass = np.full(len(events), np.nan)
    rows = np.flatnonzero(events.muons.counts >= 2)
    first = events.muons.offsets[rows]
    pt, eta, phi = (events.muons[name].astype(np.float64) for name in ("pt", "eta", "phi"))
    # cosh x - cos y as squares, which keeps its digits for muons close to each other.
    half_eta, half_phi = 0.5 * (eta[first] - eta[first + 1]), 0.5 * (phi[first] - phi[first + 1])
    angle = np.sinh(half_eta) ** 2 + np.sin(half_phi) ** 2
    mass[rows] = 2 * np.sqrt(pt[first] * pt[first + 1] * angle)
    return mass


def mass_spectra(
    mass: np.ndarray, predicted: np.ndarray, classes: Sequence[str], bins: Sequence[float]
) -> dict[str, np.ndarray]:
    """Mass histograms of the events predicted as each class.

    A classifier that never saw the mass shows what it has learned here: events predicted as Drell-Yan have a
    peak at the mass of the Z.

    Args:
        mass: (n,) [GeV]; NaN is left out.
        predicted: (n, classes) scores, or (n,) class numbers.
        classes: names of the classes.
        bins: rising edges [GeV].

    Returns:
        Name to int64 (len(bins) - 1,).

    Raises:
        InputError: lengths disagree, a class number has no name, or the edges do not rise.
    """
    edges = np.asarray(bins, np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise InputError(f"bins must be at least two rising edges, got {list(bins)}")
    predicted, mass = np.asarray(predicted), np.asarray(mass)
    if predicted.ndim == 2:
        if predicted.shape[1] != len(classes):
            raise InputError(f"predicted must have {len(classes)} columns, got {predicted.shape[1]}")
        predicted = predicted.argmax(axis=1)
    if predicted.shape != mass.shape:
        raise InputError(f"predicted must have one entry per mass ({len(mass)}), got {predicted.shape}")
    if predicted.size and (predicted.min() < 0 or predicted.max() >= len(classes)):
        raise InputError(f"predicted must be class numbers below {len(classes)}, got {predicted.max()}")
    spectra = {}
    for number, name in enumerate(classes):
        values = mass[(predicted == number) & np.isfinite(mass)]
        spectra[name] = np.histogram(values, edges)[0].astype(np.int64)
    return spectra


_TOY: Mapping[str, tuple[float, float, float, float]] = {
    # share of events at the Z peak, mean number of jets, scale of jet pT [GeV], scale of the missing pT [GeV]
    "drell_yan": (0.9, 0.6, 25.0, 12.0),
    "ttbar": (0.05, 2.6, 55.0, 60.0),
    "w_jets": (0.0, 1.2, 30.0, 40.0),
}


def generate_events(n: int, seed: int = 0) -> tuple[Events, tuple[str, ...]]:
    """A toy sample for tests and examples: three processes that differ as Drell-Yan, tt and W + jets do.

    Muons come from a Z or an exponential mass spectrum, jets and missing momentum from exponential spectra. It
    is no simulation; numbers measured on it say nothing about collisions.

    Args:
        n: events, a third of each process.
        seed: the same seed gives the same events.

    Returns:
        The events, labelled 0, 1, 2 in a random order, and the names of the processes.

    Raises:
        InputError: ``n`` is negative.
    """
    if n < 0:
        raise InputError(f"n must not be negative, got {n}")
    rng = np.random.default_rng(seed)
    names = tuple(_TOY)
    label = rng.permutation(np.arange(n) % len(names))
    peak, jets, jet_scale, met_scale = (np.array([_TOY[name][i] for name in names])[label] for i in range(4))
    at_peak = rng.random(n) < peak
    mass = np.where(at_peak, rng.normal(91.2, 2.5, n), 12 + rng.exponential(60.0, n))
    # Two muons of that mass: pick Δη, Δφ and the ratio of the momenta, and solve for their size.
    delta_eta = rng.normal(0, 0.8, n)
    opening = np.pi - np.abs(rng.normal(0, np.where(at_peak, 0.3, 1.0)))
    ratio = rng.uniform(0.4, 1.0, n)
    size = np.sqrt(mass**2 / (2 * ratio * (np.cosh(delta_eta) - np.cos(opening))))
    eta, phi = rng.normal(0, 1.0, n), rng.uniform(-np.pi, np.pi, n)
    charge = rng.choice([-1, 1], n)
    same = (label == 2) & (rng.random(n) < 0.5)  # a muon of W + jets that is none has any charge
    muons = {
        "pt": np.stack([size, size * ratio], axis=1),
        "eta": np.stack([eta, eta + delta_eta], axis=1),
        "phi": np.stack([phi, delta_phi(phi + opening, 0.0)], axis=1),
        "charge": np.stack([charge, np.where(same, charge, -charge)], axis=1),
    }
    n_jets = 1 + rng.poisson(jets)
    owner = np.repeat(np.arange(n), n_jets)
    jet_pt = 30 + rng.exponential(jet_scale[owner])
    order = np.lexsort((-jet_pt, owner))
    jet_columns = {
        "pt": jet_pt[order].astype(np.float32),
        "eta": rng.normal(0, 1.4, len(owner)).astype(np.float32),
        "phi": rng.uniform(-np.pi, np.pi, len(owner)).astype(np.float32),
    }
    events = Events(
        Ragged.from_counts({k: v.reshape(-1).astype(np.float32) for k, v in muons.items()}, np.full(n, 2)),
        Ragged.from_counts(jet_columns, n_jets),
        (5 + rng.exponential(met_scale)).astype(np.float32),
        rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        label,
    )
    return events, names
