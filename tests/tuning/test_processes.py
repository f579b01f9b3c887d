from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from e2e_tf.tuning.processes import describe_exit


def test_why_a_process_ended():
    assert describe_exit(3) == "the process of the trial ended with status 3 and left no result"
    assert "signal 9 (SIGKILL); the kernel sends it when memory runs out" in describe_exit(-9)
    assert describe_exit(-11) == "the process of the trial was ended by signal 11 (SIGSEGV)"


SCRIPT = """
import os, sys, time
from pathlib import Path
import e2e_tf.tuning.trial
from e2e_tf.tuning import processes
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.objectives import make_objective

def busy(hypermodel, request):
    (request.part / "pid").write_text(f"{os.getpid()} {sys.modules.get('this') is not None}")
    if request.trial == "quick":
        os._exit(7)
    time.sleep(100)

processes.run_request = busy
nursery = processes.Nursery(lambda: None, ("this",))
folder = Path(sys.argv[1])
def request(name):
    (folder / name).mkdir()
    return e2e_tf.tuning.trial.Request(name, {}, folder / name, TuneConfig(), make_objective("val_auc"))
print("status", nursery.run(request("quick")))
count = []
print("ended", nursery.run(request("unwanted"), lambda: count.append(1) or len(count) < 3, every=0.1))
print("next", nursery.run(request("again"), lambda: False, every=0.5))
nursery.run(request("orphan"))
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that waits for its parent is as dead as can be.
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks")
def test_each_request_has_a_process_that_ends_with_the_search(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while not (tmp_path / "orphan" / "pid").exists() or not (tmp_path / "orphan" / "pid").read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    said = {name: (tmp_path / name / "pid").read_text().split() for name in ("quick", "unwanted", "orphan")}
    assert len({pid for pid, _ in said.values()}) == 3
    assert {preloaded for _, preloaded in said.values()} == {"True"}
    assert not alive(int(said["unwanted"][0]))
    orphan = int(said["orphan"][0])
    assert alive(orphan)
    process.kill()
    process.wait()
    while alive(orphan):
        assert time.monotonic() < end, "the trial outlived the search"
        time.sleep(0.02)
    assert process.stdout is not None
    out = process.stdout.read()
    assert "status 7" in out
    assert "ended None" in out
