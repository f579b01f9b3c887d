"""Export of models to bundles that CMSSW loads, and their validation: every runtime gives the same numbers."""

from __future__ import annotations
