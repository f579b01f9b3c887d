"""Input features: each with its formula, unit, transform and description in one place.

The value that a model sees is ``clamp((transform(raw) - median) * norm_factor, lower, upper)``, see
:mod:`e2e_tf.data.preprocess`. Training and export take features from the tables below; the C++ builder has the same
formulas in ``deploy/cpp/include/e2e_tf/features.hpp``, and tests compare both by name and by value. What MiniAOD
gives for a column of candidates is said in :mod:`e2e_tf.deploy.cmssw`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.errors import InputError
from e2e_tf.graph import HIT_CHANNELS, PixelNodes

__all__ = [
    "CANDIDATES",
    "CANDIDATE_FEATURES",
    "CHANNELS",
    "HITS",
    "HIT_ENERGIES",
    "HIT_FEATURES",
    "JET_FEATURES",
    "PARTICLE_KINDS",
    "TRANSFORMS",
    "UNITS",
    "Feature",
    "PlacedNodes",
    "Quantity",
    "feature_names",
    "fraction_of_jet",
    "from_axis",
    "impact_significance",
    "pixel_table",
    "select_features",
    "significance",
    "transformed",
]

CHANNELS = HIT_CHANNELS
"""The order of energies wherever track, ECAL and HCAL come together."""
PARTICLE_KINDS = {"charged_hadron": 211, "neutral_hadron": 130, "photon": 22, "electron": 11, "muon": 13}
"""The kinds that particle flow tells apart, and the PDG number of each."""


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, np.float32(1e-6)))


def _signed_log1p(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))


TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda values: values,
    "log": _log,
    "log1p": np.log1p,
    "signed_log1p": _signed_log1p,
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class Feature:
    """One input quantity.

    Attributes:
        raw: name of the raw quantity.
        unit: its unit, empty for a pure number.
        description: what it is.
        transform: applied before normalisation: ``identity``, ``log`` (of at least 1e-6), ``log1p``,
            ``signed_log1p`` = sign(x) log(1 + abs(x)), ``tanh``.
        mirror: it changes sign when ``eta`` is reversed, ``phi``, or either of them (``eta+phi``), see
            :mod:`e2e_tf.data.mirror`; empty if it stays.
    """

    raw: str
    unit: str
    description: str
    transform: str = "identity"
    mirror: str = field(default="", compare=False)  # of the quantity, not of its place in a file

    @property
    def name(self) -> str:
        """Name of the transformed quantity, unique within its list."""
        return self.raw if self.transform == "identity" else f"{self.raw}_{self.transform}"


@dataclass(frozen=True)
class PlacedNodes:
    """Nodes of images, and where they lie.

    Attributes:
        nodes: the nodes and the derivatives of the image there.
        place: float64 (n, 2), η and φ of each hit [rad], or row and column of the middle of each pixel.
        middle: float64 (n, 2), η and φ of its jet [rad], or (2,), row and column of the middle of the image.
    """

    nodes: PixelNodes
    place: np.ndarray
    middle: np.ndarray


@dataclass(frozen=True)
class Quantity:
    """A feature with its formula.

    Attributes:
        feature: name, unit, description and transform.
        formula: the value of a candidate from ``sources`` and ``jet_sources``, float32 arrays (n,) in this order; of
            a hit or pixel from :class:`PlacedNodes`. None for a column that a sample of candidates has itself.
        sources: columns of candidates that the formula takes. Without them there is no such quantity.
        jet_sources: columns of jets that the formula takes, repeated for each candidate.
        keeps: a column of this name in the sample is kept; otherwise the formula replaces it.
        uses_up: sources that are no input of a model themselves once the formula has been used.
    """

    feature: Feature
    formula: Callable[..., np.ndarray] | None = None
    sources: tuple[str, ...] = ()
    jet_sources: tuple[str, ...] = ()
    keeps: bool = False
    uses_up: tuple[str, ...] = ()


# --- candidates


def fraction_of_jet(pt: np.ndarray, jet_pt: np.ndarray) -> np.ndarray:
    """pT over the jet's pT, which counts as at least 1e-6 GeV.

    Args:
        pt: float32 (n,) [GeV].
        jet_pt: float32 (n,) [GeV], of the jet of each.

    Returns:
        float32 (n,).
    """
    return pt / np.maximum(jet_pt, np.float32(1e-6))


def significance(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """``value / error``, 0 where there is no positive uncertainty.

    Args:
        value, error: float32 (n,), in one unit.

    Returns:
        float32 (n,).
    """
    with np.errstate(invalid="ignore"):  # infinite over infinite is not known
        found = value / np.where(error > 0, error, np.float32(1))
    return np.where(error > 0, found, np.float32(0))


def _is_kind(code: int) -> Callable[[np.ndarray], np.ndarray]:
    """1 where the PDG number is ``code`` or ``-code``, else 0."""
    return lambda pdg_id: (np.abs(pdg_id) == code).astype(np.float32)


def _flag(kind: str) -> Quantity:
    # A reader that knows kaons and protons has said it better: its column is kept.
    article = "an" if kind[0] in "aeiou" else "a"
    feature = Feature(f"is_{kind}", "", f"1 for {article} {kind.replace('_', ' ')}")
    return Quantity(feature, _is_kind(PARTICLE_KINDS[kind]), ("pdg_id",), keeps=True, uses_up=("pdg_id",))


def impact_significance(name: str, description: str) -> Feature:
    """The feature of an impact parameter over its uncertainty.

    Args:
        name: ``d0`` or ``dz``.
        description: what it is.

    Returns:
        The feature.
    """
    mirror = {"d0": "phi", "dz": "eta"}[name]
    return Feature(f"{name}_significance", "", description, "signed_log1p", mirror)


def _impact_significance(name: str) -> Quantity:
    feature = impact_significance(name, f"{name} over its uncertainty, 0 for neutrals")
    return Quantity(feature, significance, (name, f"{name}_error"), uses_up=(f"{name}_error",))


CANDIDATES: tuple[Quantity, ...] = (
    Quantity(Feature("pt", "GeV", "transverse momentum", "log")),
    Quantity(Feature("energy", "GeV", "energy", "log")),
    Quantity(
        Feature("pt_fraction", "", "pT over the jet's pT", "log"),
        fraction_of_jet,
        ("pt",),
        jet_sources=("pt",),
    ),
    Quantity(Feature("deta", "rad", "η relative to the jet axis", mirror="eta")),
    Quantity(Feature("dphi", "rad", "φ relative to the jet axis, wrapped", mirror="phi")),
    Quantity(Feature("delta_r", "rad", "distance to the jet axis"), np.hypot, ("deta", "dphi")),
    Quantity(Feature("charge", "e", "electric charge", mirror="phi")),
    *(_flag(kind) for kind in PARTICLE_KINDS),
    Quantity(Feature("d0", "cm", "transverse impact parameter, 0 for neutrals", "tanh", mirror="phi")),
    Quantity(Feature("dz", "cm", "longitudinal impact parameter, 0 for neutrals", "tanh", mirror="eta")),
    _impact_significance("d0"),
    _impact_significance("dz"),
)
"""Features of candidates in order."""


# --- hits and pixels


def _value(channel: int) -> Callable[[PlacedNodes], np.ndarray]:
    return lambda at: at.nodes.energy[:, channel]


_DERIVATIVES: dict[str, Callable[[PixelNodes, int], np.ndarray]] = {
    "laplacian": lambda nodes, channel: nodes.laplacian[:, channel],
    "hessian_ee": lambda nodes, channel: nodes.hessian[:, channel, 0],
    "hessian_pp": lambda nodes, channel: nodes.hessian[:, channel, 1],
    "hessian_ep": lambda nodes, channel: nodes.hessian[:, channel, 2],
}
"""Second differences of an image; their stencils are given at :class:`e2e_tf.graph.PixelNodes`."""


def _derivative(name: str, channel: int) -> Callable[[PlacedNodes], np.ndarray]:
    return lambda at: _DERIVATIVES[name](at.nodes, channel)


def _derivatives(channels: Sequence[str], unit: str) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(
            Feature(
                f"{channel}_{name}",
                unit,
                f"discrete {name} of the {channel} image",
                "signed_log1p",
                mirror="eta+phi" if name == "hessian_ep" else "",
            ),
            _derivative(name, i),
        )
        for name in _DERIVATIVES
        for i, channel in enumerate(channels)
    )


def from_axis(place: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places relative to an axis: ``Δη = η - η_axis``, ``Δφ = φ - φ_axis`` wrapped to [−π, π).

    Args:
        place: float64 (n, 2), η and φ [rad].
        axis: float64 (n, 2), η and φ [rad].

    Returns:
        ``(Δη, Δφ)``, float64 (n,) each [rad].
    """
    return place[:, 0] - axis[:, 0], delta_phi(place[:, 1], axis[:, 1])


def _half_sides(axis: int) -> Callable[[PlacedNodes], np.ndarray]:
    """Distance from the middle of the image in half sides."""
    return lambda at: (at.place[:, axis] - at.middle[axis]) / at.middle[axis]


_ENERGIES = (
    Feature("track_pt", "GeV", "sum of track pT in the crystal", "log1p"),
    Feature("ecal_energy", "GeV", "ECAL energy of the crystal", "log1p"),
    Feature("hcal_energy", "GeV", "HCAL energy of the tower, at its middle crystal", "log1p"),
)
HIT_ENERGIES = tuple(feature.raw for feature in _ENERGIES)
"""Names of the energies in the order of :data:`CHANNELS`."""

HITS: tuple[Quantity, ...] = (
    *(Quantity(feature, _value(i)) for i, feature in enumerate(_ENERGIES)),
    Quantity(
        Feature("deta", "rad", "η of the crystal relative to the jet axis", mirror="eta"),
        lambda at: from_axis(at.place, at.middle)[0],
    ),
    Quantity(
        Feature("dphi", "rad", "φ of the crystal relative to the jet axis, wrapped", mirror="phi"),
        lambda at: from_axis(at.place, at.middle)[1],
    ),
    *_derivatives(CHANNELS, "GeV"),
)
"""Features of hits in order."""


def pixel_table(channels: Sequence[str]) -> tuple[Quantity, ...]:
    """Features of the pixels of images, in order.

    Args:
        channels: names of the channels, C of them.

    Returns:
        The channels, ``drow`` and ``dcolumn``, and four second differences of each channel: 5 C + 2 entries.
    """
    return (
        *(
            Quantity(Feature(channel, "", f"{channel} of the pixel", "signed_log1p"), _value(i))
            for i, channel in enumerate(channels)
        ),
        Quantity(Feature("drow", "", "row relative to the middle, in half sides"), _half_sides(0)),
        Quantity(Feature("dcolumn", "", "column relative to the middle, in half sides"), _half_sides(1)),
        *_derivatives(channels, ""),
    )


# --- lists

HIT_FEATURES: tuple[Feature, ...] = tuple(quantity.feature for quantity in HITS)
CANDIDATE_FEATURES: tuple[Feature, ...] = tuple(quantity.feature for quantity in CANDIDATES)
JET_FEATURES: tuple[Feature, ...] = (
    Feature("pt", "GeV", "transverse momentum of the jet", "log"),
    Feature("mass", "GeV", "mass of the jet", "log1p"),
    Feature("eta", "", "pseudorapidity of the jet", mirror="eta"),
)


UNITS: Mapping[str, str] = {feature.raw: feature.unit for feature in (*HIT_FEATURES, *JET_FEATURES)} | {
    "phi": "rad",
    "visible_pt": "GeV",
    "visible_mass": "GeV",
    "visible_phi": "rad",
    **{f"truth_visible_{name}": unit for name, unit in (("pt", "GeV"), ("mass", "GeV"), ("phi", "rad"))},
    **dict.fromkeys(("d0", "d0_error", "dz", "dz_error"), "cm"),
}
"""Units of columns of jets, truth, hits and candidates by name; a column that is not listed is a number."""


def feature_names(features: Sequence[Feature]) -> tuple[str, ...]:
    """Names of features in order.

    Args:
        features: in the order of the columns.

    Returns:
        One name each, such as ``pt_log``.
    """
    return tuple(feature.name for feature in features)


def select_features(
    known: Sequence[Feature], wanted: Sequence[str], available: Mapping[str, object]
) -> tuple[Feature, ...]:
    """Features by raw name, in the wanted order.

    Args:
        known: features with their transforms; a column that is not among them is taken as it is.
        wanted: raw names; ``name:transform`` chooses another transform.
        available: what the sample has, by raw name.

    Returns:
        one feature for each of ``wanted``.

    Raises:
        InputError: a name is not among ``available`` or comes twice, or a transform does not exist.
    """
    by_name = {feature.raw: feature for feature in known}
    chosen: list[Feature] = []
    for item in wanted:
        raw, _, transform = item.partition(":")
        if raw not in available:
            raise InputError(f"there is no input {raw!r}; this sample has {', '.join(sorted(available))}")
        if transform and transform not in TRANSFORMS:
            raise InputError(
                f"{item!r}: the transform must be one of {', '.join(TRANSFORMS)}, not {transform!r}"
            )
        feature = by_name.get(raw, Feature(raw, "", "as in the sample"))
        if transform:
            feature = replace(feature, transform=transform)
        if feature.name in {other.name for other in chosen}:
            raise InputError(f"each input can be taken once, received {', '.join(wanted)}")
        chosen.append(feature)
    return tuple(chosen)


def transformed(feature: Feature, raw: np.ndarray) -> np.ndarray:
    """The transform of a feature applied to its raw values, before normalisation.

    Args:
        feature: says which transform.
        raw: numbers (n,), in the unit of the feature.

    Returns:
        float32 (n,).
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # normalisation replaces what is not finite
        return TRANSFORMS[feature.transform](raw.astype(np.float32)).astype(np.float32)
