"""Fine-tuning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from graph_batches import disjoint_batch

from e2e_tf.errors import InputError
from e2e_tf.models import Head, build_model
from e2e_tf.training.finetune import fine_tune, freeze

SETS = {"phi": [8], "dense": [8]}


def test_fine_tuning_from_a_file(tmp_path: Path) -> None:
    old = build_model("deep_sets", 6, 2, SETS)
    old.save(tmp_path / "old.keras")
    whole = disjoint_batch([4, 3, 7])
    same = fine_tune(tmp_path / "old.keras")
    np.testing.assert_allclose(same(whole), old(whole), rtol=1e-6)
    new = fine_tune(
        tmp_path / "old.keras", ["phi_*"], {"mode": Head("multiclass", 3), "pt": Head("regression")}
    )
    np.testing.assert_array_equal(new.get_layer("phi_1").kernel, old.get_layer("phi_1").kernel)
    before = {layer.name: [w.copy() for w in layer.get_weights()] for layer in new.layers}
    new.compile("adam", {"mode": "sparse_categorical_crossentropy", "pt": "mse"}, jit_compile=False)
    new.train_on_batch(whole, {"mode": np.array([[0], [1], [2]]), "pt": np.ones((3, 1), np.float32)})
    for layer in new.layers:
        for ours, theirs in zip(layer.get_weights(), before[layer.name], strict=True):
            if layer.name.startswith("phi_"):
                np.testing.assert_array_equal(ours, theirs)
            elif layer.name in ("dense_1", "mode", "pt"):
                assert np.abs(ours - theirs).max() > 0
    assert freeze(new, ["dense_1"]) == ["phi_1", "dense_1"]
    with pytest.raises(InputError, match="freeze must fit layers of deep_sets: .*'gat_\\*' fits none"):
        freeze(new, ["gat_*"])
    with pytest.raises(InputError, match="head must be a layer of deep_sets: .*not 'logit'"):
        fine_tune(old, outputs=2, head="logit")
    with pytest.raises(InputError, match="there is no model"):
        fine_tune(tmp_path / "none.keras")
    (tmp_path / "bad.keras").write_bytes(b"no zip")
    with pytest.raises(InputError, match="is not a Keras model that can be loaded"):
        fine_tune(tmp_path / "bad.keras")


def test_the_source_is_not_changed() -> None:
    old = build_model("deep_sets", 6, 2, SETS)
    new = fine_tune(old, ["*"])
    assert not new.get_layer("phi_1").trainable
    assert old.get_layer("phi_1").trainable
    new.get_layer("phi_1").kernel.assign(0 * new.get_layer("phi_1").kernel)
    assert np.abs(old.get_layer("phi_1").kernel).max() > 0
