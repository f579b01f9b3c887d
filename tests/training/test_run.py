from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from e2e_tf.config import make_config
from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.data.source import JetSource, SourceFile, SourcePart
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.files import read_json
from e2e_tf.training.run import (
    begin_run,
    end_run,
    found_base,
    mark_diverged,
    open_run,
    package_versions,
    provenance_of,
    stored_base,
    trains_as,
)

SOURCE = JetSource((SourcePart((SourceFile("a.h5", "1" * 64),), "e2e_tf"),))


def saves(path):
    path.write_text("a model")


def test_a_folder_is_a_run_once_it_has_ended(trained, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    config, preprocess = make_config({"seed": 7}), read_preprocess(trained / "preprocess.json")
    begin_run(folder, config, tmp_path, preprocess, SOURCE)
    assert read_json(folder / "config.json") == {
        "config": config.model_dump(mode="json"),
        "base": str(tmp_path),
        "base_from_here": "..",
        "source": SOURCE.to_dict(),
    }
    with pytest.raises(InputError, match=r"has no model\.keras; its training has not finished"):
        open_run(folder)
    noted = provenance_of({"sample": "tau"}, None, parameters=12, seed=7, best_epoch=1)
    end_run(folder, {"loss": [0.5, 0.25]}, noted | {"resumed_at_epochs": []}, SimpleNamespace(save=saves))
    run = open_run(folder)
    assert (run.config, run.base, run.source) == (config, tmp_path, SOURCE)
    assert run.preprocess.to_dict() == preprocess.to_dict()
    assert read_json(folder / "history.json") == {"loss": [0.5, 0.25]}
    assert list(run.provenance) == [
        "versions", "seed", "data", "reweighting", "parameters", "best_epoch", "resumed_at_epochs"
    ]  # fmt: skip
    assert run.provenance["versions"] == package_versions()
    assert run.provenance["data"] == {"sample": "tau"}
    assert (run.energy, run.style) == (0, run.config.plots.style)
    assert open_run(trained).style == replace(
        open_run(trained).config.plots.style, energy=13.0
    )  # as its jets say


def test_a_run_that_starts_anew_forgets_that_it_diverged(trained, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    config, preprocess = make_config({"seed": 7}), read_preprocess(trained / "preprocess.json")
    begin_run(folder, config, tmp_path, preprocess, SOURCE)
    mark_diverged(folder, TrainingDiverged("loss is nan in epoch 1", 0))
    assert read_json(folder / "diverged.json") == {"epoch": 0, "message": "loss is nan in epoch 1"}
    with pytest.raises(
        InputError, match="has no model: loss is nan in epoch 1; run 'e2e-tf fit' with --force"
    ):
        open_run(folder)
    begin_run(folder, config, tmp_path, preprocess, SOURCE)
    with pytest.raises(InputError, match="its training has not finished, run 'e2e-tf fit' again"):
        open_run(folder)


def test_versions_name_what_numbers_depend_on():
    found = package_versions()
    assert {"python", "e2e-tf", "tensorflow", "keras", "numpy"} <= set(found)
    assert found["numpy"] == __import__("numpy").__version__


def test_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match="there is no run folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"is not a run folder: it has no config\.json"):
        open_run(tmp_path)


def test_a_moved_project_is_found_beside_its_run(tmp_path):
    project, moved = tmp_path / "p", tmp_path / "q"
    (project / "runs" / "one").mkdir(parents=True)
    (project / "a.h5").touch()
    stored = stored_base(project, project / "runs" / "one")
    assert stored == {"base": str(project), "base_from_here": "../.."}
    assert found_base(stored, project / "runs" / "one", SOURCE) == project
    project.rename(moved)
    assert found_base(stored, moved / "runs" / "one", SOURCE) == moved
    # A run that was moved alone: its files are still where they were.
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (moved / "runs" / "one").rename(tmp_path / "elsewhere" / "deep" / "one")
    assert found_base(stored, tmp_path / "elsewhere" / "deep" / "one", SOURCE) == project
    assert found_base({"base": "/old"}, tmp_path, SOURCE).as_posix() == "/old"  # of an earlier version


def test_labels_of_plots_change_no_training():
    run = make_config({"seed": 3})
    assert trains_as(run, make_config({"seed": 3, "plots": {"energy": 13.6, "formats": ["svg"]}}))
    assert not trains_as(run, make_config({"seed": 4}))
    assert not trains_as(run, make_config({"seed": 3, "training": {"epochs": 7}}))
