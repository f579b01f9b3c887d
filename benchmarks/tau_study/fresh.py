"""Scores of trained rows on jets made after all choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from rows import ROWS, run_folder, slug
from samples import FRESH
from training import jets_and_weights, train

from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.files import new_file


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
    weight = reweighting.weights(jets.jets["pt"], jets.label)

    @cache
    def score(name: str, seed: int) -> np.ndarray:
        row = ROWS[name]
        if row.members:
            return np.mean([score(*member) for member in row.members], axis=0)
        path = samples / "scores" / f"{slug(name)}-{seed}-fresh.npy"
        if not path.is_file():
            found = np.asarray(train(row, seed, samples, run_folder(samples, name, seed))(jets), np.float32)
            with new_file(path) as part, open(part, "wb") as file:
                np.save(file, found)
            print(f"{name}, seed {seed}: {len(jets)} jets", flush=True)
        return np.load(path).astype(np.float64)

    return {name: [score(name, seed) for seed in each] for name, each in seeds.items()}, jets, weight
