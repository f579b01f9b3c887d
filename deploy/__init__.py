"""The hand-off: artifacts that CMSSW loads, and the proof that every runtime gives the same numbers."""

from __future__ import annotations
