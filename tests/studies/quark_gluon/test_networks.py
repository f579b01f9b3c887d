"""Which jets are evaluated, and which scores are kept."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.training.splits import split_by_event


def test_choices_are_made_inside_what_the_first_seed_learns_from():
    from studies.quark_gluon.networks import parts_of

    event = np.arange(3000)
    held_out = split_by_event(event, (0.75, 0.05, 0.2), 1)[2]
    np.testing.assert_array_equal(parts_of(event, 1)[1], held_out)
    assert not np.intersect1d(*parts_of(event, 3)).size
    for seed in (1, 2):
        learned, evaluated = parts_of(event, seed, inside=True)
        assert not np.intersect1d(learned, evaluated).size
        np.testing.assert_array_equal(
            np.sort(np.concatenate([learned, evaluated])), np.setdiff1d(event, held_out)
        )
        assert len(evaluated) == pytest.approx(800, abs=60)
    assert len(np.intersect1d(evaluated, parts_of(event, 1, inside=True)[1])) < 400  # another third


def test_scores_are_kept_by_settings(tmp_path):
    from studies.quark_gluon.networks import kept

    path = tmp_path / "a.npz"
    assert kept(path, [1, {"phi": (2, 3)}], lambda: np.ones(2)).tolist() == [1, 1]
    assert kept(path, [1, {"phi": (2, 3)}], lambda: np.zeros(2)).tolist() == [1, 1]
    assert kept(path, [2], lambda: np.zeros(2)).tolist() == [0, 0]
