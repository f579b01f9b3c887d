"""The folder of a sweep: what it holds, what it refuses, who may search in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from e2e_tf.config import make_config
from e2e_tf.data.source import JetSource, SourceFile, SourcePart
from e2e_tf.errors import InputError
from e2e_tf.files import write_json
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.sweep import COMPLETED, Record, Sweep, check_folder, describe, locked, open_sweep

SPACE = {"training.learning_rate": {"choices": [0.1, 0.2]}}


def sweep(folder, run=None, **tune):
    return Sweep(folder, make_config(run or {}), TuneConfig(**tune), folder.parent)


def written(folder, **changes):
    folder.mkdir()
    write_json(folder / "sweep.json", describe(sweep(folder), SPACE) | changes)
    return folder


def test_a_sweep_is_read_as_it_was_described(tmp_path):
    made = sweep(tmp_path / "s", {"seed": 7}, objective="val_loss", trials=3)
    made.folder.mkdir()
    write_json(made.folder / "sweep.json", describe(made, SPACE))
    found = open_sweep(made.folder)
    assert (found.config, found.tune, found.base) == (made.config, made.tune, made.base)
    assert (found.objective.name, found.objective.direction) == ("val_loss", "min")


def test_what_may_change_when_a_search_goes_on(tmp_path):
    folder = written(tmp_path / "s")
    check_folder(folder, describe(sweep(folder, trials=99, minutes=3, threads=1), SPACE))
    for other, said in (
        (describe(sweep(folder, {"seed": 2}), SPACE), "seed: 1 there, 2 here"),
        (
            describe(sweep(folder, objective="val_loss"), SPACE),
            "tune.objective: 'val_auc' there, 'val_loss' here",
        ),
        (describe(sweep(folder), {"training.epochs": {"choices": [1, 2]}}), "space.training.epochs"),
    ):
        with pytest.raises(InputError, match="holds a sweep of another search") as caught:
            check_folder(folder, other)
        assert said in str(caught.value)


def test_another_sample_of_the_same_name_is_refused(tmp_path):
    def on(letter):
        return JetSource((SourcePart((SourceFile("tau", letter * 64),), "e2e_tf"),)).to_dict()

    folder = written(tmp_path / "s", source=on("a"))
    document = describe(sweep(folder), SPACE)
    check_folder(folder, document)  # sweeps of before do not know theirs
    check_folder(folder, document | {"source": on("a"), "base": "/moved"})
    with pytest.raises(
        InputError, match=r"on another tau: its SHA-256 was aaaaaaaaaaaa…, it is bbbbbbbbbbbb… now"
    ):
        check_folder(folder, document | {"source": on("b")})
    assert open_sweep(folder).source == JetSource.from_dict(on("a"))


def test_a_sweep_of_an_earlier_version_goes_on(tmp_path):
    folder = written(tmp_path / "s")
    stored = describe(sweep(folder), SPACE)
    data = stored["config"]["data"]
    data["judge_pt_bins"] = data.pop("evaluate_pt_bins")
    write_json(folder / "sweep.json", stored)
    check_folder(folder, describe(sweep(folder), SPACE))
    assert open_sweep(folder).config == make_config({})


def test_folders_that_are_no_sweep(tmp_path):
    with pytest.raises(InputError, match="there is no sweep folder"):
        open_sweep(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"it has no sweep\.json"):
        open_sweep(tmp_path)
    with pytest.raises(InputError, match="its format must be 'e2e-tf sweep', it is 'other'"):
        open_sweep(written(tmp_path / "s", format="other"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="exists already and is not a sweep"):
        check_folder(tmp_path / "full", {})
    with pytest.raises(InputError, match="is a file"):
        check_folder(tmp_path / "full" / "file", {})
    with pytest.raises(InputError, match="does not exist; create it first"):
        check_folder(tmp_path / "a" / "b", {})


def test_records(tmp_path):
    made = sweep(tmp_path)
    record = Record("0003", COMPLETED, {"x": 1}, 0.5, executions=[{"history": {"val_auc": [0.4, 0.5]}}])
    folder = made.trials / "0003"
    folder.mkdir(parents=True)
    write_json(folder / "result.json", record.to_dict() | {"of_a_later_version": True})
    assert made.record("0003") == record
    assert made.record("0004") is None
    assert made.records() == [record]
    assert record.curve("val_auc") == [0.4, 0.5]
    assert record.curve("loss") == Record("0", COMPLETED, {}).curve("loss") == []
    (tmp_path / "oracle.json").write_text(
        json.dumps({"trials": [{"trial_id": "0003"}, {"trial_id": "0004"}]})
    )
    assert made.unfinished() == ["0004"]


HOLD = """
import sys, time
from pathlib import Path
from e2e_tf.tuning.sweep import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_one_search_at_a_time(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process searches in"), locked(tmp_path, wait=0.1):
            pass
        holder.kill()
    with locked(tmp_path, wait=5):
        pass
