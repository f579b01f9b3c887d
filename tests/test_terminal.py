from __future__ import annotations

import os
import subprocess
import sys

import pytest

from e2e_tf import terminal


def test_results_go_to_standard_output_and_are_not_wrapped(capfd):
    terminal.say("x" * 300)
    out, err = capfd.readouterr()
    assert out == "x" * 300 + "\n"
    assert err == ""
    assert terminal.output().width == 110


def test_square_brackets_of_names_are_printed(capfd, monkeypatch):
    """They are no markup: not on either stream, nor in a table or on a terminal."""
    from rich.table import Table

    monkeypatch.setattr(terminal, "_console", None)
    name = "[ab] tau[red].h5 [/x] pt [GeV]"
    terminal.say(name)
    terminal.console().print(name)
    table = Table(title=name)
    table.add_column(name)
    table.add_row(name)
    terminal.output().print(table)
    with terminal.status(name):
        pass
    out, err = capfd.readouterr()
    assert out.count(name) == 4
    assert err.count(name) == 2
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "_console", None)
    terminal.console().width = 120
    with terminal.status(name):
        pass
    assert list(terminal.track(range(2), name)) == [0, 1]
    assert terminal.console().is_terminal
    assert capfd.readouterr().err.count(name) >= 3


def test_progress_goes_to_standard_error_with_one_closing_line(capfd, monkeypatch):
    monkeypatch.setattr(terminal, "_console", None)
    assert list(terminal.track(iter("abc"), "Counting", total=3)) == ["a", "b", "c"]
    with terminal.status("Waiting"):
        pass
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.rpartition(": ")[0] for line in err.splitlines()] == ["Counting", "Waiting"]
    assert all(line.endswith(" s") for line in err.splitlines())


def test_a_fresh_console_forgets_that_the_old_one_was_silenced(capfd, monkeypatch):
    monkeypatch.setattr(terminal, "_console", None)
    terminal.console().quiet = True
    assert terminal.console().quiet
    with terminal.status("Unheard"):
        pass
    terminal.fresh_console()
    with terminal.status("Heard"):
        pass
    assert capfd.readouterr().err.startswith("Heard: ")


HOLD = """
import os, sys
from e2e_tf.terminal import held_stderr
before = sys.stderr
try:
    with held_stderr() as visible:
        assert sys.stderr is before
        os.write(2, b"native\\n")
        print("python", file=sys.stderr)
        print("visible", file=visible)
        if sys.argv[1] == "fail":
            raise KeyError
except KeyError:
    pass
print("after", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("how", "shown"), [("pass", "visible after"), ("fail", "visible native python after")]
)
def test_standard_error_is_held_and_shown_only_after_a_failure(how, shown):
    done = subprocess.run(
        [sys.executable, "-c", HOLD, how], capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.returncode == 0
    assert done.stderr.split() == shown.split()


@pytest.mark.parametrize(
    ("value", "error", "is_limit", "text"),
    [
        (0.95123, 0.00461, False, "0.9512 ± 0.0046"),
        (84.2, 11.3, False, "84 ± 11"),
        (841.7, 113.0, False, "842 ± 113"),
        (120.4, 3.0, True, "> 120"),
        (0.95123, None, False, "0.9512"),
        (1.0, 0.0, False, "1"),
        (1.0, float("nan"), False, "1"),
    ],
)
def test_a_value_shows_two_digits_of_its_error(value, error, is_limit, text):
    assert terminal.with_error(value, error, is_limit) == text


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"error": 11.0, "low": 75.0, "high": 97.0, "passing": 60.0}, "84 ± 11"),
        ({"error": 11.0, "low": 68.0, "high": 111.0, "passing": 12.0}, "84 +27 −16"),
        ({"error": 11.0, "low": 80.5, "high": 89.25, "passing": 12.0}, "84.0 +5.2 −3.5"),
        ({"error": 80.0, "low": 24.0, "high": None, "passing": 1.0}, "84 +∞ −60"),
        ({"error": None, "low": 84.0, "high": None, "passing": 0.0, "is_limit": True}, "> 84"),
        ({"error": 11.0}, "84 ± 11"),  # of a metrics.json of before
    ],
)
def test_few_jets_show_both_arms(entry, text):
    assert terminal.with_interval({"value": 84.0, "is_limit": False} | entry) == text
