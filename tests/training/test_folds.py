"""k-fold training: every jet is scored by the run that has not seen it."""

from __future__ import annotations

import contextlib
import json
import shutil

import h5py
import numpy as np
import pytest
from eagerly import eagerly

from e2e_tf import cli
from e2e_tf.config import make_config
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError
from e2e_tf.training.folds import fit_folds, folds_table
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.predict import predict_file
from e2e_tf.training.run import open_run

JETS, LEAST_PT = 150, 12.0
SECTIONS = {
    "data": {"sample": "tau.h5", "selection": f"pt > {LEAST_PT:g}", "folds": 3, "reweight_pt": False},
    "graph": {"nodes": "candidates", "edges": "knn:2", "max_nodes": 6},
    "model": {"name": "deep_sets", "phi": [4], "dense": [4]},
    "training": {"epochs": 1, "batch_size": 32},
    "outputs": {
        "score": {},
        "visible": {"kind": "regression", "column": "visible_pt", "relative_to": "pt", "jets": "signal"},
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the sample and of its three folds, and what the training gave."""
    folder = tmp_path_factory.mktemp("folds")
    write_jets(folder / "tau.h5", read_jets(sample_path("tau")).take(np.arange(JETS)))
    with eagerly():  # three steps each
        return folder, fit_folds(make_config(SECTIONS), folder / "runs", base=folder, bootstraps=10)


def test_every_jet_has_the_score_of_the_run_that_has_not_seen_it(made, tmp_path):
    folder, _ = made
    jets = read_jets(folder / "tau.h5")
    jets = jets.take(jets["pt"] > LEAST_PT)
    assert 100 < len(jets) < JETS
    with h5py.File(folder / "runs" / "scores.h5") as file:
        fold, label = file["jets/fold"][()], file["label"][()]
        np.testing.assert_array_equal(file["event"], jets.event)  # in the order of the sample
        np.testing.assert_array_equal(file["jets/pt"], jets["pt"])
        ours = {name: file[f"outputs/{name}"][()] for name in SECTIONS["outputs"]}
    np.testing.assert_array_equal(label, jets.label)
    run = open_run(folder / "runs" / "fold-1")
    assert (run.config.data.folds, run.config.data.fold) == (3, 1)
    predict_file(run, folder / "tau.h5", tmp_path / "scores.h5")
    with h5py.File(tmp_path / "scores.h5") as file:
        for name, scores in ours.items():
            theirs = file[f"outputs/{name}"][()]
            np.testing.assert_allclose(scores[fold == 1], theirs[fold == 1], rtol=1e-5)
            for other in (0, 2):
                assert not np.allclose(scores[fold == other], theirs[fold == other], rtol=1e-5)
    assert min(np.bincount(fold, minlength=3)) > 20


def test_mean_spread_and_all_jets_together(made, capsys):
    folder, result = made
    assert json.loads((folder / "runs" / "folds.json").read_text()) == result
    with h5py.File(folder / "runs" / "scores.h5") as file:
        fold, label, score = file["jets/fold"][()], file["label"][()], file["outputs/score"][:, 0]
    assert result["jets"] == np.bincount(fold).tolist()
    auc = result["quantities"]["auc"]
    each = [roc_auc(label[fold == number], score[fold == number]) for number in range(3)]
    assert auc["each"] == pytest.approx(each, abs=1e-6)
    assert auc["mean"] == pytest.approx(np.mean(each), abs=1e-6)
    assert auc["spread"] == pytest.approx(np.std(each, ddof=1), abs=1e-6)
    # Each fold has the weights of its own training part, which area and few jets see only here.
    assert auc["out_of_fold"] == pytest.approx(roc_auc(label, score), abs=0.05)
    assert 0 < auc["error"] < 0.2
    names = [*result["quantities"]]
    assert names[:4] == ["auc", "rejection at 50%", "rejection at 70%", "rejection at 90%"]
    assert {"score auc", "visible bias", "visible resolution", "visible relative_resolution"} <= set(names)
    folds_table(result)
    shown = capsys.readouterr().out
    assert f"3 folds, {len(fold)} jets" in shown
    assert f"{auc['mean']:.4g}" in shown


def test_what_is_finished_is_kept_and_the_command_goes_on(made, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(made[0], tmp_path / "copy")
    shutil.rmtree(folder / "runs" / "fold-1")
    before = {n: (folder / "runs" / f"fold-{n}" / "model.keras").stat().st_mtime_ns for n in (0, 2)}
    lines = ['[data]\nsample = "tau.h5"']
    for section, values in SECTIONS.items():
        if section == "outputs":
            for name, one in values.items():
                lines += [f"[outputs.{name}]", *(f"{k} = {json.dumps(v)}" for k, v in one.items())]
            continue
        lines += [f"[{section}]"] if section != "data" else []
        lines += [f"{k} = {json.dumps(v)}" for k, v in values.items() if k != "sample"]
    (folder / "a.toml").write_text("\n".join(lines))
    command = ["e2e-tf", "fit", str(folder / "a.toml"), "-o", str(folder / "runs"), "--folds"]

    monkeypatch.setattr("sys.argv", [*command, "3"])
    with contextlib.suppress(SystemExit):
        cli.main()
    assert "3 folds" in capsys.readouterr().out
    after = {n: (folder / "runs" / f"fold-{n}" / "model.keras").stat().st_mtime_ns for n in (0, 2)}
    assert after == before
    again = json.loads((folder / "runs" / "folds.json").read_text())["quantities"]["auc"]
    assert again["each"] == pytest.approx(made[1]["quantities"]["auc"]["each"], abs=1e-6)

    for words, message in (
        (["4"], "fold-0 holds a run of another configuration"),
        (["3", "--set", "training.epochs=2"], "fold-0 holds a run of another configuration"),
        (["2"], "folds must be 0, or 3 and more"),
        (["0", "--set", "data.folds=0"], "the number of folds must be given"),
        (["3", "--set", "data.split_column=event"], "two ways to share out the jets"),
    ):
        monkeypatch.setattr("sys.argv", [*command, *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        err = capsys.readouterr().err
        assert (stopped.value.code, message in err) == (2, True), err


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="mine exists already and is not of 3 folds"):
        fit_folds(make_config(SECTIONS), tmp_path / "mine")
    with pytest.raises(InputError, match=r"the folder .*absent of runs does not exist"):
        fit_folds(make_config(SECTIONS), tmp_path / "absent" / "runs")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
