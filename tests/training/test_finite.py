from __future__ import annotations

import keras
import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.training.evaluate import evaluate
from e2e_tf.training.finetune import fine_tune
from e2e_tf.training.finite import check_finite, not_finite
from e2e_tf.training.predict import predict_file
from e2e_tf.training.run import open_run


def spoil(path, value):
    """Put one value into the last array of a model file."""
    model = keras.models.load_model(path, compile=False)
    weights = model.get_weights()
    weights[-1].flat[0] = value
    model.set_weights(weights)
    model.save(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_and_moving_statistics(value):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, name="d"), keras.layers.BatchNormalization()]
    )
    assert not_finite(model) == []
    assert check_finite(model, "the model") is model
    weights = model.get_weights()
    weights[0][1, 2] = value
    weights[-1][0] = value
    model.set_weights(weights)
    assert [path.split("/")[-1] for path in not_finite(model)] == ["kernel", "moving_variance"]
    with pytest.raises(
        InputError, match=r"parameter of the model must be finite, 2 of 6 arrays .* the first is \S*d/kernel"
    ):
        check_finite(model, "the model")


def test_a_run_of_such_a_model_is_refused(run_copy, tau_folder, tmp_path):
    spoil(run_copy / "model.keras", np.nan)
    said = r"every parameter of .*model\.keras must be finite, 1 of \d+ arrays"
    with pytest.raises(InputError, match=said):
        predict_file(run_copy, tau_folder / "tau.h5", tmp_path / "scores.h5")
    assert not (tmp_path / "scores.h5").exists()
    with pytest.raises(InputError, match=said):
        evaluate(run_copy, bootstraps=5, baselines=False)
    assert not (run_copy / "metrics.json").exists()
    with pytest.raises(InputError, match=said):
        open_run(run_copy).model()
    with pytest.raises(InputError, match=said):
        fine_tune(run_copy / "model.keras")
