"""The place that a URL stands for, made ready for a store, or found to be one."""

import json
import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from strata.store.remote.folder import FolderRemote
from strata.store.remote.port import MARK, PIECE, Remote, RemoteError

_FORMAT = 1


def open_remote(url: str) -> Remote:
    """The place of the shared store at this URL, which is one from now on. Opened once in a process.

    Raises RemoteError for a URL without a file system, or with a password in it, and where the place cannot be used.
    """
    return _open(url, os.getpid())


@lru_cache(maxsize=8)
def _open(url: str, _process: int) -> Remote:  # a forked process cannot use the connections of the one it came from
    return prepare(_place(url))


def prepare(remote: Remote) -> Remote:
    """Have it be the place of a store in the format of this release; returns it. Raises RemoteError."""
    mark = remote.read(MARK, 0, PIECE)
    if mark is None:
        remote.write(MARK, json.dumps({"format": _FORMAT}).encode())
        return remote
    try:
        found = json.loads(mark)["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"{remote.url}/{MARK} is not what a store has there; choose another URL") from error
    if found != _FORMAT:
        raise RemoteError(f"the store at {remote.url} has format {found}; this release reads {_FORMAT}")
    return remote


def _place(url: str) -> Remote:
    parts = urlsplit(url)
    plain = url.rstrip("/")
    if parts.password is not None or parts.query or parts.fragment:
        raise RemoteError(
            f"the URL of a store at {parts.hostname} has a password, query or fragment in it, where others "
            "can read it; leave it out: credentials come from the environment"
        )
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        raise RemoteError("STRATA_STORE_URL is no URL of a store; write one like s3://bucket/prefix")
    if parts.scheme in ("file", "local"):
        if parts.netloc not in ("", "localhost"):
            raise RemoteError(f"{plain}: a folder of another machine is mounted first; write file:///path")
        return FolderRemote(Path(unquote(parts.path)))
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise RemoteError(f"{plain} needs fsspec; install strata[remote]") from error
    from strata.store.remote.objects import FsspecRemote

    try:
        kind = fsspec.get_filesystem_class(parts.scheme)
        # Listings are not remembered, because others change what they list; and all threads share the one object.
        fs = kind(**kind._get_kwargs_from_urls(url), use_listings_cache=False, skip_instance_cache=True)
    except (ImportError, ValueError) as error:
        raise RemoteError(f"{plain} cannot be used: {error}; for S3, install strata[remote]") from error
    return FsspecRemote(fs, str(kind._strip_protocol(url)), plain)
