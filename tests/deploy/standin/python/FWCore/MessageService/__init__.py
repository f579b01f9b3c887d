"""Stands in for the message logger."""
