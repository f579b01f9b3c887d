"""Parts that survive an interruption, and processes that none of their makers leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
from processes import alive, until

from e2e_tf import jobs
from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.jobs import describe_exit, import_quietly, may_fork, parts_folder, run_tasks

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks and reads /proc")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- parts


def interrupted(folder: Path, plan: dict, *parts: str) -> None:
    """A job that ends after these parts, while it writes another."""
    with pytest.raises(KeyboardInterrupt), parts_folder(folder, plan, "job", resume=True):
        for part in parts:
            (folder / part).write_text("done")
        (folder / ".next.part").write_text("half")
        raise KeyboardInterrupt


def test_the_folder_is_there_during_the_job(tmp_path):
    with parts_folder(tmp_path / "parts", {"n": 1}, "job") as folder:
        assert read_json(folder / "plan.json") == {"n": 1}
        (folder / "0").write_text("done")
    assert names(tmp_path) == []


def test_an_interrupted_job_goes_on_only_when_told(tmp_path):
    folder = tmp_path / "parts"
    interrupted(folder, {"n": 1}, "0", "1")
    message = f"{folder} holds an unfinished job; give --resume to go on, or --force to start anew"
    with pytest.raises(InputError, match=re.escape(message)), parts_folder(folder, {"n": 1}, "job"):
        pass
    with parts_folder(folder, {"n": 1}, "job", resume=True):
        assert names(folder) == ["0", "1", "plan.json"]  # without the half-written one
    assert not folder.exists()


def test_force_starts_anew_but_resume_goes_before_it(tmp_path):
    folder = tmp_path / "parts"
    interrupted(folder, {"n": 1}, "0")
    with pytest.raises(KeyError), parts_folder(folder, {"n": 1}, "job", resume=True, force=True):
        assert names(folder) == ["0", "plan.json"]
        raise KeyError
    with parts_folder(folder, {"n": 2}, "job", force=True):
        assert names(folder) == ["plan.json"]


@pytest.mark.parametrize("plan", ['{"n": 2}', "{", ""])
def test_parts_of_another_plan_are_not_taken_over(tmp_path, plan):
    folder = tmp_path / "parts"
    interrupted(folder, {"n": (1, 2)}, "0")
    with parts_folder(folder, {"n": (1, 2)}, "job", resume=True):  # lists and tuples are the same in JSON
        pass
    interrupted(folder, {"n": 1}, "0")
    (folder / "plan.json").write_text(plan)
    message = "holds an unfinished job of other inputs, settings or versions; repeat those, or give --force"
    with pytest.raises(InputError, match=message), parts_folder(folder, {"n": 1}, "job", resume=True):
        pass
    assert names(folder) == [".next.part", "0", "plan.json"]  # nothing was touched


def test_a_job_that_made_no_part_leaves_nothing(tmp_path):
    interrupted(tmp_path / "parts", {"n": 1})
    assert names(tmp_path) == []


def test_a_job_killed_before_its_first_part_may_be_another(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "plan.json").write_text("{")
    with parts_folder(tmp_path / "parts", {"n": 1}, "job", resume=True) as folder:
        assert read_json(folder / "plan.json") == {"n": 1}


# ---- worker processes


def square(x: int) -> int:
    if x < 0:
        raise InputError(f"{x} is negative")
    return x * x


def test_one_process_works_in_order_and_here():
    made = run_tasks(lambda x: (x, os.getpid()), [3, 1, 2])
    assert next(made) == (3, os.getpid())
    assert [x for x, _ in made] == [1, 2]
    assert list(run_tasks(square, [], 4)) == []


SPAWN = """
import os, sys, time
from e2e_tf.errors import InputError
from e2e_tf.jobs import run_tasks

def square(x):
    if x < 0:
        raise InputError(f"{x} is negative")
    if x == 99:
        os.kill(os.getpid(), 9)
    if x > 1000:
        open(f"{sys.argv[2]}/{x}", "w").write(str(os.getpid()))
        time.sleep(100)
    return x * x, os.getpid()

if __name__ == "__main__":
    tasks = [int(x) for x in sys.argv[1].split(",")]
    try:
        found = list(run_tasks(square, tasks, 2))
    except InputError as error:
        print("refused", error)
    else:
        print(sorted(x for x, _ in found), os.getpid() in {pid for _, pid in found})
"""


@pytest.fixture
def spawn(tmp_path):
    (tmp_path / "spawn.py").write_text(SPAWN)

    def start(tasks: str) -> subprocess.Popen:
        command = [sys.executable, str(tmp_path / "spawn.py"), tasks, str(tmp_path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    return start


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ("3,1,2,5", "[1, 4, 9, 25] False"),
        ("3,-4,2", "refused -4 is negative"),
        ("3,99,2", "refused a worker process was killed, perhaps for want of memory; --resume goes on"),
    ],
)
def test_workers_answer_refuse_or_die(spawn, tasks, said):
    out, _ = spawn(tasks).communicate(timeout=100)
    assert out.startswith(said)


@LINUX
def test_workers_end_with_a_killed_parent(spawn, tmp_path):
    process = spawn("1001,1002")
    files = [tmp_path / "1001", tmp_path / "1002"]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    process.kill()
    process.wait()
    workers = [int(file.read_text()) for file in files]
    until(lambda: not any(map(alive, workers)))


def test_dask_is_an_extra_and_its_scheduler_must_be_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=re.escape("install it with pip install 'e2e-tf[dask]'")):
        list(run_tasks(square, [1], scheduler="tcp://127.0.0.1:9"))


def test_why_a_process_ended():
    assert describe_exit(3) == "the process ended with status 3 and left no result"
    assert describe_exit(-11, "the trial") == "the trial was ended by signal 11 (SIGSEGV)"
    assert "signal 9 (SIGKILL); the kernel sends it when memory runs out" in describe_exit(-signal.SIGKILL)
    assert describe_exit(-250) == "the process was ended by signal 250 (unknown)"


# ---- a process per request


def test_threads_forbid_a_fork(monkeypatch):
    monkeypatch.setattr(jobs, "tensorflow_has_started", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert may_fork()
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert not may_fork()
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(jobs, "tensorflow_has_started", lambda: True)
    assert not may_fork()
    monkeypatch.setattr(jobs, "tensorflow_has_started", lambda: False)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not may_fork()


def test_what_an_import_says_is_shown_only_if_it_fails(tmp_path, monkeypatch, capfd):
    (tmp_path / "loud_module.py").write_text("import os; os.write(2, b'remark')")
    (tmp_path / "broken_module.py").write_text("import os; os.write(2, b'reason'); raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    import_quietly(["loud_module"])
    assert "loud_module" in sys.modules
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError):
        import_quietly(["broken_module"])
    assert capfd.readouterr().err == "reason"


SERVER = """
import os, sys, time
from pathlib import Path
from types import ModuleType
from e2e_tf.errors import InputError
from e2e_tf.jobs import ForkServer

folder = Path(sys.argv[1])

def busy(made, request):
    (folder / request).write_text(f"{os.getpid()} {made} {'colorsys' in sys.modules}")
    if request == "quick":
        os._exit(7)
    if request != "done":
        time.sleep(100)

def refuse(request, message):
    (folder / request).write_text(message)

def broken():
    raise InputError("nothing can be made")

with ForkServer(broken, busy, refuse) as server:
    print("refused", server.run("never", every=0.1), server.alive)
server = ForkServer(lambda: "made", busy, refuse, ("colorsys", "no_such_module"))
print("done", server.run("done"))
print("quick", server.run("quick"))
count = []
print("unwanted", server.run("unwanted", lambda: count.append(1) or len(count) < 3, every=0.1))
print("again", server.run("again", lambda: False, every=0.5))
sys.stdout.flush()
server.run("orphan")
"""


@LINUX
def test_each_request_has_a_process_that_ends_with_the_owner_of_the_server(tmp_path):
    (tmp_path / "server.py").write_text(SERVER)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "server.py"), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    orphan = tmp_path / "orphan"
    until(lambda: orphan.exists() and orphan.read_text())
    said = {name: (tmp_path / name).read_text().split() for name in ("done", "quick", "unwanted", "orphan")}
    assert len({words[0] for words in said.values()}) == 4
    assert {" ".join(words[1:]) for words in said.values()} == {"made True"}
    assert (tmp_path / "never").read_text() == "nothing can be made"
    assert not alive(int(said["unwanted"][0]))
    assert alive(int(said["orphan"][0]))
    process.kill()
    process.wait()
    until(lambda: not alive(int(said["orphan"][0])))
    assert process.stdout is not None
    assert process.stdout.read().split("\n")[:5] == [
        "refused 0 True",
        "done 0",
        "quick 7",
        "unwanted None",
        "again None",
    ]


@pytest.mark.parametrize("program", [None, "<stdin>", __file__])
def test_a_program_that_is_no_file_is_not_run_again(monkeypatch, program):
    """As of python - < program.py: a process that is spawned would look for a file <stdin>."""
    main = ModuleType("__main__")
    if program is not None:
        main.__file__ = program
    monkeypatch.setitem(sys.modules, "__main__", main)
    with jobs._main_that_exists():
        assert getattr(main, "__file__", None) == (program if program == __file__ else None)
    assert getattr(main, "__file__", None) == program
