"""The table of agreements."""

from __future__ import annotations

import pytest

from e2e_tf.deploy.agreement import Agreement, not_run
from e2e_tf.deploy.report import agreement_table

PASSED = Agreement("ONNX Runtime", 1234, 3.2e-7, 17)
FAILED = Agreement("frozen graph", 1234, 2e-5, 41)
SMALL = Agreement("ONNX, int8", 1234, 0.5, 9, tolerance=0.201234, required=False)
MISSING = not_run("ONNX in C++", "not built")


def test_every_runtime_has_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    agreement_table([PASSED, FAILED, SMALL, MISSING])
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = {row[1].strip(): [cell.strip() for cell in row[2:-1]] for row in rows}
    assert cells["ONNX Runtime"] == ["1234", "3.2e-07", "1e-05", "17", "agrees"]
    assert cells["frozen graph"] == ["1234", "2.0e-05", "1e-05", "41", "DIFFERS"]
    assert cells["ONNX, int8"] == ["1234", "5.0e-01", "0.201", "9", "DIFFERS (reported only)"]
    assert cells["ONNX in C++"] == ["-", "-", "-", "-", "not built"]


def test_the_table_agrees_where_no_required_runtime_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert agreement_table([PASSED, SMALL, MISSING])
    assert not agreement_table([PASSED, FAILED])
