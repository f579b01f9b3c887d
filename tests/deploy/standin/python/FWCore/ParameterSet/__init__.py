"""Stands in for the configuration language of CMSSW."""
