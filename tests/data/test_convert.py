"""Conversion to a store: the same result whoever makes the parts and however often it is interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from processes import alive, until
from same import assert_same_graphs
from typer.testing import CliRunner

from e2e_tf.cli import app
from e2e_tf.data import convert as module
from e2e_tf.data import parts
from e2e_tf.data.convert import convert, recipe_for
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Ragged, write_jets
from e2e_tf.data.store import GraphStore
from e2e_tf.errors import InputError

RECIPE = GraphRecipe(edges="knn:3")


@pytest.fixture
def inputs(make_jets, tmp_path):
    """Two files of 25 and 13 jets."""
    jets = make_jets(38, seed=4)
    for name, index in (("a.h5", np.arange(25)), ("b.h5", np.arange(25, 38))):
        write_jets(tmp_path / name, jets.take(index))
    return jets, [tmp_path / "a.h5", tmp_path / "b.h5"]


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_store_holds_the_graphs_of_all_inputs(inputs, tmp_path):
    jets, paths = inputs
    report = convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10)
    assert (report.graphs, report.read, report.duplicates, report.skipped) == (38, 38, 0, {})
    assert names(tmp_path) == ["a.h5", "b.h5", "graphs.h5"]
    expected = build_graphs(jets, RECIPE)
    with GraphStore(tmp_path / "graphs.h5") as store:
        found = store.read()
        for name in ("x", "senders", "receivers", "n_node", "n_edge", "u"):
            np.testing.assert_array_equal(getattr(found.batch, name), getattr(expected.batch, name))
        np.testing.assert_array_equal(found.event, jets.event)
        np.testing.assert_array_equal(found.label, jets.label)
        assert store.recipe == RECIPE
        assert [s["file"] for s in store.attributes["sources"]] == ["a.h5", "b.h5"]
        assert [s["units"] for s in store.attributes["sources"]] == [25, 13]
        assert store.attributes["samples"][0] == {"seed": 4, "process": "test"}
        assert store.attributes["report"]["graphs"] == 38
        assert str(tmp_path) not in json.dumps(store.attributes)


def test_the_result_does_not_depend_on_pieces(inputs, tmp_path):
    _, paths = inputs
    convert(paths, tmp_path / "one.h5", RECIPE, piece=10)
    convert(paths, tmp_path / "all.h5", RECIPE, piece=1000)
    assert (tmp_path / "all.h5").read_bytes() == (tmp_path / "one.h5").read_bytes()


def test_a_later_part_may_have_larger_graphs(make_jets, tmp_path):
    """The type of the edges follows the largest graph, and the parts that were joined before are joined anew."""
    jets = make_jets(4, empty=(0, 1))
    counts = np.array([0, 0, 5, 300])
    columns = {
        name: np.resize(values, 305) + np.arange(305, dtype=values.dtype)
        for name, values in jets.candidates.columns.items()
        if values.dtype == np.float32
    }
    jets = replace(jets, candidates=Ragged.from_counts(columns, counts), hits={})
    write_jets(tmp_path / "a.h5", jets)
    recipe = GraphRecipe(nodes="candidates", edges="knn:2")
    report = convert([tmp_path / "a.h5"], tmp_path / "one.h5", recipe, piece=1)
    assert (report.graphs, report.read) == (4, 4)
    convert([tmp_path / "a.h5"], tmp_path / "all.h5", recipe)
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["senders"].dtype == np.uint16
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "all.h5").read_bytes()
    with GraphStore(tmp_path / "one.h5") as store:
        assert_same_graphs(store.read(), replace(build_graphs(jets, recipe), p4=None))


def test_truth_is_kept_and_is_no_input(inputs, tmp_path):
    jets, paths = inputs
    convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10)
    with GraphStore(tmp_path / "graphs.h5") as store:
        found = store.read()
        np.testing.assert_array_equal(store.jets["truth_visible_pt"], jets.truth["visible_pt"])
        names = [f.raw for f in (*store.node_features, *store.jet_features)]
    assert found.jets["truth_visible_pt"].dtype == np.float32
    assert not [name for name in names if "truth" in name or "visible" in name]
    assert found.batch.u.shape[1] == len(found.jet_features) == 2
    named = replace(RECIPE, jet_features=("pt", "truth_visible_pt:log"))
    convert(paths, tmp_path / "named.h5", named)
    with GraphStore(tmp_path / "named.h5") as store:
        np.testing.assert_allclose(store.u[:, 1], np.log(jets.truth["visible_pt"]), rtol=1e-6)


def test_an_interrupted_conversion_goes_on(inputs, tmp_path, monkeypatch):
    _, paths = inputs
    convert(paths, tmp_path / "whole.h5", RECIPE, piece=10)
    made = []
    make_part = module.make_part

    def interrupted(task):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(task.number)
        return make_part(task)

    monkeypatch.setattr(module, "make_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10)
    assert not (tmp_path / "graphs.h5").exists()
    assert made == [0, 1, 2]
    monkeypatch.setattr(module, "make_part", make_part)
    with pytest.raises(InputError, match="holds an unfinished conversion; give --resume to go on"):
        convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10)
    with pytest.raises(InputError, match="unfinished conversion of other inputs, settings or versions"):
        convert(paths, tmp_path / "graphs.h5", GraphRecipe(edges="knn:4"), piece=10, resume=True)
    report = convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10, resume=True)
    assert report.resumed == 3
    assert (tmp_path / "graphs.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert names(tmp_path) == ["a.h5", "b.h5", "graphs.h5", "whole.h5"]


SLOW = """
import os, time
from pathlib import Path
from e2e_tf.data import convert as module
from e2e_tf.data.graphs import GraphRecipe

make_part = module.make_part

def slow(task):
    if task.number in (2, 3):
        Path(task.folder, f".part-{task.number:06d}.h5.x.part").write_text("half")
        Path(task.folder, "..", f"ready-{task.number}").write_text(str(os.getpid()))
        time.sleep(60)
    return make_part(task)

def main(output, *inputs):
    module.make_part = slow
    module.convert(inputs, output, GraphRecipe(edges="knn:3"), piece=5, processes=2)
"""


def test_a_killed_conversion_leaves_nothing_that_looks_finished(inputs, tmp_path):
    """Two processes, killed while each has half a part written; two go on."""
    _, paths = inputs
    convert(paths, tmp_path / "whole.h5", RECIPE)
    output = tmp_path / "graphs.h5"
    code = tmp_path / "code"
    code.mkdir()
    (code / "slow.py").write_text(SLOW)
    command = [
        sys.executable,
        "-c",
        "import slow, sys; slow.main(*sys.argv[1:])",
        str(output),
        *map(str, paths),
    ]
    ready = [tmp_path / f"ready-{number}" for number in (2, 3)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(code)}) as process:
        until(lambda: all(file.exists() and file.read_text() for file in ready))
        os.kill(process.pid, signal.SIGKILL)
    present = ["a.h5", "b.h5", "code", "ready-2", "ready-3", "whole.h5"]
    assert names(tmp_path) == [".graphs.h5.parts", *present]
    workers = [int(file.read_text()) for file in ready]
    until(lambda: not any(map(alive, workers)))  # or they would sleep on, and write when nobody expects it
    report = convert(paths, output, RECIPE, piece=5, resume=True, processes=2)
    assert (report.graphs, report.resumed) == (38, 2)
    assert output.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert names(tmp_path) == sorted([*present, "graphs.h5"])


def test_force_starts_anew(inputs, tmp_path):
    _, paths = inputs
    (tmp_path / "graphs.h5").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        convert(paths, tmp_path / "graphs.h5", RECIPE)
    (tmp_path / ".graphs.h5.parts").mkdir()
    (tmp_path / ".graphs.h5.parts" / "part-000000.h5").write_text("rubbish")
    convert(paths, tmp_path / "graphs.h5", RECIPE, force=True)
    with GraphStore(tmp_path / "graphs.h5") as store:
        assert len(store) == 38


def test_resume_of_nothing_starts(inputs, tmp_path):
    _, paths = inputs
    assert convert(paths, tmp_path / "graphs.h5", RECIPE, resume=True).graphs == 38


def test_changed_inputs_are_noticed(inputs, make_jets, tmp_path, monkeypatch):
    _, paths = inputs

    make_part = module.make_part

    def interrupted(task):
        if task.number:
            raise KeyboardInterrupt
        return make_part(task)

    monkeypatch.setattr(module, "make_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(paths, tmp_path / "graphs.h5", RECIPE)
    monkeypatch.undo()
    write_jets(paths[1], make_jets(13, seed=9), force=True)
    with pytest.raises(InputError, match="unfinished conversion of other inputs, settings or versions"):
        convert(paths, tmp_path / "graphs.h5", RECIPE, resume=True)


def test_a_repeated_jet_stops_or_is_counted(inputs, make_jets, tmp_path):
    jets, paths = inputs
    write_jets(tmp_path / "c.h5", jets.take(np.array([30, 2, 30])))
    message = (
        "every jet may occur once, but c.h5 repeats jets of b.h5; leave out the repeated input, or give "
        "--on-error skip to drop repeated jets and count them"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        convert([*paths, tmp_path / "c.h5"], tmp_path / "graphs.h5", RECIPE)
    assert not (tmp_path / "graphs.h5").exists()
    report = convert(
        [*paths, tmp_path / "c.h5"], tmp_path / "graphs.h5", RECIPE, on_error="skip", resume=True
    )
    assert (report.graphs, report.read, report.duplicates) == (38, 41, 3)
    assert "left out: 3 that had come before" in str(report)


def test_equal_event_numbers_of_different_jets_are_no_repetition(make_jets, tmp_path):
    write_jets(tmp_path / "a.h5", make_jets(10, seed=1))
    write_jets(tmp_path / "b.h5", make_jets(10, seed=2))
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    assert convert(paths, tmp_path / "g.h5", RECIPE).graphs == 20


def test_a_damaged_file_stops_or_is_counted(inputs, tmp_path):
    _, paths = inputs
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"b\.h5.*cannot be read"):
        convert(paths, tmp_path / "graphs.h5", RECIPE)
    report = convert(paths, tmp_path / "graphs.h5", RECIPE, on_error="skip")
    assert report.graphs == 25
    assert list(report.files) == ["b.h5"]
    paths[0].write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 inputs can be read"):
        convert(paths, tmp_path / "other.h5", RECIPE, on_error="skip")


def test_a_piece_that_cannot_be_used_stops_or_is_counted(inputs, tmp_path):
    jets, paths = inputs
    pt = jets["pt"][:25].copy()
    pt[12] = np.nan
    part = jets.take(np.arange(25))
    write_jets(paths[0], replace(part, columns={**part.columns, "pt": pt}), force=True)
    message = "jets/pt must be finite and not negative [GeV], 1 of 10 values are not"
    with pytest.raises(InputError, match=re.escape(message)):
        convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10)
    report = convert(paths, tmp_path / "graphs.h5", RECIPE, piece=10, on_error="skip", resume=True)
    assert report.graphs == 28
    assert list(report.skipped.values()) == [10]
    assert message in next(iter(report.skipped))


def test_the_recipe_follows_the_sample(inputs, make_jets, tmp_path):
    _, paths = inputs
    convert(paths, tmp_path / "hits.h5")
    with GraphStore(tmp_path / "hits.h5") as store:
        assert (store.recipe.nodes, store.recipe.edges) == ("hits", "knn:8+delaunay")
    write_jets(tmp_path / "c.h5", replace(make_jets(5), hits={}))
    convert([tmp_path / "c.h5"], tmp_path / "candidates.h5")
    with GraphStore(tmp_path / "candidates.h5") as store:
        assert store.recipe.nodes == "candidates"
    write_jets(tmp_path / "o.h5", replace(make_jets(5), hits={}, candidates=None))
    limits = {"track": 2, "ecal": 3}
    assert recipe_for([tmp_path / "o.h5"]).nodes == "detector"
    recipe = GraphRecipe("detector", "track-calo:0.3", jet_features=(), max_nodes=limits)
    convert([tmp_path / "o.h5"], tmp_path / "objects.h5", recipe)
    with GraphStore(tmp_path / "objects.h5") as store:
        assert (store.recipe, store.recipe.limit) == (recipe, 5)


def test_inputs_with_other_columns_are_refused(inputs, make_jets, tmp_path):
    _, paths = inputs
    other = make_jets(4, seed=7)
    write_jets(tmp_path / "c.h5", replace(other, columns={**other.columns, "tau21": other["pt"]}))
    with pytest.raises(InputError, match="all inputs need the same columns of jets; one has .*tau21"):
        convert([*paths, tmp_path / "c.h5"], tmp_path / "graphs.h5", RECIPE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": []}, "convert needs at least one input, got none"),
        ({"processes": 0}, "processes and piece must be positive, they are 0 and 2000"),
        ({"on_error": "ignore"}, "on_error must be 'stop' or 'skip', not 'ignore'"),
        ({"reader": "nothing"}, "there is no reader 'nothing'"),
        (
            {"options": {"colour": 1}},
            "the reader e2e_tf cannot be called like that: it has no option 'colour'; it has candidates",
        ),
    ],
)
def test_arguments_that_cannot_be(inputs, tmp_path, settings, message):
    _, paths = inputs
    with pytest.raises(InputError, match=re.escape(message)):
        convert(**{"inputs": paths, "output": tmp_path / "g.h5", "recipe": RECIPE, **settings})


def test_a_missing_folder_is_named(inputs, tmp_path):
    with pytest.raises(InputError, match=r"the folder .*nowhere of g\.h5 does not exist; create it first"):
        convert(inputs[1], tmp_path / "nowhere" / "g.h5", RECIPE)


def test_dask_is_an_extra(inputs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=re.escape("install it with pip install 'e2e-tf[dask]'")):
        convert(inputs[1], tmp_path / "g.h5", RECIPE, scheduler="tcp://127.0.0.1:9")


def test_dask_gives_the_same_store(inputs, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
    _, paths = inputs
    convert(paths, tmp_path / "one.h5", RECIPE, piece=10)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        convert(paths, tmp_path / "dask.h5", RECIPE, piece=10, scheduler=cluster.scheduler_address)
    assert (tmp_path / "dask.h5").read_bytes() == (tmp_path / "one.h5").read_bytes()


def test_a_dead_worker_is_one_sentence(inputs, tmp_path, monkeypatch):
    """Workers are new processes: one that dies there must not hang or look like success."""
    _, paths = inputs
    monkeypatch.setattr(parts.Part, "__reduce__", lambda self: (os._exit, (9,)), raising=False)
    started = time.perf_counter()
    with pytest.raises(InputError, match="a worker process was killed, perhaps for want of memory"):
        convert(paths, tmp_path / "g.h5", RECIPE, piece=10, processes=2)
    assert time.perf_counter() - started < 60
    assert not (tmp_path / "g.h5").exists()


def test_what_is_left_open_follows_the_first_readable_input(inputs, tmp_path):
    _, paths = inputs
    assert recipe_for(paths, edges="knn:5").edges == "knn:5"
    assert recipe_for(paths, nodes="candidates", max_nodes=7) == GraphRecipe(nodes="candidates", max_nodes=7)
    (tmp_path / "x.h5").write_bytes(b"")
    assert recipe_for([tmp_path / "x.h5", *paths], on_error="skip").nodes == "hits"
    with pytest.raises(InputError, match=r"x\.h5"):
        recipe_for([tmp_path / "x.h5", *paths])


def test_the_commands(inputs, tmp_path):
    _, paths = inputs
    output, plot = tmp_path / "g.h5", tmp_path / "g.png"
    run = CliRunner().invoke
    arguments = ["convert", *map(str, paths), "-o", str(output), "--graph", "grid8", "--max-nodes", "9"]
    found = run(app, arguments, catch_exceptions=False)
    assert found.exit_code == 0
    assert "38 graphs of 38 jets" in found.stdout
    with GraphStore(output) as store:
        assert (store.recipe.edges, store.recipe.max_nodes) == ("grid8", 9)
        assert store.n_node.max() == 9
    found = run(app, ["inspect", str(output), "--plot", str(plot)], catch_exceptions=False)
    assert "graphs, 38 entries" in found.stdout
    assert plot.stat().st_size > 1000
    assert "jetnet: JetNet, 30 particles" in run(app, ["fetch", "list"], catch_exceptions=False).stdout
    with pytest.raises(InputError, match="there is no data set 'cats'"):
        run(app, ["fetch", "cats", "-o", str(tmp_path)], catch_exceptions=False)
