from __future__ import annotations

import pytest

from e2e_tf.errors import InputError
from e2e_tf.tuning.config import BUDGET, TuneConfig, make_tune_config, read_tune_config


def test_read(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 4\n[tune]\ntrials = 7\n[tune.space.model]\ndropout = [0.0, 0.1]\n")
    run, tune = read_tune_config(path)
    assert run.seed == 4
    assert tune.trials == 7
    assert tune.space == {"model": {"dropout": [0.0, 0.1]}}
    assert read_tune_config(path)[1] == tune


def test_a_configuration_without_the_section_searches_with_the_defaults(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 4\n")
    assert read_tune_config(path)[1] == TuneConfig()


def test_the_budget_is_of_known_keys():
    assert set(BUDGET) <= set(TuneConfig.model_fields)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"trails": 3}, "here: unknown key 'tune.trails'; accepted here: algorithm, objective"),
        ({"trials": 0}, "here: tune.trials: input should be greater than or equal to 1, not 0"),
        (
            {"algorithm": "grid"},
            "tune.algorithm: input should be 'random', 'hyperband' or 'bayesian', not 'grid'",
        ),
        ({"minutes": -1}, "tune.minutes: input should be greater than 0, not -1"),
        ({"space": 3}, "tune.space: input should be a valid dictionary, not 3"),
    ],
)
def test_refused(section, said):
    with pytest.raises(InputError) as caught:
        make_tune_config(section, "here")
    assert said in str(caught.value)


@pytest.mark.parametrize(("text", "said"), [("tune = 3", "tune must be a section"), ("[tune", "is not TOML")])
def test_refused_file(tmp_path, text, said):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        read_tune_config(tmp_path / "c.toml")
    with pytest.raises(InputError, match="there is no configuration"):
        read_tune_config(tmp_path / "absent.toml")


def test_the_example_is_a_search_that_its_model_accepts(tmp_path):
    from pathlib import Path

    from e2e_tf.tuning.hypermodels import make_hypermodel

    run, tune = read_tune_config(Path(__file__).parents[2] / "examples" / "tune_tau.toml")
    hypermodel = make_hypermodel(run, tune, tmp_path, tmp_path / "cache")
    assert {"model.gat_layers", "model.cheb_order", "training.learning_rate"} <= set(
        hypermodel.space.parameters
    )
    assert tune.minutes == 30
