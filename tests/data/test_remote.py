from __future__ import annotations

import builtins
import os
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data import remote
from e2e_tf.data.jets import read_jets
from e2e_tf.data.readers import open_reader
from e2e_tf.data.remote import is_remote, local, remote_name
from e2e_tf.data.settings import DataConfig
from e2e_tf.data.sources import source_of
from e2e_tf.errors import InputError


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that writes no log and counts the files it has sent."""

    sent = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        Quiet.sent += 1
        super().do_GET()


@pytest.fixture
def server(tau_folder, tmp_path, monkeypatch):
    """The address of a local server of ``tau.h5``, with an empty cache."""
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tau_folder))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_file_of_a_server_is_read_and_fetched_once(server, tau_folder, tmp_path):
    address = f"{server}/tau.h5"
    source = source_of(DataConfig(sample=address)).located(tmp_path)
    assert source.files[0].path == address
    assert len(source.files[0].sha256) == 64
    assert source.identity()["file"] == "tau.h5"
    sent = Quiet.sent
    jets = source.read(tmp_path)
    given = read_jets(tau_folder / "tau.h5")
    np.testing.assert_array_equal(jets["pt"], given["pt"])
    assert open_reader(address).count() == 400
    assert local(address) == local(address)
    assert Quiet.sent <= sent + 4  # a glance at the file at the most, its content is in the cache
    assert [path.name for path in (tmp_path / "cache").rglob("tau.h5")] == ["tau.h5"]
    with pytest.raises(InputError, match=rf"{server}/gone.h5 cannot be fetched"):
        local(f"{server}/gone.h5")


def test_what_is_missing_is_one_sentence(monkeypatch):
    whole = builtins.__import__

    def without(name, *rest, **named):
        if name in ("fsspec_xrootd", "aiohttp"):
            raise ImportError(name)
        return whole(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        InputError, match=r"root:// needs fsspec_xrootd, which is not installed: run 'pip install fss"
    ):
        local("root://host//a/b.root")
    with pytest.raises(
        InputError, match=r"https:// needs aiohttp, which is not installed: run 'pip install e2e-tf"
    ):
        local("HTTPS://host/b.root")


def test_a_user_without_a_name_and_a_home_has_a_cache(monkeypatch):
    """As in a container that is run with a number as its user."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home directory")))
    assert remote._cache() == Path(tempfile.gettempdir()) / f"e2e-tf-remote-{os.getuid()}"


def test_addresses_and_their_names(tmp_path):
    assert is_remote("root://host//a/b.root")
    assert not is_remote("/a/b.root")
    assert not is_remote(tmp_path)
    assert local(tmp_path / "x") == tmp_path / "x"
    assert remote_name("https://host/a/b.root?token=1") == "b.root"
