"""What ``fit`` accepts, every later step accepts: models, inputs and outputs, from the configuration to the bundle.

Each model, kind of input and kind of output occurs, in few combinations, as each takes seconds. With
``E2E_TF_WHOLE_GRID=1`` in the environment each model meets each kind of input that it can take, and each kind of
output that this input has truth for, in turn.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from doc_blocks import blocks
from eagerly import eagerly
from few_jets import objects

from e2e_tf import cli
from e2e_tf.config import make_config
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.readers.jetclass import CLASSES
from e2e_tf.data.samples import sample_path
from e2e_tf.data.store_writer import write_store
from e2e_tf.deploy.export import export
from e2e_tf.deploy.validate import validate
from e2e_tf.files import read_json
from e2e_tf.models import MODELS as REGISTERED
from e2e_tf.training.evaluate import evaluate
from e2e_tf.training.fit import fit
from e2e_tf.training.predict import predict_file

JETS = 90
MODELS = {
    "gat_cheb": {"channels": [4], "heads": [1], "cheb_channels": [4], "dense": [4]},
    "particle_net": {"k": 2, "channels": [[4]], "dense": [4], "coordinates": "points"},
    "particle_net_lite": {"k": 2, "channels": [[4]], "dense": [4]},
    "particle_attention": {  # of width 4, rounding in float32 exceeds the tolerance of its outputs
        "pairs": "p4", "width": 16, "heads": 1, "blocks": 1, "class_blocks": 0, "embed": [], "pair_embed": [4],
        "feed_forward": 1,
    },
    "deep_sets": {"phi": [4], "dense": [4]},
    "detector_net": {"width": 4, "embed": [4], "message": [4], "update": [4], "phi": 4, "dense": [4]},
    "level2_cnn": {"pointwise": [4], "filters": [3], "dense": [4]},
    "graph_net": {"units": 4, "node_layers": 1, "convolutions": 1, "dense_layers": 1},
    "gcn_belle": {"units": 4, "node_layers": 1, "convolutions": 1, "dense_layers": 1, "kinds": 4},
    "fcn": {},
    "quark_gluon_cnn": {"size": [12, 12], "filters": [2], "depth": 1, "dense": [2]},
    "egamma_hybrid": {"filters": 2, "dense": 4},
    "event_images": {"backbone": "efficientnetb2", "size": [32, 32], "dense": 4},
}  # fmt: skip
ON_IMAGES = ("quark_gluon_cnn", "egamma_hybrid", "event_images")
CANDIDATES = {"nodes": "candidates", "edges": "knn:2", "max_nodes": 6}
INPUTS = {
    "hits": ({"sample": "tau.h5"}, {"nodes": "hits"}),
    "candidates": ({"sample": "tau.h5"}, CANDIDATES),
    "candidates without pT": (
        {
            "sample": "bare.npz",
            "reader": "padded",
            "options": {"columns": ["pt", "deta", "dphi"]},
            "reweight_pt": False,
        },
        CANDIDATES | {"jet_features": []},
    ),
    "images without pT": (
        {"sample": "eg.hdf5", "reweight_pt": False},
        {"nodes": "pixels", "edges": "grid8", "jet_features": []},
    ),
    "candidates in pieces": ({"sample": "store.h5", "memory": "stream"}, CANDIDATES),
    "images": ({"sample": "qg12.parquet"}, {"nodes": "pixels"}),
    "images, no pT in the model": ({"sample": "qg32.parquet"}, {"nodes": "pixels", "jet_features": []}),
    "detector objects": (
        {"sample": "objects.h5"},
        {"nodes": "detector", "edges": "knn:2+track-calo:0.1", "max_nodes": {"track": 4, "ecal": 6}},
    ),
}
SIZE = {"size": {"kind": "regression", "column": "pt"}}
OUTPUTS = {
    "the label": {},
    "one output by name": {"is_tau": {}},
    "five classes": {
        "mode": {"kind": "multiclass", "column": "decay_mode", "classes": [-1, 0, 1, 2, 10]},
    },
    "a regression alone": SIZE,
    "the label as classes": {"both": {"kind": "multiclass", "column": "label", "classes": [0, 1]}},
    "several without the label": SIZE
    | {"both": {"kind": "multiclass", "column": "label", "classes": [0, 1]}},
    "the label and a ratio": {
        "score": {},
        "visible": {"kind": "regression", "column": "visible_pt", "relative_to": "pt", "jets": "signal"},
    },
}
CASES = [
    ("deep_sets", "candidates without pT", "the label"),
    ("gat_cheb", "hits", "one output by name"),
    ("gcn_belle", "candidates in pieces", "five classes"),
    ("quark_gluon_cnn", "images", "several without the label"),
    ("fcn", "candidates", "a regression alone"),
    ("graph_net", "images without pT", "one output by name"),
    ("particle_attention", "candidates", "the label"),
    ("particle_net", "candidates", "the label and a ratio"),
    ("particle_net_lite", "hits", "several without the label"),
    ("detector_net", "detector objects", "five classes"),
    ("level2_cnn", "detector objects", "the label"),
    ("egamma_hybrid", "images, no pT in the model", "the label as classes"),
    ("event_images", "images, no pT in the model", "a regression alone"),
]
# Kinds of output that need no truth but the label, and those that need none but pT either.
OF_LABELS = ("the label", "one output by name", "the label as classes")
TRUTH = {
    "candidates without pT": OF_LABELS,
    "images without pT": OF_LABELS,
    "images": (*OF_LABELS, "a regression alone", "several without the label"),
    "images, no pT in the model": (*OF_LABELS, "a regression alone", "several without the label"),
}
# Settings that suit an input: images have no places or momenta of nodes, and are of two sizes; stores have no momenta.
IMAGES = [given for given in INPUTS if given.startswith("images")]
SUITED = {
    **{("particle_net", given): {"coordinates": "graph"} for given in IMAGES},
    **{("particle_attention", given): {"pairs": "graph"} for given in (*IMAGES, "candidates in pieces")},
    ("quark_gluon_cnn", "images, no pT in the model"): {"size": [32, 32]},
}
UNABLE = [
    # Three colours, or 32 pixels at least.
    ("quark_gluon_cnn", "images without pT"),
    ("egamma_hybrid", "images"),
    ("event_images", "images"),
    ("event_images", "images without pT"),
    # Jets held in memory, as rows of equal length.
    ("fcn", "candidates in pieces"),
]


def whole_grid():
    """Each model with each kind of input that it can take; kinds of output in turn, so that all pairs occur."""
    for i, model in enumerate(MODELS):
        for j, given in enumerate(INPUTS):
            fits = given in IMAGES if model in ON_IMAGES else True
            if (
                not fits
                or (model, given) in UNABLE
                or (model == "level2_cnn" and given != "detector objects")
            ):
                continue
            kinds = TRUTH.get(given, tuple(OUTPUTS))
            # One input or three: all kinds of output with it.
            shown = kinds if model in (*ON_IMAGES, "level2_cnn") else kinds[(i + j) % len(kinds) :][:1]
            yield from ((model, given, outputs) for outputs in shown)


if os.environ.get("E2E_TF_WHOLE_GRID"):
    CASES = list(whole_grid())


def test_everything_occurs():
    for i, known in enumerate((MODELS, INPUTS, OUTPUTS)):
        assert {case[i] for case in CASES} == set(known)
    assert set(MODELS) == set(REGISTERED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of every kind of input, 90 jets or images each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("steps")
    rng, label = np.random.default_rng(0), np.arange(JETS) % 2
    jets = read_jets(sample_path("tau")).take(np.arange(JETS))
    write_jets(folder / "tau.h5", jets)
    recipe = GraphRecipe(nodes="candidates", edges="knn:2", max_nodes=6)
    write_store(folder / "store.h5", build_graphs(jets, recipe), recipe, chunk=16)
    np.savez(folder / "bare.npz", X=rng.exponential(1, (JETS, 4, 3)).astype(np.float32), y=label)
    with h5py.File(folder / "eg.hdf5", "w") as file:
        file["X"] = rng.random((JETS, 32, 32, 2)).astype(np.float32)
        file["y"] = label.astype(np.float32)
    for side in (12, 32):
        images = rng.random((JETS, 3, side, side)).astype(np.float32).tolist()
        columns = {"X_jets": images, "pt": rng.random(JETS) + 100, "m0": rng.random(JETS) + 10, "y": label}
        pq.write_table(pa.table(columns), folder / f"qg{side}.parquet", row_group_size=30)
    write_jets(folder / "objects.h5", replace(jets, objects=objects(JETS)))
    return folder


@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize(("model", "given", "outputs"), CASES)
def test_from_the_configuration_to_the_bundle(folder, tmp_path, tmp_path_factory, model, given, outputs):
    data, graph = INPUTS[given]
    if data["sample"].endswith(".parquet"):
        data = data | {"options": {"channels": ["a", "b", "c"]}}
    if model == "fcn":
        graph = {"max_nodes": 6} | graph
    sections = {
        "data": {"split": [0.5, 0.2, 0.3], **data},
        "graph": graph,
        "model": {"name": model, **MODELS[model], **SUITED.get((model, given), {})},
        "training": {"epochs": 1, "batch_size": 64},
        "plots": {"formats": [], "dpi": 50},
        "outputs": OUTPUTS[outputs],
    }
    for name in ("run", "bundle", "scores.h5"):  # links to where nothing is yet, perhaps on another disk
        (tmp_path / name).symlink_to(tmp_path_factory.mktemp("disk") / name)
    with eagerly():  # one step; test_loop.py has each model traced
        run = fit(make_config(sections), tmp_path / "run", base=folder)

    metrics = evaluate(run, bootstraps=2, baselines=False)
    judged = outputs in ("the label", "one output by name", "the label and a ratio")
    assert list(metrics["classifiers"]) == ([model] if judged else [])
    for found in metrics["classifiers"].values():
        assert 0 <= found["overall"]["auc"]["value"] <= 1
        assert bool(found["pt_bins"]) == ("without" not in given)
    assert list(metrics.get("outputs", {})) == list(OUTPUTS[outputs])
    assert (run.folder / "efficiency.png").exists() == (judged and "without" not in given)

    with eagerly():
        assert predict_file(run, folder / data["sample"], tmp_path / "scores.h5") == JETS
    sizes = {"mode": 5, "both": 2}
    with h5py.File(tmp_path / "scores.h5") as file:
        scores = {name: file[f"outputs/{name}"][()] for name in OUTPUTS[outputs]} | {"": file["score"][()]}
    for name, score in scores.items():
        assert score.shape == (JETS, sizes.get(name or next(iter(OUTPUTS[outputs]), ""), 1))
        assert np.isfinite(score).all()

    bundle = export(run, tmp_path / "bundle", formats=("onnx",), proof=0)
    manifest = read_json(bundle / "manifest.json")
    expected = {name: sizes.get(name, 1) for name in OUTPUTS[outputs]} or {"score": 1}
    assert manifest["outputs"][0]["columns"] == expected
    assert (manifest["interface"] == "tensors") == (model in ("fcn", *ON_IMAGES))
    assert bool(manifest["working_points"]) == judged
    binned = judged and "without" not in given
    assert ("binned_working_points" in manifest) == binned
    with h5py.File(tmp_path / "scores.h5") as file:
        passed = list(file.get("working_points", ()))
    assert len(passed) == 3 * (judged + binned)
    assert sum(name.endswith("_binned") for name in passed) == 3 * binned
    agreements = validate(bundle, jets=12)
    assert [one.runtime for one in agreements if one.failed] == []
    assert any("ONNX Runtime" in one.runtime and one.difference is not None for one in agreements)
    assert all((tmp_path / name).is_symlink() for name in ("run", "bundle", "scores.h5"))


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Tiny files in the layouts of JetNet and of JetClass, one of each class, and the configurations of the guide."""
    import awkward as ak
    import uproot

    folder, rng = tmp_path_factory.mktemp("public"), np.random.default_rng(2)
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for block in blocks(page):
        if block.title in ("jetnet.toml", "jetclass.toml"):
            (folder / block.title).write_text(block.text)
    for name in ("t", "q"):
        particles = rng.normal(0, 0.1, (40, 30, 4)).astype(np.float32)
        particles[:, :, 2] = rng.dirichlet(np.ones(30), 40)
        particles[:, :, 3] = np.arange(30) < rng.integers(5, 31, (40, 1))
        with h5py.File(folder / f"{name}.hdf5", "w") as file:
            file["particle_features"] = particles
            jets = [
                rng.uniform(800, 1200, 40),
                rng.normal(0, 1, 40),
                rng.uniform(50, 200, 40),
                np.full(40, 20),
            ]
            file["jet_features"] = np.stack(jets, axis=1).astype(np.float32)
    for name, kind in (("TTBar_000", "Tbqq"), ("ZJetsToNuNu_000", "QCD")):
        counts = rng.integers(3, 9, 40)
        px, py, pz = rng.normal(0, 20, (3, counts.sum())).astype(np.float32)
        parts = {"px": px, "py": py, "pz": pz, "energy": np.sqrt(px**2 + py**2 + pz**2 + 0.02)}
        none = ("d0val", "d0err", "dzval", "dzerr", "charge", "isChargedHadron", "isNeutralHadron")
        parts |= {key: np.zeros_like(px) for key in (*none, "isPhoton", "isElectron", "isMuon")}
        branches = {f"part_{key}": ak.unflatten(values, counts) for key, values in parts.items()}
        pt, eta = rng.uniform(500, 1000, 40), rng.normal(0, 1, 40)
        jets = {"pt": pt, "eta": eta, "phi": rng.uniform(-3, 3, 40), "energy": 1.1 * pt * np.cosh(eta)}
        branches |= {f"jet_{key}": values.astype(np.float32) for key, values in jets.items()}
        branches |= {f"label_{one}": np.full(40, one == kind, np.float32) for one in CLASSES}
        types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in branches.items()}
        with uproot.recreate(folder / f"{name}.root") as file:
            file.mktree("tree", types).extend(branches)
    return folder


@pytest.mark.parametrize("name", ["jetnet", "jetclass"])
def test_public_files_of_one_class_each_train_from_the_command_line(public, tmp_path, monkeypatch, name):
    small = [
        "training.epochs=1",
        "data.reweight_pt=false",
        "data.split=[0.5, 0.2, 0.3]",
        "model.name=deep_sets",
    ]
    small += ["model.phi=[4]", "model.dense=[4]"]
    changes = [word for change in small for word in ("--set", change)]

    command = ["e2e-tf", "fit", str(public / f"{name}.toml"), "-o", str(tmp_path / "run"), *changes]
    monkeypatch.setattr("sys.argv", command)

    with contextlib.suppress(SystemExit):
        cli.main()

    data = read_json(tmp_path / "run" / "provenance.json")["data"]
    assert sum(part["jets"] for part in data["splits"].values()) == 80
    assert sum(part["signal"] for part in data["splits"].values()) == 40
    assert len(data["sha256"]) == 2
