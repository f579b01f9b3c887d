import numpy as np
import pytest
from pictures import QUICK, check_png, legends_below, toy_scores

from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle
from e2e_tf.training.metrics import background_rejection, roc_auc
from e2e_tf.training.roc_plot import plot_roc


def test_roc(tmp_path, drawn):
    label, score = toy_scores()
    weight = np.where(label == 1, 1.0, 0.5)
    path = tmp_path / "roc.png"
    plot_roc(
        {"graph": (label, score, None), "trees": (label, score**2 * (score > 0.3), weight)},
        path,
        events={"graph": np.arange(2000) // 2},
        bootstraps=20,
        reference="trees",
        style=PlotStyle("Toy", energy=14, formats=(), dpi=80),
    )
    check_png(path, 867)
    axes, ratios = drawn[0].axes
    assert {"Toy", "Simulation", "14 TeV", "Tight", "Medium", "Loose"} <= {t.get_text() for t in axes.texts}
    assert axes.get_yscale() == "log"
    (entries,) = legends_below(drawn[0])
    assert entries[0].startswith(f"graph (AUC {roc_auc(label, score):.3f} ± 0.0")
    assert entries[1].startswith("trees (AUC ")
    assert len(axes.collections) == 2  # a band each
    assert len({line.get_linestyle() for line in axes.lines[:2]}) == 2  # told apart without colours
    assert axes.get_ylim()[1] == pytest.approx(2 * max(line.get_ydata().max() for line in axes.lines[:2]))
    x, y = axes.lines[0].get_data()
    at = np.argmin(np.abs(x - 0.7))
    assert y[at] == pytest.approx(background_rejection(label, score, x[at]).value)
    # The ratio is that of the two curves, at the same efficiency, and 1 for the reference.
    lines = [line for line in ratios.lines if line.get_linestyle() != ":" and len(line.get_xdata()) > 2]
    trees = axes.lines[1].get_data()
    common, mine, theirs = np.intersect1d(x, trees[0], return_indices=True)
    np.testing.assert_array_equal(lines[0].get_xdata(), common)
    np.testing.assert_allclose(lines[0].get_ydata(), y[mine] / trees[1][theirs])
    np.testing.assert_array_equal(lines[1].get_ydata(), 1.0)
    assert [line.get_linestyle() for line in lines] == [line.get_linestyle() for line in axes.lines[:2]]
    assert ratios.get_ylabel() == "Ratio to\ntrees"
    assert ratios.get_xlim() == axes.get_xlim()
    # Lines at the working points in both frames.
    for frame in (axes, ratios):
        marks = {float(line.get_xdata()[0]) for line in frame.lines if len(set(line.get_xdata())) == 1}
        assert marks == {0.5, 0.7, 0.9}
    # The first point is where at least one background jet passes.
    assert y.max() <= np.count_nonzero(label == 0) * (1 + 1e-9)


def test_long_names_are_written_in_smaller_letters_and_take_nothing_from_the_frames(tmp_path, drawn):
    label, score = toy_scores()
    names = [f"boosted trees, trained on some thousand jets and then compared, {i}" for i in range(6)]
    for listed in (names, names[:2]):
        plot_roc(
            {name: (label, score, None) for name in listed}, tmp_path / "roc.png", bootstraps=0, style=QUICK,
            force=True,
        )  # fmt: skip
    long, short = drawn
    assert [len(entries) for figure in drawn for entries in legends_below(figure)] == [7, 3]
    assert long.legends[0].get_texts()[0].get_fontsize() < 16
    assert long.axes[0].bbox.height == pytest.approx(short.axes[0].bbox.height, rel=0.05)
    assert long.axes[1].get_yscale() == "linear"


def test_ratios_far_from_one_are_read_on_a_logarithmic_axis(tmp_path, drawn):
    label, score = toy_scores(shift=4.0)
    curves = {"good": (label, score, None), "bad": (label, toy_scores(shift=0.1)[1], None)}
    plot_roc(curves, tmp_path / "roc.png", bootstraps=0, style=QUICK)
    ratios = drawn[0].axes[1]
    assert ratios.get_yscale() == "log"
    low, high = ratios.get_ylim()
    formatted = ratios.yaxis.get_major_formatter()
    shown = [formatted(place) for place in ratios.get_yticks() if low <= place <= high]
    assert {"0.1", "1"} <= set(shown)
    assert not any("10^" in text for text in shown)


def test_roc_without_bands(tmp_path, drawn):
    plot_roc({"graph": (*toy_scores(), None)}, tmp_path / "roc.png", bootstraps=0, style=QUICK)
    assert "±" not in legends_below(drawn[0])[0][0]
    assert not drawn[0].axes[0].collections


def test_fluctuations_of_the_same_jets_cancel_in_the_ratio(tmp_path, drawn):
    label, score = toy_scores()
    almost = np.clip(score + np.where(np.arange(2000) % 50 == 0, 0.02, 0.0), 0, 1)
    plot_roc(
        {"a": (label, score, None), "b": (label, almost, None)}, tmp_path / "roc.png", bootstraps=20,
        style=QUICK,
    )  # fmt: skip
    (band,) = drawn[0].axes[1].collections
    curve = drawn[0].axes[0].collections[1]

    def width(band):
        """The largest height of a band over its middle, at signal efficiencies around 0.7."""
        x, y = band.get_paths()[0].vertices.T
        near = np.abs(x - 0.7) < 0.02
        return (y[near].max() - y[near].min()) / y[near].mean()

    assert width(band) < 0.5 * width(curve)


def test_one_curve_has_no_panel_of_ratios(tmp_path, drawn):
    label, _ = toy_scores(50)
    perfect = (label, label.astype(float), None)
    plot_roc({"perfect": perfect}, tmp_path / "roc.png", points={}, style=QUICK)
    assert len(drawn[0].axes) == 1
    assert legends_below(drawn[0])[0][0] == "perfect (AUC 1.000), no background passes"


def test_unusable_input_leaves_no_file(tmp_path):
    label, score = toy_scores(50)
    path = tmp_path / "no.png"
    curve = (label, score, None)
    for message, call in (
        ("at least one curve", lambda: plot_roc({}, path, style=QUICK)),
        ("NaN", lambda: plot_roc({"a": (label, np.full(50, np.nan), None)}, path, style=QUICK)),
        (
            "reference must be one of a, b, not 'c'",
            lambda: plot_roc({"a": curve, "b": curve}, path, reference="c", style=QUICK),
        ),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert list(tmp_path.iterdir()) == []
