"""Scores of trained rows on jets made after all choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from e2e_tf.data.jets import Jets, read_jets
from studies.tau.rows import ROWS, run_folder
from studies.tau.samples import FRESH
from studies.tau.scores import read_score, score_path, write_score
from studies.tau.training import jets_and_weights, train


def fresh_scores(
    samples: Path, seeds: Mapping[str, Sequence[int]]
) -> tuple[dict[str, list[np.ndarray]], Jets, np.ndarray]:
    """Scores of each row and seed on the jets of :data:`samples.FRESH`, these jets, and their weights.

    The weights are those of the study, fitted on its training jets. Scores stay beside those of the test part, and
    one that is there is read; means are made of those of their members.
    """
    jets = read_jets(samples / FRESH)
    reweighting = jets_and_weights(samples).reweighting
    assert reweighting is not None
    assert jets.label is not None
    weight = reweighting.weights(jets["pt"], jets.label)

    @cache
    def score(name: str, seed: int) -> np.ndarray:
        row = ROWS[name]
        if row.members:
            return np.mean([score(*member) for member in row.members], axis=0)
        path = score_path(samples, name, seed, "-fresh")
        if not path.is_file():
            write_score(path, train(row, seed, samples, run_folder(samples, name, seed))(jets))
            print(f"{name}, seed {seed}: {len(jets)} jets", flush=True)
        return read_score(path)

    return {name: [score(name, seed) for seed in each] for name, each in seeds.items()}, jets, weight
