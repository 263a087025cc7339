"""Random rules: trees that a file can state, whatever their sense."""

import string
from functools import cache

from hypothesis import strategies as st

from informer.policies import syntax as s
from informer.policies.fields import FIELDS, REPLY_FIELDS

WORDS = st.sampled_from(["", "a", "b", "m", "a>b:m", "*", "a*", "*>b:*"])  # that streams have
TEXTS = WORDS | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=4).map(lambda n: f"n_{n}")
NUMBERS = st.integers(0, 4) | st.integers(0, 10**6) | st.floats(0, 1000).map(lambda f: round(f, 7))
SPANS = st.integers(1, 10**15)
STATUS = st.integers(400, 599)

HEADERS = TEXTS.map(lambda t: s.Header(t.lower()))
ATTRIBUTES = st.builds(s.Attribute, TEXTS)
TEXT_FIELDS = [n for n, t in FIELDS.items() if t == "text"]
NUMBER_FIELDS = [n for n, t in FIELDS.items() if t == "number"]


@cache
def texts(states: tuple[s.State, ...] = (), deep: int = 2) -> st.SearchStrategy[s.Value]:
    found = st.builds(s.Text, TEXTS) | HEADERS | ATTRIBUTES
    found |= st.sampled_from(TEXT_FIELDS).map(s.Field) | _held(states, "text")
    if deep:
        inner = texts(states, deep - 1)
        found |= st.builds(s.Arithmetic, st.just("+"), inner, inner)
    return found


@cache
def numbers(states: tuple[s.State, ...] = (), deep: int = 2) -> st.SearchStrategy[s.Value]:
    found = st.builds(s.Number, NUMBERS) | st.sampled_from(NUMBER_FIELDS).map(s.Field)
    found |= _held(states, "number") | st.builds(s.Hash, texts(states, 0))
    if deep:
        inner = numbers(states, deep - 1)
        found |= st.builds(s.Arithmetic, st.sampled_from("+-*/%"), inner, inner)
    return found


@cache
def times(states: tuple[s.State, ...] = (), deep: int = 2) -> st.SearchStrategy[s.Value]:
    found = st.builds(s.Span, SPANS) | st.just(s.Field("now")) | _held(states, "time")
    if deep:
        inner = times(states, deep - 1)
        found |= st.builds(s.Arithmetic, st.sampled_from("+-"), inner, inner)
    return found


@cache
def conditions(states: tuple[s.State, ...], on_reply: bool) -> st.SearchStrategy[s.Condition]:
    signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    number, text, time = numbers(states), texts(states), times(states)
    least = st.builds(s.Compare, signs, number, number) | st.builds(s.Compare, signs, time, time)
    least |= st.builds(s.Compare, st.sampled_from(["=", "!="]), text, text)
    least |= st.builds(s.Like, text, TEXTS) | st.builds(s.ChainHas, TEXTS)
    least |= st.builds(s.Among, text, _some(st.builds(s.Text, TEXTS)))
    least |= st.builds(s.Among, number, _some(st.builds(s.Number, NUMBERS)))
    least |= st.builds(s.Chance, st.floats(0, 1).map(lambda f: round(f, 7)))
    held = [st.just(s.StateValue(x.name)) for x in states]
    least |= st.builds(s.Present, st.one_of(HEADERS, ATTRIBUTES, *held))
    if on_reply:
        least |= st.sampled_from(["failed", "refused"]).map(s.Truth)
        status = st.sampled_from(list(REPLY_FIELDS)).filter(lambda n: REPLY_FIELDS[n] == "number")
        least |= st.builds(s.Compare, signs, status.map(s.Field), number)
    return st.recursive(
        least,
        lambda c: (
            st.builds(s.Not, c)
            | st.builds(s.And, st.lists(c, min_size=2, max_size=3).map(tuple))
            | st.builds(s.Or, st.lists(c, min_size=2, max_size=3).map(tuple))
        ),
        max_leaves=6,
    )


@cache
def effects(states: tuple[s.State, ...]) -> st.SearchStrategy[s.Action]:
    found = st.builds(s.Log, TEXTS) | st.builds(s.Count, NAMES)
    of = {"number": numbers, "text": texts, "time": times}
    for state in states:
        found |= st.builds(s.SetState, st.just(state.name), of[state.type](states))
    return found


@cache
def limits(states: tuple[s.State, ...] = ()) -> st.SearchStrategy[s.Limit]:
    amounts = st.tuples(NUMBERS) | st.lists(NUMBERS, min_size=24, max_size=24).map(tuple)
    per_ns = st.sampled_from([10**6, 10**9, 60 * 10**9]) | st.integers(10**6, 10**13)
    cost = st.none() | numbers(states)
    by = st.tuples(st.none(), st.just(s.DEFAULT_KEYS))
    by |= st.tuples(texts(states), st.integers(1, 5))
    burst = st.none() | NUMBERS
    return st.builds(
        lambda a, p, c, k, status, b: s.Limit(a, p, c, *k, status, b),
        *(amounts, per_ns, cost, by, STATUS, burst),
    )


@cache
def actions(states: tuple[s.State, ...]) -> st.SearchStrategy[s.Action]:
    service = TEXTS
    return (
        effects(states)
        | limits(states)
        | st.builds(s.Mirror, service)
        | st.builds(s.Route, service)
        | st.builds(s.Delay, SPANS)
        | st.builds(s.Timeout, SPANS)
        | st.builds(s.Retry, st.integers(1, 10))
        | st.builds(s.SetHeader, TEXTS.map(str.lower), texts(states))
    )


@cache
def verdicts(states: tuple[s.State, ...]) -> st.SearchStrategy[s.Action]:
    return st.just(s.Allow()) | st.builds(s.Deny, STATUS) | st.builds(s.Answer, texts(states))


STATES = (
    (),
    (s.State("tries", "number", s.Header("u"), 3, 5 * 10**9), s.State("opened", "time")),
    (s.State("seen", "text", s.Arithmetic("+", s.Field("caller"), s.Text('"'))),),
)


@st.composite
def policies(draw: st.DrawFn) -> s.Policy:
    """A policy that a file can state."""
    states = draw(st.sampled_from(STATES))
    rules = []
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        on_reply = draw(st.booleans())
        when = draw(st.none() | conditions(states, on_reply))
        if on_reply:
            done = draw(st.lists(effects(states), min_size=1, max_size=3))
        else:
            done = draw(st.lists(actions(states), max_size=3))
            done += draw(st.lists(verdicts(states), min_size=not done, max_size=1))
        rules.append(s.Rule(name, when, tuple(done), on_reply, draw(notes())))
    default = draw(st.just(s.Allow()) | st.builds(s.Deny, STATUS))
    return s.Policy(tuple(rules), default, states, draw(notes()))


@cache
def notes() -> st.SearchStrategy[tuple[s.Note, ...]]:
    one = st.builds(s.Note, NAMES, TEXTS | NUMBERS)
    return st.lists(one, max_size=2, unique_by=lambda n: n.key).map(tuple)


def _held(states: tuple[s.State, ...], kind: str) -> st.SearchStrategy[s.Value]:
    return st.one_of([st.just(s.StateValue(x.name)) for x in states if x.type == kind])


def _some(one: st.SearchStrategy[s.Text | s.Number]) -> st.SearchStrategy[tuple]:
    return st.lists(one, min_size=1, max_size=3).map(tuple)
