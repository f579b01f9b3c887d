from __future__ import annotations

import pytest

from e2e_tf.errors import InputError
from e2e_tf.tuning.objectives import LOGGED, make_objective


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val_auc", "max"),
        ("val_loss", "min"),
        ("loss", "min"),
        ("rejection@0.7", "max"),
        ("latency_ms", "min"),
    ],
)
def test_direction_follows_from_the_name(name, direction):
    assert make_objective(name).direction == direction
    assert make_objective(name, "min").direction == "min"


def test_rejection_is_watched_by_the_auc():
    objective = make_objective("rejection@0.7", known=LOGGED)
    assert objective.efficiency == 0.7
    assert (objective.monitor, objective.monitor_direction) == ("val_auc", "max")
    loss = make_objective("val_loss")
    assert (loss.efficiency, loss.monitor, loss.monitor_direction) == (None, "val_loss", "min")


def test_best_is_the_first_of_equals():
    assert make_objective("val_auc").best([0.1, 0.9, 0.9]) == 1
    assert make_objective("val_loss").best([0.3, 0.1, 0.1]) == 1
    assert make_objective("val_loss").better(0.1, 0.2)
    assert not make_objective("val_auc").better(0.2, 0.2)


@pytest.mark.parametrize(
    "name", ["rejection@", "rejection@1.5", "rejection@0", "rejection@0.0", "rejection@x"]
)
def test_bad_efficiency(name):
    with pytest.raises(
        InputError, match=r"needs a signal efficiency between 0 and 1, such as rejection@0\.7, not"
    ):
        make_objective(name)


def test_not_logged():
    with pytest.raises(
        InputError, match=r"what the model logs, val_auc, val_loss, auc, loss, or rej.*not 'val_f1'"
    ):
        make_objective("val_f1", known=LOGGED)
