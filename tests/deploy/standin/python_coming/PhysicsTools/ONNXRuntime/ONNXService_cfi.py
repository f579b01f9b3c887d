"""The service of releases from 2026 on."""

import FWCore.ParameterSet.Config as cms

ONNXService = cms.Service("ONNXService")
