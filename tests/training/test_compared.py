"""Scores of other taggers beside those of a run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.jets import read_jets
from e2e_tf.errors import InputError
from e2e_tf.training.compared import other_scores
from e2e_tf.training.evaluate import evaluate
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.prepare import prepare, prepare_run
from e2e_tf.training.run import open_run


def test_columns_of_jets_and_truth_are_scores(tau_folder, tmp_path):
    jets = read_jets(tau_folder / "tau.h5")
    found = other_scores({"by mass": "mass", "by truth": "visible_pt"}, jets)
    assert list(found) == ["by mass", "by truth"]
    np.testing.assert_array_equal(found["by mass"], jets["mass"])
    with pytest.raises(
        InputError, match="data.compare: there is no column 'deeptau'; jets and truth have .*mass"
    ):
        other_scores({"DeepTau": "deeptau"}, jets)
    broken = replace(jets, columns={**jets.columns, "mass": np.where(np.arange(len(jets)) < 3, np.nan, 1.0)})
    with pytest.raises(InputError, match="mass is NaN for 3 of 400 jets"):
        other_scores({"by mass": "mass"}, broken)
    config = make_config({"data": {"sample": str(tau_folder / "tau.h5"), "compare": {"x": "none"}}})
    with pytest.raises(InputError, match="there is no column 'none'"):  # before anything is trained
        prepare(config)


def test_evaluate_shows_them_beside_its_own(run_copy):
    stored = json.loads((run_copy / "config.json").read_text())
    stored["config"]["data"]["compare"] = {"by mass": "mass"}
    (run_copy / "config.json").write_text(json.dumps(stored))
    run = open_run(run_copy)
    found = evaluate(run, force=True, bootstraps=2, baselines=False)["classifiers"]
    assert list(found) == [run.config.model_name, "by mass"]
    test = prepare_run(run).test
    wanted = roc_auc(test.label, test.jets["mass"], test.weight)
    assert found["by mass"]["overall"]["auc"]["value"] == pytest.approx(wanted, rel=1e-9)
