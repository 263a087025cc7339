"""Random streams of calls and replies, made of what a policy asks so that its rules meet them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from informer.policies import syntax as s
from informer.policies.calls import Call, Reply
from informer.policies.evaluate import MOST_SIZE
from informer.policies.walk import walk

S = 1_000_000_000
EPOCH_NS = 1_780_000_000 * S


@dataclass
class Pools:
    """What calls are made of: everything a policy names, and a little that it does not."""

    texts: dict[str, list[str]] = field(default_factory=dict)  # by field
    headers: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    numbers: list[float] = field(default_factory=lambda: [0, 1])
    spans: list[int] = field(default_factory=lambda: [S])
    globs: list[str] = field(default_factory=list)
    everywhere: list[str] = field(default_factory=lambda: ["", "x"])


def pools_of(policy: s.Policy) -> Pools:
    """What a policy names, by where it names it."""
    found = Pools()
    for node in walk(policy):
        match node:
            case s.Compare(_, left, right):
                _beside(left, right, found)
                _beside(right, left, found)
            case s.Among(value, among):
                for one in among:
                    _beside(value, one, found)
            case s.Like(value, glob):
                _put(value, glob.replace("*", "a"), found)
                _put(value, glob.replace("*", ""), found)
            case s.ChainHas(glob):
                found.globs.append(glob.replace("*", "a"))
            case s.Header(key):
                found.headers.setdefault(key, [])
            case s.Attribute(key):
                found.attributes.setdefault(key, [])
            case s.Text(text):
                found.everywhere.append(text)
            case s.Number(number):
                found.numbers.append(number)
            case s.Span(ns):
                found.spans.append(ns)
            case s.Limit():
                found.spans.append(node.per_ns)
            case s.State():
                found.spans.append(node.forget_ns + 1)
    return found


def stream(pools: Pools, random: Random, length: int) -> Iterator[tuple[Call, Reply]]:
    """Calls one after the other, each with how it would end were it made."""
    now_ns = EPOCH_NS + random.choice((0, random.randrange(7 * 86_400 * S)))
    services = [_text(pools, "caller", random) for _ in range(2)]
    users = {key: [_value(pools, found, random) for _ in range(2)] for key, found in _keyed(pools)}
    for _ in range(length):
        now_ns += random.choice((0, 1, random.choice(pools.spans), random.randrange(2 * S)))
        chain = tuple(
            random.choice(pools.globs) if pools.globs and random.random() < 0.5 else "a>b:GET /"
            for _ in range(random.choice((0, 1, 3)))
        )
        headers = dict(_some(pools.headers, users, random))
        call = Call(
            now_ns,
            random.choice(services),
            _text(pools, "callee", random),
            _text(pools, "method", random),
            _text(pools, "kind", random) if random.random() < 0.3 else "rpc",
            chain,
            random.choice((None, _text(pools, "pattern", random))),
            headers,
            dict(_some(pools.attributes, users, random)),
            int(min(random.choice(pools.numbers), MOST_SIZE)) + random.choice((-1, 0, 1)),
            f"{random.getrandbits(16):x}",
            random.choice((1, 1, 2.5)),
        )
        status = int(random.choice((*pools.numbers, 200, 500)))
        failed = random.random() < 0.3
        refused = not failed and random.random() < 0.3
        body = random.choice((None, *pools.everywhere))
        yield call, Reply(status, failed, refused, random.randrange(2 * S), body)


def _keyed(pools: Pools) -> list[tuple[str, list[str]]]:
    return [*pools.headers.items(), *pools.attributes.items()]


def _some(
    of: dict[str, list[str]], users: dict[str, list[str | None]], random: Random
) -> Iterator[tuple[str, str]]:
    for key in of:
        value = random.choice(users[key])
        if value is not None and random.random() < 0.9:
            yield key, value


def _value(pools: Pools, found: list[str], random: Random) -> str | None:
    if random.random() < 0.2:
        return None
    return random.choice(found if found and random.random() < 0.8 else pools.everywhere)


def _text(pools: Pools, name: str, random: Random) -> str:
    found = pools.texts.get(name, [])
    return random.choice(found if found and random.random() < 0.6 else pools.everywhere)


def _beside(value: s.Value, other: s.Value, pools: Pools) -> None:
    if isinstance(other, s.Text):
        _put(value, other.value, pools)


def _put(value: s.Value, text: str, pools: Pools) -> None:
    match value:
        case s.Field("entry" | "previous"):
            pools.globs.append(text)
        case s.Field(name):
            pools.texts.setdefault(name, []).append(text)
        case s.Header(key):
            pools.headers.setdefault(key, []).append(text)
        case s.Attribute(key):
            pools.attributes.setdefault(key, []).append(text)
