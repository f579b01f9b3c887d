"""Objects that were compiled before are not compiled again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from compiler_cache import KEPT, parts

# Counts its compilations: what preprocesses gives -E, what compiles -c.
COUNTING = """#!/bin/sh
case " $* " in *" -E "*|*--version*) ;; *) echo >> "$0.count" ;; esac
exec c++ "$@"
"""


@pytest.fixture
def compiled(toolchain: Any, tmp_path: Path) -> Any:
    """Compiles a source of a folder; gives the object and how often the compiler was asked."""
    compiler = tmp_path / "compiler"
    compiler.write_text(COUNTING)
    compiler.chmod(0o755)
    launcher = [*toolchain.launcher[:-1], tmp_path / "objects"]

    def compile_one(folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], bytes, int]:
        target = folder / "one.o"
        target.unlink(missing_ok=True)
        words = ["-O0", *options, f"-I{folder}", "-c", folder / "one.cc", "-o", target]
        done = subprocess.run([*launcher, compiler, *words], capture_output=True, text=True, check=False)
        count = Path(f"{compiler}.count")
        return (
            done,
            target.read_bytes() if target.exists() else b"",
            len(count.read_text()) if count.exists() else 0,
        )

    return compile_one


def write(folder: Path, value: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "value.h").write_text(f"// a comment\n#define VALUE {value}\n")
    (folder / "one.cc").write_text('#include "value.h"\nint one() { return VALUE; }\n')
    return folder


def test_the_same_source_is_compiled_once_and_a_changed_one_again(compiled: Any, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", "1"), write(tmp_path / "b", "1")
    done, made, count = compiled(first)
    assert (done.returncode, count) == (0, 1)
    assert compiled(second)[1:] == (made, 1)
    assert compiled(second, "-O1")[2] == 2
    write(second, "2")
    _, other, count = compiled(second)
    assert count == 3
    assert other != made
    assert len(list((tmp_path / "objects").iterdir())) == 3 < KEPT
    write(second, "nothing_known")
    for count in (4, 5):
        done, left, found = compiled(second)
        assert (done.returncode != 0, left, found) == (True, b"", count)
        assert "nothing_known" in done.stderr
    assert compiled(first)[1:] == (made, 5)


@pytest.mark.parametrize(
    "words",
    [
        ["a.cc", "-o", "a"],
        ["-c", "a.cc"],
        ["-c", "a.cc", "b.cc", "-o", "a.o"],
        ["-MD", "-MF", "a.d", "-c", "a.cc", "-o", "a.o"],
        ["a.o", "-o", "a"],
    ],
)
def test_what_is_not_one_object_goes_to_the_compiler(words: list[str]) -> None:
    assert parts(words)[2:] == (None, None)


def test_the_parts_of_a_command() -> None:
    words = ["-O0", "-Ia", "-isystem", "b", "-DX=1", "-o", "c/a.o", "-c", "d/a.cpp"]
    options, search, source, target = parts(words)
    assert options == ["-O0", "-DX=1", "-c"]
    assert search == ["-I", "a", "-isystem", "b"]
    assert (source, target) == (Path("d/a.cpp"), Path("c/a.o"))
