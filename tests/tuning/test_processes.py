from __future__ import annotations

import subprocess
import sys

import pytest

from e2e_tf.files import read_json

SCRIPT = """
import sys
from pathlib import Path
from e2e_tf.errors import InputError
from e2e_tf.tuning import processes
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.objectives import make_objective
from e2e_tf.tuning.trial import Request

class Model:
    warm = False

    def warm_up(self):
        self.warm = True

def told(hypermodel, request):
    (request.part / "told").write_text(f"{request.trial} {hypermodel.warm}")

def refused():
    raise InputError("the sweep is of another model")

processes.run_request = told
for make in (Model, refused):
    part = Path(sys.argv[1], make.__name__)
    part.mkdir()
    with processes.trial_server(make) as server:
        request = Request("0007", {}, part, TuneConfig(), make_objective("val_auc"))
        print(server.run(request, every=0.1))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks")
def test_a_trial_runs_with_the_warm_hypermodel_or_is_refused(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.split() == ["0", "0"], done.stderr
    assert (tmp_path / "Model" / "told").read_text() == "0007 True"
    assert read_json(tmp_path / "refused" / "refused.json") == {"message": "the sweep is of another model"}
