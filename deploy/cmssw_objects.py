"""Detector objects in CMSSW packages: what producers read them from at RECO and at the HLT, and their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from e2e_tf.deploy.bundle import read_bundle_preprocess
from e2e_tf.deploy.cmssw_jets import training_range
from e2e_tf.deploy.cmssw_model import CmsswModel
from e2e_tf.graph import KINDS

__all__ = ["OBJECT_COLUMNS", "column_values", "cpp_table", "has_kind", "hlt_text", "object_values"]

_PLACE = {"deta": "o.eta - jet.eta", "dphi": "e2e_tf::delta_phi(o.phi, jet.phi)"}
OBJECT_COLUMNS: dict[str, dict[str, str]] = {
    "track": {
        "pt": "o.pt",
        **_PLACE,
        "deta_face": "o.etaFace - jet.eta",
        "dphi_face": "e2e_tf::delta_phi(o.phiFace, jet.phi)",
        "charge": "o.charge",
        "d0": "o.d0",
        "dz": "o.dz",
        "d0_error": "o.d0Error",
        "dz_error": "o.dzError",
        "chi2": "o.chi2",
        "n_hits": "o.hits",
        "n_pixel_hits": "o.pixelHits",
        "from_pv": "o.fromVertex",
    },
    "ecal": {"energy": "o.energy", **_PLACE, "time": "o.more"},
    "hcal": {"energy": "o.energy", **_PLACE, "depth": "o.more"},
    "pixel": {**_PLACE, "layer": "o.layer"},
}
"""Columns of :data:`e2e_tf.data.objects.OBJECTS` in C++, of an object ``o`` of DetectorObjects.h around ``jet``."""
_TYPES = {"track": "TrackObject", "ecal": "CellObject", "hcal": "CellObject", "pixel": "ClusterObject"}
_READS = (  # what a producer of detector objects uses beside others
    "DataFormats/BeamSpot",
    "DataFormats/DetId",
    "DataFormats/EcalDetId",
    "DataFormats/EcalRecHit",
    "DataFormats/HcalDetId",
    "DataFormats/HcalRecHit",
    "DataFormats/SiPixelDetId",
    "DataFormats/TrackReco",
    "DataFormats/TrackerCommon",
    "DataFormats/TrackerRecHit2D",
    "Geometry/CaloGeometry",
    "Geometry/CommonDetUnit",
    "Geometry/Records",
    "Geometry/TrackerGeometryBuilder",
)

# Collections at both levels; parameters of the producers of the same names.
_RECO = {
    "tracks": "generalTracks",
    "track_quality": "highPurity",
    "ecal_hits": ("ecalRecHit:EcalRecHitsEB", "ecalRecHit:EcalRecHitsEE"),
    "hcal_hits": "hbhereco",
    "pixel_hits": "siPixelRecHits",
    "vertices": "offlinePrimaryVertices",
    "beam_spot": "offlineBeamSpot",
}
_HLT: dict[str, Any] = {
    "src": "hltAK4CaloJetsCorrected",
    "candidates": (),
    "jet_correction": "",
    "rho": "hltFixedGridRhoFastjetAllCalo",
    "tracks": "hltPixelTracks",
    "track_quality": "",
    "ecal_hits": ("hltEcalRecHit:EcalRecHitsEB", "hltEcalRecHit:EcalRecHitsEE"),
    "hcal_hits": "hltHbhereco",
    "pixel_hits": "hltSiPixelRecHits",
    "vertices": "hltPixelVertices",
    "beam_spot": "hltOnlineBeamSpot",
}
_TEXTS = ("track_quality", "jet_correction")  # parameters that are no labels


def cpp_table(quantities: dict[str, str], arguments: str) -> str:
    """Entries of a C++ table of functions.

    Args:
        quantities: expressions by name.
        arguments: of the functions; one that an expression does not use goes without a name.

    Returns:
        Lines.
    """
    lines = []
    for key, expression in quantities.items():
        used = arguments
        for variable in ("c", "jet", "rho", "o"):
            if not re.search(rf"\b{variable}\b", expression):
                used = re.sub(rf" {variable}\b", "", used)
        lines.append(f'        {{"{key}", []({used}) -> double {{ return {expression}; }}}}')
    return ",\n".join(lines)


def column_values() -> dict[str, str]:
    """The tables of columns of the producers.

    Returns:
        Text by the names of the templates.
    """
    return {
        f"{kind.upper()}_COLUMNS": cpp_table(columns, f"const {_TYPES[kind]}& o, const Momentum& jet")
        for kind, columns in OBJECT_COLUMNS.items()
    }


def object_values(models: Sequence[CmsswModel], label: str) -> dict[str, str]:
    """Values of the templates of a package on detector objects.

    Args:
        models: of the package.
        label: of its modules, which the name of a model is added to.

    Returns:
        Text by the names of the templates.
    """
    first = models[0]
    values = {
        **{name.upper(): value for name, value in _RECO.items() if isinstance(value, str)},
        "ECAL_HITS": ", ".join(f'edm::InputTag("{tag}")' for tag in _RECO["ecal_hits"]),
        "SRC_TYPES": "jets or taus: reco::PFJet, reco::PFTau, reco::CaloJet or any other reco::Candidate",
        "USE_OBJECTS": "".join(f'\n  <use name="{name}"/>' for name in _READS),
        "HLT_MODULES": "\n\n".join(hlt_text(model, label) for model in models),
        "TRAINING": "\n".join(_trained(model, f"{label}{model.name}") for model in models),
    }
    if not has_kind(first, "pixel"):
        values["PIXEL_HITS"] = ""
    return values


def has_kind(model: CmsswModel, kind: str) -> bool:
    """Whether a kind of objects is among the nodes of a model.

    Args:
        model: on detector objects.
        kind: one of :data:`e2e_tf.graph.KINDS`.

    Returns:
        True where it is.
    """
    limits = read_bundle_preprocess(model.bundle).max_nodes
    return kind in (KINDS if isinstance(limits, int) else limits)


def hlt_text(model: CmsswModel, label: str) -> str:
    """The module of a model with the collections of the HLT, and a filter on its last working point of one threshold.

    Args:
        model: on detector objects.
        label: of the package's modules, which the name of the model is added to.

    Returns:
        Lines of the configuration language.
    """
    module = f"{label}{model.name}"
    chosen = dict(_HLT)
    if not has_kind(model, "pixel"):
        chosen["pixel_hits"] = ""
    lines = "".join(f"    {name}={_parameter(name, value)},\n" for name, value in chosen.items())
    bit = max(0, len(model.manifest["working_points"]) - 1)
    return (
        f"{module}HLT = {module}.clone(\n{lines})\n"
        f"{module}HLTFilter = _filter.clone(\n"
        f"    src={_parameter('src', chosen['src'])},\n"
        f'    working_points=cms.InputTag("{module}HLT:workingPoints"),\n'
        f"    bit=cms.uint32({bit}),\n)"
    )


def _parameter(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return f"cms.VInputTag({', '.join(f'{tag!r}' for tag in value)})".replace("'", '"')
    return f'cms.string("{value}")' if name in _TEXTS else f'cms.InputTag("{value}")'


def _trained(model: CmsswModel, module: str) -> str:
    """A row of the README: what a model was trained on."""
    data = model.manifest["provenance"].get("data") or {}
    low, high, eta = training_range(model.manifest)
    jets = data.get("splits", {}).get("train", {}).get("jets")
    sample = data.get("file", data.get("sample", "not stated"))
    count = "" if jets is None else f", {jets:,} jets"
    where = f"{low:g} to {high:g} GeV" if high else "not stated"
    return f"| `{module}` | {sample}{count} | {where} | {f'up to ±{eta:g}' if eta else 'not stated'} |"
