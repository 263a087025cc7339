"""A policy in force in one process: asked about every call, counted, changed without a stop.

It knows nothing of gRPC's classes; `client.py`, `server.py` and their asyncio twins put it to use.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from informer.core.errors import InformerError
from informer.policies.calls import DENY, NOTHING, Call, Decision
from informer.policies.decider import Decider
from informer.policies.fields import rpc_text
from informer.policies.grpc.fit import rules_about, weakened
from informer.policies.grpc.status import UNAVAILABLE, code_of, reply_of
from informer.policies.grpc.trail import (
    METADATA,
    SERVED,
    Trail,
    TrailError,
    Trails,
    connected,
    trail_of,
)
from informer.policies.syntax import (
    ChainHas,
    Chance,
    Count,
    Delay,
    Deny,
    Field,
    Header,
    Log,
    Policy,
    SetHeader,
    Text,
    Timeout,
)
from informer.policies.walk import walk

SHADOW, ENFORCE = "shadow", "enforce"
CLOSED, OPEN = "closed", "open"
ERROR = "error"  # in the place of a verdict
OUTSIDE = "outside"
CHAIN_FIELDS = {"entry", "previous", "depth"}
Metadata = Iterable[tuple[str, Any]]  # bytes where the key ends in -bin, else text
logger = logging.getLogger("informer.policy")


@dataclass(slots=True)
class Passage:
    """What comes of a call: refused with a code, or let through with what goes along."""

    code: int = 0  # of a refusal
    why: str = ""  # it is told to the caller, so it names no rule
    metadata: tuple[tuple[str, Any], ...] = ()
    chain: tuple[str, ...] = ()  # of calls made while this one is served
    delay_s: float = 0
    timeout_s: float | None = None
    call: Call | None = None  # where rules on reply want to know
    decider: Decider | None = None  # that judged it, and is told of the reply


@dataclass(frozen=True, slots=True)
class Installed:
    """A policy, ready, with what its rules look at."""

    policy: Policy
    decider: Decider
    mode: str
    headers: bool
    size: bool
    trace: bool
    on_reply: bool


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
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._metrics: Counter[str] = Counter()
        self._installed = self._ready(policy, mode)

    def swap(self, policy: Policy, mode: str) -> None:
        """Put another policy in force, all at once or, when it does not fit, not at all.

        States and limits begin anew. Calls that are under way end under the one they began with.
        """
        self._installed = self._ready(policy, mode)

    def verdicts(self) -> dict[tuple[str, str], int]:
        """Calls by rule and verdict since the start: allow, deny, limit; by reason and `error`."""
        with self._lock:
            return dict(self._verdicts)

    def metrics(self) -> dict[str, int]:
        """What rules have counted (`count NAME`)."""
        with self._lock:
            return dict(self._metrics)

    def outgoing(
        self, callee: str, path: str, sent: Metadata | None, size: Callable[[], int]
    ) -> Passage:
        """Judge a call that this service is about to make."""
        installed, now_ns, chain = self._installed, self._clock_ns(), SERVED.get()
        own = tuple(pair for pair in sent if pair[0] != METADATA) if sent else ()
        passage = Passage(metadata=own)
        method = path[1:]
        try:
            self._judge(installed, passage, self.service, callee, method, chain, size, now_ns)
            if not passage.code:
                token = self._trails.write(
                    self.service, callee, method, chain, now_ns // 1_000_000_000
                )
                passage.metadata = (*passage.metadata, (METADATA, token))
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
        passage = Passage(metadata=tuple(received))
        method = path[1:]
        try:
            trail = self._trail(passage, method, identities, now_ns // 1_000_000_000)
            passage.chain = trail.onward
            self._judge(
                installed, passage, trail.caller, self.service, method, trail.chain, size, now_ns
            )
        except Exception as error:  # noqa: BLE001
            self._failed(installed, passage, error)
        return passage

    def replied(self, passage: Passage, code: int) -> None:
        """Tell the rules on reply how a call that was let through ended."""
        call, decider = passage.call, passage.decider
        if call is None or decider is None:
            return
        reply = reply_of(code, max(self._clock_ns() - call.time_ns, 0))
        try:
            with self._lock:
                effects = decider.on_reply(call, reply)
                for effect in effects:
                    if isinstance(effect, Count):
                        self._metrics[effect.metric] += 1
        except Exception as error:  # noqa: BLE001
            self._count_error(error)
            return
        for effect in effects:
            if isinstance(effect, Log):
                logger.info("%s (%s)", effect.text, call.rpc)

    def _trail(
        self, passage: Passage, method: str, identities: Callable[[], Iterable[str]], now_s: int
    ) -> Trail:
        peer = None if self._peers is None else _peer(self._peers, identities())
        trail = None
        if self._believes:
            tokens = [value for key, value in passage.metadata if key == METADATA]
            if len(tokens) > 1:
                raise TrailError("several_tokens")
            for token in tokens:
                trail = self._trails.read(token, self.service, method, now_s)
        if trail is None:
            return trail_of(OUTSIDE if peer is None else peer, self.service, method)
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
    ) -> None:
        decider = installed.decider
        with self._lock:
            rest = decider.rules_for(caller, callee, method)
            if isinstance(rest, Decision) and not installed.on_reply:
                decision = rest
            else:
                headers = _headers(passage.metadata) if installed.headers else NOTHING
                call = Call(
                    now_ns,
                    caller,
                    callee,
                    method,
                    chain=chain,
                    headers=headers,
                    size=size() if installed.size else 0,
                    trace_id=_trace_id(passage.metadata) if installed.trace else "",
                )
                decision = rest if isinstance(rest, Decision) else decider.ask(rest, call)
                if installed.on_reply:
                    passage.call, passage.decider = call, decider
            self._verdicts[decision.rule, "limit" if decision.limited else decision.verdict] += 1
        if decision.effects:
            self._effects(installed, passage, decision, rpc_text(caller, callee, method))
        if decision.verdict == DENY and installed.mode == ENFORCE:
            passage.code = code_of(decision.status)
            passage.why = "over the limit of a policy" if decision.limited else "denied by policy"
            passage.call = None

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
                    passage.metadata = _with_header(passage.metadata, key, text)

    def _failed(self, installed: Installed, passage: Passage, error: Exception) -> None:
        self._count_error(error)
        if installed.mode == ENFORCE and not self._open:
            passage.code, passage.why = UNAVAILABLE, "the policy could not be asked"
            if isinstance(error, TrailError):
                passage.code, passage.why = code_of(403), "the chain of the call is not believed"
            passage.call = None

    def _count_error(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, TrailError) else type(error).__name__
        with self._lock:
            new = (reason, ERROR) not in self._verdicts
            self._verdicts[reason, ERROR] += 1
        if new and not isinstance(error, TrailError):  # one traceback, not one a call
            logger.error("the policy could not be asked", exc_info=error)

    def _ready(self, policy: Policy, mode: str) -> Installed:
        if mode not in (SHADOW, ENFORCE):
            raise ValueError(f"mode must be {SHADOW} or {ENFORCE}, got {mode!r}")
        for text in weakened(policy, self.service):
            logger.info("of the policy for %s: %s", self.service, text)
        rules = tuple(rules_about(policy, self.service))
        own = Policy(rules, policy.default, policy.states)
        if not rules and isinstance(policy.default, Deny):
            raise InformerError(
                f"no rule is about {self.service}, and all else is denied: is the name right?"
            )
        nodes = list(walk(rules)) + list(walk(policy.states))
        if not self._believes and any(_asks_chain(node) for node in nodes):
            raise InformerError(
                "rules ask for the chain, which comes in metadata: give keys, or trust_unsigned"
            )
        return Installed(
            own,
            Decider(own),
            mode,
            headers=any(isinstance(node, Header) for node in nodes),
            size=any(node == Field("size") for node in nodes),
            trace=any(isinstance(node, Chance) for node in nodes),
            on_reply=any(rule.on_reply for rule in rules),
        )


def _peer(peers: Mapping[str, str], identities: Iterable[str]) -> str:
    """The service behind the identities; who has none comes from outside."""
    first = OUTSIDE
    for identity in identities:
        if identity in peers:
            return peers[identity]
        first = identity if first == OUTSIDE else first
    return first


def _asks_chain(node: object) -> bool:
    return isinstance(node, ChainHas) or (isinstance(node, Field) and node.name in CHAIN_FIELDS)


def _headers(metadata: Metadata) -> dict[str, str]:
    """Texts by key; of a key that came more than once all, as HTTP joins them."""
    found: dict[str, str] = {}
    for key, value in metadata:
        if isinstance(value, str):
            found[key] = f"{found[key]},{value}" if key in found else value
    return found


def _trace_id(metadata: Metadata) -> str:
    """Out of W3C's `traceparent`."""
    for key, value in metadata:
        if key == "traceparent" and isinstance(value, str):
            parts = value.split("-")
            return parts[1] if len(parts) > 1 else ""
    return ""


def _with_header(metadata: Metadata, key: str, text: str) -> tuple[tuple[str, Any], ...]:
    if not all(" " <= letter <= "~" for letter in text):
        raise ValueError(f"{key} would have letters that gRPC sends in no header")
    return (*(pair for pair in metadata if pair[0] != key), (key, text))
