"""Raw jets of a bundle with their scores: ``jets.npz``, by which preprocessing is checked anywhere.

::

    kind                what each jet is for, text (B,)
    jets/<column>       quantities of the jets (B,)
    <table>/offsets     int64 (B + 1,), rows of each jet, which begin at 0
    <table>/<column>    quantities of candidates, hits or detector objects (rows,)
    tensors/<name>      float32, what the builder makes of these jets in the bundle's interface
    score               float32, what Keras gives for them in the shape of the interface

Tables are ``candidates``; ``track``, ``ecal`` and ``hcal`` of hits; ``objects/track`` to ``objects/pixel``. Among the
jets are one without nodes, one with a single node, one that is cut to the limit, and some whose numbers are broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.node_inputs import INPUT_COLUMNS
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.quantities import candidate_quantities
from e2e_tf.deploy.cost import points_of
from e2e_tf.deploy.interface import JetBatch
from e2e_tf.deploy.jets import BROKEN, adversarial_jets
from e2e_tf.deploy.reference import keras_scores
from e2e_tf.deploy.samples import shipped_jets
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS

__all__ = [
    "RAW_FILE",
    "RawVectors",
    "raw_batch",
    "read_raw_vectors",
    "tensor_difference",
    "write_raw_vectors",
]

RAW_FILE = "jets.npz"
_REAL = 6
_SEED = 11
# Of each sort of broken jets, sizes as in adversarial_jets: none, one, k - 1, k, k + 1, the limit, one more.
_SIZES = {
    "ordinary": (0, 1, 4, 6),
    "one place": (4,),
    "no energy": (4,),
    "no numbers": (5,),
    "not wrapped": (4,),
}
_NAMES = ("no nodes", "one node", "k - 1 nodes", "k nodes", "k + 1 nodes", "the limit", "one above the limit")


@dataclass(frozen=True)
class RawVectors:
    """What ``jets.npz`` holds.

    Attributes:
        jets: raw.
        kinds: what each of them is for.
        tensors: float32 by name, in the interface of the bundle.
        score: float32, as the model gives it, in the shape of the interface.
    """

    jets: Jets
    kinds: tuple[str, ...]
    tensors: dict[str, np.ndarray]
    score: np.ndarray


def write_raw_vectors(
    folder: Path,
    preprocess: Preprocess,
    interface: str,
    feeds: Callable[[JetBatch], dict[str, np.ndarray]],
    model: Any,
) -> None:
    """Write ``jets.npz``; nothing for graphs of images, which have no raw jets.

    Args:
        folder: the bundle.
        preprocess: of it.
        interface: ``edges`` or ``padded``.
        feeds: tensors of a batch in this interface.
        model: Keras.
    """
    made = _jets(preprocess)
    if made is None:
        return
    jets, kinds = made
    arrays: dict[str, np.ndarray] = {"kind": np.array(kinds)}
    arrays |= {f"jets/{name}": _stored(column) for name, column in jets.columns.items()}
    for name, table in _tables(jets).items():
        arrays[f"{name}/offsets"] = table.offsets.astype(np.int64)
        arrays |= {f"{name}/{key}": _stored(column) for key, column in table.columns.items()}
    batch = raw_batch(_read_jets(arrays), preprocess)
    arrays |= {f"tensors/{name}": values for name, values in feeds(batch).items()}
    (score,) = keras_scores(model, [batch])
    arrays["score"] = score[None] if interface == "edges" else score
    np.savez_compressed(folder / RAW_FILE, **arrays)  # type: ignore[arg-type]


def read_raw_vectors(folder: Path) -> RawVectors | None:
    """The raw jets of a bundle.

    Args:
        folder: the bundle.

    Returns:
        The jets with their tensors and scores; None where the bundle has none.
    """
    if not (folder / RAW_FILE).is_file():
        return None
    with np.load(folder / RAW_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    tensors = {name[8:]: values for name, values in arrays.items() if name.startswith("tensors/")}
    return RawVectors(_read_jets(arrays), tuple(arrays["kind"].tolist()), tensors, arrays["score"])


def raw_batch(jets: Jets, preprocess: Preprocess) -> JetBatch:
    """Graphs of raw jets with the coordinates they were built in.

    Args:
        jets: raw.
        preprocess: of the bundle.

    Returns:
        One batch of all of them.

    Raises:
        InputError: the jets lack a quantity.
    """
    graphs = graphs_of(jets, preprocess)
    return JetBatch(graphs.batch, points_of(jets, graphs, preprocess))


def tensor_difference(expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> float:
    """How far tensors are apart, each number in units of one plus its size.

    Args:
        expected, found: by name.

    Returns:
        The largest difference; infinite where names or shapes are not the same.
    """
    shapes = [{name: values.shape for name, values in tensors.items()} for tensors in (expected, found)]
    if shapes[0] != shapes[1]:
        return float("inf")
    apart = [np.abs(found[name] - values) / (1 + np.abs(values)) for name, values in expected.items()]
    return float(max(values.max(initial=0) for values in apart))


def _stored(column: np.ndarray) -> np.ndarray:
    """Fractions in float32, as C++ reads them."""
    return column.astype(np.float32) if column.dtype.kind == "f" else column


def _tables(jets: Jets) -> dict[str, Ragged]:
    """The tables of jets by the names that the runner's file gives them."""
    tables = dict(jets.hits)
    if jets.candidates is not None:
        tables["candidates"] = jets.candidates
    return tables | {f"objects/{kind}": jets.objects[kind] for kind in KINDS if kind in jets.objects}


def _read_jets(arrays: Mapping[str, np.ndarray]) -> Jets:
    columns: dict[str, dict[str, np.ndarray]] = {}
    for name, values in arrays.items():
        table, _, key = name.rpartition("/")
        columns.setdefault(table, {})[key] = values
    of_jets = columns["jets"]
    tables = {
        name: Ragged({key: values for key, values in table.items() if key != "offsets"}, table["offsets"])
        for name, table in columns.items()
        if "offsets" in table
    }
    count = len(arrays["kind"])
    return Jets(
        of_jets,
        np.arange(count),
        np.ones(count, np.float32),
        candidates=tables.get("candidates"),
        hits={name: table for name, table in tables.items() if name in ("track", "ecal", "hcal")},
        objects={
            name.removeprefix("objects/"): table
            for name, table in tables.items()
            if name.startswith("objects/")
        },
    )


def _jets(preprocess: Preprocess) -> tuple[Jets, list[str]] | None:
    """Jets of a shipped sample, with random columns for quantities that no sample has."""
    found: Jets | None = None
    for sample in shipped_jets(preprocess.nodes):
        found = _of_nodes(sample, preprocess.nodes)
        try:
            graphs_of(found.take(np.arange(1)), preprocess)
            break
        except InputError:
            found = _completed(found, preprocess)
    if found is None:
        return None
    sizes = [(BROKEN.index(kind), size) for kind, of_kind in _SIZES.items() for size in of_kind]
    if not preprocess.limit:  # nothing is cut
        sizes.remove((0, 6))
    index = [_REAL + 7 * kind + size for kind, size in sizes]
    made = adversarial_jets(found, preprocess, np.random.default_rng(_SEED), real=_REAL)
    kinds = ["simulated"] * _REAL + [f"{BROKEN[kind]}: {_NAMES[size]}" for kind, size in sizes]
    made = made.take(np.array([*range(_REAL), *index]))
    single = kinds.index("ordinary: one node")  # of hits one in every table
    hits = {
        name: _without(table, single) if i else table for i, (name, table) in enumerate(made.hits.items())
    }
    return replace(made, hits=hits), kinds


def _without(table: Ragged, jet: int) -> Ragged:
    """A table without the rows of one jet."""
    counts, kept = table.counts.copy(), table.owner != jet
    counts[jet] = 0
    return Ragged.from_counts({name: column[kept] for name, column in table.columns.items()}, counts)


def _of_nodes(jets: Jets, nodes: str) -> Jets:
    """Jets with the tables that nodes are made of and no others."""
    return replace(
        jets,
        candidates=jets.candidates if nodes == "candidates" else None,
        hits=jets.hits if nodes == "hits" else {},
        objects={kind: jets.objects[kind] for kind in KINDS if kind in jets.objects}
        if nodes == "detector"
        else {},
        truth={},
    )


def _completed(jets: Jets, preprocess: Preprocess) -> Jets:
    """Jets with random numbers, spread as in the training, for quantities of another reader."""
    rng = np.random.default_rng(_SEED)
    columns, candidates = dict(jets.columns), jets.candidates
    if preprocess.jet_features is not None:
        norm = preprocess.jet_features
        for feature, median, scale in zip(norm.features, norm.median, norm.norm_factor, strict=True):
            if feature.raw not in columns:
                columns[feature.raw] = _like(rng, float(median), float(scale), len(jets))
    if candidates is not None:
        known = set(candidate_quantities(replace(jets, columns=columns))[0])
        known |= {*INPUT_COLUMNS}  # which follow from them
        norm, of_rows = preprocess.node_features, dict(candidates.columns)
        rows = len(candidates.owner)
        for feature, median, scale in zip(norm.features, norm.median, norm.norm_factor, strict=True):
            if feature.raw not in known:
                of_rows[feature.raw] = _like(rng, float(median), float(scale), rows)
        for name in preprocess.coordinates:
            if name not in known and name not in of_rows:
                of_rows[name] = _like(rng, 0.0, 3.0, rows)
        candidates = Ragged(of_rows, candidates.offsets)
    return replace(jets, columns=columns, candidates=candidates)


def _like(rng: np.random.Generator, median: float, scale: float, rows: int) -> np.ndarray:
    return np.abs(rng.normal(median, 1 / scale if scale > 0 else 1.0, rows)).astype(np.float32)
