"""The sample and the model that ``e2e-tf demo`` starts from, made of one larger simulated sample.

::

    python -m studies.detector simulate FOLDER
    python -m studies.detector simulate FOLDER --larger
    python -m studies.detector train FOLDER --rows "detector_net with masses and auxiliary loss, 92,702 jets"
    RUN=FOLDER/runs/detector-net-with-masses-and-auxiliary-loss-92-702-jets-1
    python -m benchmarks.pretrained $RUN
    e2e-tf evaluate $RUN
    e2e-tf export $RUN -o deploy/bundles/tau_detector --formats onnx,pb

The shipped sample is from the test part of that training, so that nothing in the package was trained on it. It holds
detector objects, candidates of particle flow, and the score of boosted trees (mean of two) that were trained on the
same jets as the model. What ships was made of the first 107,500 of 300,000 jets, put in random order with other seeds;
made again it differs as trainings with two seeds do.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

import e2e_tf
from e2e_tf.data.jets import Jets, write_jets
from e2e_tf.training.prepare import prepare_run
from e2e_tf.training.run import open_run
from studies.detector.rows import LARGER_REFERENCE, PART, ROWS
from studies.detector.training import trees_of

__all__ = ["TREES", "ship", "shipped_jets"]

TREES = "score_trees"
"""The column of truth with the score of the boosted trees."""
_NAME = "tau_detector"


def shipped_jets(jets: Jets, score: np.ndarray, count: int) -> Jets:
    """What is shipped of jets: the first of them, with detector objects, without hits, perfect candidates and part.

    Args:
        jets: n jets with objects.
        score: float (n,), of the boosted trees.
        count: how many jets are shipped.

    Returns:
        At most ``count`` jets.
    """
    truth = {**jets.truth, TREES: np.asarray(score, np.float32)}
    columns = {name: values for name, values in jets.columns.items() if name != PART}
    kept = replace(jets, columns=columns, truth=truth, hits={}, candidates=None)
    return kept.take(np.arange(min(count, len(jets))))


def ship(run_folder: Path, count: int, package: Path) -> None:
    """Write sample and model into the package.

    Args:
        run_folder: a finished run on detector objects.
        count: jets of the sample.
        package: the folder of ``e2e_tf``.
    """
    run = open_run(run_folder)
    prepared = prepare_run(run)
    test = prepared.test.jets
    jets = shipped_jets(test, trees_of(ROWS[LARGER_REFERENCE], prepared.train, 1)(test), count)
    write_jets(package / "data" / "samples" / f"{_NAME}.h5", jets, force=True)
    folder = package / "models" / "pretrained" / _NAME
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run.folder / "preprocess.json", folder / "preprocess.json")
    model = run.model()
    copy = keras.models.clone_model(model)  # without the state of the optimizer
    copy.set_weights(model.get_weights())
    copy.save(folder / "model.keras")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--jets", type=int, default=7500)
    arguments = parser.parse_args()
    ship(arguments.run, arguments.jets, Path(e2e_tf.__file__).parent)
