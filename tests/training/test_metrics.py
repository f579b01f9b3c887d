import json
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.errors import InputError
from e2e_tf.training.metrics import (
    background_efficiency,
    background_rejection,
    bootstrap,
    evaluate_score,
    roc_auc,
    working_points,
)

# Signal .9 .7 .5 .3 and background .8 .6 .4 .2 alternate: a staircase.
LABEL = np.array([1, 0, 1, 0, 1, 0, 1, 0])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])


def gaussian(n, shift=1.5, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    return label, rng.normal(size=n) + shift * label


def delong(label, score):
    """Standard error of the AUC from the placements of each class in the other."""
    signal, background = score[label == 1], score[label == 0]
    above = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    return np.sqrt(above.mean(1).var(ddof=1) / len(signal) + above.mean(0).var(ddof=1) / len(background))


def test_auc_of_four_points():
    # Of the four pairs only (.35, .4) is the wrong way round.
    assert roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])) == pytest.approx(0.75)


def test_ties_count_one_half():
    assert roc_auc(np.array([0, 1, 0, 1]), np.array([1.0, 1.0, 0.0, 2.0])) == pytest.approx(3.5 / 4)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 5), st.floats(0, 4, width=16)), min_size=4, max_size=30
    )
)
@settings(max_examples=60, deadline=None)
def test_weighted_auc_counts_pairs(rows):
    label, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    label[:2], weight[:2] = (0, 1), 1.0
    pairs = total = 0.0
    for i in np.flatnonzero(label == 1):
        for j in np.flatnonzero(label == 0):
            product = weight[i] * weight[j]
            total += product
            pairs += product * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    assert roc_auc(label, score, weight) == pytest.approx(pairs / total, abs=1e-9)


def test_rejection_of_a_staircase():
    # Half the signal scores .7 or more, and of the background only .8 does.
    assert background_rejection(LABEL, SCORE, 0.5).value == pytest.approx(4)
    assert background_rejection(LABEL, SCORE, 0.75).value == pytest.approx(2)
    assert background_rejection(LABEL, SCORE, 1.0).value == pytest.approx(4 / 3)
    # Between two steps the line is flat: .6 needs the signal jet at .5, which the background at .6 precedes.
    assert background_rejection(LABEL, SCORE, 0.6).value == pytest.approx(2)
    assert not background_rejection(LABEL, SCORE, 0.5).is_limit


def test_efficiency_is_interpolated_within_a_tie():
    label, score = np.array([1, 1, 0, 0, 0, 0]), np.array([5, 5, 5, 5, 1, 1.0])
    assert background_efficiency(label, score, 0.5) == pytest.approx(0.25)
    np.testing.assert_allclose(background_efficiency(label, score, [0.5, 1.0]), [0.25, 0.5])


def test_no_background_gives_a_lower_limit():
    rejection = background_rejection(LABEL, SCORE, 0.25)
    assert rejection.is_limit
    assert rejection.value == pytest.approx(4 / -np.log(0.05))  # 4 background jets, fewer than 3.0 expected
    # Weights 1, 1, 1, 3: 36 / 12 = 3 effective jets.
    weight = np.where(LABEL == 1, 1.0, np.where(SCORE == 0.2, 3.0, 1.0))
    limit = background_rejection(LABEL, SCORE, 0.25, weight)
    assert limit.is_limit
    assert limit.value == pytest.approx(3 / -np.log(0.05))


def test_weights_enter_efficiencies():
    weight = np.array([3, 1, 1, 1, 1, 1, 1, 5.0])
    # Signal 3/6 at .9; background 1/8 at .8.
    assert background_efficiency(LABEL, SCORE, 0.5, weight) == pytest.approx(0)
    assert background_efficiency(LABEL, SCORE, 4 / 6, weight) == pytest.approx(1 / 8)


def test_working_points_can_be_counted_again():
    label, score = gaussian(2000)
    for point in working_points(label, score, (0.3, 0.5, 0.7, 0.9, 1.0)):
        passed = score >= point.threshold
        assert passed[label == 1].mean() == pytest.approx(point.signal_efficiency)
        assert passed[label == 0].mean() == pytest.approx(point.background_efficiency)
        assert point.signal_efficiency >= point.target - 1e-12
        # No tighter cut would do.
        assert (score > point.threshold)[label == 1].mean() < point.target
        assert point.rejection.value == pytest.approx(1 / point.background_efficiency)


def test_working_points_do_not_skip_scores_on_a_straight_stretch():
    # Ten signal jets above all background: the ROC curve goes straight up, its inner points still are cuts.
    label, score = np.array([1] * 10 + [0] * 5), np.arange(15, 0, -1.0)
    (point,) = working_points(label, score, [0.5])
    assert point.threshold == 11
    assert point.signal_efficiency == 0.5
    assert point.rejection.is_limit


@pytest.mark.parametrize("shift", [0.5, 1.5, 2.5])
def test_bootstrap_error_agrees_with_delong(shift):
    label, score = gaussian(1500, shift)
    assert bootstrap(roc_auc, label, score, n=400) == pytest.approx(delong(label, score), rel=0.2)


def test_bootstrap_draws_events_not_jets():
    label, score = gaussian(1500)
    twice = np.repeat(label, 2), np.repeat(score, 2)
    alone = bootstrap(roc_auc, label, score)
    together = bootstrap(roc_auc, *twice, groups=np.repeat(np.arange(1500), 2))
    assert together == pytest.approx(alone, rel=0.2)  # copies bring no information
    assert bootstrap(roc_auc, *twice) < 0.85 * alone  # which jets drawn one by one would not notice


def test_bootstrap_is_reproducible_and_uses_the_callers_weights():
    label, score = gaussian(300)
    assert bootstrap(roc_auc, label, score, seed=3) == bootstrap(roc_auc, label, score, seed=3)
    assert bootstrap(roc_auc, label, score, seed=3) != bootstrap(roc_auc, label, score, seed=4)
    weight = np.where(np.arange(300) < 60, 1.0, 0.0)  # a fifth of the jets counts
    few = bootstrap(roc_auc, label, score, weight)
    assert few == pytest.approx(bootstrap(roc_auc, label[:60], score[:60]), rel=0.3)
    assert few > 1.5 * bootstrap(roc_auc, label, score)


def test_bootstrap_of_a_vector_and_of_hardly_any_jets():
    label, score = gaussian(300)
    assert bootstrap(lambda *a: [roc_auc(*a), 1.0], label, score).shape == (2,)
    # Half of all replicas of two jets lack a class and are drawn again.
    assert bootstrap(roc_auc, np.array([0, 1]), np.array([0.1, 0.9]), n=20) == 0


def test_bootstrap_of_1e5_jets_takes_seconds():
    label, score = gaussian(100_000)
    start = time.perf_counter()
    error = bootstrap(roc_auc, label, score, n=20)
    assert time.perf_counter() - start < 5  # 200 replicas take 2 to 3 s on an idle core
    assert 0.0005 < error < 0.003


def test_evaluate_score_says_it_all():
    label, score = gaussian(1200)
    pt = np.random.default_rng(5).uniform(10, 50, 1200)
    event = np.arange(1200) // 2
    result = evaluate_score(label, score, pt=pt, event=event, pt_bins=(10, 20, 50, 60), bootstraps=50)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    overall = result["overall"]
    assert overall["signal"] + overall["background"] == 1200
    assert overall["auc"]["value"] == roc_auc(label, score)
    assert overall["auc"]["error"] == bootstrap(roc_auc, label, score, n=50, groups=event)
    for entry in overall["rejection"]:
        expected = background_rejection(label, score, entry["efficiency"])
        assert (entry["value"], entry["is_limit"]) == (expected.value, expected.is_limit)
        passing = 1 / entry["value"]
        binomial = np.sqrt(passing * (1 - passing) / overall["background"]) / passing**2
        assert entry["error"] > 0.8 * binomial  # and more, because the threshold varies too
        assert entry["error"] < 3 * binomial
    assert [point["target"] for point in overall["working_points"]] == [0.5, 0.7, 0.9]
    low, middle, empty = result["pt_bins"]
    rows = pt < 20
    assert (low["low"], low["high"]) == (10, 20)
    assert low["auc"]["value"] == roc_auc(label[rows], score[rows])
    assert low["signal"] == np.count_nonzero(label[rows])
    assert low["auc"]["error"] > middle["auc"]["error"]
    assert [point["target"] for point in low["working_points"]] == [0.5, 0.7, 0.9]
    for part, inside in ((overall, pt > 0), (low, rows), (middle, (pt >= 20) & (pt < 50))):
        signal, background = score[inside & (label == 1)], score[inside & (label == 0)]
        for point in part["working_points"]:
            kept = np.mean(signal >= point["threshold"])
            assert point["signal_efficiency"] == pytest.approx(kept)
            assert point["signal_error"] == pytest.approx(np.sqrt(kept * (1 - kept) / len(signal)))
            passing = np.count_nonzero(background >= point["threshold"])
            assert point["background_efficiency"] == pytest.approx(passing / len(background))
            assert point["low"] < point["rejection"] < point["high"]
    assert empty == {
        "low": 50,
        "high": 60,
        "signal": 0,
        "background": 0,
        "auc": None,
        "rejection": None,
        "working_points": None,
    }


def test_evaluate_score_gives_limits_no_error():
    label = np.array([1] * 50 + [0] * 50)
    result = evaluate_score(label, np.arange(100, 0, -1), pt=np.full(100, 20.0), bootstraps=5)
    assert result["overall"]["auc"] == {"value": 1.0, "error": 0.0}
    for entry in result["overall"]["rejection"]:
        assert entry["is_limit"]
        assert entry["error"] is None
        assert entry["value"] == pytest.approx(50 / -np.log(0.05))


def test_negative_weights_are_evaluated():
    """A third of jets of weight −1 cancels a third of weight 1 of the same scores: the rest is judged."""
    label, score = gaussian(900)
    label, score = np.concatenate([label, label[:600]]), np.concatenate([score, score[:600]])
    weight = np.concatenate([np.ones(900), -np.ones(300), np.ones(300)])
    pt = np.full(1500, 20.0)
    found = evaluate_score(label, score, pt=pt, weight=weight, pt_bins=(10, 30), bootstraps=20)["overall"]
    left = np.concatenate([np.arange(300, 900), np.arange(1200, 1500)])
    alone = evaluate_score(label[left], score[left], pt=pt[left], pt_bins=(10, 30), bootstraps=20)["overall"]
    assert found["auc"]["value"] == pytest.approx(alone["auc"]["value"], abs=1e-12)
    assert found["auc"]["error"] > 1.1 * alone["auc"]["error"]  # jets that cancel bring noise
    for one, other in zip(found["rejection"], alone["rejection"], strict=True):
        assert one["value"] == pytest.approx(other["value"])
        assert one["passing"] < other["passing"]
    one, other = found["rejection"][0], alone["rejection"][0]
    assert one["high"] - one["low"] > 1.1 * (other["high"] - other["low"])


@pytest.mark.parametrize(
    ("label", "score", "weight", "message"),
    [
        (np.ones(8, int), SCORE, None, "the sample holds no background"),
        (np.zeros(8, int), SCORE, None, "the sample holds no signal"),
        (LABEL, SCORE, 1.0 - LABEL, "the sample holds no signal"),
        (LABEL, np.where(SCORE == 0.8, np.nan, SCORE), None, "1 of 8 are NaN"),
        (LABEL, SCORE[:7], None, r"received shapes \(8,\), \(7,\)"),
        (LABEL, SCORE, np.ones(7), "one entry per jet"),
        (LABEL, SCORE[:, None], None, "one entry per jet"),
        (LABEL + 1, SCORE, None, "label must be 0 or 1"),
        (LABEL, SCORE, np.full(8, np.nan), "weight must be finite"),
        (LABEL, SCORE, np.full(8, -1.0), "positive sum to share out, received -4"),
        (LABEL[:0], SCORE[:0], None, "holds no signal"),
    ],
)
def test_unusable_input_is_refused(label, score, weight, message):
    for function in (
        lambda: roc_auc(label, score, weight),
        lambda: background_rejection(label, score, 0.5, weight),
        lambda: working_points(label, score, weight=weight),
        lambda: bootstrap(roc_auc, label, score, weight),
        lambda: evaluate_score(label, score, pt=np.ones(len(label)), weight=weight),
    ):
        with pytest.raises(InputError, match=message):
            function()


def test_unusable_options_are_refused():
    pt = np.full(8, 20.0)
    for efficiency in (0, 1.1, float("nan")):
        with pytest.raises(InputError, match="signal efficiencies"):
            background_rejection(LABEL, SCORE, efficiency)
    with pytest.raises(InputError, match="at least 2 replicas"):
        bootstrap(roc_auc, LABEL, SCORE, n=1)
    with pytest.raises(InputError, match="groups must have"):
        bootstrap(roc_auc, LABEL, SCORE, groups=np.arange(7))
    with pytest.raises(InputError, match="pt must be finite"):
        evaluate_score(LABEL, SCORE, pt=pt[:7])
    with pytest.raises(InputError, match="event must have"):
        evaluate_score(LABEL, SCORE, pt=pt, event=np.arange(7))
    with pytest.raises(InputError, match="rising"):
        evaluate_score(LABEL, SCORE, pt=pt, pt_bins=(20, 10))


@pytest.mark.parametrize("module", ["metrics", "splits", "baseline", "plots"])
def test_import_is_light(module):
    code = (
        f"import sys, e2e_tf.training.{module}\n"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib', 'mplhep', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
