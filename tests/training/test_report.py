from __future__ import annotations

from e2e_tf.training.report import metrics_table

PART = {
    "signal": 10,
    "background": 20,
    "auc": {"value": 0.9512, "error": 0.0046},
    "rejection": [
        {"efficiency": 0.7, "value": 84.0, "error": 11.0, "is_limit": False},
        {"efficiency": 0.9, "value": 120.3, "error": None, "is_limit": True},
    ],
}
METRICS = {
    "jets": {"test": 30},
    "pt_reweighted": True,
    "classifiers": {
        "gat_cheb": {
            "overall": PART,
            "pt_bins": [
                {"low": low, "high": 2 * low, "auc": None, "rejection": None, **jets}
                for low, jets in (
                    (10, {"signal": 0, "background": 9}),
                    (20, {"signal": 0, "background": 0}),
                    (40, {"signal": 3, "background": 5}),
                )
            ],
        }
    },
    "outputs": {
        "mode": {
            "kind": "multiclass",
            "jets": 12,
            "auc": {"0": {"value": 0.8, "error": 0.1}},
            "confusion": [[1]],
        },
        "empty": {"kind": "regression", "jets": 0},
    },
}


def cells(text, word):
    (line,) = [line for line in text.splitlines() if word in line]
    return [cell.strip() for cell in line.replace("┃", "│").split("│")]


def test_tables(capsys):
    metrics_table(METRICS)
    text = capsys.readouterr().out
    assert "Test part, 30 jets, background weighted to the signal's pT spectrum" in text
    assert {"1/ε_B at 70%", "1/ε_B at 90%"} <= set(cells(text, "classifier"))
    assert {"all", "0.9512 ± 0.0046", "84 ± 11", "> 120"} <= set(cells(text, "gat_cheb"))
    assert cells(text, "10-20")[3:6] == ["no signal", "-", "-"]
    assert cells(text, "20-40")[3:6] == ["no jets", "-", "-"]
    assert cells(text, "40-80")[3:6] == ["-", "-", "-"]
    assert {"mode", "12", "ROC-AUC of 0", "0.80 ± 0.10"} <= set(cells(text, "ROC-AUC of"))
    assert "-" in cells(text, "empty")


def test_no_weight_makes_up_for_absent_background(capsys):
    bare = {"low": 20, "high": 40, "signal": 3, "background": 0, "auc": None, "rejection": None}
    metrics_table(METRICS | {"classifiers": {"gat_cheb": {"overall": PART, "pt_bins": [bare]}}})
    text = capsys.readouterr().out
    assert "background weighted to the signal's pT spectrum, where it has jets" in " ".join(text.split())
    assert cells(text, "20-40")[3] == "no background"


def test_outputs_alone(capsys):
    metrics_table(METRICS | {"classifiers": {}})
    text = capsys.readouterr().out
    assert "Outputs, test part, 30 jets" in text
    assert "classifier" not in text
