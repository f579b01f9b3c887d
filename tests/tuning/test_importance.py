from __future__ import annotations

import numpy as np

from e2e_tf.tuning.importance import encode, importance
from e2e_tf.tuning.sweep import COMPLETED, FAILED, Record


def records(n, score):
    rng = np.random.default_rng(0)
    out = []
    for i in range(n):
        values = {
            "rate": float(rng.random()),
            "kind": str(rng.choice(["a", "b"])),
            "idle": int(rng.integers(5)),
        }
        out.append(Record(f"{i:04d}", COMPLETED, values, score(values)))
    return out


def test_the_parameter_that_matters_comes_first():
    found = importance(records(40, lambda v: v["rate"] + 0.2 * (v["kind"] == "b")))
    assert [*found][:2] == ["rate", "kind"]
    assert found["rate"] > 0.6
    assert found["idle"] < 0.1
    assert abs(sum(found.values()) - 1) < 1e-9


def test_too_little_to_say():
    assert importance(records(7, lambda v: v["rate"])) == {}
    assert importance(records(20, lambda v: 0.5)) == {}
    some = records(20, lambda v: v["rate"])
    assert importance([Record(r.trial, FAILED, r.values) for r in some]) == {}


def test_encode():
    assert encode([3, 1.5, None]).tolist() == [3, 1.5, 0.5]
    assert encode(["b", "a", None, "b"]).tolist() == [1, 0, -1, 1]
    assert encode([[1, 2], [1], [1, 2]]).tolist() == [0, 1, 0] or encode([[1, 2], [1], [1, 2]]).tolist() == [
        1,
        0,
        1,
    ]
    assert encode([True, False]).tolist() == [1, 0]
