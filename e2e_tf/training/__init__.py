"""Training: fit, metrics, evaluation, plots."""
