from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from browser import look
from eagerly import eagerly
from few_jets import objects
from PIL import Image

from e2e_tf.config import make_config
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle
from e2e_tf.graph import KINDS
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.evaluate import _class_names, evaluate
from e2e_tf.training.fit import fit
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.predict import predict, predict_file
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import open_run


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    import shutil

    folder = shutil.copytree(trained, tmp_path_factory.mktemp("evaluated") / "run")
    return folder, evaluate(
        folder, bootstraps=20, style=PlotStyle("CMS", energy=13.0, formats=("pdf",), dpi=50)
    )


def test_metrics(evaluated):
    folder, metrics = evaluated
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert list(metrics["classifiers"]) == ["gat_cheb", "boosted trees (hits)", "boosted trees (candidates)"]
    for result in metrics["classifiers"].values():
        assert 0.7 < result["overall"]["auc"]["value"] <= 1
        assert 0 < result["overall"]["auc"]["error"] < 0.1
        assert [r["efficiency"] for r in result["overall"]["rejection"]] == [0.5, 0.7, 0.9]
        assert [(part["low"], part["high"]) for part in result["pt_bins"]] == [(10, 20), (20, 50)]
        jets = sum(part["signal"] + part["background"] for part in result["pt_bins"])
        assert jets == metrics["jets"]["test"]
        assert [p["target"] for part in result["pt_bins"] for p in part["working_points"]] == [
            0.5,
            0.7,
            0.9,
        ] * 2


def test_the_auc_is_that_of_the_scores(evaluated):
    """Computed again from the model and scikit-learn, without the library's evaluation."""
    from sklearn.metrics import roc_auc_score

    folder, metrics = evaluated
    run = open_run(folder)
    test = prepare(run.config, run.base).test
    score = predict(run.model(), test.graphs)[:, 0]
    expected = roc_auc_score(test.label, score, sample_weight=test.weight)
    assert metrics["classifiers"]["gat_cheb"]["overall"]["auc"]["value"] == pytest.approx(expected, abs=1e-6)


def test_pictures(evaluated):
    folder, _ = evaluated
    names = {"roc", "scores", "efficiency", "history", "event_signal", "event_background"}
    for ending in ("png", "pdf"):
        assert {p.stem for p in folder.glob(f"*.{ending}")} == names
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) >= 400
            assert len(picture.convert("L").getcolors(1 << 16)) > 20  # something is drawn


def test_report(evaluated):
    """Everything that the page is for is there, in one file that loads nothing, and says what metrics.json says."""
    folder, metrics = evaluated
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert len(text) < 5e6
    assert not re.findall(r"(?:src|href)='(?!#|data:)", text)
    titles = re.findall(r"<h2 id='[\w-]+'>(.*?)</h2>", text)
    assert titles == [
        "Results", "Curves", "Score", "Working points", "Importance of inputs", "Best and worst jets",
        "Training", "Data", "Configuration", "Provenance",
    ]  # fmt: skip
    points = text.split("<h2 id='working-points'>")[1].split("</section>")[0]
    for part in metrics["classifiers"]["gat_cheb"]["pt_bins"]:
        assert points.count(f">{part['low']:g}–{part['high']:g}<") == 3
        assert all(f">{point['threshold']:.6g}<" in points for point in part["working_points"])
    result = metrics["classifiers"]["gat_cheb"]["overall"]
    assert with_error(result["auc"]["value"], result["auc"]["error"]) in text
    for entry in result["rejection"]:
        assert html.escape(with_interval(entry)) in text
    for point in result["working_points"]:
        assert f">{point['threshold']:.6g}<" in text
    preprocess = open_run(folder).preprocess
    for feature in (*preprocess.node_features.features, *preprocess.jet_features.features):
        assert f"({feature.raw})" in text or f" {feature.raw}" in text  # its distribution
    importance = text.split("<h2 id='importance-of-inputs'>")[1].split("</section>")[0]
    assert f"<td>{preprocess.node_features.features[0].raw}</td>" in importance
    assert "<td>jet pt</td>" in importance
    for name in (
        "jet p\\u003csub>T\\u003c/sub> [GeV]",
        "jet pT [GeV]",
        "Medium 70%",
        "Share of signal",
        "Background rejection",
        "best signal",
        "worst background",
    ):
        assert name in text
    assert open_run(folder).provenance["data"]["sha256"] in text


def test_report_in_a_browser(evaluated, tmp_path):
    """Tables sort by numbers in both directions, plots answer to the pointer, the slider goes to the next jet."""
    folder, metrics = evaluated
    found = look(
        folder / "report.html",
        """
        const wait = async (done) => { while (!done()) await new Promise((on) => setTimeout(on, 20)); };
        const head = [...document.querySelectorAll("th")].find((one) => one.textContent === "ROC-AUC");
        const rows = () => [...head.closest("table").tBodies[0].rows];
        const column = () => rows().map((row) => row.cells[head.cellIndex].dataset.value);
        head.click(); const rising = column();
        head.click(); const falling = column();
        const plots = [...document.querySelectorAll(".plot")];
        const first = plots[0];
        Plotly.Fx.hover(first, [{curveNumber: 1, pointNumber: first.data[1].x.length - 1}]);
        const hover = [...first.querySelectorAll(".hoverlayer text")].map((one) => one.textContent).join(" ");
        const root = document.querySelector(".display");
        await wait(() => root.dataset.shown === "0");
        const title = root.querySelector("[data-part=title]");
        const before = title.textContent;
        root.querySelector("[data-part=on]").click();
        await wait(() => root.dataset.shown === "1");
        // Labels above the frame, the legend above them.
        const crowded = [], labels = new Set();
        for (const plot of [...plots, root.querySelector("[data-part=flat]")]) {
          const top = plot.getBoundingClientRect().top, frame = plot._fullLayout._size;
          const texts = [...plot.querySelectorAll(".annotation")].filter((one) => /CMS|TeV/.test(one.textContent));
          const boxes = texts.map((one) => one.getBoundingClientRect());
          texts.forEach((one) => labels.add(one.textContent));
          const legend = plot.querySelector(".legend");
          const low = legend === null ? -Infinity : legend.getBoundingClientRect().bottom - top;
          const above = (box) => box.bottom - top < frame.t + 4 && box.top - top > low - 4;
          const fits = boxes.length === 2 && boxes.every(above) && boxes[0].right < boxes[1].left && frame.h > 90;
          if (!fits) crowded.push([plot.data[0].name, low, frame, ...boxes.map((box) => [box.left, box.right])]);
        }
        const traces = (name) => root.querySelector("[data-part=" + name + "]").data.length;
        return {rising, falling, hover, plots: plots.length, drawn: document.querySelectorAll(".plot .main-svg").length,
          before, after: title.textContent, flat: traces("flat"), space: traces("space"),
          labels: [...labels].sort(), crowded};
        """,
        tmp_path,
    )
    numbers = [float(value) for value in found["rising"] if value]
    assert numbers == sorted(numbers)
    assert [float(value) for value in found["falling"] if value] == numbers[::-1]
    areas = [one["overall"]["auc"]["value"] for one in metrics["classifiers"].values()]
    assert set(np.round(areas, 12)) <= set(np.round(numbers, 12))
    assert "signal 100" in found["hover"]
    assert found["plots"] > 20
    assert found["drawn"] >= found["plots"]
    assert found["before"].startswith("1 of 12: best signal")
    assert found["after"].startswith("2 of 12: best signal")
    assert found["labels"] == ["13 TeV", "CMS Simulation"]
    assert found["crowded"] == []
    assert found["flat"] >= 3
    assert found["space"] >= 2


def test_results_are_not_overwritten(evaluated):
    folder, _ = evaluated
    before = (folder / "metrics.json").read_bytes()
    with pytest.raises(InputError, match="has been evaluated already; give --force"):
        evaluate(folder)
    assert (folder / "metrics.json").read_bytes() == before


def test_a_changed_sample_is_noticed(run_copy, tau_folder, tmp_path):
    stored = json.loads((run_copy / "config.json").read_text())
    (run_copy / "config.json").write_text(
        json.dumps({**stored, "base": str(tmp_path), "base_from_here": ".."})
    )
    write_jets(tmp_path / "tau.h5", read_jets(tau_folder / "tau.h5").take(np.arange(300)))
    with pytest.raises(InputError, match="was trained on another tau.h5: its SHA-256 was"):
        evaluate(run_copy)


def test_a_score_does_not_depend_on_the_batch(trained, tau_folder):
    run = open_run(trained)
    graphs = graphs_of(read_jets(tau_folder / "tau.h5").take(np.arange(40)), run.preprocess)
    model = run.model()
    together = predict(model, graphs)
    alone = np.concatenate([predict(model, graphs.take(np.array([i]))) for i in range(5)])
    np.testing.assert_allclose(together[:5], alone, atol=1e-6)
    np.testing.assert_allclose(predict(model, graphs, batch_size=7), together, atol=1e-6)


def test_a_run_on_detector_objects(tmp_path):
    """Trees on the same objects stand beside the network, and the pictures show them."""
    jets = read_jets(sample_path("tau")).take(np.arange(120))
    jets = replace(jets, hits={}, candidates=None, objects=objects(120, KINDS, 12))
    write_jets(tmp_path / "jets.h5", jets)
    graph = {
        "nodes": "detector",
        "edges": "knn:3+track-calo:0.05",
        "max_nodes": {"track": 4, "ecal": 6, "pixel": 3},
    }
    model = {
        "name": "detector_net",
        "width": 4,
        "embed": [4],
        "message": [4],
        "update": [4],
        "phi": 4,
        "dense": [4],
    }
    config = make_config(
        {
            "data": {"sample": "jets.h5", "reweight_pt": False},
            "graph": graph,
            "model": model,
            "training": {"epochs": 1},
            "plots": {"formats": [], "dpi": 50},
        }
    )
    with eagerly():  # a few steps
        run = fit(config, tmp_path / "run", base=tmp_path)
    metrics = evaluate(run, bootstraps=5)
    assert list(metrics["classifiers"]) == ["detector_net", "boosted trees (detector)"]
    assert {"event_signal.png", "event_background.png"} <= {path.name for path in run.folder.iterdir()}
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    assert '"marks":{"track":' in text
    assert '"vertex":[[' in text


def test_jets_without_hits_and_with_one_are_scored(trained, tau_folder):
    run = open_run(trained)
    jets = read_jets(tau_folder / "tau.h5").take(np.arange(3))
    hits = {}
    for name, channel in jets.hits.items():  # jet 0 keeps one ECAL hit, jet 2 keeps nothing
        counts = np.array([1 if name == "ecal" else 0, channel.counts[1], 0])
        rows = np.concatenate(
            [np.arange(o, o + n) for o, n in zip(channel.offsets[:-1], counts, strict=True)]
        )
        columns = {k: v[rows.astype(int)] for k, v in channel.columns.items()}
        hits[name] = type(channel).from_counts(columns, counts)
    changed = type(jets)(jets.columns, jets.event, jets.weight, jets.label, jets.truth, hits)
    graphs = graphs_of(changed, run.preprocess)
    assert graphs.batch.n_node.tolist()[::2] == [1, 0]
    scores = predict(run.model(), graphs)
    assert scores.shape == (3, 1)
    assert np.all((scores > 0) & (scores < 1))


def test_predict_writes_scores_beside_the_jets(trained, tau_folder, tmp_path):
    count = predict_file(trained, tau_folder / "tau.h5", tmp_path / "scores.h5")
    with h5py.File(tmp_path / "scores.h5") as file:
        score, label = file["score"][:, 0], file["label"][()]
        assert len(score) == count == 400
        assert len(file["jets/pt"]) == 400
    assert roc_auc(label, score) > 0.7


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["TauParked_Run2012C_0.ig", "BJetPlusX_Run2012C_0.ig"])
def test_real_collision_jets_are_scored(trained, shared_data, tmp_path, name):
    """Jets of CMS 2012 events, from their crystal-level hits: the same graphs, finite scores that differ."""
    count = predict_file(trained, shared_data / "ispy" / name, tmp_path / "scores.h5")
    with h5py.File(tmp_path / "scores.h5") as file:
        score = file["score"][:, 0]
    assert count == {"TauParked_Run2012C_0.ig": 336, "BJetPlusX_Run2012C_0.ig": 293}[name]
    assert np.all(np.isfinite(score) & (score >= 0) & (score <= 1))
    assert score.std() > 0.01


@pytest.mark.shared_data
def test_quark_gluon_jets_of_the_full_simulation_are_learned(shared_data, tmp_path):
    """Candidate graphs of CMS full-simulation jets: three epochs of a small model beat chance clearly."""
    from e2e_tf.config import read_config
    from e2e_tf.training.fit import fit

    root = Path(__file__).parents[2]
    config = read_config(root / "benchmarks" / "quark_gluon.toml")
    small = config.model_copy(
        update={
            "data": config.data.model_copy(
                update={"sample": str(shared_data / "cms_fullsim_jets" / "uds_vs_g.h5"), "jet_pt": (80, 160)}
            ),
            "graph": config.graph.model_copy(update={"max_nodes": 16}),
            "model": {
                "name": "gat_cheb",
                "channels": [16],
                "heads": [1],
                "cheb_channels": [16],
                "dense": [16],
            },
            "training": config.training.model_copy(
                update={"epochs": 3, "batch_size": 64, "learning_rate": 4e-3}
            ),
        }
    )
    run = fit(small, tmp_path / "run")
    assert max(json.loads((run.folder / "history.json").read_text())["val_auc"]) > 0.6
    assert isinstance(run.model(), keras.Model)


def test_classes_are_called_as_the_plots_or_the_samples_say():
    """No name of a particle that the sample may not hold."""
    sections = {
        "ttbar": {"files": "a.h5", "label": 1},
        "qcd": {"files": "b.h5", "label": 0},
        "w": {"files": "c.h5", "label": 0},
    }
    for given, expected in (
        ({}, ("Background", "Signal")),
        ({"data": {"samples": sections}}, ("qcd, w", "ttbar")),
        ({"data": {"samples": sections}, "plots": {"signal": "top jets"}}, ("qcd, w", "top jets")),
    ):
        config = make_config(given)
        assert _class_names(SimpleNamespace(config=config), config.plots.style) == expected
