"""Jets that every test of the data package can make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_store import RECIPE, N

from e2e_tf.data.graphs import GraphData, build_graphs
from e2e_tf.data.grid import CRYSTALS, TOWERS, window_corner
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.objects import OBJECTS
from e2e_tf.data.store_writer import write_store


def _jets(n: int = 24, seed: int = 0, empty: tuple[int, ...] = (3, -1)) -> Jets:
    """Random jets; those in ``empty`` have neither hits nor candidates nor objects but the chosen vertex.

    Energies are multiples of 1/64 GeV, so that sums of hits in one crystal do not depend on their order.
    """
    rng = np.random.default_rng(seed)
    keep = np.ones(n, bool)
    keep[[i for i in empty if -n <= i < n]] = False
    eta = rng.uniform(-1.4, 1.4, n).astype(np.float32)
    phi = rng.uniform(-np.pi, np.pi, n).astype(np.float32)
    ieta, iphi = window_corner(eta, phi)

    def energies(size: int) -> np.ndarray:
        return (rng.integers(1, 1000, size) / 64).astype(np.float32)

    hits = {}
    for channel, side, mean in (("track", CRYSTALS, 5), ("ecal", CRYSTALS, 20), ("hcal", TOWERS, 6)):
        counts = rng.poisson(mean, n) * keep
        size = int(counts.sum())
        cell = rng.integers(0, side * side, size).astype(np.uint16)
        hits[channel] = Ragged.from_counts({"cell": cell, "value": energies(size)}, counts)
    counts = (1 + rng.poisson(9, n)) * keep
    size = int(counts.sum())
    candidates = {
        "pt": energies(size),
        "energy": energies(size) + 20,
        "deta": rng.normal(0, 0.2, size).astype(np.float32),
        "dphi": rng.normal(0, 0.2, size).astype(np.float32),
        "charge": rng.integers(-1, 2, size).astype(np.float32),
        "pdg_id": rng.choice([211, -211, 130, 22, 11, 13], size).astype(np.int32),
        "d0": rng.normal(0, 0.01, size).astype(np.float32),
        "d0_error": rng.uniform(0.001, 0.01, size).astype(np.float32),
    }
    return Jets(
        columns={
            "pt": rng.uniform(20, 200, n).astype(np.float32),
            "eta": eta,
            "phi": phi,
            "mass": rng.uniform(1, 30, n).astype(np.float32),
            "ieta": ieta,
            "iphi": iphi,
        },
        event=np.arange(n, dtype=np.int64) // 2,
        weight=rng.uniform(0.5, 2, n).astype(np.float32),
        label=(np.arange(n) % 2).astype(np.int8),
        truth={"visible_pt": rng.uniform(20, 200, n).astype(np.float32)},
        hits=hits,
        candidates=Ragged.from_counts(candidates, counts),
        objects=_objects(np.random.default_rng([seed, 1]), keep),
        attributes={"seed": seed, "process": "test"},
    )


def _objects(rng: np.random.Generator, keep: np.ndarray) -> dict[str, Ragged]:
    """Random objects with every column of the schema, of the jets that ``keep`` says."""
    whole = {"charge": (-1, 2), "n_hits": (6, 20), "n_pixel_hits": (0, 5), "from_pv": (0, 2)}
    whole |= {"depth": (1, 5), "layer": (1, 4), "n_tracks": (2, 90)}
    objects = {}
    for kind, mean in (("track", 4), ("ecal", 12), ("hcal", 5), ("pixel", 2), ("vertex", 8)):
        counts = 1 + rng.poisson(mean, len(keep)) if kind == "vertex" else rng.poisson(mean, len(keep)) * keep
        size = int(counts.sum())
        columns = {}
        for column in OBJECTS[kind]:
            if column.name in whole:
                values = rng.integers(*whole[column.name], size)
            elif column.negative:
                values = rng.normal(0, 0.2, size)
            else:  # multiples of 1/64, at least one of them: energies, momenta, errors
                values = rng.integers(1, 1000, size) / 64
            columns[column.name] = values.astype(column.dtype)
        objects[kind] = Ragged.from_counts(columns, counts)
    return objects


@pytest.fixture(scope="session")
def make_jets() -> Callable[..., Jets]:
    """``make_jets(n=24, seed=0, empty=(3, -1))``: random jets with hits, candidates, objects, truth and
    labels."""
    return _jets


@pytest.fixture(scope="session")
def stored(make_jets: Callable[..., Jets]) -> GraphData:
    """The graphs of ``store_path``."""
    return build_graphs(make_jets(N, empty=(0, 33, -1)), RECIPE)


@pytest.fixture(scope="session")
def store_path(stored: GraphData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in chunks of 16 graphs, alone in its folder; tests copy it before they change it."""
    path = tmp_path_factory.mktemp("store") / "graphs.h5"
    write_store(path, stored, RECIPE, attributes={"made": "by a test"}, chunk=16)
    return path
