from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.expressions import FUNCTIONS, Expression
from e2e_tf.errors import InputError

COLUMNS = {
    "pt": np.array([10, 30, 50], np.float32),
    "eta": np.array([0.5, -3.0, 2.0]),
    "n": np.array([1, 2, 3]),
    "good": np.array([True, False, True]),
}


def value(text):
    return Expression.parse(text).evaluate(COLUMNS).tolist()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pt > 20 & abs(eta) < 2.5", [False, False, True]),
        ("pt > 20 && abs(eta) < 2.5 || n == 1", [True, False, True]),
        ("(pt > 20) and not (eta < 0)", [False, False, True]),
        ("!good | pt >= 50", [False, True, True]),
        ("10 < pt <= 30", [False, True, False]),
        ("n != 2", [True, False, True]),
        ("good", [True, False, True]),
        ("pt / n", [10, 15, 50 / 3]),
        ("-n ** 2 + 7 % 4 - 5 // 2", [0, -3, -8]),
        ("where(eta < 0, -1, max(n, 2))", [2, -1, 3]),
        ("cos(pi * n)", [-1, 1, -1]),
        ("2 * 3", 6),
    ],
)
def test_values_by_hand(text, wanted):
    assert value(text) == pytest.approx(wanted)


def test_names_are_those_of_the_columns():
    assert Expression.parse("log(pt / mass) + pi * pt").names == ("pt", "mass")
    with pytest.raises(InputError, match=r"needs mass, run; there are: eta, good, n, pt"):
        value("mass + run")


def test_remainders_and_comparisons_of_large_whole_numbers_are_exact():
    """Event numbers with their run, or as a hash, are larger than what float64 tells apart."""
    event = np.array([(370_000 << 40) + 7, (370_000 << 40) + 8, -(1 << 62) + 1])
    columns = {"event": event, "zero": event * 0, "small": np.array([7, 8, 9], np.uint8)}

    def found(text):
        return Expression.parse(text).evaluate(columns).tolist()

    assert found("event % 2") == [1, 0, 1]
    assert found("event % 5 == 2") == (event % 5 == 2).tolist()
    assert found(f"event == {event[0]}") == [True, False, False]
    assert found("small % 2 - 3") == [-2, -3, -2]
    assert np.isnan(found("event % zero")).all()
    assert Expression.parse("event").evaluate(columns).dtype == np.float64


def test_every_function_takes_what_it_says():
    for name, (count, function) in FUNCTIONS.items():
        arguments = [0.5, 0.25, 2.0][:count]
        found = Expression.parse(f"{name}({', '.join(map(str, arguments))})").evaluate({})
        assert found == pytest.approx(function(*arguments))


def test_what_is_not_defined_is_not_finite_and_gives_no_warning():
    assert np.isnan(value("log(eta)")[1])
    assert np.isinf(Expression.parse("1 / 0").evaluate({}))
    assert np.isinf(Expression.parse("9 ** 9 ** 9").evaluate({}))  # in floating point: no long calculation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('x')", "Constant is not accepted|is not accepted"),
        ("().__class__", "Attribute is not accepted"),
        ("pt.__class__", "Attribute is not accepted"),
        ("eval(pt)", "there is no function 'eval'"),
        ("(lambda: 1)()", "is not accepted"),
        ("[pt for pt in n]", "ListComp is not accepted"),
        ("pt[0]", "Subscript is not accepted"),
        ("'text'", "Constant is not accepted"),
        ("pt if n else eta", "IfExp is not accepted"),
        ("pt := 3", "cannot be read"),
        ("abs(x=3)", "is not accepted"),
        ("abs(*n)", "abs takes 1 values|is not accepted"),
        ("abs(1, 2)", "abs takes 1 values, not 2"),
        ("pt >", "cannot be read"),
        ("", "must be a text"),
        ("1" * 999, "number that is too large"),
        ("(" * 400 + ")" * 400, "cannot be read"),
        ("-" * 60 + "1", "nested more than 50 deep"),
        ("1j", "Constant is not accepted"),
    ],
)
def test_everything_else_is_refused_in_a_sentence(text, message):
    with pytest.raises(InputError, match=message):
        Expression.parse(text, "data.selection")
