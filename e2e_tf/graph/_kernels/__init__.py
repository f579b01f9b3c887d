"""Numba kernels; importing any module here imports numba, so callers do it inside functions."""
