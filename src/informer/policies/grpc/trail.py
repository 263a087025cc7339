"""Who calls and out of which chain: what travels with a call, and whether it is believed.

A token is one entry of the metadata: a signature, and below it the time, the caller and the rpcs
from the entry down, a line each. The signature (HMAC-SHA256) also covers the callee and the method,
so that a token that somebody overheard opens no other door. Whoever has the key can write what he
likes: it keeps strangers out, and does not tell members of the mesh apart.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from informer.core.types import OUTSIDE
from informer.policies.fields import rpc_text
from informer.policies.grpc.headers import Metadata

METADATA = "informer-chain-bin"
MOST_RPCS = 32  # a chain that goes deeper is taken for a loop
MOST_BYTES = 4_096  # gRPC takes 8 KiB of metadata unless told otherwise
OLDEST_S = 300  # of a token; clocks may differ by as much
RENEWED_S = 30  # for so long a token is used again, and a call that has one: far below OLDEST_S
SECOND_NS = 1_000_000_000
LEAST_KEY = 16  # bytes
FOR_EVER = 2**63
MOST_KNOWN = 1_024  # tokens written or read that need not be worked out again
SIGNED, UNSIGNED = b"1", b"0"
SIGNATURE = 16  # bytes of the 32: as RFC 4868 has it, half is as good and travels lighter

# The rpcs from the entry to the call that is being served here; empty where none is.
SERVED: ContextVar[tuple[str, ...]] = ContextVar("informer_served", default=())


class TrailError(ValueError):
    """A token that is not believed; the text is a reason to count by."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Who says that he calls, and the rpcs above, from the entry down."""

    caller: str
    chain: tuple[str, ...]
    onward: tuple[str, ...]  # and with the call itself, for those made while it is served
    time_s: int = 0


class Trails:
    """Writes tokens and reads them. The first key signs, all of them are good for reading."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        if any(len(key) < LEAST_KEY for key in keys):
            raise ValueError(f"a key must have {LEAST_KEY} bytes or more")
        self._keys = tuple(keys)
        self._written: dict[tuple[str, str, str, tuple[str, ...]], tuple[int, bytes]] = {}
        self._read: dict[tuple[bytes, str, str], Trail] = {}

    def write(
        self, caller: str, callee: str, method: str, chain: tuple[str, ...], now_s: int
    ) -> bytes:
        """The token of a call; for some time the same one for all calls that are alike."""
        asked = (caller, callee, method, chain)
        known = self._written.get(asked)
        if known is not None and 0 <= now_s - known[0] <= RENEWED_S:
            return known[1]
        lines = (str(now_s), caller, *chain)
        if len(chain) > MOST_RPCS:
            raise TrailError("chain_too_deep")
        if any(character in line for line in lines for character in "\n\0"):
            raise TrailError("bad_name")
        said = "\n".join(lines).encode("utf-8", "replace")
        token = UNSIGNED + said
        if self._keys:
            token = SIGNED + _signature(self._keys[0], said, callee, method) + said
        if len(token) > MOST_BYTES:
            raise TrailError("chain_too_long")
        _keep(self._written, asked, (now_s, token))
        return token

    def read(self, token: bytes, callee: str, method: str, now_s: int) -> Trail:
        """What a token says; with keys only what one of them signed."""
        asked = (token, callee, method)
        trail = self._read.get(asked)
        if trail is None:
            trail = self._believed(token, callee, method)
            _keep(self._read, asked, trail)
        since_s, until_s = self.good_for(trail)
        if not since_s <= now_s <= until_s:
            raise TrailError("token_too_old")
        return trail

    def good_for(self, trail: Trail) -> tuple[int, int]:
        """From when to when it is believed; without keys for ever, as the time may be made up."""
        if not self._keys:
            return 0, FOR_EVER
        return trail.time_s - OLDEST_S, trail.time_s + OLDEST_S

    def _believed(self, token: bytes, callee: str, method: str) -> Trail:
        if len(token) > MOST_BYTES:
            raise TrailError("chain_too_long")
        kind, said = token[:1], token[1:]
        if self._keys:
            if kind != SIGNED:
                raise TrailError("not_signed")
            signature, said = said[:SIGNATURE], said[SIGNATURE:]
            if not any(
                hmac.compare_digest(signature, _signature(key, said, callee, method))
                for key in self._keys
            ):
                raise TrailError("bad_signature")
        elif kind == SIGNED:
            said = said[SIGNATURE:]  # ours is trusted without; whoever has the key may check it
        return _parsed(said, callee, method)


def trail_of(
    caller: str, callee: str, method: str, chain: tuple[str, ...] = (), time_s: int = 0
) -> Trail:
    """The trail of a call."""
    return Trail(caller, chain, (*chain, rpc_text(caller, callee, method)), time_s)


def connected(trail: Trail) -> bool:
    """Whether each rpc was received by whoever made the next call, down to the caller."""
    makers = [rpc.split(">", 1)[0] for rpc in trail.chain[1:]]
    return all(
        f">{maker}:" in rpc for rpc, maker in zip(trail.chain, (*makers, trail.caller), strict=True)
    )


def _parsed(said: bytes, callee: str, method: str) -> Trail:
    try:
        time_s, caller, *chain = said.decode("utf-8").split("\n")
        trail = trail_of(caller, callee, method, tuple(chain), int(time_s))
    except ValueError:
        raise TrailError("unreadable_token") from None
    if len(chain) > MOST_RPCS:
        raise TrailError("chain_too_deep")
    return trail


def _signature(key: bytes, said: bytes, callee: str, method: str) -> bytes:
    where = f"\0{callee}\0{method}".encode("utf-8", "replace")
    return hmac.digest(key, said + where, "sha256")[:SIGNATURE]


def without_token(sent: Metadata) -> tuple[tuple[str, Any], ...]:
    """Metadata of the application: a token in it was forwarded by mistake."""
    return tuple(pair for pair in sent if pair[0] != METADATA)


def peer_of(peers: Mapping[str, str], identities: Iterable[str]) -> str:
    """The service behind the identities; who has none comes from outside."""
    first = OUTSIDE
    for identity in identities:
        if identity in peers:
            return peers[identity]
        first = identity if first == OUTSIDE else first
    return first


def _keep(known: dict[Any, Any], key: object, value: object) -> None:
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[key] = value
