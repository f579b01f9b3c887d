"""The report of a run: one page that needs nothing else."""

from __future__ import annotations

from e2e_tf.training.run_report.document import run_report

__all__ = ["run_report"]
