"""The runner's files of raw jets and of tensors, read back byte by byte."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.deploy.candidates import write_candidates, write_tensors
from e2e_tf.errors import InputError


class Reader:
    """The parts of a file in their order."""

    def __init__(self, path: Path) -> None:
        self.left = path.read_bytes()

    def take(self, count: int) -> bytes:
        found, self.left = self.left[:count], self.left[count:]
        assert len(found) == count
        return found

    def integer(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def name(self) -> str:
        return self.take(self.integer()).decode()

    def values(self, dtype: str, count: int) -> list[Any]:
        return np.frombuffer(self.take(np.dtype(dtype).itemsize * count), dtype).tolist()


def jets(**columns: Any) -> Jets:
    given = {"pt": np.array([20.0, 30.0, 40.0]), **columns}
    candidates = Ragged.from_counts({"eta": np.array([1.0, 2.0, 3.0], np.float32)}, np.array([1, 0, 2]))
    return Jets(given, np.arange(3), np.ones(3), candidates=candidates)


def test_a_file_of_raw_jets(tmp_path: Path) -> None:
    write_candidates(tmp_path / "jets.bin", jets(run=np.array([1, 2, 2**24])))
    file = Reader(tmp_path / "jets.bin")
    assert file.take(8) == b"E2ETFJ01"
    assert (file.integer(), file.integer()) == (3, 2)
    assert (file.name(), file.values("<f4", 3)) == ("pt", [20, 30, 40])
    assert (file.name(), file.values("<f4", 3)) == ("run", [1, 2, 2**24])
    assert (file.integer(), file.name(), file.values("<u8", 4)) == (1, "candidates", [0, 1, 1, 3])
    assert (file.integer(), file.name(), file.values("<f4", 3)) == (1, "eta", [1, 2, 3])
    assert file.left == b""


def test_detector_objects_are_tables_of_their_own(tmp_path: Path) -> None:
    cells = Ragged.from_counts(
        {name: np.array([1.0, 2.0], np.float32) for name in ("energy", "deta", "dphi")}, np.array([0, 2, 0])
    )
    vertex = Ragged.from_counts({"z": np.zeros(3, np.float32)}, np.ones(3, int))
    write_candidates(tmp_path / "jets.bin", replace(jets(), objects={"vertex": vertex, "ecal": cells}))
    file = Reader(tmp_path / "jets.bin")
    file.take(8)
    assert (file.integer(), file.integer(), file.name()) == (3, 1, "pt")
    file.values("<f4", 3)
    assert (file.integer(), file.name()) == (2, "candidates")
    file.values("<u8", 4), file.integer(), file.name(), file.values("<f4", 3)
    assert (file.name(), file.values("<u8", 4), file.integer()) == ("objects/ecal", [0, 0, 2, 2], 3)
    assert (file.name(), file.values("<f4", 2)) == ("energy", [1, 2])
    assert (file.name(), file.values("<f4", 2), file.name()) == ("deta", [1, 2], "dphi")


def test_integers_that_float32_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the column run must hold integers that float32 can hold"):
        write_candidates(tmp_path / "x.bin", jets(run=np.array([1, 2, 2**24 + 1])))
    assert not (tmp_path / "x.bin").exists()


def test_a_file_of_tensors(tmp_path: Path) -> None:
    first = {"x": np.arange(6, dtype=np.float32).reshape(1, 2, 3), "u": np.ones(2, np.float32)}
    second = {"x": np.zeros((1, 0, 3), np.float32), "u": np.zeros(0, np.float32)}
    write_tensors(tmp_path / "tensors.bin", [first, second])
    file = Reader(tmp_path / "tensors.bin")
    for batch in (first, second):
        for name, values in batch.items():
            assert (file.name(), file.integer()) == (name, values.ndim)
            assert file.values("<i8", values.ndim) == list(values.shape)
            assert file.values("<f4", values.size) == values.ravel().tolist()
    assert file.left == b""


def test_what_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for write in (
        lambda force: write_candidates(tmp_path / "mine", jets(), force),
        lambda force: write_tensors(tmp_path / "mine", [{"x": np.ones(1, np.float32)}], force),
    ):
        with pytest.raises(InputError, match="exists already"):
            write(False)
    assert (tmp_path / "mine").read_text() == "mine"
    write(True)
    assert (tmp_path / "mine").read_bytes()[4:5] == b"x"
