from __future__ import annotations

import json

import numpy as np
import pytest

from e2e_tf import InputError
from studies.detector import __main__ as command
from studies.detector.report import MEAN, judged, write_page
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
    with pytest.raises(
        InputError, match="detector_net, as it ships was judged on other jets than boosted trees"
    ):
        judged(tmp_path)


@pytest.mark.slow
def test_the_page_is_what_the_results_say(tmp_path):
    """Byte for byte, from a page without tables."""
    page = command.PAGE.read_text(encoding="utf-8")
    emptied, inside = [], False
    for line in page.splitlines(keepends=True):
        inside = inside and ": end -->" not in line
        if not inside:
            emptied.append(line)
        inside = inside or ": begin -->" in line
    assert len(emptied) < len(page.splitlines()) - 12
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector.md").write_text("".join(emptied), encoding="utf-8")
    write_page(json.loads(command.RESULTS.read_text("utf-8")), tmp_path / "detector.md")
    assert (tmp_path / "detector.md").read_text(encoding="utf-8") == page
    assert (tmp_path / "detector" / "roc.png").stat().st_size > 10_000
