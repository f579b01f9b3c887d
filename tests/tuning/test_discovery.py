from __future__ import annotations

import keras_tuner
import pytest

from e2e_tf.tuning.discovery import space_of


class Conditional:
    def build(self, hp):
        kind = hp.Choice("kind", ["a", "b"])
        with hp.conditional_scope("kind", ["b"]):
            if kind == "b":
                hp.Int("y", 1, 3)


class Growing:
    def build(self, hp):
        for i in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{i}", 8, 64)


class Picky(Growing):
    """Cannot be built with every value."""

    def build(self, hp):
        super().build(hp)
        if hp.values["layers"] == 2:
            raise ValueError("not two")


class Declared:
    def declare_hyperparameters(self, hp):
        hp.Float("rate", 0, 1)

    def build(self, hp):
        hp.Float("rate", 0, 1)


@pytest.mark.parametrize(
    ("hypermodel", "names"),
    [
        (Conditional, ["kind", "y"]),
        (Growing, ["layers", "units_0", "units_1", "units_2"]),
        (Picky, ["layers", "units_0", "units_1", "units_2"]),
        (Declared, ["rate"]),
    ],
)
def test_what_a_hypermodel_asks_for(hypermodel, names):
    found = space_of(hypermodel())
    assert found["values"] == {}
    assert sorted(p.name for p in keras_tuner.HyperParameters.from_config(found).space) == names


def test_a_model_that_can_never_be_built_says_so():
    class Broken:
        def build(self, hp):
            raise KeyError("no such layer")

    with pytest.raises(KeyError, match="no such layer"):
        space_of(Broken())
