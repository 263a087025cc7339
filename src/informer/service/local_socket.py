"""The socket by which the command line reaches a running service: for its user alone."""

import os
import pwd
import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from informer.core.errors import InformerError
from informer.pipeline.served import PLACE, SOCKET

LONGEST = 100  # bytes of a path that every system takes; Linux 107, macOS 103
PEER = struct.Struct("3i")  # pid, uid, gid


class LocalSocket:
    """A bound socket and the note in the workspace that says where it is."""

    def __init__(self, workspace: Path) -> None:
        """Whatever an earlier service left is replaced: the workspace is ours alone.

        Where its path is too long, or its file system takes no sockets, it is in a folder of its
        own for temporary files. Errors: InformerError when there can be none.
        """
        self._note, self._folder = workspace / PLACE, ""
        self.path = workspace.absolute() / SOCKET
        try:
            bound = _bound(self.path)
            if bound is None:
                self._folder = tempfile.mkdtemp(prefix="informer-")  # for us alone
                self.path = Path(self._folder) / SOCKET
                bound = _bound(self.path)
            if bound is None:
                raise InformerError(
                    f"{self.path} cannot be a socket: its path is too long, or it takes none"
                )
            self.socket = bound
            unfinished = self._note.with_suffix(".part")
            unfinished.write_text(str(self.path), encoding="utf-8")
            unfinished.rename(self._note)
        except OSError as error:
            raise InformerError(f"{self.path} cannot be made: {error.strerror}") from error

    def close(self) -> None:
        """Nobody reaches it any more."""
        self.socket.close()
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _bound(path: Path) -> socket.socket | None:
    """A socket that nobody can reach yet; None where there can be none."""
    if len(os.fsencode(path)) > LONGEST:
        return None
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
    except OSError:
        made.close()
        return None
    path.chmod(0o600)  # before it listens: nobody got in until now
    return made


class LocalProtocol(HttpToolsProtocol):
    """HTTP whose client is known by the name of its user, and the number."""

    def connection_made(self, transport: Any) -> None:
        """Ask the system who is on the other side."""
        super().connection_made(transport)
        self.client = peer_of(transport.get_extra_info("socket"))


def peer_of(other: socket.socket) -> tuple[str, int]:
    """Name and number of the user on the other side; ours, where the system does not tell."""
    uid = os.getuid()
    if hasattr(socket, "SO_PEERCRED"):
        told = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
        _, uid, _ = PEER.unpack(told)
    try:
        return pwd.getpwuid(uid).pw_name, uid
    except KeyError:  # an account without a name, as containers have them
        return str(uid), uid
