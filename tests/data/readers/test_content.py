from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e_tf.data.readers.content import Content, content_of
from e2e_tf.errors import InputError


def test_hdf5_gives_shapes_inner_names_and_the_format(tmp_path):
    with h5py.File(tmp_path / "a", "w") as file:
        file["x"], file["group/y"] = np.zeros((2, 3)), np.zeros(4)
        file.attrs["format"] = "mine"
    content = content_of(tmp_path / "a")
    assert content == Content("HDF5", {"group": None, "group/y": (4,), "x": (2, 3)}, frozenset(["mine"]))
    assert content.has("x", "group/y")
    assert not content.has("x", "y")
    assert content.shape("x") == (2, 3)
    assert content.shape("group") == content.shape("nothing") == ()


def test_numpy_archives_and_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)))
    (tmp_path / "a.npz").rename(tmp_path / "a.root")  # the ending does not count
    assert content_of(tmp_path / "a.root") == Content("npz", {"x": (2, 3)})
    np.save(tmp_path / "b.npy", np.zeros((5, 1)))
    assert content_of(tmp_path / "b.npy") == Content("npy", {"": (5, 1)})


def test_zip_archives_of_events_and_of_anything(tmp_path):
    for name, member in (("a", "Events/Run_1/Event_2"), ("b", "text")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "")
    assert content_of(tmp_path / "a") == Content("ig", {"Events/Run_1/Event_2": None})
    assert content_of(tmp_path / "b") == Content("zip", {"text": None})


def test_trees_and_parquet(write_tree, tmp_path):
    write_tree(tmp_path / "a.root", {"n": np.arange(3)})
    assert content_of(tmp_path / "a.root") == Content("ROOT", {"Events/n": None})
    pq.write_table(pa.table({"X_jets": [[[1.0], [2.0]]], "y": [1]}), tmp_path / "b")
    assert content_of(tmp_path / "b") == Content("parquet", {"X_jets": (2,), "y": None})


def test_other_files_are_refused_and_described(tmp_path):
    (tmp_path / "a").write_bytes(b"pt,eta,phi")
    with pytest.raises(InputError, match=r"must be HDF5, ROOT, .* it starts with b'pt,eta,p'"):
        content_of(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"\x89HDF\r\n\x1a\n and then nothing")
    with pytest.raises(InputError, match="cannot be read"):
        content_of(tmp_path / "b")
    assert str(Content("npz", {})) == "npz with nothing"
    assert str(Content("npz", dict.fromkeys("abcdefghijklm"))).endswith("j, k, l, …")
