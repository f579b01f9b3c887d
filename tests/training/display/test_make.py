from __future__ import annotations

import json
import re

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.training.display.make import display
from e2e_tf.training.prepare import prepare_run
from e2e_tf.training.run import open_run


def shown(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 5e6
    assert not re.findall(r"(?:src|href)='(?!#|data:)", text)
    return json.loads(re.findall(r"<script type='application/json'>(\[.*?)</script></div>", text)[0])


def test_a_run(trained, tmp_path):
    assert display(trained, tmp_path / "page.html", jets=4) == 4
    jets = shown(tmp_path / "page.html")
    assert [jet["title"].partition(",")[0] for jet in jets] == ["signal", "background"] * 2
    test = prepare_run(open_run(trained)).test.jets
    assert f"event {test.event[np.flatnonzero(test.label == 1)[0]]}, " in jets[0]["facts"]
    assert all(0 < float(jet["title"].split()[-1]) < 1 for jet in jets)
    weights = next(iter(jets[0]["attention"].values()))
    assert len(weights) == len(jets[0]["senders"])


def test_a_file(tau_folder, tmp_path):
    assert (
        display(tau_folder / "tau.h5", tmp_path / "page.html", jets=3, nodes="candidates", graph="knn:2") == 3
    )
    jets = shown(tmp_path / "page.html")
    assert jets[0]["title"] == "signal"
    assert jets[0]["attention"] == {}
    nodes, edges = len(jets[0]["places"]), len(jets[0]["senders"])
    assert edges == nodes * min(2, nodes - 1)


def test_what_is_refused(trained, tau_folder, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        display(trained, page)
    assert page.read_text() == "mine"
    with pytest.raises(InputError, match="at least 1 jet, not 0"):
        display(trained, tmp_path / "new.html", jets=0)
    with pytest.raises(InputError, match="give the file alone"):
        display(tau_folder / "tau.h5", tmp_path / "new.html", sample="tau")
    assert not (tmp_path / "new.html").exists()
