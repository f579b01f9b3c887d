"""The one place where an input has a name, an order, a unit and a transform.

Training, the exporter and the C++ builder read the same list, through ``preprocess.json``. The value a model
sees is ``clamp((transform(raw) - median) * norm_factor, lower, upper)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from e2e_tf.errors import InputError

__all__ = [
    "CANDIDATE_FEATURES",
    "CHANNELS",
    "HIT_FEATURES",
    "JET_FEATURES",
    "TRANSFORMS",
    "Feature",
    "feature_names",
    "select_features",
]

CHANNELS = ("track", "ecal", "hcal")  # the order of energies wherever the three come together


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
    """

    raw: str
    unit: str
    description: str
    transform: str = "identity"

    @property
    def name(self) -> str:
        """Name of the transformed quantity, unique within its list."""
        return self.raw if self.transform == "identity" else f"{self.raw}_{self.transform}"


HIT_FEATURES: tuple[Feature, ...] = (
    Feature("track_pt", "GeV", "sum of track pT in the crystal", "log1p"),
    Feature("ecal_energy", "GeV", "ECAL energy of the crystal", "log1p"),
    Feature("hcal_energy", "GeV", "HCAL energy of the tower, at its middle crystal", "log1p"),
    Feature("deta", "rad", "η of the crystal relative to the jet axis"),
    Feature("dphi", "rad", "φ of the crystal relative to the jet axis, wrapped"),
    *(
        Feature(
            f"{channel}_{derivative}", "GeV", f"discrete {derivative} of the {channel} image", "signed_log1p"
        )
        for derivative in ("laplacian", "hessian_ee", "hessian_pp", "hessian_ep")
        for channel in CHANNELS
    ),
)

CANDIDATE_FEATURES: tuple[Feature, ...] = (
    Feature("pt", "GeV", "transverse momentum", "log"),
    Feature("energy", "GeV", "energy", "log"),
    Feature("pt_fraction", "", "pT over the jet's pT", "log"),
    Feature("deta", "rad", "η relative to the jet axis"),
    Feature("dphi", "rad", "φ relative to the jet axis, wrapped"),
    Feature("delta_r", "rad", "distance to the jet axis"),
    Feature("charge", "e", "electric charge"),
    Feature("is_charged_hadron", "", "1 for a charged hadron"),
    Feature("is_neutral_hadron", "", "1 for a neutral hadron"),
    Feature("is_photon", "", "1 for a photon"),
    Feature("is_electron", "", "1 for an electron"),
    Feature("is_muon", "", "1 for a muon"),
    Feature("d0", "cm", "transverse impact parameter, 0 for neutrals", "tanh"),
    Feature("dz", "cm", "longitudinal impact parameter, 0 for neutrals", "tanh"),
    Feature("d0_significance", "", "d0 over its uncertainty, 0 for neutrals", "signed_log1p"),
    Feature("dz_significance", "", "dz over its uncertainty, 0 for neutrals", "signed_log1p"),
)

JET_FEATURES: tuple[Feature, ...] = (
    Feature("pt", "GeV", "transverse momentum of the jet", "log"),
    Feature("mass", "GeV", "mass of the jet", "log1p"),
    Feature("eta", "", "pseudorapidity of the jet"),
)


def feature_names(features: Sequence[Feature]) -> tuple[str, ...]:
    """Names in order."""
    return tuple(feature.name for feature in features)


def select_features(
    known: Sequence[Feature], wanted: Sequence[str], available: Mapping[str, object]
) -> tuple[Feature, ...]:
    """Features by raw name, in the wanted order.

    A column that the schema does not know is taken as it is; ``name:transform`` chooses another transform.

    Raises:
        InputError: a name is not among ``available``, or a transform does not exist.
    """
    by_name = {feature.raw: feature for feature in known}
    chosen = []
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
            feature = Feature(raw, feature.unit, feature.description, transform)
        chosen.append(feature)
    return tuple(chosen)
