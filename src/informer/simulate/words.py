"""Every text of the spans, as dictionaries: a span holds numbers, Parquet the texts once."""

import re
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from informer.core.types import Bools, Ints
from informer.simulate.scenario import Scenario

CLIENTS = 2_000
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605.1.15",
    "okhttp/4.12.0",
)
POD_LETTERS = list("bcdfghjklmnpqrstvwxz2456789")  # what Kubernetes makes random names of
NONE = -1


@dataclass(frozen=True, slots=True)
class Words:
    """Texts, and for every slot of every pattern (g, counted through) which of them it has."""

    first: Ints  # [p]: the g of a pattern's first slot
    services: list[str]
    operations: list[str]
    peers: list[str]
    ids: list[str]
    attributes: list[str]
    pods: list[str]
    service: Ints  # [g]
    operation: Ints  # [g]: the first of its operations
    operation_forms: Ints  # [g]: how many it has; raw paths are drawn among them
    peer: Ints  # [g], NONE = null
    kind: Ints  # [g], into KINDS
    span_id: Ints  # [g]
    parent_id: Ints  # [g], NONE = null
    attribute: Ints  # [g]
    entry: Bools  # [g]
    answers: Bools  # [g]: it has a status
    code: Ints  # [g]: the status of a refusal
    first_client: int
    first_source: Ints  # [event]: the first of its clients
    first_pod: Ints  # [service]


KINDS = ["server", "client", "producer", "consumer"]


def words_of(scenario: Scenario, seed: int) -> Words:
    """The dictionaries of a scenario."""
    rng = np.random.default_rng([seed, 7])
    slots = [s for p in scenario.patterns for s in p.slots]
    answering = [s.kind in ("server", "consumer") for s in slots]
    reports = [s.call.callee if a else s.call.caller for s, a in zip(slots, answering, strict=True)]
    services = sorted(set(reports))
    operations, first_form, forms = _operations([s.call.method for s in slots], scenario, rng)
    peers = sorted({s.call.callee for s in slots})
    width = max(len(p.slots) for p in scenario.patterns)
    attributes = ["{}", _json({"db.system": "postgresql"})]
    first_client = len(attributes)
    attributes += [_client(rng) for _ in range(CLIENTS)]
    first_source = []
    for event in scenario.events:
        first_source.append(len(attributes))
        attributes += [_client(rng) for _ in range(event.sources)]
    pods = [
        _json({"k8s.pod.name": f"{template}-{_letters(rng, 5)}"})
        for template in [f"{service}-{_letters(rng, 9)}" for service in services]
        for _ in range(2 * scenario.head.replicas)
    ]
    sizes = [len(p.slots) for p in scenario.patterns]
    at = {s: i for i, s in enumerate(services)}
    place = np.concatenate([np.arange(size) for size in sizes])
    return Words(
        first=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        services=services,
        operations=operations,
        peers=peers,
        ids=[f"{i + 1:04x}" for i in range(width)],
        attributes=attributes,
        pods=pods,
        service=np.array([at[r] for r in reports]),
        operation=first_form,
        operation_forms=forms,
        peer=np.array(
            [
                NONE if a else peers.index(s.call.callee)
                for s, a in zip(slots, answering, strict=True)
            ]
        ),
        kind=np.array([KINDS.index(s.kind) for s in slots]),
        span_id=place,
        parent_id=np.array([s.parent for s in slots]),
        attribute=np.array([int(s.call.kind == "db") for s in slots]),
        entry=np.array([s.parent < 0 for s in slots]),
        answers=np.array([s.kind == "server" for s in slots]),
        code=np.array([s.call.code for s in slots]),
        first_client=first_client,
        first_source=np.array(first_source, dtype=np.int64),
        first_pod=np.arange(len(services)) * 2 * scenario.head.replicas,
    )


def coded(codes: Ints, texts: list[str]) -> pa.Array:
    """Texts by their numbers, NONE = null, [r].

    A text stands once in the dictionary: with repeated ones Parquet's bytes may differ from run
    to run.
    """
    once = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    if len(once) < len(texts):
        places = np.array([*(once[text] for text in texts), NONE])  # NONE, the last, stays
        codes = places[codes]
    narrow = codes.astype(np.int32)
    missing = narrow < 0 if narrow.size and narrow.min() < 0 else None
    return pa.DictionaryArray.from_arrays(pa.array(narrow, mask=missing), pa.array(list(once)))


def _operations(
    methods: list[str], scenario: Scenario, rng: np.random.Generator
) -> tuple[list[str], Ints, Ints]:
    """All operations; for every slot its first and how many. A template stands for raw paths."""
    raw = scenario.defects.raw_paths
    texts: list[str] = []
    where: dict[str, tuple[int, int]] = {}
    for method in dict.fromkeys(methods):
        forms = [method]
        if raw and "{" in method:
            forms = [
                re.sub(r"\{\w*\}", lambda _: str(rng.integers(10**6)), method) for _ in range(raw)
            ]
        where[method] = (len(texts), len(forms))
        texts += forms
    return (
        texts,
        np.array([where[m][0] for m in methods]),
        np.array([where[m][1] for m in methods]),
    )


def _client(rng: np.random.Generator) -> str:
    """Of a user or an attacker: nothing in it tells them apart."""
    address = ".".join(str(x) for x in [rng.integers(11, 224), *rng.integers(1, 255, 3)])
    agent = AGENTS[int(rng.integers(len(AGENTS)))]
    return _json({"client.address": address, "user_agent.original": agent})


def _letters(rng: np.random.Generator, n: int) -> str:
    return "".join(POD_LETTERS[i] for i in rng.integers(0, len(POD_LETTERS), n))


def _json(values: dict[str, str]) -> str:
    return orjson.dumps(values).decode()
