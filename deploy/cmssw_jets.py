"""How the producers of a CMSSW package make jets: as those were made that the model was trained on."""

from __future__ import annotations

from typing import Any

__all__ = ["jet_parameters", "jet_values", "training_range"]

_OF_EVENT = ("packedPFCandidates", "lostTracks")
# Where a sample does not say how its jets were made: those of the collection, as they are.
_UNKNOWN: dict[str, Any] = {
    "candidates": "constituents",
    "momentum": "stored",
    "rho": "fixedGridRhoFastjetAll",
}
_LEVELS = {"area": "L1FastJet", "stored": "", "tau": ""}
_RADIUS = 0.4
_OBJECTS = 0.5  # radius in which files of jets have detector objects


def training_range(manifest: dict[str, Any]) -> tuple[float, float, float]:
    """Where the jets of the training lie.

    Args:
        manifest: of the bundle, whose ``provenance.data.range`` says it.

    Returns:
        ``(lowest pT, highest pT, largest |η|)`` [GeV]; 0 for what is not known.
    """
    found = (manifest.get("provenance", {}).get("data") or {}).get("range", {})
    low, high = found.get("pt", (0.0, 0.0))
    return float(low), float(high), max((abs(float(v)) for v in found.get("eta", ())), default=0.0)


def _choices(manifest: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the producers that say how jets are made."""
    jets = manifest.get("jets") or _UNKNOWN
    tau = jets["momentum"] == "tau"
    limits = dict(zip(("min_pt", "max_pt", "max_eta"), training_range(manifest), strict=True))
    if (manifest.get("graph") or {}).get("nodes") == "detector":
        area = jets["momentum"] == "area"
        own_rho = jets["rho"] == "candidates"
        return {
            "src": "ak4PFJetsCHS",
            "candidates": ("particleFlow",) if area and own_rho else (),
            "candidate_radius": float(jets.get("radius", _OBJECTS)),
            "jet_correction": "area" if area else "",
            "jet_radius": float(jets.get("jet_radius", _RADIUS)),
            "tau_jets": "",
            "rho": "" if own_rho else jets["rho"],
            **limits,
        }
    return {
        "src": "slimmedTaus" if tau else "slimmedJets",
        "candidates": _OF_EVENT if jets["candidates"] == "cone" else (),
        "candidate_radius": float(jets.get("radius", _RADIUS)),
        "jet_correction": _LEVELS[jets["momentum"]],
        "jet_radius": float(jets.get("jet_radius", _RADIUS)),
        "tau_jets": "" if tau else "slimmedJets",
        "rho": "" if jets["rho"] == "candidates" else jets["rho"],
        **limits,
    }


def jet_parameters(manifest: dict[str, Any]) -> dict[str, str]:
    """Parameters of a producer in the configuration language.

    Args:
        manifest: of the bundle, whose ``jets`` say how those of the training were made.

    Returns:
        Expressions by the names of the parameters.
    """
    chosen = _choices(manifest)
    tags = ", ".join(f'"{tag}"' for tag in chosen.pop("candidates"))
    texts = {"jet_correction": f'cms.string("{chosen.pop("jet_correction")}")'}
    numbers = {name: f"cms.double({value!r})" for name, value in chosen.items() if isinstance(value, float)}
    labels = {name: f'cms.InputTag("{value}")' for name, value in chosen.items() if isinstance(value, str)}
    return {"candidates": f"cms.VInputTag({tags})", **texts, **numbers, **labels}


def jet_values(manifest: dict[str, Any]) -> dict[str, str]:
    """Values of the templates: defaults of the producers' parameters, and what the README says of them.

    Args:
        manifest: of the bundle, whose ``jets`` say how those of the training were made.

    Returns:
        Text by the names of the templates.
    """
    chosen = _choices(manifest)
    tags = chosen.pop("candidates")
    return {
        **{name.upper(): value if isinstance(value, str) else repr(value) for name, value in chosen.items()},
        "CANDIDATES": ", ".join(f'edm::InputTag("{tag}")' for tag in tags),
        "CANDIDATE_TAGS": ", ".join(f"`{tag}`" for tag in tags) or "none",
        "JETS_OF_TRAINING": _sentence(
            manifest.get("jets"), (manifest.get("graph") or {}).get("nodes", "candidates")
        ),
    }


def _sentence(jets: dict[str, Any] | None, nodes: str) -> str:
    """How the jets of the training were made."""
    if jets is None:
        return "The sample of the training does not say how its jets were made. Check every parameter below."
    whose = (
        f"all candidates within ΔR < {jets['radius']:g} of the axis, tracks of pileup among them"
        if jets["candidates"] == "cone"
        else "the candidates that the jet was made of"
    )
    if nodes == "detector":
        whose = f"objects within ΔR < {jets.get('radius', _OBJECTS):g} of the axis"
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
