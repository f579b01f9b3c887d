"""What smaller forms cost in ROC-AUC, and that they are part of the validation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.data.quantities import hit_quantities
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.agreement import SMALLER
from e2e_tf.deploy.cost import auc_cost, points_of
from e2e_tf.deploy.export import export
from e2e_tf.deploy.interface import JetBatch
from e2e_tf.deploy.jets import link
from e2e_tf.deploy.padded import padded_feeds
from e2e_tf.deploy.reference import keras_scores
from e2e_tf.deploy.tolerance import TOLERANCE
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, sha256, write_json
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.predict import predict
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import Run, open_run


@pytest.fixture(scope="module")
def run(make_run: Callable[..., Path], tau_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An untrained run on 400 jets of the shipped sample."""
    return on_sample(make_run(tmp_path_factory.mktemp("cost") / "run"), tau_folder)


def on_sample(folder: Path, tau_folder: Path) -> Run:
    """A run as if it had been trained on 400 jets of the shipped sample."""
    stored = read_json(folder / "config.json")
    stored["base"] = str(tau_folder)
    stored["config"]["data"] |= {"sample": "tau.h5", "split": [0.4, 0.2, 0.4]}
    write_json(folder / "config.json", stored)
    write_json(folder / "provenance.json", {"data": {"sha256": sha256(tau_folder / "tau.h5")}})
    return open_run(folder)


def test_the_cost_is_the_difference_of_the_two_areas(run: Run) -> None:
    model = run.model()
    rng = np.random.default_rng(0)

    def same(batch: JetBatch) -> np.ndarray:
        return keras_scores(model, [batch])[0]

    def noisy(batch: JetBatch) -> np.ndarray:
        scores = same(batch)
        return scores + rng.normal(0, 0.05, scores.shape).astype(np.float32)

    costs = auc_cost(run, {"same": same, "noisy": noisy}, bootstraps=20)
    test = prepare(run.config, run.base).test
    (scores,) = keras_scores(model, [JetBatch(test.graphs.batch, test.graphs.positions)])
    area = roc_auc(test.label, scores[:, 0], test.weight)
    for cost in costs.values():
        assert cost.jets == len(test.jets) > 100
        assert cost.keras == pytest.approx(area, abs=1e-6)
        assert cost.difference == cost.smaller - cost.keras
    # Scores of another batch may differ in the last bit, which at worst turns a tie.
    assert abs(costs["same"].difference) < 1e-3 > costs["same"].error
    assert costs["noisy"].error > 1e-3
    assert abs(costs["noisy"].difference) < 10 * costs["noisy"].error


def test_a_bundle_states_the_cost_and_the_validation_of_its_smaller_forms(run: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"formats": ("onnx",), "float16_weights": True, "int8": True, "fixed": (3, 6)}
    folder = export(run, tmp_path / "out", proof=1, **options)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    formats = manifest["formats"]
    inputs, outputs = np.load(folder / "inputs.npz"), np.load(folder / "outputs.npz")
    feeds = {name: inputs[f"9/{name}"] for name in ("points", "features", "mask", "u")}
    for key, limit in (("onnx_float16", 2e-3), ("onnx_int8", 0.1)):
        cost = formats[key]["cost"]
        assert 0 < cost["mean_difference"] <= cost["largest_difference"] < limit
        assert 0 <= cost["pairs_reordered"] < 0.2
        session = onnxruntime.InferenceSession(str(folder / formats[key]["file"]))
        (score,) = session.run(["score"], feeds)
        assert score.dtype == np.float32
        np.testing.assert_allclose(score, outputs["9/score"], atol=limit)
    halves = [t for t in onnx.load(folder / "model_float16.onnx").graph.initializer if t.data_type == 10]
    assert halves
    assert formats["fixed"]["xla_difference"] < 1e-5
    assert (formats["fixed"]["batch"], formats["fixed"]["nodes"]) == (3, 6)
    assert (folder / "fixed.pb").stat().st_size > 1000
    for key in ("onnx_float16", "onnx_int8"):
        cost = formats[key]["cost"]["auc"]
        assert set(cost) == {"jets", "keras", "this", "difference", "error"}
        assert cost["jets"] > 100
        assert abs(cost["difference"]) < 0.1
        assert 0 <= cost["error"] < 0.1
    tested = {entry["runtime"].split(" (")[0]: entry for entry in manifest["tested"]}
    assert list(tested)[:4] == ["Keras in a tf.function", "ONNX", "ONNX, float16 weights", "ONNX, int8"]
    assert list(tested)[4] == "frozen graph of fixed shape, 3 jets of 6"
    for name, entry in tested.items():
        exact = name not in ("ONNX, float16 weights", "ONNX, int8")
        assert entry["required"] == exact
        if exact:  # an absolute and a relative part, of a probability
            assert TOLERANCE <= entry["tolerance"] <= 2 * TOLERANCE
        else:
            assert entry["tolerance"] == SMALLER[f"onnx_{name.split()[1]}"]
        assert entry["largest_difference"] <= entry["tolerance"]
        assert entry["largest_difference"] > 0
    assert tested["frozen graph of fixed shape, 3 jets of 6"]["jets"] == 36


PT = {"kind": "regression", "column": "visible_pt", "jets": "signal"}


def test_smaller_forms_of_several_outputs_cost_what_the_one_that_is_the_label_loses(
    make_run: Callable[..., Path], tau_folder: Path, tmp_path: Path
) -> None:
    """A head that is called score, behind others."""
    mode = {"kind": "multiclass", "column": "decay_mode", "classes": [0, 1, 10, 11], "jets": "signal"}
    outputs = {"score": {}, "decay_mode": mode, "pt": PT}
    run = on_sample(make_run(tmp_path / "run", outputs=outputs), tau_folder)
    folder = export(run, tmp_path / "out", formats=("onnx",), float16_weights=True, int8=True, proof=0)
    manifest = read_json(folder / "manifest.json")
    assert list(manifest["outputs"][0]["columns"].items()) == [("decay_mode", 4), ("pt", 1), ("score", 1)]
    test = prepare(run.config, run.base).test
    found = predict(run.model(), test.graphs)
    for key in ("onnx_float16", "onnx_int8"):
        cost = manifest["formats"][key]["cost"]["auc"]
        assert cost["keras"] == pytest.approx(roc_auc(test.label, found["score"][:, 0], test.weight))
        assert abs(cost["difference"]) < 0.05
    batch = JetBatch(test.graphs.batch, test.graphs.positions)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    (scores,) = session.run(["score"], padded_feeds(batch))
    wanted = np.concatenate([found[name] for name in ("decay_mode", "pt", "score")], axis=1)
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-5)


def test_a_regression_alone_is_exported_without_a_cost_in_area(
    make_run: Callable[..., Path], tau_folder: Path, tmp_path: Path
) -> None:
    run = on_sample(make_run(tmp_path / "run", outputs={"pt": PT}), tau_folder)
    write_json(run.folder / "metrics.json", {"classifiers": {}, "outputs": {"pt": {}}})
    manifest = read_json(
        export(run, tmp_path / "out", formats=("onnx",), int8=True, proof=0) / "manifest.json"
    )
    assert manifest["outputs"][0]["columns"] == {"pt": 1}
    assert (manifest["working_points"], manifest["auc"]) == ([], None)
    cost = manifest["formats"]["onnx_int8"]["cost"]
    assert cost["auc"] is None
    assert cost["largest_difference"] > 0


def test_without_the_sample_the_cost_is_not_known(run: Run, tmp_path: Path) -> None:
    moved = Run(run.folder, run.config, tmp_path, run.preprocess)
    with pytest.raises(InputError, match="there is no sample"):
        auc_cost(moved, {})
    other = run.folder / "provenance.json"
    kept = other.read_text("utf-8")
    try:
        write_json(other, {"data": {"sha256": "0" * 64}})
        with pytest.raises(InputError, match="was trained on another"):
            auc_cost(run, {})
    finally:
        other.write_text(kept, "utf-8")


@pytest.mark.parametrize(
    ("nodes", "coordinates", "limit"),
    [("hits", (), 0), ("hits", (), 9), ("candidates", (), 5), ("candidates", ("dz", "dphi", "d0"), 5)],
)
def test_points_are_those_that_the_graph_was_built_in(
    nodes: str, coordinates: tuple[str, ...], limit: int
) -> None:
    jets = read_jets(sample_path("tau")).take(np.arange(30))
    recipe = GraphRecipe(nodes=nodes, edges="knn:2", coordinates=coordinates, max_nodes=limit)
    graphs = build_graphs(jets, recipe)
    norm = Normalisation.fit(graphs.node_features, graphs.batch.x)
    preprocess = Preprocess(
        nodes=nodes, edges="knn:2", coordinates=coordinates, max_nodes=limit, node_features=norm
    )
    points = points_of(jets, graphs, preprocess)
    senders, receivers = link(preprocess, points, graphs.batch.n_node)
    np.testing.assert_array_equal(senders, graphs.batch.senders)
    np.testing.assert_array_equal(receivers, graphs.batch.receivers)
    if preprocess.space.on_lattice and not limit:
        np.testing.assert_array_equal(points, hit_quantities(jets)[2])
