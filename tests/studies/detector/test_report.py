from __future__ import annotations

import numpy as np
import pytest

from e2e_tf import InputError
from studies.detector.report import MEAN, judged
from studies.detector.rows import REFERENCE, SHIPPED
from studies.detector.training import score_path

NAMES = (REFERENCE, SHIPPED)


def write_scores(folder, name, strength, events=None):
    rng = np.random.default_rng(1)
    label = np.arange(4000) % 2
    score = 1 / (1 + np.exp(-(strength * (2 * label - 1) + rng.normal(size=4000))))
    path = score_path(folder, name, 1)
    path.parent.mkdir(exist_ok=True)
    event = np.arange(4000) // 2 if events is None else events
    values = {"label": label, "weight": np.ones(4000), "event": event, "pt": rng.uniform(10, 50, 4000)}
    np.savez(path, score=score, trained=100 if strength else 50, **values)


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


def test_other_jets_are_refused(tmp_path):
    with pytest.raises(InputError, match="there are no scores of boosted trees, detector objects"):
        judged(tmp_path)
    write_scores(tmp_path, NAMES[0], 1.0)
    write_scores(tmp_path, NAMES[1], 1.0, events=np.arange(4000)[::-1] // 2)
    with pytest.raises(InputError, match="groups, as it ships was judged on other jets than boosted trees"):
        judged(tmp_path)
