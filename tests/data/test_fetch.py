"""Downloads against a server on this machine that fails midway, and archives that try to escape."""

from __future__ import annotations

import hashlib
import io
import json
import re
import socket
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from e2e_tf.data import fetch as module
from e2e_tf.data.fetch import DATASETS, RemoteFile, download, extract, fetch
from e2e_tf.data.readers import READERS
from e2e_tf.errors import InputError

CONTENT = bytes(range(256)) * 20000  # 5 MB
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``content``; the next ``drops`` answers end after ``after`` bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag = CONTENT, '"v1"'
        self.drops, self.after = 0, 1_500_000
        self.status, self.ranges = 0, True
        self.record: object = {}
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path, wanted))
        if server.status:
            self.send_error(server.status)
            return
        if self.path.startswith("/records/"):
            body = json.dumps(server.record).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        start = 0
        fresh = self.headers.get("If-Range") in (None, server.etag)
        if wanted and server.ranges and fresh:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
            )
        else:
            self.send_response(200)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        if server.drops:
            server.drops -= 1
            self.wfile.write(body[: server.after])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("checksum", [MD5, SHA256, ""])
def test_a_download(server, tmp_path, checksum):
    path = download(RemoteFile("a.h5", f"{server.url}/a", checksum, len(CONTENT)), tmp_path)
    assert path == tmp_path / "a.h5"
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["a.h5"]
    download(RemoteFile("a.h5", f"{server.url}/a", checksum, len(CONTENT)), tmp_path)
    assert len(server.asked) == 1  # what is here and right is not downloaded again


def test_a_broken_connection_goes_on(server, tmp_path):
    server.drops = 2
    path = download(RemoteFile("a.h5", f"{server.url}/a", MD5), tmp_path, pause=0)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1500000-", "bytes=3000000-"]
    assert names(tmp_path) == ["a.h5"]


def test_a_later_run_goes_on(server, tmp_path):
    server.drops, server.after = 2, 1_000_000
    file = RemoteFile("a.h5", f"{server.url}/a", MD5)
    with pytest.raises(InputError, match=r"a\.h5 stopped after 1,000,000 bytes .*run the same command again"):
        server.after = 1_000_000
        _once_then_nothing(server, file, tmp_path)
    assert names(tmp_path) == [".a.h5.part", ".a.h5.tag"]
    server.drops, server.status = 0, 0
    server.asked.clear()
    assert download(file, tmp_path, pause=0).read_bytes() == CONTENT
    assert server.asked == [("/a", "bytes=1000000-")]


def _once_then_nothing(server, file, folder) -> None:
    """The first answer breaks off, all later ones bring nothing."""
    server.drops = 10**6
    transfer = module._transfer
    calls = []

    def watched(*args):
        calls.append(1)
        if len(calls) > 1:
            server.after = 0
        transfer(*args)

    module._transfer = watched
    try:
        download(file, folder, attempts=2, pause=0)
    finally:
        module._transfer = transfer


def test_a_file_that_changed_meanwhile_starts_anew(server, tmp_path):
    server.drops = 1
    with pytest.raises(InputError, match="stopped after"):
        _once_then_nothing(server, RemoteFile("a.h5", f"{server.url}/a"), tmp_path)
    server.drops, server.etag, server.content = 0, '"v2"', CONTENT[::-1]
    assert download(RemoteFile("a.h5", f"{server.url}/a"), tmp_path, pause=0).read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_or_tags(server, tmp_path):
    server.drops, server.ranges = 1, False
    assert download(RemoteFile("a.h5", f"{server.url}/a", MD5), tmp_path, pause=0).read_bytes() == CONTENT
    server.drops, server.ranges, server.etag = 1, True, ""
    assert download(RemoteFile("b.h5", f"{server.url}/b", MD5), tmp_path, pause=0).read_bytes() == CONTENT
    assert server.asked[-1] == ("/b", None)  # without a version nothing can be continued


def test_a_complete_part_is_not_asked_for_again(server, tmp_path):
    (tmp_path / ".a.h5.part").write_bytes(CONTENT)
    (tmp_path / ".a.h5.tag").write_text('"v1"')
    assert download(RemoteFile("a.h5", f"{server.url}/a", MD5), tmp_path, pause=0).read_bytes() == CONTENT
    assert server.asked == [("/a", f"bytes={len(CONTENT)}-")]


@pytest.mark.parametrize(
    ("checksum", "size", "message"),
    [
        ("md5:" + "0" * 32, 0, f"a.h5 must have the MD5 sum {'0' * 32}, it has {MD5[4:]}"),
        ("sha256:" + "0" * 64, 0, f"a.h5 must have the SHA256 sum {'0' * 64}, it has {SHA256[7:]}"),
        ("", 17, "a.h5 must have 17 bytes, it has 5,120,000"),
        ("crc:1", 0, "a checksum must be md5 or sha256, not 'crc:1'"),
    ],
)
def test_another_file_than_promised_is_refused(server, tmp_path, checksum, size, message):
    with pytest.raises(InputError, match=re.escape(message)):
        download(RemoteFile("a.h5", f"{server.url}/a", checksum, size), tmp_path)
    assert not (tmp_path / "a.h5").exists()


def test_a_wrong_file_that_is_there_is_kept(server, tmp_path):
    (tmp_path / "a.h5").write_text("mine")
    with pytest.raises(InputError, match=r"a\.h5 must have the MD5 sum .*; remove it to download it again"):
        download(RemoteFile("a.h5", f"{server.url}/a", MD5), tmp_path)
    assert (tmp_path / "a.h5").read_text() == "mine"
    assert not server.asked


def test_errors_of_the_server(server, tmp_path):
    server.status = 404
    with pytest.raises(InputError, match="answers 404 Not Found; the address may have changed"):
        download(RemoteFile("a.h5", f"{server.url}/a"), tmp_path, pause=0)
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(InputError, match="answers 503"):
        download(RemoteFile("a.h5", f"{server.url}/a"), tmp_path, attempts=3, pause=0)
    assert len(server.asked) == 4


def test_no_network(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = (
        rf"127\.0\.0\.1 cannot be reached \(.*refused.*\); without a network, download "
        rf"http://127\.0\.0\.1:{port}/a on another machine and put the file into"
    )
    with pytest.raises(InputError, match=message):
        download(RemoteFile("a.h5", f"http://127.0.0.1:{port}/a"), tmp_path, attempts=2, pause=0)
    assert names(tmp_path) == []
    with pytest.raises(InputError, match=r"127\.0\.0\.1 cannot be reached"):
        fetch("jetnet", tmp_path, zenodo=f"http://127.0.0.1:{port}/records")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "a.h5"])
def test_other_kinds_of_address_are_refused(tmp_path, url):
    with pytest.raises(InputError, match="an address must begin with http:// or https://"):
        download(RemoteFile("a.h5", url), tmp_path)


def test_a_record_lists_its_files(server, tmp_path):
    server.record = {
        "files": [
            {"key": n, "size": len(CONTENT), "checksum": MD5, "links": {"self": f"{server.url}/files/{n}"}}
            for n in ("train.h5", "test.h5")
        ]
    }
    found = fetch("top_tagging", tmp_path, files="te*", zenodo=f"{server.url}/records")
    assert found == [(tmp_path / "test.h5", True)]
    assert [path for path, _ in server.asked] == ["/records/2603256", "/files/test.h5"]
    with pytest.raises(
        InputError, match=r"no file of top_tagging fits 'x\*'; there are: train\.h5, test\.h5"
    ):
        fetch("top_tagging", tmp_path, files="x*", zenodo=f"{server.url}/records")


@pytest.mark.parametrize("name", ["../out.h5", "/out.h5", "a/b.h5", "..", ""])
def test_a_record_cannot_write_elsewhere(server, tmp_path, name):
    server.record = {"files": [{"key": name, "size": 1, "checksum": MD5, "links": {"self": server.url}}]}
    with pytest.raises(InputError, match="a file must have a plain name"):
        fetch("top_tagging", tmp_path, zenodo=f"{server.url}/records")


@pytest.mark.parametrize("record", [{}, [], {"files": [{"key": "a.h5"}]}])
def test_another_answer_than_a_record(server, tmp_path, record):
    server.record = record
    with pytest.raises(InputError, match="is not a list of files as Zenodo gives it"):
        fetch("top_tagging", tmp_path, zenodo=f"{server.url}/records")


def test_names_and_folders(tmp_path):
    with pytest.raises(InputError, match="there is no data set 'cats'; there are: top_tagging, jetclass"):
        fetch("cats", tmp_path)
    with pytest.raises(InputError, match="does not exist; create it first"):
        fetch("jetnet", tmp_path / "none")
    with pytest.raises(InputError, match="cannot be downloaded by a program; open https://cernbox"):
        fetch("ml4sci_top", tmp_path)


def test_every_data_set_has_a_reader_and_one_source():
    for name, dataset in DATASETS.items():
        assert dataset.reader in READERS, name
        assert sum(map(bool, (dataset.record, dataset.files, dataset.page))) == 1, name
        assert all(file.url.startswith("https://") for file in dataset.files)


def pack(path, members: dict[str, bytes]) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as out:
            for name, content in members.items():
                out.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as out:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                out.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("archive", ["a.zip", "a.tgz"])
def test_archives_are_unpacked(tmp_path, archive):
    pack(tmp_path / archive, {"x.txt": b"1", "deep/er/y.txt": b"22"})
    assert extract(tmp_path / archive, tmp_path / "out") == [
        tmp_path / "out" / "x.txt",
        tmp_path / "out" / "deep/er/y.txt",
    ]
    assert (tmp_path / "out/deep/er/y.txt").read_bytes() == b"22"


@pytest.mark.parametrize("archive", ["a.zip", "a.tgz"])
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-e2e-tf", "x/../../evil", "..\\evil", "C:\\evil"])
def test_nothing_leaves_the_folder(tmp_path, archive, name):
    pack(tmp_path / archive, {"good": b"1", name: b"2"})
    with pytest.raises(InputError, match="which leaves the folder; nothing was unpacked"):
        extract(tmp_path / archive, tmp_path / "out")
    assert names(tmp_path) == [archive]


def test_links_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as out:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        out.addfile(info)
    with pytest.raises(InputError, match="'link', which is a link or a device; only files are unpacked"):
        extract(tmp_path / "a.tar", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        out.writestr(info, "/etc")
    with pytest.raises(InputError, match="holds the link 'link'; only files are unpacked"):
        extract(tmp_path / "a.zip", tmp_path / "out")
    assert names(tmp_path) == ["a.tar", "a.zip"]


def test_damaged_archives(tmp_path):
    pack(tmp_path / "a.tgz", {"x": CONTENT})
    whole = (tmp_path / "a.tgz").read_bytes()
    (tmp_path / "a.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.tgz cannot be unpacked"):
        extract(tmp_path / "a.tgz", tmp_path / "out")
    (tmp_path / "b.zip").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b\.zip is neither a zip nor a tar archive"):
        extract(tmp_path / "b.zip", tmp_path / "out")
    pack(tmp_path / "c.tgz", {"x": b"1", "./x": b"2"})
    with pytest.raises(InputError, match="holds the same name twice"):
        extract(tmp_path / "c.tgz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
