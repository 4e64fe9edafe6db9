import functools
import hashlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from mrcnn import download
from mrcnn.download import DownloadError, RemoteFile
from mrcnn.progress import Progress

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT under several kinds of bad weather, told by the path."""

    def do_GET(self):
        self.server.requests.append(self.headers.get("Range"))
        weather = self.path.strip("/")
        start = int(re.findall(r"\d+", self.headers.get("Range", "0"))[0])
        if weather == "missing":
            return self.send_error(404)
        if weather != "noranges" and start >= len(CONTENT):
            return self.send_error(416)
        ranged = start and weather != "noranges"
        body = CONTENT[start:] if ranged else CONTENT
        self.send_response(206 if ranged else 200)
        if ranged:
            shift = 7 if weather == "otherpart" else 0
            total = len(CONTENT)
            self.send_header("Content-Range", f"bytes {start + shift}-{total - 1}/{total}")
        if weather != "nolength":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: 100_000 if weather == "cut" else None])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "weights.h5"


@pytest.fixture
def part(path):
    path.parent.mkdir()
    return path.with_name("weights.h5.part")


def test_a_file_comes_whole_and_says_how_far(server, path, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 100_000)
    calls = []
    remote = RemoteFile(f"{server.url}/file", len(CONTENT), SHA256)
    assert download.download(remote, path, lambda *call: calls.append(call)) == path
    assert path.read_bytes() == CONTENT
    assert calls == [(done, 300_000) for done in (100_000, 200_000, 300_000)]
    assert [file.name for file in path.parent.iterdir()] == ["weights.h5"]


def test_it_tells_what_it_fetches_how_far_it_is_and_where_it_lies(
    server, path, monkeypatch, capsys
):
    monkeypatch.setattr(download, "CHUNK", 100_000)
    monkeypatch.setattr(download, "Progress", functools.partial(Progress, every=0))
    remote = RemoteFile(f"{server.url}/file", len(CONTENT))
    assert download.fetch(remote, path) == path
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert (first, last) == (f"Downloading {remote.url}", f"Saved {path}")
    assert [re.sub(r", [\d.]+ s left", "", line) for line in lines] == [
        f"[{done} MB/0.3 MB]" for done in (0.1, 0.2, 0.3)
    ]


def test_what_cannot_be_fetched_is_not_called_saved(server, path, capsys):
    with pytest.raises(DownloadError):
        download.fetch(RemoteFile(f"{server.url}/missing"), path)
    assert "Saved" not in capsys.readouterr().out


@pytest.mark.parametrize("weather", ["nolength", "file"])
def test_a_file_of_unknown_size_and_digest_comes_too(server, path, weather):
    download.download(RemoteFile(f"{server.url}/{weather}"), path)
    assert path.read_bytes() == CONTENT


def test_a_cut_connection_is_continued(server, path, part):
    with pytest.raises(DownloadError, match="ended after 100000 of 300000 bytes; try again"):
        download.download(RemoteFile(f"{server.url}/cut"), path)
    assert not path.exists() and part.stat().st_size == 100_000
    download.download(RemoteFile(f"{server.url}/file", digest=SHA256), path)
    assert path.read_bytes() == CONTENT and not part.exists()
    assert server.requests == [None, "bytes=100000-"]


def test_a_server_without_ranges_starts_over(server, path, part):
    part.write_bytes(b"x" * 500)
    download.download(RemoteFile(f"{server.url}/noranges", digest=SHA256), path)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_over(server, path, part):
    part.write_bytes(CONTENT + b"x")
    download.download(RemoteFile(f"{server.url}/file", digest=SHA256), path)
    assert path.read_bytes() == CONTENT


def test_another_part_than_asked_for_is_refused(server, path, part):
    part.write_bytes(CONTENT[:50])
    with pytest.raises(DownloadError, match="another part"):
        download.download(RemoteFile(f"{server.url}/otherpart"), path)
    assert part.read_bytes() == CONTENT[:50]


@pytest.mark.parametrize(
    ("remote", "reason"),
    [
        (("file", 299_999, None), "the file has 300000 bytes, it should have 299999"),
        (("file", None, "md5:00ff"), "the file's md5 is [0-9a-f]{32}, it should be 00ff"),
        (("missing",), "the server answers 404 Not Found"),
    ],
)
def test_a_wrong_file_is_not_kept(server, path, remote, reason):
    with pytest.raises(DownloadError, match=reason):
        download.download(RemoteFile(f"{server.url}/{remote[0]}", *remote[1:]), path)
    assert list(path.parent.iterdir()) == []


def test_a_part_of_another_file_is_found_out_and_removed(server, path, part):
    part.write_bytes(b"x" * 500)
    remote = RemoteFile(f"{server.url}/file", digest=SHA256)
    with pytest.raises(DownloadError, match="sha256"):
        download.download(remote, path)
    download.download(remote, path)
    assert path.read_bytes() == CONTENT


def test_without_network_the_sentence_says_what_to_do_by_hand(path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.h5"
    with pytest.raises(DownloadError) as caught:
        download.download(RemoteFile(url), path)
    sentence = str(caught.value)
    assert sentence.startswith(f"cannot download {url}: ")
    assert "refused" in sentence
    assert sentence.endswith(f"save it as {path}")


def test_the_published_files():
    assert download.COCO_WEIGHTS.size == 257_557_808
    assert download.COCO_WEIGHTS.url.endswith("/v2.0/mask_rcnn_coco.h5")
    assert download.IMAGENET_WEIGHTS.digest.startswith("md5:")
