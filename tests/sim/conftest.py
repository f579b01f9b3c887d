"""Samples that several test files look at, made once."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import pytest

from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.sim.chunk import Chunk, simulate_chunk
from e2e_tf.sim.simulate import simulate


@pytest.fixture(scope="session")
def shipped() -> Jets:
    with as_file(files("e2e_tf.data") / "samples" / "tau.h5") as path:
        return read_jets(path)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Jets]:
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    path = tmp_path_factory.mktemp("sim") / "one.h5"
    return path, simulate("tau", 9, 5, path)


@pytest.fixture(scope="session")
def background() -> Jets:
    """The chunk that ``small`` begins with, longer."""
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    return simulate_chunk(Chunk("tau", 5, 1, 0, 30))
