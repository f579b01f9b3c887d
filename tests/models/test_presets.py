"""Settings by name."""

from __future__ import annotations

import pytest

from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, TRAINING, build_model, training_preset


def test_presets() -> None:
    slides, code = training_preset("graph_net/slides"), training_preset("graph_net/code")
    assert (slides.learning_rate, slides.batch_size, slides.epochs, slides.stop_patience) == (
        1e-3,
        256,
        300,
        15,
    )
    assert (code.learning_rate, code.batch_size, code.epochs, code.stop_patience) == (1e-4, 32, 400, 50)
    net = training_preset("particle_net")
    assert [net.rate(epoch) for epoch in (0, 9, 10, 19, 20, 29)] == [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    assert [type(c).__name__ for c in slides.callbacks()] == ["ReduceLROnPlateau", "EarlyStopping"]
    assert [type(c).__name__ for c in net.callbacks()] == ["LearningRateScheduler"]
    assert {preset.model for preset in TRAINING.values()} <= set(MODELS)
    model = training_preset("fcn").compile(build_model("fcn", 4, 0, {"layers": 1, "units": 4}))
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert model.loss == "binary_crossentropy"
    with pytest.raises(InputError, match="preset must be one of graph_net/slides, .*not 'graph_net'"):
        training_preset("graph_net")
