"""Every model of the library, as a Keras file of a user, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from registered_models import CASES, write_model

from e2e_tf.deploy.export import export
from e2e_tf.deploy.runners import runners
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, Head


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("small_backbone")
def test_every_model_is_exported_and_agrees_with_keras(name: str, tmp_path: Path) -> None:
    interface, release, _, _, outputs = CASES[name]
    chosen = "" if interface == "tensors" else interface
    folder = export(
        write_model(tmp_path, name), tmp_path / "bundle", interface=chosen, cmssw=release, proof=0
    )
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["interface"] == interface
    columns = manifest["outputs"][0]["columns"]
    assert columns == ({"tau": 1, "kind": 3, "pt": 1} if isinstance(outputs, dict) else {"score": outputs})
    model = onnx.load(folder / "model.onnx")
    assert {prop.key: json.loads(prop.value) for prop in model.metadata_props} == {"columns": columns}
    operations = {node.op_type for node in model.graph.node}
    assert not operations & {"Unique", "Loop", "If", "Scan", "Identity"}
    assert interface == "edges" or not any(op.startswith("Scatter") for op in operations)
    assert agree_with_keras(folder) == {"onnx", "frozen_graph", "saved_model"}


def agree_with_keras(folder: Path) -> set[str]:
    """Check the forms of a bundle on its parity vectors: the odd jets, and a few of the batches of every size."""
    inputs, expected = np.load(folder / "inputs.npz"), np.load(folder / "outputs.npz")
    found = runners(folder, json.loads((folder / "manifest.json").read_text("utf-8")))
    numbers = sorted({int(key.split("/")[0]) for key in expected.files})
    for number in [*numbers[:11], *numbers[11::20]]:
        feeds = {key.split("/")[1]: inputs[key] for key in inputs.files if key.split("/")[0] == str(number)}
        wanted = expected[f"{number}/score"]
        assert np.isfinite(wanted).all()
        for _, run in found.values():
            score = run(feeds)
            assert score.dtype == np.float32
            np.testing.assert_allclose(score, wanted, rtol=0, atol=1e-5)
    return set(found)


@pytest.mark.parametrize(("interface", "release"), [("padded", "12_4"), ("edges", "12_4")])
def test_an_ensemble_is_exported_as_one(interface: str, release: str, tmp_path: Path) -> None:
    """Members of different kinds, with several outputs each; the graph is built once for all."""
    from e2e_tf.models import build_model
    from e2e_tf.training.ensemble import ensemble

    write_model(tmp_path, "gat_cheb")  # for its preprocess.json
    heads = {"tau": Head(), "kind": Head("multiclass", 3)}
    small = {"channels": (4,), "heads": (1,), "cheb_channels": (4,), "dense": (4,)}
    members = [
        build_model(name, 6, CASES["gat_cheb"][2], settings, heads)
        for name, settings in (("gat_cheb", small), ("deep_sets", {"phi": (4,), "dense": (4,)}))
    ]
    whole = ensemble(members)
    whole.save(tmp_path / "mine.keras")
    options: dict[str, Any] = {"interface": interface, "cmssw": release, "formats": ("onnx", "pb")}
    folder = export(tmp_path / "mine.keras", tmp_path / "bundle", proof=0, **options)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["outputs"][0]["columns"] == {"tau": 1, "kind": 3}
    assert agree_with_keras(folder) == {"onnx", "frozen_graph"}
    operations = [node.op_type for node in onnx.load(folder / "model.onnx").graph.node]
    assert operations.count("TopK") == (interface == "padded")


def test_members_that_take_other_inputs_are_refused(tmp_path: Path) -> None:
    import keras

    from e2e_tf.models import build_model

    write_model(tmp_path, "gat_cheb")
    member = build_model("deep_sets", 6, 0, {"phi": (4,), "dense": (4,)})
    own = {t.name: keras.Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in member.inputs}
    swapped = {**own, "senders": own["receivers"], "receivers": own["senders"]}
    keras.Model(own, member(swapped)).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="needs members that take the inputs of the model as they are"):
        export(tmp_path / "mine.keras", tmp_path / "out", interface="padded", proof=0)


def test_a_bundle_of_tensors_is_validated(tmp_path: Path) -> None:
    folder = export(write_model(tmp_path, "fcn"), tmp_path / "bundle", formats=("onnx", "pb"), proof=20)
    tested = json.loads((folder / "manifest.json").read_text("utf-8"))["tested"]
    assert len(tested) >= 2  # more where the C++ runner is built
    assert {(entry["jets"], entry["required"]) for entry in tested} == {(20, True)}
    assert all(entry["largest_difference"] <= 1e-5 for entry in tested)
    with pytest.raises(
        InputError, match="a model on tensors without graphs has the interface tensors, not edges"
    ):
        export(tmp_path / "mine.keras", tmp_path / "out", interface="edges")
    with pytest.raises(InputError, match="the padded interface"):
        export(tmp_path / "mine.keras", tmp_path / "out", interface="tensors", fixed=(1, 5))


def test_outputs_of_nodes_are_refused(tmp_path: Path) -> None:
    from e2e_tf.models import build_model

    heads = {"jet": Head(), "vertex": Head(level="node")}
    build_model("deep_sets", 6, 0, {"phi": (4,), "dense": (4,)}, heads).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="there is no .*preprocess.json"):
        export(tmp_path / "mine.keras", tmp_path / "out")
    write_model(tmp_path, "deep_sets")
    build_model("deep_sets", 6, 0, {"phi": (4,), "dense": (4,)}, heads).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="vertex of this model is one of nodes or edges"):
        export(tmp_path / "mine.keras", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="there is no model"):
        export(tmp_path / "none.keras", tmp_path / "out")
