"""Graphs of a configuration, built once per sweep and read back by the trials that share them.

Those that ``data.memory`` leaves in their stores stay there: an entry then has which of them each part takes, and what
one reading of all has told of them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.preprocess import Preprocess, read_preprocess
from e2e_tf.data.source import JetSource
from e2e_tf.data.streamed import StreamedGraphs, StreamedJets
from e2e_tf.data.survey import Survey
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, read_json, write_json
from e2e_tf.models import MODELS
from e2e_tf.training.examples import Examples
from e2e_tf.training.prepare import prepare

__all__ = ["TrialData", "trial_data"]


@dataclass(frozen=True)
class TrialData:
    """The splits that a trial may see; the test part stays out of reach.

    Attributes:
        train, validation: the parts.
        preprocess: inputs, normalisation and graph.
        source: the files with their readers and SHA-256.
        data: what ``provenance.json`` says of them.
        reweighting: the pT weights, if there are any.
    """

    train: Examples
    validation: Examples
    preprocess: Preprocess
    source: JetSource
    data: dict[str, Any]
    reweighting: dict[str, Any] | None


def trial_data(config: RunConfig, base: Path, folder: Path) -> TrialData:
    """The data of a configuration, from the cache in ``folder`` or built and put there.

    Args:
        config: the run; its model counts for the kind of its inputs only.
        base: where relative sample paths start.
        folder: the cache, one folder in it for each set of data.

    Returns:
        The splits with their graphs.

    Raises:
        InputError: as :func:`e2e_tf.training.prepare.prepare`.
    """
    entry = folder / _key(config, base)
    if not entry.is_dir():
        _build(config, base, entry)
    return _load(entry, config, base)


def _key(config: RunConfig, base: Path) -> str:
    document = {
        "seed": config.seed,
        "data": config.data.model_dump(mode="json"),
        "graph": config.graph.model_dump(mode="json"),
        "outputs": {name: output.model_dump(mode="json") for name, output in config.outputs.items()},
        "inputs": MODELS[config.model_name].inputs,
        "base": str(base),
        "start": config.training.start,
        "content": config.training.auxiliary_loss > 0,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _build(config: RunConfig, base: Path, entry: Path) -> None:
    prepared = prepare(config, base)
    entry.parent.mkdir(exist_ok=True)
    try:
        with new_folder(entry) as part:
            for name, split in (("train", prepared.train), ("validation", prepared.validation)):
                (part / name).mkdir()
                for key, values in _arrays(split.examples).items():
                    np.save(part / name / f"{key}.npy", values, allow_pickle=False)
            prepared.preprocess.write(part / "preprocess.json")
            reweighting = None if prepared.reweighting is None else prepared.reweighting.to_dict()
            document = {
                "source": prepared.source.to_dict(),
                "data": prepared.data,
                "reweighting": reweighting,
                "in_pieces": isinstance(prepared.train.graphs, StreamedGraphs),
            }
            write_json(part / "source.json", document)
    except (InputError, OSError):
        if not entry.is_dir():  # another worker may have been first
            raise


def _arrays(examples: Examples) -> dict[str, np.ndarray]:
    """All of the examples, or of graphs in stores all but these."""
    graphs = examples.graphs
    if not isinstance(graphs, StreamedGraphs):
        return examples.arrays()
    survey = {f"survey.{name}": values for name, values in graphs.survey.arrays().items()}
    return {"place": graphs.sample.place, **survey, **examples.targets()}


def _load(entry: Path, config: RunConfig, base: Path) -> TrialData:
    stored = read_json(entry / "source.json")
    source, preprocess = JetSource.from_dict(stored["source"]), read_preprocess(entry / "preprocess.json")
    jets = source.read(base, stream=True) if stored["in_pieces"] else None

    def part(name: str) -> Examples:
        # Mapped, not read: trials that run side by side share the pages.
        paths = sorted((entry / name).glob("*.npy"))
        arrays = {path.stem: np.asarray(np.load(path, mmap_mode="r")) for path in paths}
        if jets is None:
            return Examples.of(arrays)
        survey = {k.removeprefix("survey."): v for k, v in arrays.items() if k.startswith("survey.")}
        sample = cast("StreamedJets", jets.take(arrays["place"]))  # of all jets of the stores, in their order
        recipe = config.graph.recipe
        graphs = StreamedGraphs(sample, recipe, preprocess, Survey.of(survey, preprocess))
        return Examples.of(arrays, graphs)

    return TrialData(
        part("train"), part("validation"), preprocess, source, stored["data"], stored["reweighting"]
    )
