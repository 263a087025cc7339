"""Who may connect: TLS, bearer tokens, and nothing beyond loopback without either."""

import hmac
import ipaddress
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from informer.config.rules import is_port
from informer.core.errors import InformerError

BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that admit; none at all admits everybody."""

    accepted: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, path: str) -> "Tokens":
        """One token a line; an empty path means none. Errors: InformerError."""
        if not path:
            return cls()
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InformerError(
                f"serve.tokens_file must be a readable file of tokens, got {path!r}"
            ) from error
        found = tuple(line.strip().encode() for line in lines if line.strip())
        if not found:
            raise InformerError(f"{path} must hold at least one token, one a line")
        return cls(found)

    def admit(self, authorization: str) -> bool:
        """Whether the value of an Authorization header does; every token is compared, in full."""
        if not self.accepted:
            return True
        if not authorization.lower().startswith(BEARER):
            return False
        given = authorization[len(BEARER) :].strip().encode()
        alike = [hmac.compare_digest(given, token) for token in self.accepted]
        return any(alike)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of TLS: our certificate and key, and who signs those of clients (mTLS)."""

    certificate: str = ""
    key: str = ""
    clients: str = ""

    @property
    def given(self) -> bool:
        """Whether there is any TLS."""
        return bool(self.certificate)

    def check(self) -> None:
        """Errors: InformerError for a file that is of no use, or a missing half."""
        if bool(self.certificate) != bool(self.key):
            raise InformerError("serve.tls_certificate and serve.tls_key must be given together")
        if self.clients and not self.certificate:
            raise InformerError("serve.tls_clients needs serve.tls_certificate and serve.tls_key")
        if not self.given:
            return
        for name in ("certificate", "key", "clients"):
            path = getattr(self, name)
            if path and not os.access(path, os.R_OK):
                raise InformerError(f"serve.tls_{name} must be a readable file, got {path!r}")
        try:
            self.context()
        except (OSError, ssl.SSLError) as error:
            raise InformerError(
                f"serve.tls_certificate, serve.tls_key and serve.tls_clients must be PEM files "
                f"that belong together: {error}"
            ) from error

    def context(self) -> ssl.SSLContext:
        """What a server shows and asks for, by the files as they are. Errors: OSError, SSLError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if self.clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.clients)
        return context


def check_address(name: str, address: str, *, safe: bool) -> tuple[str, int]:
    """Host and port of `host:port`. Beyond loopback it has to be safe.

    Errors: InformerError with the name of the setting.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not is_port(port):
        raise InformerError(f"{name} must be host:port, got {address!r}")
    if not safe and not is_loopback(host):
        raise InformerError(
            f"{name} listens beyond this machine, on {address}: give serve.tls_certificate and "
            "serve.tls_key, or --insecure"
        )
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
