"""How the jets of a sample were made: which candidates belong to them, and what was taken off their momentum.

A model is right on jets that are made in the same way, so a bundle says it, and a producer in CMSSW does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["collision_energy", "jet_definition"]

_ENERGY = 13.0  # TeV, of simulated processes that do not say another one
_NANO = {"candidates": "constituents", "rho": "fixedGridRhoFastjetAll"}
_READERS: dict[str, dict[str, Any]] = {
    "pfnano": {**_NANO, "momentum": "stored"},
    "nano_taus": {**_NANO, "momentum": "tau"},
}


def jet_definition(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the settings of a sample say of its jets.

    Args:
        attributes: of the sample.

    Returns:
        None where they say nothing, else JSON values:

        - ``candidates``: ``cone``, all of the event within ΔR < ``radius`` of the jet's axis, tracks of pileup
          among them; or ``constituents``, those that the jet or tau was made of;
        - ``momentum``: ``area``, that of the constituents without tracks of pileup, lowered by ``rho`` times the area
          of a circle of ``jet_radius``; ``stored``, that of the collection; ``tau``, that of the tau itself;
        - ``rho``: ``candidates``, the median of their pT per area without tracks of pileup
          (:func:`e2e_tf.sim.pileup.density`), or the label of CMS's product.
    """
    settings = attributes.get("settings", {})
    process = settings.get("process")
    if "candidate_radius" in settings and isinstance(process, Mapping):
        return {
            "candidates": "cone",
            "radius": float(settings["candidate_radius"]),
            "jet_radius": float(process["radius"]),
            "momentum": "area" if process.get("subtract_pileup", True) else "stored",
            "rho": "candidates",
        }
    return _READERS.get(attributes.get("reader", ""))


def collision_energy(attributes: Mapping[str, Any]) -> float:
    """The energy of the collisions that a sample says it is of.

    Args:
        attributes: of the sample.

    Returns:
        In the centre of mass [TeV], of this library's simulation; 0 for other samples, which do not say it.
    """
    process = attributes.get("settings", {}).get("process")
    sources = process.get("sources", ()) if isinstance(process, Mapping) else ()
    cards = [card for source in sources for card in source.get("cards", ())]
    given = [float(card.partition("=")[2]) / 1000 for card in cards if card.startswith("Beams:eCM")]
    return given[0] if given else _ENERGY * bool(cards)
