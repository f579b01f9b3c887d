"""The samples of the study, and the scores of one row on the test jets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from e2e_tf.data.jets import Jets, concatenate_jets, read_jets, write_jets
from e2e_tf.data.quantities import with_candidate_quantities
from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.training.baseline import (
    baseline_score,
    candidate_features,
    detector_features,
    train_baseline,
)
from e2e_tf.training.fit import fit
from e2e_tf.training.predict import predict_examples
from e2e_tf.training.prepare import Split, prepare, prepare_run
from e2e_tf.training.run import open_run, trains_as
from e2e_tf.training.splits import split_by_event
from studies.detector.rows import (
    CALLED,
    CURVE,
    EVERYTHING,
    LARGER,
    PART,
    SAMPLE,
    SPLIT,
    SPLIT_SEED,
    Row,
    sample_name,
)
from studies.tau.rows import slug

TREES = 2  # forests whose mean a row of trees is


def score_path(folder: Path, name: str, seed: int) -> Path:
    """Where the scores of a row stay."""
    return folder / "scores" / f"{slug(name)}-{seed}.npz"


def run_path(folder: Path, name: str, seed: int) -> Path:
    """Where the run of a network is."""
    return folder / "runs" / f"{slug(name)}-{seed}"


def write_smaller(folder: Path, sizes: tuple[int, ...] = CURVE) -> None:
    """Samples of the learning curves: all validation and test jets, and the first of the training part.

    Args:
        folder: with the whole sample; those that are there stay.
        sizes: jets of the training parts.

    Raises:
        InputError: the training part is smaller than one of ``sizes``.
    """
    missing = [size for size in sizes if not (folder / sample_name(size)).exists()]
    if not missing:
        return
    jets = read_jets(folder / SAMPLE)
    train, validation, test = split_by_event(jets.event, SPLIT, SPLIT_SEED)
    for size in missing:
        if len(train) < size:
            raise InputError(f"{folder / SAMPLE} has {len(train)} jets to train on, fewer than {size}")
        kept = np.sort(np.concatenate([train[:size], validation, test]))
        write_jets(folder / sample_name(size), jets.take(kept))


def write_larger(folder: Path) -> None:
    """The sample with all further jets of the larger simulation in its training part.

    Args:
        folder: with the sample, and the larger simulation as ``wtau-all.h5``; a file that is there stays.

    Raises:
        InputError: a jet of the sample is not in the larger simulation, or the training part has not
            :data:`~studies.detector.rows.LARGER` jets.
    """
    path = folder / sample_name(LARGER)
    if path.exists():
        return
    sample, everything = read_jets(folder / SAMPLE), read_jets(folder / EVERYTHING)
    part = np.zeros(len(sample), np.int8)
    for number, index in enumerate(split_by_event(sample.event, SPLIT, SPLIT_SEED)):
        part[index] = number
    known = {_place(sample, i) for i in range(len(sample))}
    further = np.array([_place(everything, i) not in known for i in range(len(everything))])
    if len(known) != len(sample) or np.count_nonzero(~further) != len(sample):
        raise InputError(f"{folder / EVERYTHING} does not hold the jets of {folder / SAMPLE}")
    more = everything.take(further)
    new = int(sample.event.max()) + 1
    jets = concatenate_jets(
        [
            replace(sample, columns={**sample.columns, PART: part}),
            replace(
                more, columns={**more.columns, PART: np.zeros(len(more), np.int8)}, event=more.event + new
            ),
        ],
        attributes=everything.attributes,
    )
    found = int(np.count_nonzero(jets[PART] == 0))
    if found != LARGER:
        raise InputError(f"the larger training part must have {LARGER:,} jets, it has {found:,}")
    write_jets(path, jets)


def _place(jets: Jets, index: int) -> tuple[float, float, float]:
    return float(jets["pt"][index]), float(jets["eta"][index]), float(jets["phi"][index])


def table_of(row: Row, jets: Jets) -> np.ndarray:
    """What the trees of a row see.

    Args:
        row: of trees.
        jets: of any part.

    Returns:
        float32 (B, number of quantities).
    """
    flow = row.trees in CALLED
    names, values = candidate_features(with_candidate_quantities(jets)) if flow else detector_features(jets)
    # Signal and background have another density of pileup, which is no property of a tau. Nor are the tracks
    # and momenta of all that came from the same vertex.
    left_out = ("jet_rho", "vertex_n", "vertex_sum") if row.trees == "jet" else ("jet_rho",)
    return values[:, [i for i, one in enumerate(names) if not one.startswith(left_out)]]


def trees_of(row: Row, part: Split, seed: int) -> Callable[[Jets], np.ndarray]:
    """Train the forests of a row.

    Args:
        row: of trees.
        part: to train on.
        seed: of the first forest.

    Returns:
        A function of jets that gives the mean score (B,) of the forests.
    """

    values = table_of(row, part.jets)
    forests = [train_baseline(values, part.label, part.weight, seed + i) for i in range(TREES)]

    def score(jets: Jets) -> np.ndarray:
        values = table_of(row, jets)
        return np.mean([baseline_score(forest, values) for forest in forests], axis=0)

    return score


def train(name: str, row: Row, seed: int, folder: Path) -> None:
    """Train a row and keep its scores, labels, weights and events of the test part.

    Args:
        name: of the row.
        row: what is trained.
        seed: of the training, for trees the first of :data:`TREES`.
        folder: with the samples; scores and runs are written there. What was stopped goes on.

    Raises:
        InputError: there is a finished run of another configuration.
    """
    config = row.config(seed)
    if row.trees:
        prepared = prepare(config, folder)
        score = trees_of(row, prepared.train, seed)(prepared.test.jets)
    else:
        path = run_path(folder, name, seed)
        path.parent.mkdir(exist_ok=True)
        # A stop between training and scores leaves a finished run, which fit would not touch.
        run = open_run(path) if (path / "model.keras").is_file() else fit(config, path, base=folder)
        if not trains_as(run.config, config):
            raise InputError(f"{path} is a run of another configuration; remove it to train {name}")
        prepared = prepare_run(run)
        score = np.asarray(predict_examples(run.model(), prepared.test.examples))[:, 0]
    test = prepared.test
    path = score_path(folder, name, seed)
    path.parent.mkdir(exist_ok=True)
    with new_file(path, force=True) as part_file, open(part_file, "wb") as file:
        np.savez(
            file,
            score=score.astype(np.float32),
            label=test.label,
            weight=test.weight,
            event=test.jets.event,
            pt=test.jets["pt"],
            trained=len(prepared.train.jets),
        )
