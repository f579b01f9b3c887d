"""Raw jets in a bundle: what they are, what is made of them, and that their scores show a change of preprocessing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpp_tools import built_tensors

import e2e_tf.deploy
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.bundle import read_bundle_preprocess
from e2e_tf.deploy.candidates import write_candidates
from e2e_tf.deploy.interface import edges_feeds
from e2e_tf.deploy.padded import padded_feeds
from e2e_tf.deploy.raw_vectors import (
    RAW_FILE,
    raw_batch,
    read_raw_vectors,
    tensor_difference,
    write_raw_vectors,
)
from e2e_tf.deploy.reference import keras_scores, load_model
from e2e_tf.deploy.validate import validate

SHIPPED = Path(e2e_tf.deploy.__file__).parent / "bundles"


@pytest.fixture(scope="module")
def folders(bundles: dict[str, Path]) -> dict[str, Path]:
    """Candidates and hits; candidates with pileup and detector objects, as they ship."""
    return bundles | {name: SHIPPED / name for name in ("tau_candidates", "tau_detector")}


KINDS = ["padded", "edges", "tau_candidates", "tau_detector"]


@pytest.mark.parametrize("kind", KINDS)
def test_of_every_sort_one(folders: dict[str, Path], kind: str) -> None:
    folder = folders[kind]
    vectors, preprocess = read_raw_vectors(folder), read_bundle_preprocess(folder)
    assert vectors is not None
    assert (folder / RAW_FILE).stat().st_size < 100_000
    batch = raw_batch(vectors.jets, preprocess)
    nodes = dict(zip(vectors.kinds, batch.graphs.n_node.tolist(), strict=True))
    assert list(vectors.kinds[:6]) == ["simulated"] * 6
    assert nodes["ordinary: no nodes"] == 0
    assert nodes["ordinary: one node"] == 1
    assert {"one place", "no energy", "no numbers", "not wrapped"} <= {name.split(":")[0] for name in nodes}
    cut = "ordinary: one above the limit"
    if kind == "edges":  # nothing is cut
        assert not any("limit" in name for name in nodes if "numbers" not in name)
    else:
        jet = vectors.kinds.index(cut)
        tables = {name: table.counts[jet] for name, table in vectors.jets.objects.items()}
        limits = preprocess.max_nodes
        if isinstance(limits, int):
            assert vectors.jets.candidates is not None
            tables, limits = {"all": vectors.jets.candidates.counts[jet]}, {"all": limits}
        assert {limits[name] + 1 for name in tables} >= {count for count in tables.values() if count}
        assert nodes[cut] == sum(limits[name] for name, count in tables.items() if count) > 0
    columns = {
        key: values
        for table in (vectors.jets.candidates, *vectors.jets.objects.values())
        if table
        for key, values in table.columns.items()
    }
    if kind != "edges":  # hits are finite
        assert any(np.isnan(values).any() for values in columns.values() if values.dtype.kind == "f")
        assert any(np.isinf(values).any() for values in columns.values() if values.dtype.kind == "f")
    feeds = edges_feeds(batch.graphs) if "edge_index" in vectors.tensors else padded_feeds(batch)
    assert feeds.keys() == vectors.tensors.keys()
    for name, values in feeds.items():
        np.testing.assert_allclose(values, vectors.tensors[name], rtol=0, atol=1e-6, err_msg=name)
    assert np.ptp(vectors.score[np.isfinite(vectors.score)]) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_builder_in_cpp_makes_their_tensors(
    folders: dict[str, Path], kind: str, sanitized: Path, tmp_path: Path
) -> None:
    vectors = read_raw_vectors(folders[kind])
    assert vectors is not None
    write_candidates(tmp_path / "jets.bin", vectors.jets)
    inputs, out = folders[kind] / "preprocess.json", tmp_path / "out.bin"
    (found,) = built_tensors(sanitized, inputs, tmp_path / "jets.bin", out, len(vectors.jets))
    assert found.keys() == vectors.tensors.keys()
    for name, values in vectors.tensors.items():
        atol = 1e-6 if name in ("x", "features", "u") else 0
        np.testing.assert_allclose(found[name], values, rtol=0, atol=atol, err_msg=name)


@pytest.fixture(scope="module")
def detector() -> Any:
    """Raw jets, inputs and model of the shipped network on detector objects."""
    folder = SHIPPED / "tau_detector"
    return read_raw_vectors(folder), read_bundle_preprocess(folder), load_model(folder)


def swapped(preprocess: Preprocess) -> Preprocess:
    """Two features change their places, with their normalisation."""
    norm = preprocess.node_features
    order = [1, 0, *range(2, len(norm.features))]
    arrays = {
        name: getattr(norm, name)[order] for name in ("median", "norm_factor", "lower", "upper", "replace")
    }
    return replace(
        preprocess, node_features=replace(norm, features=tuple(norm.features[i] for i in order), **arrays)
    )


def normalised(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Preprocess], Preprocess]:
    """The first feature has another median, scale or bound."""

    def changed(preprocess: Preprocess) -> Preprocess:
        norm = preprocess.node_features
        values = getattr(norm, name).copy()
        values[:1] = change(values[:1])
        return replace(preprocess, node_features=replace(norm, **{name: values}))

    return changed


def fewer(preprocess: Preprocess) -> Preprocess:
    """One node less of every kind."""
    limits = preprocess.max_nodes
    assert not isinstance(limits, int)
    return replace(preprocess, max_nodes={name: number - 1 for name, number in limits.items()})


@pytest.mark.parametrize(
    "change",
    [
        swapped,
        normalised("median", lambda values: values + 0.2),
        normalised("norm_factor", lambda values: 1.1 * values),
        normalised("lower", lambda values: values + 5.5),
        lambda preprocess: replace(preprocess, edges="knn:7+track-calo:0.05"),
        fewer,
    ],
    ids=["order", "median", "scale", "bound", "k", "limit"],
)
def test_another_preprocessing_gives_other_tensors_and_scores(
    detector: Any, change: Callable[[Preprocess], Preprocess]
) -> None:
    vectors, preprocess, model = detector
    for inputs, same in ((preprocess, True), (change(preprocess), False)):
        batch = raw_batch(vectors.jets, inputs)
        assert (tensor_difference(vectors.tensors, edges_feeds(batch.graphs)) < 1e-6) == same
        (scores,) = keras_scores(model, [batch])
        assert (np.abs(scores[None] - vectors.score).max() < 1e-5) == same


def test_the_validation_sees_another_preprocessing(
    bundles: dict[str, Path], tmp_path: Path, not_built: None, resign: Callable[[Path, str], None]
) -> None:
    """Runtimes agree with Keras on all other tensors; raw jets give others, and other scores, than at the export."""
    folder = Path(shutil.copytree(bundles["padded"], tmp_path / "copy"))
    document = json.loads((folder / "preprocess.json").read_text("utf-8"))
    document["features"]["var_infos"]["pt_log"]["median"] += 0.2
    (folder / "preprocess.json").write_text(json.dumps(document), "utf-8")
    resign(folder, "preprocess.json")
    first, second, *others = [found for found in validate(folder, jets=1) if not found.missing]
    assert first.runtime == "tensors of the jets of jets.npz"
    assert 0.01 < first.difference < 10
    assert second.runtime.startswith("Keras from the jets of jets.npz (TensorFlow ")
    assert second.jets == 14
    assert all(
        found.failed and found.difference == pytest.approx(second.difference, abs=1e-6) for found in others
    )


def test_quantities_that_no_sample_has_are_made_up(
    inputs_like: Callable[..., Preprocess], tmp_path: Path
) -> None:
    preprocess = inputs_like()
    norm, jet = preprocess.node_features, preprocess.jet_features
    assert jet is not None
    preprocess = replace(
        preprocess,
        node_features=replace(norm, features=(*norm.features[:-1], replace(norm.features[-1], raw="spin"))),
        jet_features=replace(jet, features=(jet.features[0], replace(jet.features[1], raw="area"))),
    )

    class Sum:
        """In place of a Keras model: the sum of all features of a jet."""

        inputs: tuple[Any, ...] = ()

        def __call__(self, inputs: Any, training: bool) -> Any:
            return np.zeros((14, 1), np.float32)

    write_raw_vectors(tmp_path, preprocess, "edges", lambda batch: edges_feeds(batch.graphs), Sum())
    vectors = read_raw_vectors(tmp_path)
    assert vectors is not None
    assert vectors.jets.candidates is not None
    spin, area = vectors.jets.candidates["spin"], vectors.jets["area"]
    assert len(np.unique(spin)) > len(spin) / 2
    assert len(np.unique(area)) == len(area) == 14
    again = edges_feeds(raw_batch(vectors.jets, preprocess).graphs)
    np.testing.assert_array_equal(again["x"], vectors.tensors["x"])
    assert np.ptp(vectors.tensors["x"][0, :, -1]) > 1


def test_graphs_of_images_have_no_raw_jets(tmp_path: Path, inputs_like: Callable[..., Preprocess]) -> None:
    preprocess = replace(inputs_like(), nodes="pixels")
    write_raw_vectors(tmp_path, preprocess, "edges", dict, None)
    assert list(tmp_path.iterdir()) == []
    assert read_raw_vectors(tmp_path) is None
