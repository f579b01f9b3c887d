import numpy as np
import pytest
from pictures import QUICK, check_legend, check_png, legend, legends_below, toy_scores

from e2e_tf.errors import InputError
from e2e_tf.training.plots import plot_efficiency, plot_history, plot_scores


def test_scores(tmp_path, drawn):
    label, score = toy_scores()
    path = tmp_path / "scores.png"
    plot_scores(label, score, path, weight=np.full(2000, 3.0), bins=20, names=("Jets", "Taus"), style=QUICK)
    check_png(path)
    (axes,) = drawn[0].axes
    assert legend(axes) == ["Jets", "Taus"]
    for patch, value in zip(axes.patches, (0, 0, 1, 1), strict=True):  # area and outline of each class
        data = patch.get_data()
        assert np.sum(data.values * np.diff(data.edges)) == pytest.approx(1)
        expected = np.histogram(score[label == value], np.linspace(0, 1, 21), density=True)[0]
        np.testing.assert_allclose(data.values, expected)


def test_efficiency(tmp_path, drawn):
    # 10-20 GeV: 3 of 4 signal and 1 of 4 background jets pass; 20-50 GeV: 2 of 2 and 0 of 2.
    pt = np.array([12, 13, 14, 15, 12, 13, 14, 15, 30, 30, 30, 30.0])
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0])
    passed = np.array([1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0], bool)
    path = tmp_path / "efficiency.png"
    plot_efficiency(pt, label, {"Medium": passed}, path, bins=(10, 20, 50, 60), style=QUICK)
    check_png(path)
    upper, lower = drawn[0].axes
    signal = upper.containers[0]
    np.testing.assert_allclose(signal.lines[0].get_xydata(), [[15, 0.75], [35, 1]])
    np.testing.assert_allclose(lower.containers[0].lines[0].get_ydata(), [0.25, 0])
    # Clopper-Pearson, 68.27 %: n of n has the lower end (0.1587)^(1/n), 0 of n the upper end 1 minus that.
    end = 0.158655**0.5
    bars = signal.lines[2][1].get_segments()
    np.testing.assert_allclose(bars[1][:, 1], [end, 1], rtol=1e-3)
    open_triangle = next(line for line in lower.lines if line.get_marker() == "v")
    np.testing.assert_allclose(open_triangle.get_xydata(), [[35, 1 - end]], rtol=1e-3)


def test_efficiency_of_several_taggers(tmp_path, drawn):
    label, score = toy_scores()
    pt = np.random.default_rng(1).uniform(10, 50, 2000)
    path = tmp_path / "efficiency.png"
    passed = {"A tagger with a long name, 70 %": score > 0.3, "Another with a longer name, 90 %": score > 0.9}
    plot_efficiency(pt, label, passed, path, style=QUICK)
    check_png(path)
    assert legend(drawn[0].axes[0]) == list(passed)
    check_legend(drawn[0].axes[0], 1)
    plot_efficiency(pt, label, score > 0.3, tmp_path / "alone.png", style=QUICK)
    assert drawn[1].axes[0].get_legend() is None
    first, alone = (figure.axes[0].containers[0].lines[0].get_ydata() for figure in drawn)
    np.testing.assert_array_equal(first, alone)


@pytest.mark.parametrize("epochs", [1, 2, 100])
def test_history(tmp_path, drawn, epochs):
    steps = np.arange(epochs)
    history = {
        "loss": np.exp(-steps / 5).tolist(),
        "val_loss": (np.exp(-steps / 5) + steps / 50).tolist(),
        "auc": (1 - 0.4 * np.exp(-steps / 5)).tolist(),
        "val_auc": (0.98 - 0.4 * np.exp(-steps / 5)).tolist(),
        "learning_rate": [1e-3] * epochs,
    }
    path = tmp_path / "history.png"
    kept = min(1, epochs - 1)  # by the AUC, say: the loss has its smallest value elsewhere
    plot_history(history, path, kept=kept, style=QUICK)
    check_png(path)
    loss, auc = drawn[0].axes
    assert (loss.get_ylabel(), auc.get_ylabel()) == ("Loss", "AUC")
    assert legends_below(drawn[0])[0] == ["Training", "Validation", f"Kept epoch ({kept + 1})"]
    for axes in (loss, auc):
        assert set(axes.lines[-1].get_xdata()) == {kept + 1}
    np.testing.assert_array_equal(auc.lines[1].get_ydata(), history["val_auc"])
    assert all(tick == round(tick) for tick in auc.get_xticks())


def test_history_of_the_loss_alone(tmp_path, drawn):
    plot_history({"loss": [1.0, 0.5, 0.3]}, tmp_path / "history.png", style=QUICK)
    check_png(tmp_path / "history.png")
    assert len(drawn[0].axes) == 1


def test_unusable_input_leaves_no_file(tmp_path):
    label, score = toy_scores(50)
    path = tmp_path / "no.png"
    for message, call in (
        ("holds no signal", lambda: plot_scores(label * 0, score, path, style=QUICK)),
        ("one entry per jet", lambda: plot_efficiency(score, label, {"a": score[1:] > 0}, path, style=QUICK)),
        ("at least one decision", lambda: plot_efficiency(score, label, {}, path, style=QUICK)),
        ("rising", lambda: plot_efficiency(score, label, {"a": score > 0}, path, bins=(2, 1), style=QUICK)),
        ("needs 'loss'", lambda: plot_history({"auc": [0.5]}, path, style=QUICK)),
        ("equally long", lambda: plot_history({"loss": [1.0], "val_loss": [1.0, 2.0]}, path, style=QUICK)),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert list(tmp_path.iterdir()) == []
