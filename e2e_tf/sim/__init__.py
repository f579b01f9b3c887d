"""Simulated jets: Pythia 8, anti-kT jets and a parametrised CMS response (extra ``sim``).

The modules follow the particles: ``pythia`` makes events, ``response`` takes their particles through the
tracker to the calorimeters, ``pileup`` lays minimum-bias collisions over them, ``candidates`` reconstructs
particle-flow-like candidates, ``cluster`` makes jets of them and finds taus, ``truth`` flavours and tops, ``hits`` puts
tracks and deposits onto the detector grid, ``simulate`` runs it all in chunks and writes the file. ``egamma`` is a gun
of single electrons and photons. ``detector`` holds every number of the detector with its source.
"""

from __future__ import annotations

from e2e_tf.sim.simulate import PROCESS_NAMES, simulate

__all__ = ["PROCESS_NAMES", "simulate"]
