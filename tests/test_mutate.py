"""tests/mutate.py: its bugs have their places, and a run says what the tests catch."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(ROOT / "tests"), *sys.path])
    spec = importlib.util.spec_from_file_location("mutate", ROOT / "tests" / "mutate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_bug_has_its_place_and_its_tests(mutate: ModuleType) -> None:
    assert mutate.misplaced() == []
    names = [mutation.name for mutation in mutate.MUTATIONS]
    assert len(set(names)) == len(names) >= 40
    parts = {tuple(mutation.file.split("/")[:2]) for mutation in mutate.MUTATIONS}
    assert {part for folder, part in parts if folder == "e2e_tf"} == {"models", "layers", "losses", "graph"}
    assert {part for folder, part in parts if folder == "deploy"} >= {"lowering", "cpp", "padded.py"}


def test_the_page_lists_every_bug(mutate: ModuleType) -> None:
    found = []
    for page in ("mutations.md", "reliability.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        found += re.findall(
            r"^\| `([\w/.]+)` \| (.+) \| (?:yes|NO|out of time) \|$", text, flags=re.MULTILINE
        )
    assert found == [(mutation.file, mutation.name) for mutation in mutate.MUTATIONS]


@pytest.fixture
def small(mutate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A tree of one function, with a bug that its test catches and one that it does not."""
    for folder in mutate.FOLDERS:
        (tmp_path / "root" / folder).mkdir(parents=True)
    root = tmp_path / "root"
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (root / "e2e_tf" / "__init__.py").write_text("")
    (root / "e2e_tf" / "area.py").write_text("def area(a, b):\n    return a * b  # m²\n")
    (root / "tests" / "test_area.py").write_text(
        "from e2e_tf.area import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
    )
    test = ("test_area.py",)
    bugs = (
        mutate.Mutation("a sum", "e2e_tf/area.py", (("a * b", "a + b"),), test),
        mutate.Mutation("another unit", "e2e_tf/area.py", (("m²", "cm²"),), test),
    )
    monkeypatch.setattr(mutate, "ROOT", root)
    monkeypatch.setattr(mutate, "RESULTS", root / "build" / "mutations.json")
    monkeypatch.setattr(mutate, "MUTATIONS", bugs)
    return mutate


def run(mutate: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mutate.py", *arguments])
        with pytest.raises(SystemExit) as stopped:
            mutate.main()
    return stopped.value.code, capsys.readouterr().out


def fake(mutate: ModuleType, monkeypatch: pytest.MonkeyPatch, ran: list[str]) -> None:
    """Tests as the mutated function says, without a process for each."""

    def run_tests(tree: Path, tests: tuple[str, ...], seconds: float, log: Path) -> int:
        assert tests == ("test_area.py",)
        text = (tree / "e2e_tf" / "area.py").read_text()
        ran.append(text)
        names: dict[str, object] = {}
        exec(text, names)
        return int(names["area"](2, 3) != 6)  # type: ignore[operator]

    monkeypatch.setattr(mutate, "run_tests", run_tests)


def test_results_are_kept_as_long_as_they_hold(
    small: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    fake(small, monkeypatch, ran)
    code, text = run(small, capsys, "--first", "1")
    assert code == 0
    assert "1 of 1 caught, 1 without a result" in text
    assert [("a + b" in one) for one in ran] == [False, True]  # first without a bug
    code, text = run(small, capsys)
    assert code == 1
    assert "1 of 2 caught, 0 without a result\nsurvived: another unit" in text
    assert ["cm²" in one for one in ran[2:]] == [False, True]
    code, text = run(small, capsys, "--table")
    assert "| `e2e_tf/area.py` | a sum | yes |\n| `e2e_tf/area.py` | another unit | NO |" in text
    assert len(ran) == 4
    (small.ROOT / "tests" / "test_area.py").write_text("def test_area():\n    pass\n")
    assert small.valid(small.read_results()) == {}


def test_tests_that_do_not_end_catch_nothing(
    small: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run_tests(tree: Path, tests: tuple[str, ...], seconds: float, log: Path) -> int:
        ran.append((tree / "e2e_tf" / "area.py").read_text())
        return int(small.OUT_OF_TIME if "a + b" in ran[-1] else small.PASSED)

    monkeypatch.setattr(small, "run_tests", run_tests)
    code, text = run(small, capsys, "--only", "a sum")
    assert code == 1
    assert "0 of 1 caught, 1 out of time, 1 without a result\nout of time: a sum\n" in text
    assert "| `e2e_tf/area.py` | a sum | out of time |" in run(small, capsys, "--table")[1]
    run(small, capsys, "--only", "a sum")
    assert ["a + b" in one for one in ran] == [False, True, False, True]  # run again


def test_a_bug_without_its_place_and_a_test_that_fails_anyway_end_the_run(
    small: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    fake(small, monkeypatch, ran)
    path = small.ROOT / "e2e_tf" / "area.py"
    path.write_text("def area(a, b):\n    return b * a  # m²\n")
    code, _ = run(small, capsys)
    assert "a sum: 0 times in e2e_tf/area.py: 'a * b'" in str(code)
    assert not ran
    path.write_text("def area(a, b):\n    return a * b * 2  # m²\n")
    monkeypatch.setattr(small, "run_tests", lambda tree, tests, seconds, log: log.write_text("no") and 1)
    code, _ = run(small, capsys)
    assert code == "the tests do not pass without a bug (status 1)"
