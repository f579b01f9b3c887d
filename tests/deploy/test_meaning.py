"""What the columns of a score are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from e2e_tf.data.jets import read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.export import export
from e2e_tf.deploy.meaning import column_labels, in_units_of_jets, relative_columns
from e2e_tf.files import read_json
from e2e_tf.training.run import open_run
from e2e_tf.training.targets import in_units


def test_the_manifest_says_what_outputs_mean(make_run: Callable[..., Path], tmp_path: Path) -> None:
    """Classes, units, the quantity that a score is relative to; raw jets then give what predict gives."""
    outputs = {
        "tau": {},
        "mode": {"kind": "multiclass", "column": "decay_mode", "classes": [0, 1, 10]},
        "pt": {"kind": "regression", "column": "visible_pt", "relative_to": "pt"},
    }
    run = make_run(tmp_path / "run", outputs=outputs)
    manifest = read_json(export(run, tmp_path / "bundle", formats=("pb",), proof=0) / "manifest.json")
    assert manifest["outputs"][0]["columns"] == {"mode": 3, "pt": 1, "tau": 1}
    assert manifest["outputs"][0]["meaning"] == {
        "tau": {"kind": "binary", "column": "label", "classes": [1]},
        "mode": {"kind": "multiclass", "column": "decay_mode", "classes": [0, 1, 10]},
        "pt": {"kind": "regression", "column": "visible_pt", "unit": "GeV", "relative_to": "pt"},
    }
    assert column_labels(manifest) == ["mode=0", "mode=1", "mode=10", "pt", "tau"]
    assert column_labels({"outputs": [{"shape": ["B", 2]}]}) == ["score_0", "score_1"]
    assert relative_columns(manifest) == ["", "", "", "pt", ""]
    jets = read_jets(sample_path("tau"), stop=5)
    scores = np.random.default_rng(0).random((5, 5)).astype(np.float32)
    found = in_units_of_jets(scores, manifest, jets)
    parts = {"mode": scores[:, :3], "pt": scores[:, 3:4], "tau": scores[:, 4:]}
    wanted = in_units(open_run(run).config, parts, jets)
    np.testing.assert_array_equal(
        found, np.concatenate([wanted[name] for name in ("mode", "pt", "tau")], axis=1)
    )
    np.testing.assert_allclose(found[:, 3], scores[:, 3] * jets["pt"], rtol=1e-6)
    jets.columns["pt"][:3] = 0, -1, np.nan
    lost = np.isnan(in_units_of_jets(scores, manifest, jets))
    np.testing.assert_array_equal(np.argwhere(lost), [[0, 3], [1, 3], [2, 3]])
