"""How Envoy knows who calls: by the client's certificate, or by a header that the mesh sets."""

import re
from collections.abc import Sequence

from informer.policies.targets.doors import Door
from informer.policies.targets.envoy_matches import Config, matcher
from informer.policies.targets.peers import Peer
from informer.policies.targets.workloads import Workloads

XFCC = "x-forwarded-client-cert"


class Callers:
    """Peers of one service as principals of RBAC and as matchers of headers."""

    def __init__(self, door: Door, workloads: Workloads) -> None:
        self.header = workloads.caller_header
        self.named = [str(p.identity) for p in door.peers if p.identity is not None]

    def principal(self, peer: Peer) -> Config:
        """Those of a peer; of everybody else, those who are none of the others."""
        if peer.identity is not None:
            return self._one(str(peer.identity))
        if not self.named:
            return {"any": True}
        each = [self._one(name) for name in self.named]
        return {"not_id": each[0] if len(each) == 1 else {"or_ids": {"ids": each}}}

    def matchers(self, peers: Sequence[Peer]) -> list[list[Config]]:
        """Ways to be one of these: each is headers that must all fit."""
        names = [str(p.identity) for p in peers if p.identity is not None]
        others = any(p.identity is None for p in peers)
        if others and len(names) == len(self.named):
            return [[]]
        found = [[self._header(names)]] if names else []
        return [*found, [self._header(self.named, inverted=True)]] if others else found

    def _one(self, name: str) -> Config:
        if self.header is not None:
            return {"header": matcher(self.header, {"exact": name})}
        return {"authenticated": {"principal_name": {"exact": f"spiffe://{name}"}}}

    def _header(self, names: Sequence[str], *, inverted: bool = False) -> Config:
        either = "|".join(map(re.escape, names))
        if self.header is not None:
            return matcher(self.header, {"safe_regex": {"regex": either}}, inverted=inverted)
        # Envoy writes this header itself, with the names in it that it has verified and no others.
        regex = f"(?:.*;)?URI=spiffe://(?:{either})(?:;.*)?"
        return matcher(XFCC, {"safe_regex": {"regex": regex}}, inverted=inverted)
