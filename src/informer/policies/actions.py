"""Words to actions."""

from collections.abc import Callable, Mapping

from informer.policies.conditions import Expressions
from informer.policies.fields import NUMBER, TEXT
from informer.policies.syntax import (
    DEFAULT_KEYS,
    MOST_KEYS,
    Action,
    Allow,
    Answer,
    Count,
    Delay,
    Deny,
    Limit,
    Log,
    Mirror,
    Retry,
    Route,
    SetHeader,
    SetState,
    State,
    Timeout,
)
from informer.policies.words import Words

HOURS = 24
LEAST_INTERVAL_NS = 1_000_000
MOST_RETRIES = 10


def action(words: Words, expressions: Expressions, states: Mapping[str, State]) -> Action:
    """One action. Errors: RuleError where none begins or its parts are wrong."""
    if words.sees("set"):
        return _set(words, expressions, states)
    verb = words.takes(*VERBS)
    if verb is None:
        words.wrong(f"an action or }} must come here{words.meant([*VERBS, 'set'])}")
    return VERBS[verb.text](words, expressions)


def _limit(words: Words, expressions: Expressions) -> Limit:
    """limit AMOUNT [of VALUE] per SPAN [burst N] [by VALUE [keep N]] [else deny STATUS]."""
    at = words.next
    amounts: tuple[int | float, ...]
    if words.takes("hours"):
        amounts = tuple(words.listed("`hours`", words.a_number, HOURS))
        if len(amounts) != HOURS:
            words.wrong(f"`hours` must have 24 numbers, for 00 to 23 UTC, got {len(amounts)}", at)
    else:
        amounts = (words.a_number("`limit`"),)
    cost = expressions.value("`of`", NUMBER) if words.takes("of") else None
    words.need("per", "`limit`")
    per_ns = words.a_span("`per`", LEAST_INTERVAL_NS)
    burst = words.a_number("`burst`") if words.takes("burst") else None
    key, keys, status = None, DEFAULT_KEYS, 429
    if words.takes("by"):
        key = expressions.value("`by`", TEXT)
        if words.takes("keep"):
            keys = words.a_whole_number("`keep`", 1, MOST_KEYS)
    if words.takes("else"):
        words.need("deny", "`else`")
        status = _status(words)
    return Limit(amounts, per_ns, cost, key, keys, status, burst)


def _set(
    words: Words, expressions: Expressions, states: Mapping[str, State]
) -> SetHeader | SetState:
    """set header("x") = VALUE, or set STATE = VALUE."""
    words.take()
    if words.takes("header"):
        words.need("(", "`header`")
        key = words.a_text("`header`").lower()
        words.need(")", "`header`")
        words.need("=", "`set`")
        return SetHeader(key, expressions.value("a header", TEXT))
    if words.next.text not in states:
        words.wrong(f"`set` is for a header or a state declared above{words.meant(states)}")
    state = states[words.take().text]
    words.need("=", "`set`")
    return SetState(state.name, expressions.value(f"the state `{state.name}`", state.type))


def _status(words: Words) -> int:
    return words.a_whole_number("`deny`", 400, 599)


def _to(words: Words, what: str) -> str:
    words.need("to", what)
    return words.a_text(what)


VERBS: dict[str, Callable[[Words, Expressions], Action]] = {
    "allow": lambda words, e: Allow(),
    "deny": lambda words, e: Deny(_status(words)),
    "answer": lambda words, e: Answer(e.value("`answer`", TEXT)),
    "limit": _limit,
    "log": lambda words, e: Log(words.a_text("`log`")),
    "count": lambda words, e: Count(words.a_name("a metric")),
    "mirror": lambda words, e: Mirror(_to(words, "`mirror`")),
    "delay": lambda words, e: Delay(words.a_span("`delay`")),
    "route": lambda words, e: Route(_to(words, "`route`")),
    "timeout": lambda words, e: Timeout(words.a_span("`timeout`")),
    "retry": lambda words, e: Retry(words.a_whole_number("`retry`", 1, MOST_RETRIES)),
}
