from __future__ import annotations

import pytest

from e2e_tf.config import make_config
from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.jets import read_jets
from e2e_tf.data.sources import source_of
from e2e_tf.data.store_writer import write_store
from e2e_tf.errors import InputError
from e2e_tf.training import memory
from e2e_tf.training.memory import in_pieces, memory_of


@pytest.fixture(scope="module")
def folder(tau_folder, tmp_path_factory):
    """A store, and the file that it was made of."""
    folder = tmp_path_factory.mktemp("memory")
    jets = read_jets(tau_folder / "tau.h5").take(range(20))
    recipe = make_config({}).graph.recipe
    write_store(folder / "store.h5", build_graphs(jets, recipe), recipe)
    (folder / "tau.h5").symlink_to(tau_folder / "tau.h5")
    return folder


def choice(folder, wanted, sample="store.h5", **model):
    sections = {"data": {"sample": sample, "memory": wanted}, **({"model": model} if model else {})}
    config = make_config(sections)
    source = source_of(config.data).located(folder)
    found = in_pieces(config, source, folder)
    return found, memory_of(source, found)


def test_large_stores_are_read_in_pieces_and_the_log_says_so(folder, monkeypatch, capsys):
    assert choice(folder, "auto") == (False, "hold")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(memory, "HELD", 1000)

    assert choice(folder, "auto") == (True, "stream")

    assert "Graphs are read in pieces (data.memory = 'auto')" in capsys.readouterr().err
    assert choice(folder, "hold") == (False, "hold")
    assert choice(folder, "auto", name="fcn") == (False, "hold")  # takes a jet's nodes as one row
    assert choice(folder, "auto", sample="tau.h5") == (False, "")


def test_what_cannot_be_read_in_pieces_is_refused(folder):
    assert choice(folder, "stream") == (True, "stream")
    with pytest.raises(
        InputError, match=r"tau.h5 is of the reader 'e2e_tf'; make a store of it with e2e-tf conv"
    ):
        choice(folder, "stream", sample="tau.h5")
    with pytest.raises(InputError, match="for models on graphs; fcn needs data.memory = 'hold'"):
        choice(folder, "stream", name="fcn")
    with pytest.raises(InputError, match=r"data.memory: .*'auto', 'hold' or 'stream'"):
        make_config({"data": {"memory": "disk"}})
