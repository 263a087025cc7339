"""A policy in force in one process: asked about every call, counted, changed without a stop.

It knows nothing of gRPC's classes; `client.py`, `server.py` and their asyncio twins put it to use.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from informer.core.types import OUTSIDE
from informer.policies.calls import DENY, NOTHING, Call, Decision
from informer.policies.fields import rpc_text
from informer.policies.grpc.headers import Metadata, headers_of, trace_id_of, with_header
from informer.policies.grpc.installed import ENFORCE, SHADOW, Installed, logger, ready
from informer.policies.grpc.passage import Before, Known, Passage, Tally
from informer.policies.grpc.status import UNAVAILABLE, code_of, reply_of
from informer.policies.grpc.trail import (
    METADATA,
    MOST_KNOWN,
    RENEWED_S,
    SECOND_NS,
    SERVED,
    Trail,
    TrailError,
    Trails,
    connected,
    peer_of,
    trail_of,
    without_token,
)
from informer.policies.syntax import (
    Count,
    Delay,
    Log,
    Policy,
    SetHeader,
    Text,
    Timeout,
)

CLOSED, OPEN = "closed", "open"
ERROR = "error"  # in the place of a verdict


class Guard:
    """A policy for the calls of one service; safe for threads and for asyncio.

    `shadow` counts what would be refused and refuses nothing; `enforce` refuses. `on_error` says
    what becomes of a call that cannot be judged, or whose chain is not believed: `closed` refuses
    it (the default: who can provoke an error gets through an open one), `open` lets it pass.
    Nothing that comes in metadata is believed without `keys`, unless `trust_unsigned` says that all
    who can reach this port may be believed. With `peers` the caller is whom mutual TLS vouches for,
    and nobody else: it names the services behind identities, and may be empty; an identity that it
    does not list is a caller by its own name.
    """

    def __init__(
        self,
        policy: Policy,
        service: str,
        *,
        mode: str = SHADOW,
        on_error: str = CLOSED,
        keys: Sequence[bytes] = (),
        trust_unsigned: bool = False,
        peers: Mapping[str, str] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        if on_error not in (CLOSED, OPEN):
            raise ValueError(f"on_error must be {CLOSED} or {OPEN}, got {on_error!r}")
        self.service = service
        self._trails = Trails(keys)
        self._believes = bool(keys) or trust_unsigned
        self._open = on_error == OPEN
        self._peers = peers
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._metrics: Counter[str] = Counter()
        self._before = Before(MOST_KNOWN)
        self._installed = ready(policy, self.service, mode, believes=self._believes)

    def swap(self, policy: Policy, mode: str) -> None:
        """Put another policy in force, all at once or, when it does not fit, not at all.

        States and limits begin anew. Calls that are under way end under the one they began with.
        """
        self._installed = ready(policy, self.service, mode, believes=self._believes)

    def verdicts(self) -> dict[tuple[str, str], int]:
        """Calls by rule and verdict since the start: allow, deny, limit; by reason and `error`."""
        with self._lock:
            return {verdict: tally.read() for verdict, tally in self._tallies.items()}

    def metrics(self) -> dict[str, int]:
        """What rules have counted (`count NAME`)."""
        with self._lock:
            return dict(self._metrics)

    def sent_again(
        self, callee: str, path: str, sent: Metadata | None
    ) -> tuple[tuple[str, Any], ...] | None:
        """What goes along where a call like this one was let through and only its kind decided."""
        again = self._before.again((callee, path, SERVED.get()), self._installed, self._clock_ns())
        if again is None:
            return None
        return (*without_token(sent), *again.metadata) if sent else again.metadata

    def received_again(self, path: str, received: Metadata) -> Passage | None:
        """What comes of a call that came in, likewise; never with `peers`: certificates first."""
        if self._peers is not None:
            return None
        token = None
        if self._believes:
            for key, value in received:
                if key == METADATA:
                    if token is not None:
                        return None
                    token = value
        return self._before.again((path, token, None), self._installed, self._clock_ns())

    def outgoing(
        self, callee: str, path: str, sent: Metadata | None, size: Callable[[], int]
    ) -> Passage:
        """Judge a call that this service is about to make."""
        installed, now_ns, chain = self._installed, self._clock_ns(), SERVED.get()
        now_s = now_ns // SECOND_NS
        passage = Passage(metadata=without_token(sent) if sent else ())
        method = path[1:]
        try:
            verdict = self._judge(
                installed, passage, self.service, callee, method, chain, size, now_ns
            )
            if not passage.code:
                token = self._trails.write(self.service, callee, method, chain, now_s)
                passage.metadata = (*passage.metadata, (METADATA, token))
            if verdict and not passage.code:
                since_ns, until_ns = now_s * SECOND_NS, (now_s + RENEWED_S) * SECOND_NS
                kept = Passage(metadata=((METADATA, token),))
                known = Known(installed, kept, self._tally(verdict), since_ns, until_ns)
                self._before.keep((callee, path, chain), known)
        except Exception as error:  # noqa: BLE001  a guard must not fail the call unasked
            self._failed(installed, passage, error)
        return passage

    def incoming(
        self,
        path: str,
        received: Metadata,
        identities: Callable[[], Iterable[str]],
        size: Callable[[], int],
    ) -> Passage:
        """Judge a call that came in."""
        installed, now_ns = self._installed, self._clock_ns()
        passage = None
        try:
            peer = None if self._peers is None else peer_of(self._peers, identities())
            token = self._token(received)
            alike = (path, token, peer)
            if again := self._before.again(alike, self._installed, self._clock_ns()):
                return again
            passage, method = Passage(metadata=tuple(received)), path[1:]
            trail = self._trail(token, peer, method, now_ns // SECOND_NS)
            passage.chain = trail.onward
            verdict = self._judge(
                installed, passage, trail.caller, self.service, method, trail.chain, size, now_ns
            )
            if verdict and not passage.code:
                since_s, until_s = self._trails.good_for(trail)
                # To the end of the last second: `_trail` asks whole ones.
                since_ns, until_ns = since_s * SECOND_NS, (until_s + 1) * SECOND_NS - 1
                kept = Passage(chain=trail.onward)
                known = Known(installed, kept, self._tally(verdict), since_ns, until_ns)
                self._before.keep(alike, known)
        except Exception as error:  # noqa: BLE001
            passage = passage or Passage()
            self._failed(installed, passage, error)
        return passage

    def replied(self, passage: Passage, code: int) -> None:
        """Tell the rules on reply how a call that was let through ended."""
        call, lookup = passage.call, passage.lookup
        if call is None or lookup is None:
            return
        reply = reply_of(code, max(self._clock_ns() - call.time_ns, 0))
        try:
            with self._lock:
                effects = lookup.on_reply(call, reply)
                for effect in effects:
                    if isinstance(effect, Count):
                        self._metrics[effect.metric] += 1
        except Exception as error:  # noqa: BLE001
            self._count_error(error)
            return
        for effect in effects:
            if isinstance(effect, Log):
                logger.info("%s (%s)", effect.text, call.rpc)

    def _tally(self, verdict: tuple[str, str]) -> Tally:
        found = self._tallies.get(verdict)
        if found is None:
            with self._lock:
                found = self._tallies.setdefault(verdict, Tally())
        return found

    def _token(self, metadata: Metadata) -> bytes | None:
        if not self._believes:
            return None
        tokens = [value for key, value in metadata if key == METADATA]
        if len(tokens) > 1:
            raise TrailError("several_tokens")
        return tokens[0] if tokens else None

    def _trail(self, token: bytes | None, peer: str | None, method: str, now_s: int) -> Trail:
        if token is None:
            return trail_of(OUTSIDE if peer is None else peer, self.service, method)
        trail = self._trails.read(token, self.service, method, now_s)
        if peer is not None and trail.caller != peer:
            raise TrailError("caller_is_not_peer")
        if trail.chain and not connected(trail):
            raise TrailError("chain_not_connected")
        return trail

    def _judge(
        self,
        installed: Installed,
        passage: Passage,
        caller: str,
        callee: str,
        method: str,
        chain: tuple[str, ...],
        size: Callable[[], int],
        now_ns: int,
    ) -> tuple[str, str] | None:
        """Ask the rules; gives the verdict when all calls of this kind get the same."""
        lookup = installed.lookup
        with self._lock:
            rest = lookup.rules_for(caller, callee, method)
            if isinstance(rest, Decision) and not installed.on_reply:
                decision = rest
            else:
                headers = headers_of(passage.metadata) if installed.headers else NOTHING
                call = Call(
                    now_ns,
                    caller,
                    callee,
                    method,
                    chain=chain,
                    headers=headers,
                    size=size() if installed.size else 0,
                    trace_id=trace_id_of(passage.metadata) if installed.trace else "",
                )
                decision = rest if isinstance(rest, Decision) else lookup.ask(rest, call)
                if installed.on_reply:
                    passage.call, passage.lookup = call, lookup
            verdict = (decision.rule, "limit" if decision.limited else decision.verdict)
        self._tally(verdict).tick()
        if decision.effects:
            self._effects(installed, passage, decision, rpc_text(caller, callee, method))
        if decision.verdict == DENY and installed.mode == ENFORCE:
            passage.code = code_of(decision.status)
            passage.why = "over the limit of a policy" if decision.limited else "denied by policy"
            passage.call = None
        return verdict if decision is rest and not installed.on_reply else None

    def _effects(
        self, installed: Installed, passage: Passage, decision: Decision, rpc: str
    ) -> None:
        enforced = installed.mode == ENFORCE
        for effect in decision.effects:
            match effect:
                case Log(text):
                    logger.info("%s: %s (%s)", decision.rule, text, rpc)
                case Count(metric):
                    with self._lock:
                        self._metrics[metric] += 1
                case Delay(ns) if enforced:
                    passage.delay_s += ns / 1e9
                case Timeout(ns) if enforced:
                    passage.timeout_s = min(ns / 1e9, passage.timeout_s or ns / 1e9)
                case SetHeader(key, Text(text)) if enforced:
                    passage.metadata = with_header(passage.metadata, key, text)

    def _failed(self, installed: Installed, passage: Passage, error: Exception) -> None:
        self._count_error(error)
        if installed.mode == ENFORCE and not self._open:
            passage.code, passage.why = UNAVAILABLE, "the policy could not be asked"
            if isinstance(error, TrailError):
                passage.code, passage.why = code_of(403), "the chain of the call is not believed"
            passage.call = None

    def _count_error(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, TrailError) else type(error).__name__
        new = (reason, ERROR) not in self._tallies
        self._tally((reason, ERROR)).tick()
        if new and not isinstance(error, TrailError):  # one traceback, not one a call
            logger.error("the policy could not be asked", exc_info=error)
