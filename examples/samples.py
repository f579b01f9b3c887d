"""Small files in the schemas of public data sets, with toy content, so that every example runs without a download.

The content only has to be learnable: numbers measured on it mean nothing. ``e2e-tf fetch`` gets the
real ones.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np


def arguments(
    describe: str | None, write: Callable[[Path, int], Path], more: tuple[str, ...] = ()
) -> argparse.Namespace:
    """``[FILE] [--epochs] [--entries]``; without a file, a toy one."""
    parser = argparse.ArgumentParser(description=describe)
    for name in more:
        parser.add_argument(name)
    parser.add_argument("file", nargs="?", type=Path, help="the real file; without it, a toy one is written")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--entries", type=int, default=600, help="entries to read, from the start")
    options = parser.parse_args()
    if options.file is None:
        extra = [getattr(options, name) for name in more]
        options.file = write(Path(tempfile.mkdtemp()), options.entries, *extra)
    return options


def constituents(n: int, label: np.ndarray, slots: int, seed: int = 0) -> np.ndarray:
    """(n, slots, 3) pT [GeV], η, φ of jets; those of label 0 have more and wider constituents."""
    rng = np.random.default_rng(seed)
    pt = -np.sort(-rng.exponential(30, (n, slots)), axis=1)
    keep = np.arange(slots) < np.where(label == 1, slots // 3, 2 * slots // 3)[:, None] + rng.integers(
        0, 3, (n, 1)
    )
    spread = np.where(label == 1, 0.1, 0.2)[:, None, None] * rng.normal(size=(n, slots, 2))
    axis = np.stack([rng.uniform(-1, 1, n), rng.uniform(-2, 2, n)], axis=1)[:, None]
    return np.concatenate([pt[..., None], axis + spread], axis=2) * keep[..., None]


def energyflow(folder: Path, n: int) -> Path:
    label = np.arange(n) % 2
    x = constituents(n, label, 24)
    pid = np.where(x[..., :1] > 0, np.random.default_rng(1).choice([211, -211, 22, 130], (n, 24, 1)), 0)
    np.savez(folder / "QG_jets.npz", X=np.concatenate([x, pid], axis=2), y=label.astype(float))
    return folder / "QG_jets.npz"


def momenta(n: int, label: np.ndarray, slots: int) -> np.ndarray:
    """(n, slots, 4) E, px, py, pz [GeV]."""
    pt, eta, phi = np.moveaxis(constituents(n, label, slots), 2, 0)
    return np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=2)


def top_tagging(folder: Path, n: int) -> Path:
    label, slots = np.arange(n) % 2, 40
    names = [f"{c}_{i}" for i in range(slots) for c in ("E", "PX", "PY", "PZ")]
    with h5py.File(folder / "train.h5", "w") as file:
        table = file.create_group("table")
        table["block0_items"] = np.array(names, "S")
        table["block0_values"] = momenta(n, label, slots).reshape(n, -1).astype(np.float32)
        table["block1_items"] = np.array(["ttv", "is_signal_new"], "S")
        table["block1_values"] = np.stack([np.zeros(n, int), label], axis=1)
    return folder / "train.h5"


def electron_photon(folder: Path, n: int) -> Path:
    rng, label = np.random.default_rng(2), np.arange(n) % 2
    rows, columns = np.mgrid[:32, :32] - 16.0
    width = np.where(label == 1, 2.0, 1.0)[:, None, None]
    shower = np.exp(-0.5 * (rows**2 + (columns / width) ** 2)) * rng.uniform(0.5, 1, (n, 1, 1))
    images = np.stack(
        [shower + 0.01 * rng.exponential(size=shower.shape), 0.01 * rng.normal(size=shower.shape)], -1
    )
    with h5py.File(folder / "SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5", "w") as file:
        file["X"], file["y"] = images.astype(np.float32), label.astype(np.float32)
    return folder / "SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5"


def erum(folder: Path, n: int, task: str) -> Path:
    rng, label = np.random.default_rng(3), (np.arange(n) % 2).astype(np.float32)
    arrays: list[np.ndarray]
    if task in ("spinodal", "eos"):
        side = {"spinodal": 20, "eos": 24}[task]
        arrays = [rng.poisson(2 + 2 * label[:, None, None] * (np.arange(side) > side // 2), (n, side, side))]
    elif task == "airshower":
        label = rng.uniform(600, 900, n).astype(np.float32)
        trace = np.exp(-0.5 * ((np.arange(80) - (label[:, None] - 600) / 5) / 6) ** 2)
        signal = trace[:, None, None] * rng.uniform(0, 20, (n, 9, 9, 1))
        arrays = [signal, rng.normal(size=(n, 9, 9, 1)), rng.normal(size=(81, 3))]
    elif task == "belle":
        particles = rng.normal(size=(n, 100, 9))
        particles[..., 1] = rng.exponential(size=(n, 100)) * (1 + label[:, None])
        particles[..., 8] = rng.integers(1, 500, (n, 100))
        real = np.arange(100) < rng.integers(5, 30, (n, 1))
        mothers = np.where(
            real, (rng.random((n, 100)) * np.arange(100)).astype(int) - (np.arange(100) == 0), -1
        )
        arrays = [particles * real[..., None], mothers]
    else:
        arrays = [momenta(n, label, 200), np.zeros(n)]
    content = {
        f"X_{split}_{i}": a.astype(np.float32) for split in ("train", "test") for i, a in enumerate(arrays)
    }
    np.savez(folder / f"{task}.npz", y_train=label, y_test=label, **content)
    return folder / f"{task}.npz"
