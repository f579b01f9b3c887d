"""Validation of a bundle: every runtime gives the same scores on the same jets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.agreement import Agreement, compare, not_run
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess, record
from e2e_tf.deploy.cpp_runner import CppRun, cpp_runs, score_jets
from e2e_tf.deploy.meaning import in_units_of_jets, relative_columns
from e2e_tf.deploy.padded import padded_feeds
from e2e_tf.deploy.quiet import quiet_tensorflow
from e2e_tf.deploy.raw_vectors import RAW_FILE, RawVectors, raw_batch, read_raw_vectors, tensor_difference
from e2e_tf.deploy.reference import keras_call, keras_scores, load_model, traced_call, traced_scores
from e2e_tf.deploy.runners import NAMES, Runner, frozen_graph_runner, onnx_runner, runners, tensorflow_version
from e2e_tf.deploy.samples import MAX_NODES, feeds_of, fixed_batches, graph_batches, raw_jets, tensor_batches
from e2e_tf.deploy.sources import import_modules
from e2e_tf.deploy.tolerance import TOLERANCE, Tolerance, column_tolerance
from e2e_tf.errors import InputError
from e2e_tf.terminal import status

__all__ = ["validate"]


@dataclass(frozen=True)
class _Cases:
    """What is scored, and what Keras gives for it.

    Attributes:
        feeds: float32 tensors by name, of each batch.
        expected: scores of each batch in the shape of the interface, float32.
        where: integers (n_jets,): what is reported of the jet with the largest difference.
        tolerance: of each column.
    """

    feeds: Sequence[dict[str, np.ndarray]]
    expected: list[np.ndarray]
    where: np.ndarray
    tolerance: Tolerance

    def compare(self, name: str, scores: Sequence[np.ndarray], form: str = "") -> Agreement:
        """As :func:`e2e_tf.deploy.agreement.compare`, with what Keras gives."""
        return compare(name, self.expected, scores, self.where, form, self.tolerance)


@dataclass(frozen=True)
class _Subject:
    """The bundle that is validated.

    Attributes:
        folder, manifest: of it.
        model: Keras.
        runners: name and function of every form, by its key.
        cpp: ``e2e_tf_run``; None takes the one of ``make cpp``.
    """

    folder: Path
    manifest: dict[str, Any]
    model: Any
    runners: Mapping[str, tuple[str, Runner]]
    cpp: str | os.PathLike[str] | None


def validate(
    folder: str | os.PathLike[str],
    *,
    jets: int = 1000,
    seed: int = 0,
    runner: str | os.PathLike[str] | None = None,
    write: bool = False,
    imports: Sequence[str] = (),
) -> list[Agreement]:
    """Score random, real and adversarial jets with every runtime and compare with Keras.

    Random jets have 0 to 120 nodes (or the bundle's limit) and the bundle's own graph; features cover the
    whole range that normalisation lets through. The raw jets that the bundle holds go through preprocessing anew and
    must give the scores that Keras gave at the export. Adversarial ones have no nodes, one, fewer than k, the limit and
    one more, nodes at one place or at equal distances, features at their bounds or from zeros, NaN, infinities
    and 1e30, and come in batches of every size from 1 to 64. Real ones are jets of the shipped sample, and raw
    jets with the same defects; C++ makes the tensors of those itself. Keras is called eagerly, on other batches
    than the runtimes and with edges that are always built outside. A model on images and other tensors is scored
    on random entries.

    Runtimes are Keras in a ``tf.function``, the frozen graph, the SavedModel and ONNX Runtime, in Python and, by
    ``e2e_tf_run``, in C++; smaller forms of ONNX, with tolerances of their own, fail nothing.

    Args:
        folder: the bundle.
        jets: number of random jets, at least 1,000 make a validation worth its name.
        seed: of all jets.
        runner: ``e2e_tf_run``; None takes the one of ``make cpp`` where it has been built, and says so where not.
        write: write the result into the manifest.
        imports: modules, or Python files, that register the model's own layers.

    Returns:
        One entry for every runtime, also for those that could not be run.

    Raises:
        InputError: the bundle is damaged, ``jets`` is not positive, a runtime gives another type or shape, or
            the runner is missing or fails.
    """
    folder = Path(folder)
    if jets < 1:
        raise InputError(f"jets must be positive, not {jets}")
    if runner is not None and not Path(runner).is_file():
        raise InputError(f"there is no runner {runner}; 'make cpp' builds it")
    manifest = open_bundle(folder)
    import_modules(imports)
    with quiet_tensorflow():
        subject = _Subject(folder, manifest, load_model(folder), runners(folder, manifest), runner)
    scored = _tensors if manifest["interface"] == "tensors" else _graphs
    agreements = scored(subject, jets, seed)
    if write:
        record(folder, agreements)
    return agreements


def _graphs(subject: _Subject, jets: int, seed: int) -> list[Agreement]:
    manifest, model = subject.manifest, subject.model
    preprocess = read_bundle_preprocess(subject.folder)
    batches, vectors = list(graph_batches(preprocess, manifest, jets, seed)), read_raw_vectors(subject.folder)
    if vectors is not None:
        batches.append(raw_batch(vectors.jets, preprocess))
    n_node = np.concatenate([batch.graphs.n_node for batch in batches])
    with status(f"Validating on {len(n_node)} jets"):
        scores = keras_scores(model, batches)
        feeds = [feeds_of(batch, manifest, extra=i % 4) for i, batch in enumerate(batches)]
        tolerance = column_tolerance(manifest)
        leading_one = manifest["interface"] == "edges"
        cases = _Cases(feeds, [score[None] if leading_one else score for score in scores], n_node, tolerance)
        agreements = []
        if vectors is not None:
            now, cases.expected[-1] = cases.expected[-1], vectors.score
            again = compare(
                f"Keras from the jets of {RAW_FILE} ({tensorflow_version()})",
                [vectors.score],
                [now],
                batches[-1].graphs.n_node,
                tolerance=tolerance,
            )
            apart = tensor_difference(vectors.tensors, feeds_of(batches[-1], manifest))
            made = replace(
                again, runtime=f"tensors of the jets of {RAW_FILE}", difference=apart, tolerance=TOLERANCE
            )
            agreements += [row for row in (made, again) if row.failed]  # else they would say nothing more
        traced = traced_scores(model)
        agreements.append(cases.compare(_traced_name(), [traced(batch.graphs) for batch in batches]))
        agreements += _runtimes(subject.runners, cases)
        if "fixed" in manifest["formats"]:
            agreements.append(_fixed(subject, preprocess, seed))
        if "onnx_one_jet" in manifest["formats"]:
            agreements.append(_one_jet(subject, preprocess, seed))
    with status("Validating C++"):
        agreements += _cpp_graphs(subject, preprocess, cases, vectors, seed)
    return agreements


def _tensors(subject: _Subject, entries: int, seed: int) -> list[Agreement]:
    model = subject.model
    batches = tensor_batches(subject.manifest["inputs"], entries, seed)
    with status(f"Validating on {entries} entries"):
        expected = [np.asarray(keras_call(model, feeds)) for feeds in batches]
        sizes = [len(wanted) for wanted in expected]
        cases = _Cases(batches, expected, np.repeat(sizes, sizes), column_tolerance(subject.manifest))
        traced = traced_call(model)
        agreements = [cases.compare(_traced_name(), [traced(feeds) for feeds in batches])]
        agreements += _runtimes(subject.runners, cases)
    with status("Validating C++"):
        agreements += [agreement for agreement, _ in _cpp(subject, cases)]
    return agreements


def _traced_name() -> str:
    return f"Keras in a tf.function ({tensorflow_version()})"


def _runtimes(found: Mapping[str, tuple[str, Runner]], cases: _Cases) -> Iterator[Agreement]:
    for form, (name, run) in found.items():
        scores = []
        for feeds, expected in zip(cases.feeds, cases.expected, strict=True):
            scores.append(run(feeds))
            if scores[-1].dtype != np.float32 or scores[-1].shape != expected.shape:
                raise InputError(
                    f"{name} gives {scores[-1].dtype} of shape {scores[-1].shape}, expected float32 of shape "
                    f"{expected.shape}"
                )
        yield cases.compare(name, scores, form)


def _fixed(subject: _Subject, preprocess: Preprocess, seed: int) -> Agreement:
    """The graph of one shape, on batches of that many jets in that many slots."""
    info = subject.manifest["formats"]["fixed"]
    batches = fixed_batches(preprocess, info["batch"], info["nodes"], seed)
    run = frozen_graph_runner(subject.folder, info)
    scores = [run(padded_feeds(batch, info["nodes"])) for batch in batches]
    name = f"{NAMES['fixed']}, {info['batch']} jets of {info['nodes']} ({tensorflow_version()})"
    n_node = np.concatenate([batch.graphs.n_node for batch in batches])
    expected, tolerance = keras_scores(subject.model, batches), column_tolerance(subject.manifest)
    return compare(name, expected, scores, n_node, tolerance=tolerance)


def _one_jet(subject: _Subject, preprocess: Preprocess, seed: int) -> Agreement:
    """The ONNX model of one jet, on jets with and without nodes."""
    run = onnx_runner(subject.folder, subject.manifest["formats"]["onnx_one_jet"])
    batches = fixed_batches(preprocess, 1, preprocess.limit or MAX_NODES, seed)
    scores = [run(feeds_of(batch, subject.manifest)) for batch in batches]
    n_node = np.concatenate([batch.graphs.n_node for batch in batches])
    expected, tolerance = keras_scores(subject.model, batches), column_tolerance(subject.manifest)
    return compare(NAMES["onnx_one_jet"], expected, scores, n_node, tolerance=tolerance)


def _cpp(subject: _Subject, cases: _Cases) -> Iterator[tuple[Agreement, CppRun | None]]:
    """Every backend of the runner on the same tensors as in Python, and how it was run where it was."""
    sizes = [expected.size for expected in cases.expected]
    for run in cpp_runs(subject.folder, subject.manifest, subject.cpp, cases.feeds, sizes):
        if run.scores is None:
            yield not_run(run.name, run.missing), None
        else:
            yield cases.compare(f"{run.name} ({run.version})", run.scores), run


def _cpp_graphs(
    subject: _Subject, preprocess: Preprocess, cases: _Cases, vectors: RawVectors | None, seed: int
) -> Iterator[Agreement]:
    """Every backend of the runner: the same tensors as in Python, and from raw jets to scores.

    Raw jets are those of a shipped sample, broken ones, and those of the bundle with the scores it recorded.
    """
    raw, why = raw_jets(preprocess, seed)
    samples = (
        [] if raw is None else [(raw[0], raw[1].graphs.n_node, keras_scores(subject.model, [raw[1]])[0])]
    )
    if vectors is not None:
        recorded = vectors.score.reshape(-1, vectors.score.shape[-1])
        samples.append((vectors.jets, raw_batch(vectors.jets, preprocess).graphs.n_node, recorded))
    wanted = {name for name in relative_columns(subject.manifest) if name}
    if any(wanted - set(jets.columns) for jets, _, _ in samples):
        samples, why = [], f"the shipped sample lacks {', '.join(sorted(wanted))}"
    for agreement, run in _cpp(subject, cases):
        yield agreement
        if run is None:
            continue
        if not samples:
            yield not_run(f"{run.name} from raw jets", why)
            continue
        scores = [score_jets(run, subject.folder, jets, expected.size) for jets, _, expected in samples]
        name = f"{run.name} from raw jets ({run.version})"
        in_units = [in_units_of_jets(expected, subject.manifest, jets) for jets, _, expected in samples]
        n_node = np.concatenate([nodes for _, nodes, _ in samples])
        yield compare(name, in_units, scores, n_node, tolerance=cases.tolerance)
