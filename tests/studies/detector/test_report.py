from __future__ import annotations

import numpy as np
import pytest

from e2e_tf import InputError
from studies.detector.report import LARGER_MEAN, MEAN, judged, learning_table, main_table
from studies.detector.rows import GROUPS, LARGER_OF_JETS, LARGER_REFERENCE, REFERENCE, SHIPPED
from studies.detector.training import score_path

NAMES = (REFERENCE, GROUPS)


def write_scores(folder, name, strength, events=None, trained=100):
    rng = np.random.default_rng(1)
    label = np.arange(4000) % 2
    score = 1 / (1 + np.exp(-(strength * (2 * label - 1) + rng.normal(size=4000))))
    path = score_path(folder, name, 1)
    path.parent.mkdir(exist_ok=True)
    event = np.arange(4000) // 2 if events is None else events
    values = {"label": label, "weight": np.ones(4000), "event": event, "pt": rng.uniform(10, 50, 4000)}
    np.savez(path, score=score, trained=trained, **values)


def test_rows_are_compared_with_the_trees_on_the_same_jets(tmp_path):
    write_scores(tmp_path, NAMES[0], 1.0)
    write_scores(tmp_path, NAMES[1], 1.3)
    found = judged(tmp_path)
    assert list(found) == [*NAMES, MEAN]
    trees, wide = (found[name] for name in NAMES)
    area = {name: found[name]["overall"]["auc"]["value"] for name in NAMES}
    assert area[REFERENCE] == pytest.approx(0.921, abs=0.01)  # of two normal distributions 2 apart: Φ(2 / √2)
    assert wide["auc_difference"]["value"] == pytest.approx(area[NAMES[1]] - area[REFERENCE], abs=1e-9)
    assert trees["auc_difference"]["value"] == 0
    # Both scores have the same noise, so that most of the errors cancels.
    apart = np.hypot(*(found[name]["overall"]["auc"]["error"] for name in NAMES))
    assert 0 < wide["auc_difference"]["error"] < 0.5 * apart
    ratio = wide["rejection_ratio"][1]
    rejections = [found[name]["overall"]["rejection"][1]["value"] for name in NAMES]
    assert ratio["efficiency"] == 0.7
    assert ratio["value"] == pytest.approx(rejections[1] / rejections[0], rel=1e-6)


def test_rows_with_more_jets_are_compared_with_trees_that_had_them(tmp_path):
    write_scores(tmp_path, REFERENCE, 1.0)
    write_scores(tmp_path, SHIPPED, 1.4, trained=200)
    with pytest.raises(InputError, match=f"there are no scores of {LARGER_REFERENCE}"):
        judged(tmp_path)
    write_scores(tmp_path, LARGER_REFERENCE, 1.2, trained=200)
    write_scores(tmp_path, LARGER_OF_JETS, 1.1, trained=200)
    found = judged(tmp_path)
    assert list(found) == [REFERENCE, LARGER_REFERENCE, LARGER_OF_JETS, SHIPPED, LARGER_MEAN]
    rejection = {name: one["overall"]["rejection"][1]["value"] for name, one in found.items()}
    ratio = found[SHIPPED]["of_jets"]["rejection_ratio"][1]["value"]
    assert ratio == pytest.approx(rejection[SHIPPED] / rejection[LARGER_OF_JETS], rel=1e-6)
    assert "of_jets" not in found[REFERENCE]
    assert main_table(found, LARGER_REFERENCE)[4].endswith(
        f"| {ratio:.2f} ± {found[SHIPPED]['of_jets']['rejection_ratio'][1]['error']:.2f} |"
    )
    area = {name: one["overall"]["auc"]["value"] for name, one in found.items()}
    for name in (SHIPPED, LARGER_MEAN):
        change = area[name] - area[LARGER_REFERENCE]
        assert found[name]["auc_difference"]["value"] == pytest.approx(change, abs=1e-9)
        assert found[name]["trained"] == 200
    assert found[LARGER_REFERENCE]["auc_difference"]["value"] == 0
    rows = [line.split(" | ")[0].strip("| ") for line in main_table(found, LARGER_REFERENCE)[2:]]
    assert rows == [LARGER_REFERENCE, LARGER_OF_JETS, SHIPPED, LARGER_MEAN]
    assert [line.split(" | ")[0].strip("| ") for line in main_table(found)[2:]] == [REFERENCE]
    assert [line.split(" | ")[1] for line in learning_table(found)[2:]] == ["100", "200"]  # of the trees


def test_other_jets_are_refused(tmp_path):
    with pytest.raises(InputError, match="there are no scores of boosted trees, detector objects"):
        judged(tmp_path)
    write_scores(tmp_path, NAMES[0], 1.0)
    write_scores(tmp_path, NAMES[1], 1.0, events=np.arange(4000)[::-1] // 2)
    with pytest.raises(InputError, match="masses of groups was judged on other jets than boosted trees"):
        judged(tmp_path)
