"""HDF5 files: damage shows, and a disk that fills up leaves one sentence and no file."""

from __future__ import annotations

import random
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from same import assert_same_graphs, assert_same_jets

from e2e_tf import cli
from e2e_tf.data.convert import convert
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.store import GraphStore
from e2e_tf.data.store_writer import StoreWriter, new_store, write_store
from e2e_tf.errors import EXIT_BAD_INPUT, InputError

RECIPE = GraphRecipe(nodes="candidates", edges="knn:3", max_nodes=12)


@pytest.fixture(scope="module")
def jets(make_jets):
    return make_jets(12)


@pytest.fixture(scope="module")
def graphs(jets):
    return build_graphs(jets, RECIPE)


@contextmanager
def full_disk(room: int):
    """No file may be longer than ``room`` bytes: writing fails as on a full disk, inside HDF5 too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def flipped(whole: bytes, number: int):
    """The file with one byte changed, at ``number`` places."""
    chance = random.Random(0)
    for place in chance.sample(range(len(whole)), number):
        damaged = bytearray(whole)
        damaged[place] ^= chance.choice((1 << chance.randrange(8), chance.randrange(1, 256)))
        yield damaged


def test_a_changed_byte_of_a_file_of_jets_is_noticed_or_harmless(jets, tmp_path):
    path = tmp_path / "jets.h5"
    write_jets(path, jets)
    refused = 0
    for damaged in flipped(path.read_bytes(), 200):
        path.write_bytes(damaged)
        try:
            found = read_jets(path)
        except InputError:
            refused += 1
        else:
            assert_same_jets(found, jets)
    assert refused > 100


def test_a_changed_byte_of_a_store_is_noticed_or_harmless(graphs, tmp_path):
    path = tmp_path / "graphs.h5"
    attributes = {"made": "by a test"}
    write_store(path, graphs, RECIPE, attributes=attributes, chunk=16)
    refused = 0
    for damaged in flipped(path.read_bytes(), 200):
        path.write_bytes(damaged)
        try:
            with GraphStore(path) as store:
                found = store.read()
                known = (store.attributes, store.recipe, store.chunk)
        except InputError:
            refused += 1
        else:
            assert_same_graphs(found, graphs)
            assert known == (attributes, RECIPE, 16)
    assert refused > 80


def test_long_attributes(graphs, tmp_path):
    """HDF5 keeps attributes of more than 64 KiB elsewhere, and there without a checksum of its own."""
    path = tmp_path / "graphs.h5"
    attributes = {"sources": [f"file_{i}.root" for i in range(8000)]}
    write_store(path, graphs, RECIPE, attributes=attributes)
    whole = path.read_bytes()
    with GraphStore(path) as store:
        assert store.attributes == attributes
    place = whole.index(b"file_4711.root")
    path.write_bytes(whole[:place] + b"fail" + whole[place + 4 :])
    with pytest.raises(InputError, match="its attributes are damaged: their checksum differs"):
        GraphStore(path)


@pytest.mark.parametrize("room", [0, 3000, 12000])
def test_a_full_disk_is_one_sentence(jets, graphs, tmp_path, room):
    """Wherever the disk fills up: HDF5 alone would print errors, crash at exit or finish without saying so."""
    with full_disk(room):
        with pytest.raises(InputError, match=r"j\.h5 cannot be written: File too large"):
            write_jets(tmp_path / "j.h5", jets)
        with pytest.raises(InputError, match=r"s\.h5 cannot be written: File too large"):
            write_store(tmp_path / "s.h5", graphs, RECIPE)
    assert list(tmp_path.iterdir()) == []
    write_jets(tmp_path / "j.h5", jets)
    assert_same_jets(read_jets(tmp_path / "j.h5"), jets)


def test_a_writer_stops_as_soon_as_the_disk_is_full(graphs, tmp_path):
    appended = []

    def many() -> None:
        with new_store(tmp_path / "s.h5", graphs, RECIPE, 12, threads=0) as writer:
            for number in range(10000):
                appended.append(number)
                writer.append(graphs)

    with full_disk(3000), pytest.raises(InputError, match=r"s\.h5 cannot be written: File too large"):
        many()
    assert len(appended) < 500
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_a_conversion_that_can_go_on(make_jets, tmp_path, monkeypatch, capsys):
    write_jets(tmp_path / "a.h5", make_jets(30))
    command = ["e2e-tf", "convert", str(tmp_path / "a.h5"), "-o", str(tmp_path / "g.h5"), "--graph", "knn:3"]
    monkeypatch.setattr(sys, "argv", command)
    with full_disk(10000), pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == EXIT_BAD_INPUT
    assert "cannot be written: File too large" in capsys.readouterr().err
    assert not (tmp_path / "g.h5").exists()
    assert not [p for p in tmp_path.rglob("*.part") if p.stat().st_size]
    monkeypatch.setattr(sys, "argv", [*command, "--resume"])
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert done.value.code == 0
    with GraphStore(tmp_path / "g.h5") as store:
        assert len(store) == 30
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "g.h5"]


def test_the_join_of_a_conversion_meets_a_full_disk(make_jets, tmp_path, monkeypatch):
    write_jets(tmp_path / "a.h5", make_jets(30))

    convert([tmp_path / "a.h5"], tmp_path / "whole.h5", RECIPE)
    finish = StoreWriter.finish
    finished = []

    def last(self) -> None:
        finished.append(self)
        with full_disk(0) if len(finished) == 3 else nullcontext():  # after two parts comes the join
            finish(self)

    monkeypatch.setattr(StoreWriter, "finish", last)
    with pytest.raises(InputError, match=r"g\.h5 cannot be written: File too large"):
        convert([tmp_path / "a.h5"], tmp_path / "g.h5", RECIPE, piece=15)
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".g.h5.parts", "a.h5", "whole.h5"]
    convert([tmp_path / "a.h5"], tmp_path / "g.h5", RECIPE, piece=15, resume=True)
    assert (tmp_path / "g.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.parametrize("compressed", [True, False])
def test_threads_may_write_stores_side_by_side(graphs, tmp_path, compressed):
    """HDF5 is not thread-safe, and not every function of h5py takes its lock."""
    some = graphs.take(np.resize(np.arange(len(graphs)), 600))

    def write(name: int) -> bytes:
        with new_store(tmp_path / f"{name}.h5", some, RECIPE, 12, compressed=compressed) as writer:
            for _ in range(12):
                writer.append(some)
        return (tmp_path / f"{name}.h5").read_bytes()

    alone = write(0)
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(write, range(1, 13))) == {alone}
