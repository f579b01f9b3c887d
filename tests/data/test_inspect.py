"""What the inspection of a file finds, prints and draws."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pictures import QUICK

from e2e_tf.cli.data import inspect as command
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.histogram import histogram_text
from e2e_tf.data.inspect import distribution, inspect, plot_summary, print_summary
from e2e_tf.data.jets import Jets, write_jets
from e2e_tf.data.store_writer import write_store
from e2e_tf.errors import InputError


@pytest.fixture(scope="module")
def jets(make_jets):
    return make_jets(30)


@pytest.fixture(scope="module")
def files(jets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    write_jets(folder / "jets.h5", jets)
    recipe = GraphRecipe(edges="knn:2")
    data = build_graphs(jets, recipe)
    write_store(folder / "graphs.h5", data, recipe, attributes={"sources": []})
    return folder, data


def test_a_file_of_jets(files, jets):
    folder, _ = files
    summary = inspect(folder / "jets.h5")
    assert (summary.kind, summary.entries, summary.events) == ("jets", 30, 15)
    assert summary.labels == {0: 15, 1: 15}
    assert summary.columns["jets/pt"] == ("float32", "GeV", "")
    assert summary.columns["candidates/d0"] == ("float32", "cm", "")
    np.testing.assert_array_equal(summary.counts["candidates"], jets.candidates.counts)
    np.testing.assert_array_equal(summary.counts["ecal hits"], jets.hits["ecal"].counts)
    np.testing.assert_array_equal(summary.counts["track objects"], jets.objects["track"].counts)
    assert summary.columns["objects/hcal/depth"] == ("uint8", "", "segment in depth, from 1")
    assert summary.size == (folder / "jets.h5").stat().st_size


def test_a_store(files):
    folder, data = files
    summary = inspect(folder / "graphs.h5")
    assert (summary.kind, summary.entries, summary.events) == ("graphs", 30, 15)
    np.testing.assert_array_equal(summary.counts["nodes"], data.batch.n_node)
    np.testing.assert_array_equal(summary.counts["edges"], data.batch.n_edge)
    assert summary.columns["x/ecal_energy_log1p"] == ("log1p", "GeV", "ECAL energy of the crystal")
    assert summary.attributes["edges"] == "knn:2"


def test_what_is_printed(files, capsys):
    folder, data = files
    print_summary(inspect(folder / "graphs.h5"))
    out = capsys.readouterr().out
    assert "graphs, 30 entries of 15 events" in out
    assert "nodes: hits, edges: knn:2" in out
    assert re.search(r"│ 0 +│ +15 │ 50\.0% │", out)
    row = re.search(r"│ nodes +│(.*)", out).group(1)
    cells = [cell.strip() for cell in row.split("│")][:-1]
    assert cells == [*distribution(data.batch.n_node), "2", histogram_text(data.batch.n_node)]


def test_distributions_by_hand():
    assert distribution(np.arange(101)) == ["50", "0", "16", "50", "84", "100"]
    assert distribution(np.array([])) == ["-"] * 6


def test_drawing(files, tmp_path):
    folder, _ = files
    summary = inspect(folder / "graphs.h5")
    plot_summary(summary, tmp_path / "a.png", style=QUICK)
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(InputError, match="exists already"):
        plot_summary(summary, tmp_path / "a.png", style=QUICK)
    with pytest.raises(InputError, match=r"a plot must end in \.png, \.pdf or \.svg, not 'a\.gif'"):
        plot_summary(summary, tmp_path / "a.gif", style=QUICK)


def test_nothing_to_draw(tmp_path, capsys):
    none = Jets(columns={}, event=np.zeros(0, np.int64), weight=np.zeros(0, np.float32))
    write_jets(tmp_path / "none.h5", Jets(columns={"pt": none.weight}, event=none.event, weight=none.weight))
    summary = inspect(tmp_path / "none.h5")
    print_summary(summary)
    assert "no labels" in capsys.readouterr().out
    with pytest.raises(InputError, match="has nothing to draw"):
        plot_summary(summary, tmp_path / "a.png", style=QUICK)


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        inspect(tmp_path / "none.h5")
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(InputError, match=r"x\.txt"):
        inspect(tmp_path / "x.txt")


def test_labels_above_a_plot_are_those_of_the_sample(tau_folder, tmp_path, monkeypatch):
    """Simulated jets say their energy; others do not, and may be recorded ones where they have no truth."""
    styles = []
    monkeypatch.setattr("e2e_tf.data.inspect.plot_summary", lambda *_, style, **__: styles.append(style))
    np.savez(tmp_path / "a.npz", X=np.ones((3, 2, 3)), y=np.array([0, 1, 1]))
    option = ["columns=pt,deta,dphi"]
    command(str(tau_folder / "tau.h5"), plot=tmp_path / "a.png")
    command(str(tmp_path / "a.npz"), option=option, plot=tmp_path / "a.png")
    command(str(tmp_path / "a.npz"), option=[*option, "label_key=none"], plot=tmp_path / "a.png")
    command(str(tmp_path / "a.npz"), option=option, plot=tmp_path / "a.png", changes=["plots.energy=14"])
    assert [(style.left, style.right) for style in styles] == [
        ("Simulation", "13 TeV"),
        ("Simulation", ""),
        ("", ""),
        ("Simulation", "14 TeV"),
    ]
