from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.config import OutputConfig, make_config
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.errors import InputError
from e2e_tf.training.targets import (
    Target,
    in_units,
    label_output,
    make_target,
    scaled,
    target_scale,
    times_quantity,
)


def six_jets():
    columns = {"pt": np.array([20, 40, 20, 10, 50, 80], np.float32)}
    truth = {
        "mode": np.array([0, 1, 10, 1, 7, 0]),
        "visible": np.array([10, 20, 30, np.nan, 5, 8], np.float32),
    }
    return Jets(columns, np.arange(6), np.ones(6, np.float32), np.array([1, 1, 1, 1, 0, 0], np.int8), truth)


def test_classes_and_who_takes_part():
    output = OutputConfig(kind="multiclass", column="mode", classes=(10, 0, 1), jets="signal")
    target = make_target("mode", output, six_jets(), np.arange(1, 7, dtype=np.float32))
    np.testing.assert_array_equal(target.value, [1, 2, 0, 2, 0, 0])
    np.testing.assert_array_equal(target.weight, [1, 2, 3, 4, 0, 0])  # 7 is no class, the last jet no signal


def test_a_ratio_and_back():
    jets = six_jets()
    output = OutputConfig(kind="regression", column="visible", relative_to="pt")
    target = make_target("visible", output, jets, np.ones(6, np.float32))
    np.testing.assert_allclose(target.value, [0.5, 0.5, 1.5, 0, 0.1, 0.1])
    np.testing.assert_array_equal(target.weight, [1, 1, 1, 0, 1, 1])  # NaN is no value
    config = make_config({"outputs": {"visible": output.model_dump()}})
    back = in_units(config, {"visible": target.value[:, None]}, jets)["visible"][:, 0]
    np.testing.assert_allclose(back, [10, 20, 30, 0, 5, 8], rtol=1e-6)


def test_a_ratio_to_nothing_is_not_a_number():
    values = np.array([20, 0, -3, np.nan, np.inf, -np.inf, 1e-30], np.float32)
    found = times_quantity(np.full(7, 0.5, np.float32), values)
    np.testing.assert_array_equal(found, np.float32([10, *[np.nan] * 5, 5e-31]))
    jets = six_jets()
    jets.columns["pt"][1:3] = 0, -1
    output = OutputConfig(kind="regression", column="visible", relative_to="pt")
    config = make_config({"outputs": {"visible": output.model_dump()}})
    back = in_units(config, {"visible": np.ones((6, 1), np.float32)}, jets)["visible"][:, 0]
    np.testing.assert_array_equal(back, np.where(jets["pt"] > 0, jets["pt"], np.nan))
    with pytest.raises(InputError, match=r"outputs\.visible\.relative_to must be a quantity of the jets"):
        in_units(
            make_config({"outputs": {"visible": {**output.model_dump(), "relative_to": "x"}}}),
            {"visible": np.ones((6, 1), np.float32)},
            jets,
        )
    with pytest.raises(InputError, match="must be positive for every jet, pt goes down to -1"):
        make_target("visible", output, jets, np.ones(6, np.float32))  # training divides by it


def test_balance():
    target = Target(np.array([0, 0, 0, 1], np.float32), np.array([1, 1, 2, 2], np.float32))
    plain, balanced = OutputConfig(column="x"), OutputConfig(column="x", balance=True)
    np.testing.assert_allclose(
        scaled(target, target_scale(plain, target)).weight, np.array([1, 1, 2, 2]) * 4 / 6
    )
    np.testing.assert_allclose(scaled(target, target_scale(balanced, target)).weight, [0.5, 0.5, 1, 2])


def test_which_output_is_the_label():
    assert label_output(make_config({})) == ""
    regression = {"kind": "regression", "column": "x"}
    assert label_output(make_config({"outputs": {"x": regression}})) is None
    assert label_output(make_config({"outputs": {"x": regression, "s": {}}})) == "s"
    assert label_output(make_config({"outputs": {"s": {"jets": "signal"}}})) is None


def test_columns_that_are_refused(tau_folder):
    jets = read_jets(tau_folder / "tau.h5").take(np.arange(20))
    ones = np.ones(20, np.float32)
    with pytest.raises(
        InputError, match=r"outputs\.a\.column must be a column of the sample \(.*\), not 'x'"
    ):
        make_target("a", OutputConfig(column="x"), jets, ones)
    with pytest.raises(InputError, match=r"outputs\.a\.relative_to must be a quantity of the jets"):
        make_target("a", OutputConfig(kind="regression", relative_to="x"), jets, ones)
    with pytest.raises(InputError, match=r"outputs\.a\.relative_to must be positive for every jet, eta"):
        make_target("a", OutputConfig(kind="regression", relative_to="eta"), jets, ones)
    with pytest.raises(InputError, match=r"outputs\.a has no jets with a value"):
        make_target("a", OutputConfig(kind="multiclass", classes=(7, 8)), jets, ones)
