"""Certificates that were renewed on disk are taken up, without a restart, by those who listen."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import TypeAlias

import grpc

from informer.core.errors import InformerError
from informer.service.access import Certificates

LOOK_S = 30.0  # between two looks at the files
log = logging.getLogger(__name__)

Stamp: TypeAlias = tuple[tuple[int, int], ...]  # of each file, its inode and when it was written


class Renewed:
    """Says when files are others than before, and of use; who asks has taken up those before."""

    def __init__(self, files: Certificates) -> None:
        self._files, self._taken = files, _stamp(files)

    def __call__(self) -> bool:
        """Whether there are new ones. Half of a renewal is none: it is asked for again."""
        try:
            stamp = _stamp(self._files)
            if stamp == self._taken:
                return False
            self._files.check()
        except (InformerError, OSError) as error:
            log.error("renewed certificates are of no use, those before stay: %s", error)
            return False
        self._taken = stamp
        return True


class RenewedContext(ssl.SSLContext):
    """Hands every new connection over to a context of its own making, by the files of late.

    A context never forgets whom it trusted, nor the sessions that it let go on: one that is renewed
    has to be another.
    """

    _files: Certificates
    _now: ssl.SSLContext

    def __new__(cls, files: Certificates) -> "RenewedContext":
        """A context of a server, as those that it makes. Errors: OSError, SSLError."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made._files, made._now = files, files.context()
        return made

    def renew(self) -> None:
        """Go by the files as they are now. Errors: OSError, SSLError; then nothing changes."""
        self._now = self._files.context()

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """With what event loops begin the TLS of a connection."""
        return self._now.wrap_bio(incoming, outgoing, server_side, server_hostname, session)


async def renew(context: RenewedContext, files: Certificates) -> None:
    """Let a context show what is new, for ever; connections that stand go on as they are."""
    is_renewed = Renewed(files)
    while True:
        await asyncio.sleep(LOOK_S)
        if not is_renewed():
            continue
        try:
            context.renew()
            log.info("certificates were renewed")
        except (OSError, ssl.SSLError) as error:  # they changed once more just now
            log.error("renewed certificates cannot be taken up: %s", error)


def grpc_credentials(files: Certificates) -> grpc.ServerCredentials:
    """Credentials of gRPC that look at the files whenever somebody connects."""
    is_renewed = Renewed(files)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        return _configuration(files) if is_renewed() else None

    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        _configuration(files),
        fetch,  # type: ignore[arg-type]  # None = as before, says gRPC
        require_client_authentication=bool(files.clients),
    )
    return credentials


def _configuration(files: Certificates) -> grpc.ServerCertificateConfiguration:
    clients = Path(files.clients).read_bytes() if files.clients else None
    pair = (Path(files.key).read_bytes(), Path(files.certificate).read_bytes())
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=clients)


def _stamp(files: Certificates) -> Stamp:
    given = (files.certificate, files.key, files.clients)
    stats = [Path(path).stat() for path in given if path]
    return tuple((one.st_ino, one.st_mtime_ns) for one in stats)
