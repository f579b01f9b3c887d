"""Parity vectors as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e_tf.deploy.cmssw_parity import write_parity_text
from e2e_tf.files import read_json


def test_scores_and_what_they_may_differ_by(bundles: dict[str, Path], tmp_path: Path) -> None:
    manifest = read_json(bundles["padded"] / "manifest.json")
    manifest["outputs"][0]["tolerance"] = {"score": {"absolute": 0.5, "relative": 2.0}}
    write_parity_text(bundles["padded"], manifest, tmp_path / "parity.txt")
    lines = (tmp_path / "parity.txt").read_text("utf-8").splitlines()
    assert int(lines[0]) > 10
    at = 2 + 2 * int(lines[1])  # behind the tensors of the first batch
    scores, allowed = (np.array(lines[at + i].split(), np.float32) for i in (1, 2))
    assert lines[at] == f"2 {len(scores)} 1"  # rank and sizes
    assert len(scores) == len(allowed)
    np.testing.assert_allclose(allowed, 0.5 + 2 * np.abs(scores), rtol=1e-6)
    with np.load(bundles["padded"] / "outputs.npz") as outputs:
        assert any(np.array_equal(scores, outputs[key].ravel()) for key in outputs.files)
