"""How the producers of a CMSSW package make jets: as those were made that the model was trained on."""

from __future__ import annotations

from typing import Any

__all__ = ["jet_values"]

_OF_EVENT = ("packedPFCandidates", "lostTracks")
# Where a sample does not say how its jets were made: those of the collection, as they are.
_UNKNOWN: dict[str, Any] = {
    "candidates": "constituents",
    "momentum": "stored",
    "rho": "fixedGridRhoFastjetAll",
}
_LEVELS = {"area": "L1FastJet", "stored": "", "tau": ""}
_RADIUS = 0.4


def jet_values(manifest: dict[str, Any]) -> dict[str, str]:
    """Values of the templates: defaults of the producers' parameters, and what the README says of them.

    Args:
        manifest: of the bundle, whose ``jets`` say how those of the training were made.

    Returns:
        Text by the names of the templates.
    """
    said = manifest.get("jets")
    jets = _UNKNOWN if said is None else said
    cone, tau = jets["candidates"] == "cone", jets["momentum"] == "tau"
    tags = _OF_EVENT if cone else ()
    return {
        "SRC": "slimmedTaus" if tau else "slimmedJets",
        "CANDIDATES": ", ".join(f'edm::InputTag("{tag}")' for tag in tags),
        "CANDIDATE_TAGS": ", ".join(f"`{tag}`" for tag in tags) or "none",
        "CANDIDATE_RADIUS": repr(float(jets.get("radius", _RADIUS))),
        "JET_RADIUS": repr(float(jets.get("jet_radius", _RADIUS))),
        "JET_CORRECTION": _LEVELS[jets["momentum"]],
        "TAU_JETS": "" if tau else "slimmedJets",
        "RHO": "" if jets["rho"] == "candidates" else jets["rho"],
        "JETS_OF_TRAINING": _sentence(said),
    }


def _sentence(jets: dict[str, Any] | None) -> str:
    """How the jets of the training were made."""
    if jets is None:
        return "The sample of the training does not say how its jets were made. Check every parameter below."
    whose = (
        f"all candidates within ΔR < {jets['radius']:g} of the axis, tracks of pileup among them"
        if jets["candidates"] == "cone"
        else "the candidates that the jet was made of"
    )
    momenta = {
        "area": "momenta of jets without tracks of pileup, lowered by ρ times the area",
        "stored": "momenta as they are stored",
        "tau": "momenta of taus",
    }
    rho = (
        "ρ is the median pT per area of candidates without tracks of pileup"
        if jets["rho"] == "candidates"
        else f"ρ is `{jets['rho']}`"
    )
    return f"The model was trained on {whose}, with {momenta[jets['momentum']]}; {rho}."
