from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError
from e2e_tf.training.compare import _shared, compare, comparison_table
from e2e_tf.training.metrics import background_rejection, roc_auc
from e2e_tf.training.predict import predict_examples
from e2e_tf.training.prepare import Split, prepare_run
from e2e_tf.training.run import open_run

pytestmark = pytest.mark.usefixtures("untraced")  # each model scores one batch


def copied(trained, target, **changes):
    """A copy of a run with other keys in its configuration."""
    folder = shutil.copytree(trained, target)
    stored = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        section, _, name = key.rpartition("__")
        (stored["config"][section] if section else stored["config"])[name] = value
    (folder / "config.json").write_text(json.dumps(stored))
    return folder


def noisy(folder, scale=0.3):
    """The model of a run with other parameters."""
    model = open_run(folder).model()
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, scale * (w.std() + 1e-3), w.shape) for w in model.get_weights()])
    model.save(folder / "model.keras")
    return folder


@pytest.fixture(scope="module")
def other(trained, tmp_path_factory):
    return noisy(copied(trained, tmp_path_factory.mktemp("compare") / "noisy", training__epochs=3))


def test_runs_with_the_same_test_part(trained, other, tmp_path, capsys):
    result = compare([trained, other], tmp_path / "page.html", bootstraps=30)
    test = prepare_run(open_run(trained)).test
    assert result["jets"] == len(test.jets)
    assert result["test"] == {"run": len(test.jets), "noisy": len(test.jets)}
    first, second = result["runs"].values()
    assert first["auc_difference"] == {"value": 0.0, "error": 0.0}
    scores = [predict_examples(open_run(run).model(), test.examples)[:, 0] for run in (trained, other)]
    areas = [roc_auc(test.label, score, test.weight) for score in scores]
    assert second["auc_difference"]["value"] == pytest.approx(areas[1] - areas[0], abs=1e-9)
    # Errors of the same jets are mostly in common.
    assert 0 < second["auc_difference"]["error"] < np.hypot(first["auc"]["error"], second["auc"]["error"])
    for ratio in second["rejection_ratio"]:
        found = [background_rejection(test.label, s, ratio["efficiency"], test.weight) for s in scores]
        if not any(one.is_limit for one in found):
            assert ratio["value"] == pytest.approx(found[1].value / found[0].value)
    comparison_table(result)
    shown = capsys.readouterr().out
    assert f"{len(test.jets)} shared test jets; difference and ratio to run" in shown
    assert "noisy" in shown
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<td>training.epochs</td>" in text  # what differs
    assert "<td>training.batch_size</td>" not in text
    assert len(text) < 5e6


def test_jets_are_the_same_by_event_and_columns_also_where_one_is_not_a_number():
    def part(event, pt):
        columns = {"pt": np.array(pt, np.float32), "other": np.array([np.nan, 1, 2], np.float32)}
        return Split(Jets(columns, np.array(event), np.ones(3, np.float32)), None, np.ones(3), {})

    first, second = part([4, 4, 5], [1, 2, 3]), part([4, 4, 6], [1, 9, 3])
    assert [rows.tolist() for rows in _shared([first, first])] == [[0, 1, 2], [0, 1, 2]]
    assert [rows.tolist() for rows in _shared([first, second])] == [[0], [0]]


def test_only_shared_jets_count(trained, tmp_path):
    other = copied(trained, tmp_path / "other", seed=4)
    result = compare([trained, other], bootstraps=5)
    events = [set(prepare_run(open_run(run)).test.jets.event.tolist()) for run in (trained, other)]
    shared = prepare_run(open_run(trained)).test.jets
    assert result["jets"] == np.isin(shared.event, list(events[0] & events[1])).sum()
    assert 0 < result["jets"] < len(shared)
    one, same = result["runs"].values()
    assert one["auc"] == same["auc"]  # the same model on the same jets, in two orders


def test_other_data_are_refused(trained, tmp_path):
    with pytest.raises(InputError, match="at least two runs, received 1"):
        compare([trained])
    with pytest.raises(InputError, match="can be compared once"):
        compare([trained, trained])
    other = copied(trained, tmp_path / "other", data__jet_pt=[10, 40])
    with pytest.raises(InputError, match=r"of different data: jet_pt None and \(10\.0, 40\.0\)"):
        compare([trained, other])
