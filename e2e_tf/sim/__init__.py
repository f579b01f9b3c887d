"""Simulated jets: Pythia 8, anti-kT jets and a parametrised CMS response (extra ``sim``).

The modules follow the particles: ``pythia`` makes events, ``particles`` takes what can be seen, ``tracker``
and ``calorimeters`` let it through the detector along the paths of `e2e_tf.data.helix`, ``pileup`` lays
minimum-bias collisions over it, ``candidates`` reconstructs particle-flow-like candidates, ``cluster`` makes
jets of them and finds taus, ``truth`` flavours and tops, ``selection`` says which jets a process keeps,
``hits`` puts tracks and deposits onto the detector grid. Detector objects are made by ``event_objects`` of
``track_objects``, ``readout`` (crystals, towers) and ``pixels``, whose tables stand in ``objects``;
``jet_objects`` puts them around jets. ``chunk`` runs all that for one chunk, ``simulate`` for a sample, whose
file ``order``, ``pieces`` and ``provenance`` complete. ``egamma`` is a gun of single electrons and photons.
``detector`` holds every number of the detector with its source.
"""

from __future__ import annotations

from e2e_tf.sim.simulate import PROCESS_NAMES, simulate

__all__ = ["PROCESS_NAMES", "simulate"]
