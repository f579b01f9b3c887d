"""Samples and their split."""

from __future__ import annotations

import numpy as np

from e2e_tf.training.splits import split_by_event


def test_samples_of_one_event_stay_in_one_part():
    """The mixture and the parts have event numbers of their own, and the split looks at nothing else."""
    from studies.tau.rows import SPLIT
    from studies.tau.samples import _EVENTS, PILEUP

    parts = [np.arange(500) + (i + 1) * _EVENTS for i in range(len(PILEUP))]
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    test = set(together[split_by_event(together, SPLIT, 1)[2]].tolist())
    for part in parts:
        alone = set(part[split_by_event(part, SPLIT, 1)[2]].tolist())
        assert alone == test & set(part.tolist())
