"""Puts plausible bugs into a copy of the tree, one at a time, and says which ones the tests catch.

    .venv/bin/python tests/mutate.py                  # those that have no result yet, from any folder
    .venv/bin/python tests/mutate.py --only gat_cheb  # those whose name has this in it
    .venv/bin/python tests/mutate.py --table          # the results so far as a table of Markdown

The bugs are those of ``tests/mutations.py`` and ``tests/mutations_deploy.py``. Each runs the tests that should catch
it, and these only, in a process that ends after ``--seconds``; first the tests run without any bug, and must pass.
Results are kept in ``build/mutations.json`` and hold as long as the bug, its file and its tests stay as they are: a run
that was stopped goes on. Tests that were ended by their limit have neither caught a bug nor missed it: they are listed
as such, and run again the next time. A bug whose place is no longer found ends the run before it starts. The exit
status is 1 if a bug was not caught.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from mutations import MUTATIONS as MODELS  # noqa: E402
from mutations import Mutation  # noqa: E402
from mutations_deploy import DEPLOY  # noqa: E402

MUTATIONS = (*MODELS, *DEPLOY)
RESULTS = ROOT / "build" / "mutations.json"
FOLDERS = ("e2e_tf", "tuning", "deploy", "tests")
PASSED, FAILED, NO_TESTS, OUT_OF_TIME = 0, 1, 5, -1
YES, NO, NO_TIME = "yes", "NO", "out of time"
CAUGHT = {FAILED: YES, PASSED: NO, OUT_OF_TIME: NO_TIME}  # by pytest's exit status


def misplaced() -> list[str]:
    """Bugs whose text is not found exactly once in its file, or whose tests do not exist."""
    wrong = []
    for mutation in MUTATIONS:
        text = (ROOT / mutation.file).read_text(encoding="utf-8") if (ROOT / mutation.file).is_file() else ""
        for old, _ in mutation.edits:
            if text.count(old) != 1:
                wrong.append(f"{mutation.name}: {text.count(old)} times in {mutation.file}: {old!r}")
        files = [test.split("::")[0] for test in mutation.tests]
        wrong += [f"{mutation.name}: no tests/{f}" for f in files if not (ROOT / "tests" / f).is_file()]
    return wrong


def key(mutation: Mutation, root: Path) -> str:
    """What a result depends on: the bug, its file and its tests, as they are in the tree at ``root``."""
    parts = [repr(mutation), (root / mutation.file).read_text(encoding="utf-8")]
    files = sorted({test.split("::")[0] for test in mutation.tests})
    parts += [(root / "tests" / file).read_text(encoding="utf-8") for file in files]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def copy_tree(target: Path) -> None:
    """What the tests of layers, models, losses and graphs need."""
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("bundles", "build", "*.so", "shared")
        shutil.copytree(ROOT / folder, target / folder, ignore=ignored)
    for folder in (
        "tuning",
        "deploy",
    ):  # import as parts of e2e_tf, which an editable install finds elsewhere
        (target / "e2e_tf" / folder).symlink_to(target / folder)
    shutil.copy(ROOT / "pyproject.toml", target)


def run_tests(tree: Path, tests: tuple[str, ...], seconds: float, log: Path) -> int:
    """pytest's exit status in a child that imports the package from the copy, or OUT_OF_TIME.

    The child is a fork: TensorFlow is imported once, here, and has computed nothing yet.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)  # of the processes that tests start
        fetched = ROOT / "deploy" / "cpp" / "build" / "headers" / "usr"
        if fetched.is_dir():  # headers that 'make cpp' fetched
            os.environ.setdefault("ONNXRUNTIME_ROOT", str(fetched))
        sys.path.insert(0, str(tree))
        status = 4
        try:
            import pytest

            for module in ("e2e_tf", "e2e_tf.deploy"):
                found = importlib.util.find_spec(module)
                assert found is None or Path(str(found.origin)).is_relative_to(tree), found
            paths = [str(tree / "tests" / test) for test in tests]
            status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", f"--rootdir={tree}", *paths]))
        finally:
            sys.stdout.flush()
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return OUT_OF_TIME


def read_results() -> dict[str, dict[str, object]]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}


def write_results(results: dict[str, dict[str, object]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    part = RESULTS.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1), encoding="utf-8")
    part.replace(RESULTS)


def valid(results: dict[str, dict[str, object]]) -> dict[str, str]:
    """Whether each bug was caught, a value of CAUGHT, of results that still hold."""
    return {
        mutation.name: CAUGHT[int(str(results[mutation.name]["status"]))]
        for mutation in MUTATIONS
        if results.get(mutation.name, {}).get("key") == key(mutation, ROOT)
    }


def table(caught: dict[str, str]) -> str:
    """In the order of tests/mutations.py, then of tests/mutations_deploy.py."""
    rows = ["| file | bug | caught |", "| --- | --- | --- |"]
    known = [mutation for mutation in MUTATIONS if mutation.name in caught]
    rows += [f"| `{m.file}` | {m.name} | {caught[m.name]} |" for m in known]
    return "\n".join(rows)


def report(caught: dict[str, str]) -> int:
    """Print how many were caught; 1 if one was not, or its tests did not end."""
    words = list(caught.values())
    late = f"{words.count(NO_TIME)} out of time, " if NO_TIME in words else ""
    print(
        f"{words.count(YES)} of {len(caught)} caught, {late}{len(MUTATIONS) - len(caught)} without a result"
    )
    for name, word in caught.items():
        if word != YES:
            print(f"{'survived' if word == NO else word}: {name}")
    return 0 if words.count(YES) == len(caught) else 1


def run_all(chosen: list[Mutation], seconds: float) -> None:
    """Run each bug in one copy of the tree, after the tests without any."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree, log = Path(folder, "tree"), Path(folder, "log")
        copy_tree(tree)
        tests = tuple(sorted({test for mutation in chosen for test in mutation.tests}))
        print(f"{len(chosen)} bugs; first their {len(tests)} tests without any", flush=True)
        status = run_tests(tree, tests, seconds * max(4, len(tests) / 2), log)
        if status != PASSED:
            print(log.read_text(errors="replace")[-4000:])
            sys.exit(f"the tests do not pass without a bug (status {status})")
        for mutation in chosen:
            path = tree / mutation.file
            before = path.read_text(encoding="utf-8")
            after = before
            for old, new in mutation.edits:
                after = after.replace(old, new)
            path.write_text(after, encoding="utf-8")
            start = time.monotonic()
            status = run_tests(tree, mutation.tests, seconds, log)
            path.write_text(before, encoding="utf-8")
            if status not in (PASSED, FAILED, OUT_OF_TIME):  # no test ran: nothing is known
                print(log.read_text(errors="replace")[-4000:])
                sys.exit(f"{mutation.name}: pytest ended with status {status}")
            found = {"key": key(mutation, tree), "status": status}
            write_results(read_results() | {mutation.name: found})  # read anew: other runs may have written
            word = {YES: "caught", NO: "SURVIVED"}.get(CAUGHT[status], CAUGHT[status])
            print(f"{word:11} {time.monotonic() - start:5.0f} s  {mutation.name}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="names or files with this in them")
    parser.add_argument("--again", action="store_true", help="also those that have a result")
    parser.add_argument("--first", type=int, help="at most so many")
    parser.add_argument("--seconds", type=float, default=300, help="limit of one bug's tests")
    parser.add_argument("--table", action="store_true", help="print the results, run nothing")
    options = parser.parse_args()
    wrong = misplaced()
    if wrong:
        sys.exit("\n".join(["tests/mutations.py has to follow the sources:", *wrong]))
    caught = valid(read_results())
    if options.table:
        wanted = {m.name for m in MUTATIONS if options.only in m.name or options.only in m.file}
        caught = {name: word for name, word in caught.items() if name in wanted}
        print(table(caught))
        sys.exit(report(caught))
    chosen = [m for m in MUTATIONS if options.only in m.name or options.only in m.file]
    done = {name for name, word in caught.items() if word != NO_TIME}
    chosen = [m for m in chosen if options.again or m.name not in done][: options.first]
    if chosen:
        run_all(chosen, options.seconds)
    sys.exit(report(valid(read_results())))


if __name__ == "__main__":
    main()
