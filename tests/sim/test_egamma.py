from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from e2e_tf.data.images import Images
from e2e_tf.data.readers import open_reader
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.sim import egamma, simulate

JETS = 600  # two chunks of each class


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Images]:
    path = tmp_path_factory.mktemp("egamma") / "gun.h5"
    images = simulate("egamma", JETS, 7, path)
    assert isinstance(images, Images)
    return path, images


def test_the_public_reader_takes_the_file(sample: tuple[Path, Images]):
    path, images = sample
    found = open_reader(path)
    assert found.reader.name == "ml4sci_eg"
    read = found.read()
    assert isinstance(read, Images)
    assert read.channels == ("energy", "time")
    np.testing.assert_array_equal(read.images, images.images)
    np.testing.assert_array_equal(read.label, images.label)
    assert read.label.sum() == JETS // 2
    assert not list(path.parent.glob("*.parts"))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["truth/radiated"][()] > 0, images.label == 1)


def test_images_hold_their_particle(sample: tuple[Path, Images]):
    _, images = sample
    energy, time = images.images[..., 0], images.images[..., 1]
    assert energy.shape[1:] == (32, 32)
    np.testing.assert_array_equal(energy.reshape(JETS, -1).argmax(1), 16 * 32 + 16)
    np.testing.assert_array_equal(time[energy == 0], 0)
    truth = images.truth["pt"] * np.cosh(images.truth["eta"])
    whole = energy.sum((1, 2)) / truth
    calm = (images.truth["converted"] == 0) & (images.truth["radiated"] < 0.05)
    assert np.median(whole[calm]) == pytest.approx(1, abs=0.02)
    assert np.median(whole) == pytest.approx(1, abs=0.05)
    # 100 ps at 10 GeV; the spread of collisions adds 180 ps to all crystals of a particle.
    hot = energy > 10
    assert time[hot].std() == pytest.approx(np.hypot(0.18, 0.05), rel=0.25)


def test_photons_convert_and_electrons_spread_in_phi(sample: tuple[Path, Images]):
    _, images = sample
    photons = images.label == 0
    # Material between 0.4 and 1.3 radiation lengths: 1 - exp(-7/9 x) between 0.27 and 0.64.
    assert 0.3 < images.truth["converted"][photons].mean() < 0.55
    energy = images.images[..., 0].astype(np.float64)
    energy = np.where(energy > 0.5, energy, 0)  # without noise
    total = energy.sum((1, 2))
    position = np.arange(32) - 16

    def spread(axis: int) -> np.ndarray:
        """Share of the energy beside the middle row or column and its two neighbours."""
        return (energy.sum(axis) * (np.abs(position) > 1)).sum(1) / total

    # Row is η, column is φ: the field spreads pairs and radiation along φ only.
    in_phi, in_eta = spread(1), spread(2)
    for kind in (photons, ~photons):
        assert in_phi[kind].mean() > 1.5 * in_eta[kind].mean()
    plain = photons & (images.truth["converted"] == 0)
    radiating = ~photons & (images.truth["radiated"] > 0.3)
    assert in_phi[radiating].mean() > 2 * in_phi[plain].mean()
    assert max(in_eta[radiating].mean(), in_eta[plain].mean()) < 0.002


def test_place_and_number_tell_nothing(sample: tuple[Path, Images]):
    _, images = sample
    labels = images.label.reshape(-1, 2)
    np.testing.assert_array_equal(labels.sum(1), 1)  # every beginning is balanced
    # 300 pairs, which class comes first is a coin: 0.5 ± 0.029.
    assert labels[:, 0].mean() == pytest.approx(0.5, abs=0.09)
    np.testing.assert_array_equal(images.event, np.arange(JETS))


def test_a_smaller_chunk_is_the_beginning_of_a_larger_one():
    large, less = (egamma.simulate_chunk(3, 1, 0, count) for count in (120, 70))
    for name, column in less.items():
        np.testing.assert_array_equal(column, large[name][:70])


KILLED = """
import os, signal, sys
import e2e_tf.sim
simulation = sys.modules["e2e_tf.sim.simulate"]
save, calls = simulation.save_columns, []
def interrupted(path, columns):
    calls.append(path)
    save(path, columns)
    if len(calls) == 3:  # in the middle of the third piece
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
simulation.save_columns = interrupted
simulation.simulate("egamma", int(sys.argv[1]), 7, sys.argv[2])
"""


def test_killed_and_continued(sample: tuple[Path, Images], tmp_path: Path):
    path = tmp_path / "gun.h5"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(JETS), str(path)], capture_output=True)
    assert ended.returncode == -9
    folder = tmp_path / "gun.h5.parts"
    assert not path.exists()
    assert sorted(p.name for p in folder.glob("*.npz")) == ["000000.npz", "000001.npz"]
    with pytest.raises(InputError, match=r"holds an unfinished simulation; give --resume"):
        simulate("egamma", JETS, 7, path)
    with pytest.raises(InputError, match="unfinished simulation of other inputs, settings or versions"):
        simulate("egamma", JETS, 8, path, resume=True)
    whole = (folder / "000000.npz").read_bytes()
    kept = (folder / "000001.npz").stat().st_mtime_ns
    (folder / "000000.npz").write_bytes(whole[: len(whole) // 2])  # made again
    marked: list[int] = []
    original = sys.modules["e2e_tf.sim.simulate"]._make

    def watched(chunk, folder):
        marked.append(chunk.index)
        assert (folder / "000001.npz").stat().st_mtime_ns == kept
        original(chunk, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["e2e_tf.sim.simulate"], "_make", watched)
        simulate("egamma", JETS, 7, path, resume=True)
    assert marked == [0, 2, 3]
    assert sha256(path) == sha256(sample[0])
    assert [p.name for p in tmp_path.iterdir()] == ["gun.h5"]


def test_force_starts_over(sample: tuple[Path, Images], tmp_path: Path):
    path = tmp_path / "gun.h5"
    (tmp_path / "gun.h5.parts").mkdir()
    (tmp_path / "gun.h5.parts" / "000000.npz").write_bytes(b"old")
    simulate("egamma", JETS, 7, path, force=True)
    assert sha256(path) == sha256(sample[0])
    assert [p.name for p in tmp_path.iterdir()] == ["gun.h5"]


def test_no_pileup_for_the_gun(tmp_path: Path):
    with pytest.raises(InputError, match="takes no pileup, got 20"):
        simulate("egamma", 10, 1, tmp_path / "x.h5", pileup=20)
    with pytest.raises(InputError, match="makes images, detector objects belong to jets"):
        simulate("egamma", 10, 1, tmp_path / "x.h5", objects=True)
