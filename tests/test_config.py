from __future__ import annotations

from pathlib import Path

import pytest

from e2e_tf.config import make_config, plot_style, read_config
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle


def test_defaults():
    config = make_config({})
    assert config.seed == 1
    assert config.model_name == "gat_cheb"
    assert config.model_settings == {}
    assert config.graph.edges == "knn:8+delaunay"
    assert config.data.split == (0.7, 0.1, 0.2)


def test_what_is_read_is_what_is_written(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('seed = 7\n[model]\nname = "gat_cheb"\nheads = [1, 1, 1]\n[training]\nepochs = 3\n')
    config = read_config(path)
    assert (config.seed, config.training.epochs, config.model_settings) == (7, 3, {"heads": [1, 1, 1]})
    assert make_config(config.model_dump(mode="json")) == config


def test_a_preset_counts_where_the_document_says_nothing():
    config = make_config({"preset": "tau_tuned", "training": {"epochs": 3}, "model": {"dropout": 0.0}})
    assert (config.training.epochs, config.training.optimizer) == (3, "adam")
    assert (config.model["dropout"], config.model["pooling"]) == (0.0, "sum")
    assert make_config(config.model_dump(mode="json")) == config
    plain = make_config({"preset": "tau_tuned"})
    assert plain.model["dropout"] == 0.2
    examples = Path(__file__).parents[1] / "examples"
    assert read_config(examples / "tau_tuned.toml") == plain
    chosen = make_config({"preset": "tau_candidates", "data": {"sample": "taus.h5"}})
    assert read_config(examples / "tau_candidates.toml") == chosen
    assert (chosen.model_name, chosen.graph.nodes) == ("deep_sets", "candidates")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"sed": 1}, "unknown key 'sed'; accepted here: seed, data, graph, model, training"),
        ({"training": {"epoch": 3}}, "unknown key 'training.epoch'; accepted here: epochs, batch_size"),
        ({"preset": "tau"}, "preset must be one of tau_tuned, tau_candidates, not 'tau'"),
        ({"training": {"schedule": "step"}}, "training.schedule: input should be 'cosine' or 'constant'"),
        (
            {"training": {"schedule": "constant", "warmup_epochs": 1}},
            "training: warmup_epochs needs the schedule 'cosine', not 'constant'",
        ),
        (
            {"training": {"epochs": 2, "warmup_epochs": 2}},
            r"training: warmup_epochs must be below epochs \(2\), not 2",
        ),
        ({"model": {"pooling": "mean+mean"}}, "pooling must be one of mean, .* joined by '\\+', not 'mean"),
        ({"training": {"epochs": 0}}, "training.epochs: input should be greater than or equal to 1, not 0"),
        ({"training": {"learning_rate": "fast"}}, "training.learning_rate: input should be a valid number"),
        ({"graph": {"edges": "knn"}}, "knn needs a positive integer, such as knn:8, got 'knn'"),
        (
            {"graph": {"nodes": "towers"}},
            "graph.nodes: input should be 'hits', 'candidates', 'detector' or 'pixels', not 'towers'",
        ),
        ({"graph": {"max_nodes": -1}}, "max_nodes must not be negative, it is -1"),
        ({"graph": {"max_nodes": {"track": 3}}}, "max_nodes must be a number where nodes are 'hits'"),
        ({"graph": {"max_nodes": "few"}}, "graph.max_nodes.*input should be a valid integer"),
        ({"model": {"name": "resnet"}}, "model.name must be one of .*gat_cheb.*, not 'resnet'"),
        (
            {"model": {"name": "gat_cheb", "head": 2}},
            "unknown key 'model.head'; gat_cheb accepts channels, heads",
        ),
        ({"model": {"heads": [1, 2]}}, "channels and heads must have one entry per layer"),
        ({"model": {"heads": [1, 2, 3]}}, "3 heads do not divide 128 channels"),
        ({"model": {"cheb_order": "three"}}, r"model\.cheb_order: .* not 'three'"),
    ],
)
def test_mistakes_are_named(document, message):
    with pytest.raises(InputError, match=message):
        make_config(document)


def test_files_that_are_not_configurations(tmp_path):
    with pytest.raises(InputError, match="there is no configuration .*missing.toml"):
        read_config(tmp_path / "missing.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = = 1")
    with pytest.raises(InputError, match="bad.toml is not TOML"):
        read_config(bad)
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="bad.toml is not TOML"):
        read_config(bad)


def test_old_names_of_keys_are_accepted_and_noted(tmp_path, capsys):
    """Runs and sweeps of before hold them too; those are not noted again."""
    path = tmp_path / "old.toml"
    path.write_text("[data]\njudge_pt_bins = [10, 50]\n")
    config = read_config(path)
    assert config.data.evaluate_pt_bins == (10, 50)
    assert "data.judge_pt_bins is called data.evaluate_pt_bins now" in capsys.readouterr().err.replace(
        "\n", " "
    )
    stored = config.model_dump(mode="json")
    stored["data"]["judge_pt_bins"] = stored["data"].pop("evaluate_pt_bins")
    assert make_config(stored) == config
    assert capsys.readouterr().err == ""
    with pytest.raises(
        InputError, match="judge_pt_bins is the old name of evaluate_pt_bins; give one of them"
    ):
        make_config({"data": {"judge_pt_bins": [1, 2], "evaluate_pt_bins": [1, 2]}})


def test_labels_of_plots_are_changed_on_the_command_line():
    config = make_config({"plots": {"experiment": "CMS", "energy": 13.6, "formats": ["pdf"]}})
    style = plot_style(["plots.status=Preliminary", "plots.data=true"], config.plots)
    assert style == PlotStyle("CMS", True, "Preliminary", 13.6, formats=("pdf",))
    assert plot_style([]) == PlotStyle() == make_config({}).plots.style
    for change, message in (
        ("training.epochs=3", "only keys of the section plots can be set here, .* not 'training'"),
        ("plots.title=x", "unknown key 'plots.title'; accepted here: experiment, data, status"),
        ("plots.dpi=1", r"plots\.dpi: .* not 1"),
        ('plots.formats=["gif"]', r"plots\.formats\.0: .* not 'gif'"),
    ):
        with pytest.raises(InputError, match=message):
            plot_style([change])
