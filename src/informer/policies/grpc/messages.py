"""What values of gRPC mean to a policy: the size of a message, a code, who is at the other end."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc

CODE_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
IDENTITIES = ("peer_spiffe_id", "x509_subject_alternative_name", "x509_common_name")


def code_named(number: int) -> grpc.StatusCode:
    """gRPC's name of a code."""
    return CODE_BY_NUMBER[number]


def size_of(request: Any) -> int:
    """Bytes of a message: raw, or of protobuf."""
    if isinstance(request, bytes):
        return len(request)
    return int(request.ByteSize()) if hasattr(request, "ByteSize") else 0


def no_size(_requests: Any) -> int:
    """A stream of requests has no size before it ends."""
    return 0


def identities_of(auth: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Whom mTLS vouches for, the most exact first; nobody on a connection without it."""
    return [
        identity.decode("utf-8", "replace")
        for kind in IDENTITIES
        for identity in auth.get(kind, ())
    ]
