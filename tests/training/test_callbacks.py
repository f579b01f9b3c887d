from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from e2e_tf.training import callbacks
from e2e_tf.training.callbacks import EpochProgress, LoaderEpoch


def test_the_loader_is_told_the_epoch():
    loader = SimpleNamespace(epoch=0)
    callback = LoaderEpoch(loader)
    for epoch in (0, 1, 7):
        callback.on_epoch_begin(epoch)
        assert loader.epoch == epoch


@pytest.mark.parametrize("terminal", [False, True])
def test_one_line_per_epoch(terminal, monkeypatch):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    monkeypatch.setattr(callbacks, "console", lambda: console)
    progress = EpochProgress(epochs=5, steps=2)
    progress.on_epoch_begin(1)
    for batch in range(2):
        progress.on_train_batch_end(batch)
    progress.on_epoch_end(1, {"loss": 0.5, "val_auc": 0.75})
    progress.on_train_end()
    assert "Epoch 2/5: loss 0.5000  val_auc 0.7500  0.0 s" in out.getvalue()
