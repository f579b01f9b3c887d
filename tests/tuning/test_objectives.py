from __future__ import annotations

import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.training.loop import logged
from e2e_tf.tuning.config import make_tune_config
from e2e_tf.tuning.objectives import make_objective, run_objective

LOGGED = logged(make_config({}))
OUTPUTS = {"score": {}, "pt": {"kind": "regression", "column": "visible_pt"}}


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val_auc", "max"),
        ("val_loss", "min"),
        ("loss", "min"),
        ("rejection@0.7", "max"),
        ("latency_ms", "min"),
        ("val_rmse", "min"),
        ("root_mean_squared_error", "min"),
        ("val_mean_absolute_error", "min"),
        ("val_mode_accuracy", "max"),
        ("val_pt_mae", "min"),
        ("val_loss_auc", "max"),
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


@pytest.mark.parametrize("name", ["width", "val_resolution", "closs", "y", "val_background_efficiency"])
def test_a_direction_is_never_guessed(name):
    with pytest.raises(
        InputError, match=rf"tune\.direction must be 'max' or 'min' for the objective '{name}'"
    ):
        make_objective(name)
    assert make_objective(name, "min").direction == "min"


def objective(outputs, own_model=False, **tune):
    return run_objective(make_tune_config(tune), make_config({"outputs": outputs}), own_model)


def test_several_outputs_need_an_objective_of_theirs():
    with pytest.raises(InputError, match=r"must be one of what the model logs, val_score_auc, val_pt_mae,"):
        objective(OUTPUTS)
    assert objective(OUTPUTS, objective="val_score_auc").direction == "max"
    assert objective(OUTPUTS, objective="val_pt_loss").direction == "min"
    assert objective({"score": {}}).name == "val_auc"  # there is but one
    assert objective(OUTPUTS, own_model=True).name == "val_auc"  # what that logs only its training can tell


def test_a_rejection_is_that_of_the_label():
    found = objective(OUTPUTS, objective="rejection@0.7")
    assert (found.monitor, found.monitor_direction) == ("val_score_auc", "max")
    assert objective({}, objective="rejection@0.7").monitor == "val_auc"
    with pytest.raises(InputError, match=r"needs an output that is the label; the outputs are pt"):
        objective({"pt": OUTPUTS["pt"]}, objective="rejection@0.7")
