from __future__ import annotations

import csv
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.images import Images
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.readers import open_reader
from e2e_tf.data.samples import sample_path
from e2e_tf.data.source import SourceFile, SourcePart
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.training.predict import predict_file
from e2e_tf.training.scores import FRIENDS, ending_of, score_columns, write_scores

uproot = pytest.importorskip("uproot")
import awkward as ak  # noqa: E402

OUTPUTS = {
    "tau": {},
    "mode": {"kind": "multiclass", "column": "decay_mode", "classes": [-1, 10]},
    "pt": {"kind": "regression", "column": "pt"},
}


def fake_run(folder, outputs=OUTPUTS):
    """As much of a run as files of scores need; half of the jets pass its working point."""
    config = make_config({"outputs": outputs})
    points = [{"target": 0.7, "threshold": 0.5}]
    found = {"overall": {"working_points": points}}
    write_json(folder / "metrics.json", {"classifiers": {config.model_name: found}})
    return SimpleNamespace(folder=folder, config=config)


def scores(n):
    ramp = np.linspace(0, 1, n, dtype=np.float32)[:, None]
    return {"tau": ramp, "mode": np.hstack([1 - ramp, ramp]), "pt": 100 * ramp}


@pytest.fixture
def events(tmp_path):
    """NanoAOD of four events with 2, 0, 3 and 1 jets."""
    path = tmp_path / "nano.root"
    pt = ak.Array([[30.0, 12.0], [], [40.0, 50.0, 5.0], [60.0]])
    jet = {name: ak.values_astype(pt / 10, np.float32) for name in ("eta", "phi", "mass")}
    jet["pt"] = ak.values_astype(pt, np.float32)
    with uproot.recreate(path) as file:
        numbers = {"run": np.uint32, "luminosityBlock": np.uint32, "event": np.uint64}
        branches = {name: np.array([7, 8, 9, 10], kind) for name, kind in numbers.items()}
        types = {name: values.dtype for name, values in branches.items()}
        jets = ak.zip(jet)
        file.mktree("Events", types | {"Jet": jets.type.content}).extend(branches | {"Jet": jets})
    return path


def test_an_output_with_the_name_of_a_column_of_the_jets_needs_a_file_that_keeps_both(tmp_path):
    jets = read_jets(sample_path("tau"), stop=4)
    run, found = fake_run(tmp_path, {"jet_pt": OUTPUTS["pt"]}), {"jet_pt": np.ones((4, 1), np.float32)}
    part = SourcePart((SourceFile("a.h5"),), "e2e_tf")
    with pytest.raises(
        InputError, match=r"the output jet_pt has the name of a column of the jets; write \.h5"
    ):
        write_scores(tmp_path / "x.csv", ".csv", run, part, jets, found)
    write_scores(tmp_path / "x.h5", ".h5", run, part, jets, found)
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["outputs/jet_pt"][0] == 1
        assert file["jets/pt"][0] == jets["pt"][0]


def test_columns_of_scores_and_working_points(tmp_path):
    found = score_columns(fake_run(tmp_path), scores(5))
    assert list(found) == ["tau", "mode_m1", "mode_10", "pt", "tau_wp70"]
    assert found["tau_wp70"].tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(found["mode_10"], found["tau"])
    alone = score_columns(fake_run(tmp_path, {}), scores(5)["tau"])
    assert list(alone) == ["score", "score_wp70"]
    assert list(score_columns(fake_run(tmp_path), scores(5), np.ones(5))) == list(found)
    run = fake_run(tmp_path, {})
    whole = read_json(tmp_path / "metrics.json")
    points = [{"target": 0.7, "threshold": cut, "signal_efficiency": 0.7} for cut in (0.25, 0.75)]
    bins = [{"low": 10 * i, "high": 10 * i + 10, "working_points": [point]} for i, point in enumerate(points)]
    whole["classifiers"][run.config.model_name]["pt_bins"] = bins
    write_json(tmp_path / "metrics.json", whole)
    pt = np.array([9, 9.5, 10, 12, 20], np.float32)  # the last one is in no bin
    found = score_columns(run, scores(5)["tau"], pt)
    assert list(found) == ["score", "score_wp70", "score_wp70_binned"]
    assert found["score_wp70_binned"].tolist() == [0, 1, 0, 1, 0]
    assert list(score_columns(run, scores(5)["tau"])) == ["score", "score_wp70"]
    (tmp_path / "metrics.json").unlink()
    bare = SimpleNamespace(folder=tmp_path, config=make_config({}))
    assert list(score_columns(bare, scores(5)["tau"])) == ["score"]


def test_a_friend_tree_is_aligned_with_the_events_of_its_input(events, tmp_path):
    """Also where jets of the input were left out, and in events that have none."""
    read = open_reader(events, "nano_jets").read(min_pt=10.0)
    assert read.origin["entry"].tolist() == [0, 0, 2, 2, 3]
    part = SourcePart((SourceFile(str(events)),), "nano_jets", {"min_pt": 10.0})
    jets = read.take(np.array([4, 0, 2, 3]))  # not in order, and one fewer
    write_scores(tmp_path / "x", ".root", fake_run(tmp_path), part, jets, scores(4))
    with uproot.open(tmp_path / "x") as file, uproot.open(events) as given:
        tree = file[FRIENDS].arrays()
        for name in ("run", "luminosityBlock", "event"):
            np.testing.assert_array_equal(tree[name], given["Events"][name].array())
    assert tree["jet_index"].to_list() == [[0], [], [0, 1], [0]]
    np.testing.assert_allclose(tree["jet_tau"][3], [0.0])
    np.testing.assert_allclose(tree["jet_tau"][2], [2 / 3, 1.0])
    np.testing.assert_allclose(tree["jet_tau"][0], [1 / 3])
    assert tree["jet_tau_wp70"].to_list() == [[0], [], [1, 1], [0]]
    assert {"jet_mode_m1", "jet_mode_10", "jet_pt", "njet"} <= set(tree.fields)


def test_a_friend_tree_of_a_file_of_jets_has_one_entry_per_jet(trained, tau_folder, tmp_path):
    jets = read_jets(tau_folder / "tau.h5").take(np.arange(6))
    write_jets(tmp_path / "few.h5", jets)
    assert predict_file(trained, tmp_path / "few.h5", tmp_path / "s.root") == 6
    predict_file(trained, tmp_path / "few.h5", tmp_path / "s.h5")
    part = SourcePart((SourceFile(str(tmp_path / "few.h5")),), "e2e_tf")
    some = read_jets(tmp_path / "few.h5").take(np.array([5, 1]))
    write_scores(tmp_path / "x", ".root", fake_run(tmp_path, {}), part, some, scores(2)["tau"])
    with uproot.open(tmp_path / "s.root") as file, h5py.File(tmp_path / "s.h5") as same:
        tree = file[FRIENDS].arrays(library="np")
        np.testing.assert_array_equal(tree["event"], jets.event)
        np.testing.assert_array_equal(tree["score"], same["score"][:, 0])
        assert same["origin/entry"][:].tolist() == [0, 1, 2, 3, 4, 5]
    with uproot.open(tmp_path / "x") as file:
        tree = file[FRIENDS].arrays(library="np")
        np.testing.assert_array_equal(tree["score"], [np.nan, 1, np.nan, np.nan, np.nan, 0])
        assert tree["jet_index"].tolist() == [-1, 0, -1, -1, -1, 0]


def test_tables(events, tmp_path):
    import pyarrow.parquet as pq

    read = open_reader(events, "nano_jets").read()
    part = SourcePart((SourceFile(str(events)),), "nano_jets")
    for ending in (".csv", ".parquet"):
        write_scores(tmp_path / f"x{ending}", ending, fake_run(tmp_path), part, read, scores(6))
    table = pq.read_table(tmp_path / "x.parquet").to_pydict()
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table)
    assert table["event"] == [7, 7, 9, 9, 9, 10]
    assert table["jet_index"] == [0, 1, 0, 1, 2, 0]
    assert (table["jet_pt"], table["tau_wp70"]) == ([30, 12, 40, 50, 5, 60], [0, 0, 0, 1, 1, 1])
    for name in ("tau", "pt", "run", "mode_m1"):
        read_back = np.array([row[name] for row in rows]).astype(np.float32)
        np.testing.assert_array_equal(read_back, np.float32(table[name]))


def test_what_cannot_be_written(trained, tau_folder, tmp_path):
    with pytest.raises(InputError, match=r"must end in \.h5, \.hdf5, \.root, \.parquet, \.csv, not 's\.txt'"):
        predict_file(tmp_path / "no run", tau_folder / "tau.h5", tmp_path / "s.txt")  # before anything else
    assert ending_of(tmp_path / "S.ROOT") == ".root"
    some = Images(np.zeros((2, 4, 4, 1), np.float32), ("a",), np.arange(2), np.ones(2, np.float32))
    part = SourcePart((SourceFile(str(tau_folder / "tau.h5")),), "e2e_tf")
    with pytest.raises(InputError, match="needs the entry that each of the 2 jets comes from"):
        write_scores(tmp_path / "x", ".root", fake_run(tmp_path, {}), part, some, scores(2)["tau"])
