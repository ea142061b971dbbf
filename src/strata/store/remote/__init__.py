"""Places where a store lies that several machines share.

Public face:

- `Remote`: the port, files by key; `Entry`: one file; `PIECE`: how much is read of one at a time; `MARK`: the first one
- `open_remote`: the place that a URL stands for; `prepare`: have a place be one
- `FolderRemote`: a mounted folder; `strata.store.remote.objects` has `FsspecRemote`, whatever fsspec knows
- `RemoteError`
"""

from strata.store.remote.folder import FolderRemote
from strata.store.remote.opening import open_remote, prepare
from strata.store.remote.port import MARK, PIECE, Entry, Remote, RemoteError

__all__ = ["MARK", "PIECE", "Entry", "FolderRemote", "Remote", "RemoteError", "open_remote", "prepare"]
