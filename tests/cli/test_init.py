"""The command line as a user sees it: exit status 2 and one sentence for bad input, nothing overwritten."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from processes import python

from e2e_tf import __version__, cli
from e2e_tf.data.jets import Jets, read_jets, write_jets
from e2e_tf.deploy.agreement import Agreement
from e2e_tf.errors import InputError, TrainingDiverged


@pytest.fixture
def e2e(monkeypatch, capsys):
    """Runs the command in this process; gives exit status, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["e2e-tf", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def one_sentence(err: str) -> str:
    """The error line, which must be the last one and without a traceback."""
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("e2e-tf: error:")]
    assert len(lines) == 1
    return lines[0]


def test_help_and_version(e2e):
    status, out, _ = e2e("--help")
    assert status == 0
    for command in ("demo", "simulate", "fit", "evaluate", "predict", "export", "validate", "dump-jets"):
        assert command in out
    assert e2e("--version") == (0, f"e2e-tf {__version__}\n", "")


def test_the_help_has_groups_in_the_order_of_the_work(e2e):
    status, out, _ = e2e("-h")
    assert status == 0
    groups = re.findall(r"^╭─ (.+?) ─", out, flags=re.MULTILINE)
    assert groups == ["Options", "Start here", "Data", "Train and evaluate", "Export and run elsewhere"]
    first, _, rest = out.partition("Train and evaluate")
    assert "inspect" in first
    assert "fit" in rest
    assert "--install-completion" in out
    for command in ("fit", "tune", "verify"):
        status, out, _ = e2e(command, "-h")
        assert (status, "--quiet" in out) == (0, True)
        assert ("--set" in out) == (command != "verify")


def test_the_help_loads_neither_numpy_nor_keras_and_takes_half_a_second():
    """Of processor time, as other tests run beside this one."""
    code = (
        "import sys, time\nfrom e2e_tf import cli\nsys.argv = ['e2e-tf', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'keras', 'numpy', 'pydantic', 'tensorflow'} & set(sys.modules)), time.process_time())"
    )
    done = python(code)
    loaded, _, seconds = done.stdout.splitlines()[-1].rpartition(" ")
    assert loaded == "[]"
    assert float(seconds) < 0.5


def test_quiet_says_nothing_of_progress(e2e, monkeypatch):
    """Results stay; the option is known to every command."""
    from e2e_tf import terminal

    def predicts(*_args, **_options):
        with terminal.status("Scoring"):
            return 7

    monkeypatch.setattr("e2e_tf.training.predict.predict_file", predicts)
    for options, progress in ((["--quiet"], ""), (["-q"], ""), ([], "Scoring: 0.0 s\n")):
        monkeypatch.setattr(terminal, "_console", None)
        status, out, err = e2e("predict", "run", "tau", "-o", "scores.h5", *options)
        assert (status, out, err) == (0, "Scores of 7 jets in scores.h5\n", progress)


def test_json_is_one_document(e2e, monkeypatch, tau_folder, tmp_path):
    status, out, err = e2e("inspect", tau_folder / "tau.h5", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert found["path"] == str(tau_folder / "tau.h5")
    assert (found["entries"], found["labels"]) == (400, {"0": 200, "1": 200})
    assert found["columns"]["jets/pt"] == {"type": "float32", "unit": "GeV", "description": ""}
    assert 10 <= found["per_entry"]["pt"]["least"] <= found["per_entry"]["pt"]["median"] <= 50
    assert found["per_entry"]["ecal hits"]["empty"] == 0

    found = json.loads(e2e("models", "--json")[1])
    assert found["gat_cheb"]["parameters"] == 133_537
    assert found["event_images"]["inputs"] == "image"
    found = json.loads(e2e("models", "particle_net", "--json")[1])
    assert [*found] == ["particle_net"]
    assert found["particle_net"]["settings"]["channels"][0] == [64, 64, 64]

    auc = {"value": np.float64(0.9), "error": float("nan")}
    monkeypatch.setattr("e2e_tf.training.evaluate.evaluate", lambda *_args, **_options: {"auc": auc})
    assert json.loads(e2e("evaluate", tmp_path, "--json")[1]) == {"auc": {"value": 0.9, "error": None}}

    agreements = [Agreement("onnx 1.20", 5, 1e-7, 3), Agreement("frozen", 5, 1.0, 3)]
    for count, agrees in ((1, True), (2, False)):
        monkeypatch.setattr("e2e_tf.deploy.validate.validate", lambda *_args, n=count, **_: agreements[:n])
        status, out, _ = e2e("validate", tmp_path, "--json")
        found = json.loads(out)
        assert (status, found["agrees"], len(found["runtimes"])) == (0 if agrees else 1, agrees, count)
    assert found["runtimes"][0]["largest_difference"] == 1e-7
    assert [entry["verdict"] for entry in found["runtimes"]] == ["agrees", "DIFFERS"]


def test_commands_end_with_where_the_results_are(e2e, monkeypatch, tmp_path):
    (tmp_path / "a.toml").write_text("seed = 3\n")
    monkeypatch.setattr("e2e_tf.training.fit.fit", lambda *_args, **_options: None)
    run = tmp_path / "run"
    said = f"Run in {run}; evaluate it with 'e2e-tf evaluate {run}'\n"
    assert e2e("fit", tmp_path / "a.toml", "-o", run)[:2] == (0, said)
    monkeypatch.setattr("e2e_tf.training.evaluate.evaluate", lambda *_args, **_options: {})
    monkeypatch.setattr("e2e_tf.training.report.metrics_table", lambda metrics: print("table"))
    assert e2e("evaluate", run)[:2] == (0, f"table\nReport in {run}/report.html, pictures beside it\n")


def test_set_changes_keys_of_the_configuration(e2e, monkeypatch, tmp_path):
    (tmp_path / "a.toml").write_text("seed = 3\n[training]\nepochs = 2\n[tune]\ntrials = 5\n")
    given = []
    monkeypatch.setattr("e2e_tf.training.fit.fit", lambda config, folder, **options: given.append(config))
    (tmp_path / "b.toml").write_text("seed = 3\n[training]\nepochs = 2\n")
    changes = ["--set", "training.epochs=7", "--set", "graph.edges=knn:4", "--set", "seed=9"]
    assert e2e("fit", tmp_path / "b.toml", "-o", tmp_path / "run", *changes)[0] == 0
    (config,) = given
    assert (config.seed, config.training.epochs, config.graph.edges) == (9, 7, "knn:4")
    status, _, err = e2e("fit", tmp_path / "b.toml", "-o", tmp_path / "run", "--set", "training.epoch=7")
    assert (status, "unknown key 'training.epoch'; accepted here: epochs" in one_sentence(err)) == (2, True)

    def tunes(config, folder, *, settings, base, **options):
        given.append((config.training.epochs, settings.trials, base))
        raise InputError("seen")

    monkeypatch.setattr("e2e_tf.tuning.search.tune", tunes)
    changes = ["--set", "tune.trials=2", "--set", "training.epochs=4"]
    assert "seen" in one_sentence(e2e("tune", tmp_path / "a.toml", "-o", tmp_path / "sweep", *changes)[2])
    assert given[-1] == (4, 2, tmp_path)
    status, _, err = e2e("tune", "--retrain", "sweep", "-o", tmp_path / "run", "--set", "seed=1")
    assert (status, "--set changes the configuration of a search" in one_sentence(err)) == (2, True)


def test_old_names_of_commands_say_the_new_ones(e2e, tau_folder, tmp_path):
    out = e2e("--help")[1]
    assert {"validate", "dump-jets"} <= set(re.findall(r"^│ (\S+)", out, flags=re.MULTILINE))
    assert not re.search(r"^│ (verify|candidates) ", out, flags=re.MULTILINE)  # hidden
    for name in ("dump-jets", "candidates"):
        status, out, err = e2e(name, tau_folder / "tau.h5", "-o", tmp_path / f"{name}.bin")
        assert (status, "400 jets in" in out) == (0, True)
        note = [line for line in err.splitlines() if line.startswith("e2e-tf: note:")]
        assert note == ["e2e-tf: note: 'candidates' is now called 'dump-jets'"] * (name == "candidates")
    assert (tmp_path / "dump-jets.bin").read_bytes() == (tmp_path / "candidates.bin").read_bytes()
    status, _, err = e2e("verify", tmp_path / "nowhere")
    assert (status, "there is no bundle" in one_sentence(err)) == (2, True)
    assert err.startswith("e2e-tf: note: 'verify' is now called 'validate'\n")
    assert "note" not in e2e("validate", tmp_path / "nowhere")[2]


def test_unknown_option_ends_with_2(e2e):
    assert e2e("fit", "a.toml", "--no-such-option")[0] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "unknown key 'sed'"),
        ("[training]\nepochs = -1", "training.epochs"),
        (
            "[data]\nsample = 'nowhere.h5'",
            "there is no sample .*nowhere.h5; data.sample takes a path or one of tau",
        ),
    ],
)
def test_bad_configuration(e2e, tmp_path, text, message):
    (tmp_path / "a.toml").write_text(text)
    status, _, err = e2e("fit", tmp_path / "a.toml", "-o", tmp_path / "run")
    assert status == 2
    assert re.search(message, one_sentence(err))
    assert not (tmp_path / "run").exists()


def damaged(kind: str, jets: Jets, path):
    """A sample that cannot be used, and what must be said of it."""
    if kind == "truncated":
        write_jets(path, jets)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return "is truncated or damaged"
    if kind == "text":
        path.write_text("not HDF5")
        return "is truncated or damaged"
    if kind == "background only":
        write_jets(path, jets.take(np.flatnonzero(jets.label == 0)))
        return "has no signal"
    if kind == "NaN":
        ecal = jets.hits["ecal"]
        values = ecal["value"].copy()
        values[5] = np.nan
        hits = {**jets.hits, "ecal": type(ecal)({**ecal.columns, "value": values}, ecal.offsets)}
        write_jets(
            path, Jets(jets.columns, jets.event, jets.weight, jets.label, jets.truth, hits, jets.candidates)
        )
        return "hits/ecal/value must be finite and not negative"
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["truncated", "text", "background only", "NaN"])
def test_bad_sample(e2e, tau_folder, tmp_path, kind):
    message = damaged(kind, read_jets(tau_folder / "tau.h5"), tmp_path / "tau.h5")
    (tmp_path / "a.toml").write_text('[data]\nsample = "tau.h5"\n')
    status, _, err = e2e("fit", tmp_path / "a.toml", "-o", tmp_path / "run")
    assert status == 2
    assert message in one_sentence(err)
    assert not (tmp_path / "run").exists()


def test_a_run_without_a_model(e2e, run_copy, tmp_path):
    (run_copy / "model.keras").unlink()
    for command in (["evaluate", run_copy], ["export", run_copy, "-o", tmp_path / "h"]):
        status, _, err = e2e(*command)
        assert status == 2
        assert "has no model.keras; its training has not finished" in one_sentence(err)
    assert not (tmp_path / "h").exists()
    status, _, err = e2e("evaluate", tmp_path / "nowhere")
    assert (status, "there is no run folder" in one_sentence(err)) == (2, True)
    status, _, err = e2e("evaluate", tmp_path)
    assert (status, "is not a run folder: it has no config.json" in one_sentence(err)) == (2, True)
    status, _, err = e2e("compare", run_copy)
    assert (status, "at least two runs, received 1" in one_sentence(err)) == (2, True)
    status, _, err = e2e("display", tmp_path, "-o", tmp_path / "page.html")
    assert (status, "is not a run folder: it has no config.json" in one_sentence(err)) == (2, True)
    status, _, err = e2e("display", run_copy, "-o", tmp_path / "page.html", "--graph", "knn:3")
    assert (status, "are those that it was trained on" in one_sentence(err)) == (2, True)


def test_what_exists_is_not_overwritten(e2e, tau_folder, run_copy, tmp_path):
    before = {p.name: p.read_bytes() for p in run_copy.iterdir()}
    status, _, err = e2e("fit", tau_folder / "tiny.toml", "-o", run_copy)
    assert (status, "exists already" in one_sentence(err), "--force" in err) == (2, True, True)
    assert {p.name: p.read_bytes() for p in run_copy.iterdir()} == before
    existing = tmp_path / "existing"
    existing.mkdir()
    (existing / "mine.h5").write_text("mine")
    for command in (
        ["export", run_copy, "-o", existing],
        ["fit", tau_folder / "tiny.toml", "-o", existing],
        ["demo", "--out", existing],
        ["predict", run_copy, tau_folder / "tau.h5", "-o", existing / "mine.h5"],
        ["simulate", "--jets", "2", "-o", existing / "mine.h5"],
    ):
        status, _, err = e2e(*command)
        assert (status, "exists already" in one_sentence(err)) == (2, True), command
    assert (existing / "mine.h5").read_text() == "mine"


def test_a_training_that_diverged_is_one_sentence_and_status_1(e2e, monkeypatch, tmp_path):
    def diverges(*_args, **_options):
        raise TrainingDiverged("the training diverged in epoch 1: loss is nan")

    monkeypatch.setattr("e2e_tf.training.fit.fit", diverges)
    (tmp_path / "a.toml").write_text("")
    status, _, err = e2e("fit", tmp_path / "a.toml", "-o", tmp_path / "run")
    assert status == 1
    assert one_sentence(err) == "e2e-tf: error: the training diverged in epoch 1: loss is nan"
