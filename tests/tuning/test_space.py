from __future__ import annotations

import pytest

from e2e_tf.errors import InputError
from e2e_tf.tuning.space import Parameter, SearchSpace

ACCEPTED = {"model": ["channels", "dropout", "order"], "training": ["learning_rate", "optimizer"]}


def declared(document, defaults=None):
    import keras_tuner

    space = SearchSpace.parse(document, ACCEPTED)
    hp = keras_tuner.HyperParameters()
    space.declare(hp, defaults)
    return space, hp


def test_choices_of_lists_survive_keras_tuner():
    space, hp = declared({"model": {"channels": [[16, 32], [32, 64, 128]]}})
    assert hp.values == {"model.channels": "[16, 32]"}
    assert space.values(hp) == {"model.channels": (16, 32)}
    hp.values["model.channels"] = "[32, 64, 128]"
    assert space.values(hp) == {"model.channels": (32, 64, 128)}


def test_choices_of_mixed_numbers_keep_their_types():
    parameter = Parameter.parse("model.order", [1, 2.5, "all"])
    assert [parameter.decode(parameter.encode(value)) for value in (1, 2.5, "all")] == [1, 2.5, "all"]


def test_ranges():
    space, hp = declared(
        {
            "model": {"order": {"low": 1, "high": 5}, "dropout": {"low": 0, "high": 0.5, "step": 0.25}},
            "training": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
        }
    )
    drawn = [{p.name: p.random_sample(seed) for p in hp.space} for seed in range(300)]
    orders = {values["model.order"] for values in drawn}
    assert orders == {1, 2, 3, 4, 5}
    assert {type(order) for order in orders} == {int}
    assert {values["model.dropout"] for values in drawn} == {0.0, 0.25, 0.5}
    rates = sorted(values["training.learning_rate"] for values in drawn)
    assert 1e-4 <= rates[0] < rates[-1] <= 1e-2
    assert 7e-4 < rates[150] < 1.4e-3  # the middle of the logarithm
    assert set(space.values(hp)) == {"model.order", "model.dropout", "training.learning_rate"}


def test_defaults_where_the_space_has_them():
    document = {"model": {"order": {"low": 1, "high": 5}, "dropout": {"low": 0.0, "high": 0.5, "step": 0.1}}}
    _, hp = declared(document, {"model.order": 3, "model.dropout": 0.2})
    assert hp.values == {"model.order": 3, "model.dropout": 0.2}
    _, hp = declared(document, {"model.order": 9, "model.dropout": 0.25})
    assert hp.values == {"model.order": 1, "model.dropout": 0.0}


def test_a_parent_decides():
    import keras_tuner

    child = Parameter.parse("graph.k", {"low": 4, "high": 8})
    from dataclasses import replace

    space = SearchSpace(
        [
            replace(child, parent=("graph.edges", ("knn:8",))),
            Parameter.parse("graph.edges", ["knn:8", "full"]),
        ]
    )
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    assert space.values(hp) == {"graph.edges": "knn:8", "graph.k": 4}
    hp.values["graph.edges"] = "full"
    hp.ensure_active_values()
    assert space.values(hp) == {"graph.edges": "full"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "the space is empty: tune.space must have at least one parameter with more than one value"),
        ({"model": {}}, "the space is empty"),
        ({"model": {"order": [3]}}, "the space is empty"),
        ({"modle": {}}, "unknown section 'tune.space.modle'; accepted: model, training"),
        (
            {"model": {"depth": [1, 2]}},
            "unknown parameter 'tune.space.model.depth'; accepted: channels, dropout",
        ),
        ({"model": 3}, "tune.space.model must be a table of parameters, not 3"),
        ({"model": {"order": 3}}, "must be a list of choices or a range such as {low = 1, high = 5}, not 3"),
        ({"model": {"order": "35"}}, "must be a list of choices or a range"),
        ({"model": {"order": []}}, "tune.space.model.order has no choices; give at least one"),
        ({"model": {"order": [1, 2, 1]}}, "names a choice twice"),
        ({"model": {"order": {"low": 1}}}, "has no low or no high"),
        ({"model": {"order": {"low": 1, "high": 2, "lgo": True}}}, "has unknown key 'lgo'"),
        ({"model": {"order": {"low": 2, "high": 2}}}, "needs low < high, not 2 and 2"),
        ({"model": {"order": {"low": 0, "high": 2, "log": True}}}, "log needs low > 0 and no step"),
        ({"model": {"order": {"low": 0, "high": 2, "step": 0}}}, "step must be positive, not 0"),
        ({"model": {"order": {"low": 0, "high": "x"}}}, "high must be a finite number, not 'x'"),
        ({"model": {"order": {"low": 0, "high": float("inf")}}}, "high must be a finite number, not inf"),
        ({"model": {"order": {"low": 1, "high": 2, "log": 1}}}, "log must be true or false, not 1"),
    ],
)
def test_refused(document, said):
    with pytest.raises(InputError) as caught:
        SearchSpace.parse(document, ACCEPTED)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
