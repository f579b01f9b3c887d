from __future__ import annotations

import json

import pytest

from e2e_tf.errors import InputError
from e2e_tf.tuning.worker import parse_address


def test_unreachable_chief(tmp_path, address, toy, monkeypatch, capsys):
    from functools import partial

    import e2e_tf.tuning.worker
    from e2e_tf.cli import main

    sweep = tmp_path / "sweep"
    sweep.mkdir()
    document = {"format": "e2e-tf sweep", "config": {}, "tune": {"hypermodel": "toy:Toy"}}
    (sweep / "sweep.json").write_text(json.dumps({**document, "base": str(tmp_path)}))
    (sweep / "trials" / "0000").mkdir(parents=True)
    (sweep / "trials" / "0000" / "result.json").write_text("{}")
    before = {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()}
    monkeypatch.setattr(e2e_tf.tuning.worker, "work", partial(e2e_tf.tuning.worker.work, connect=0.5))
    argv = ["e2e-tf", "tune", "-o", str(sweep), "--chief", address, "--worker"]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    start = f"start it with 'e2e-tf tune CONFIG -o SWEEP --chief {address}'"
    assert said == [f"e2e-tf: error: no chief answers at {address}; {start}"]
    assert {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("text", ["", "host", ":80", "host:", "host:port", "host:0", "host:70000"])
def test_bad_address(text):
    with pytest.raises(InputError, match=r"must be HOST:PORT, such as 127\.0\.0\.1:8000, not"):
        parse_address(text)


def test_address():
    assert parse_address("node7:8000") == ("node7", 8000)
