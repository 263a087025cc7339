"""The syntax tree to text that parses back to the same tree."""

from collections.abc import Iterable

from informer.policies.syntax import (
    DEFAULT_KEYS,
    Action,
    Allow,
    Among,
    And,
    Answer,
    Arithmetic,
    Attribute,
    ChainHas,
    Chance,
    Compare,
    Condition,
    Count,
    Delay,
    Deny,
    Field,
    Hash,
    Header,
    Like,
    Limit,
    Log,
    Mirror,
    Not,
    Note,
    Number,
    Or,
    Policy,
    Present,
    Retry,
    Route,
    Rule,
    SetHeader,
    SetState,
    Span,
    State,
    StateValue,
    Text,
    Timeout,
    Truth,
    Value,
)
from informer.policies.tokens import UNITS_NS

WIDTH = 100
TIGHT = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2}


def write(policy: Policy) -> str:
    """A rule file: states, then rules in order, then the default."""
    blocks = ["\n".join(["rules 1", *map(_note, policy.notes)])]
    if policy.states:
        blocks.append("\n".join(map(_state, policy.states)))
    blocks += map(write_rule, policy.rules)
    blocks.append(f"default {_action(policy.default)}")
    return "\n\n".join(blocks) + "\n"


def write_rule(rule: Rule) -> str:
    """One rule, as it stands in a file."""
    head = f"rule {rule.name} on reply {{" if rule.on_reply else f"rule {rule.name} {{"
    body = [*map(_note, rule.notes)]
    if rule.when is not None:
        body.append(f"when {_top(rule.when)}")
    body += map(_action, rule.actions)
    return "\n".join([head, *(f"    {line}" for line in body), "}"])


def write_condition(condition: Condition | Value) -> str:
    """A condition or value on one line."""
    match condition:
        case And(of) | Or(of):
            word = " and " if isinstance(condition, And) else " or "
            return word.join(_operand(c) for c in of)
        case Not(of):
            return f"not {_operand(of)}"
        case Compare(operator, left, right):
            return f"{write_condition(left)} {operator} {write_condition(right)}"
        case Among(value, among):
            return f"{write_condition(value)} in ({', '.join(map(write_condition, among))})"
        case Like(value, glob):
            return f"{write_condition(value)} like {quoted(glob)}"
        case ChainHas(glob):
            return f"chain has {quoted(glob)}"
        case Present(value):
            return f"present({write_condition(value)})"
        case Chance(share):
            return f"chance({number(share)})"
        case Truth(name) | Field(name) | StateValue(name):
            return name
        case Text(value):
            return quoted(value)
        case Number(value):
            return number(value)
        case Span(ns):
            return span(ns)
        case Header(key):
            return f"header({quoted(key)})"
        case Attribute(key):
            return f"attribute({quoted(key)})"
        case Hash(of):
            return f"hash({write_condition(of)})"
        case Arithmetic(operator, left, right):
            tight = TIGHT[operator]
            return f"{_term(left, tight)} {operator} {_term(right, tight + 1)}"


def quoted(text: str) -> str:
    r"""A text in quotes; what cannot be seen is escaped.

    >>> print(quoted('a "b"\u202e'))
    "a \"b\"\u202e"
    """
    return '"' + "".join(map(_character, text)) + '"'


def number(value: int | float) -> str:
    """Without exponent.

    >>> number(5), number(0.000001), number(2.0)
    ('5', '0.000001', '2.0')
    """
    if isinstance(value, int):
        return str(value)
    shown = repr(value)
    if "e" in shown:
        shown = f"{value:.20f}".rstrip("0")
    return shown + "0" if shown.endswith(".") else shown


def span(ns: int) -> str:
    """In the largest unit that is exact.

    >>> span(60_000_000_000), span(1_500_000_000)
    ('1m', '1500ms')
    """
    unit = next(u for u, size in UNITS_NS.items() if ns % size == 0 and (ns or u == "s"))
    return f"{ns // UNITS_NS[unit]}{unit}"


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _top(condition: Condition) -> str:
    """A condition over as many lines as it has parts, where one line would be too long."""
    line = write_condition(condition)
    if len(line) <= WIDTH - 10 or not isinstance(condition, And | Or):
        return line
    word = "and" if isinstance(condition, And) else "or"
    return f"\n        {word} ".join(_operand(c) for c in condition.of)


def _operand(condition: Condition) -> str:
    text = write_condition(condition)
    return f"({text})" if isinstance(condition, And | Or) else text


def _term(value: Value, tight: int) -> str:
    text = write_condition(value)
    looser = isinstance(value, Arithmetic) and TIGHT[value.operator] < tight
    return f"({text})" if looser else text


def _note(note: Note) -> str:
    value = quoted(note.value) if isinstance(note.value, str) else number(note.value)
    return f"@{note.key} {value}"


def _state(state: State) -> str:
    forget = f" forget after {span(state.forget_ns)}" if state.forget_ns else ""
    return f"state {state.name} {state.type}{_by(state.key, state.keys)}{forget}"


def _by(key: Value | None, keys: int) -> str:
    if key is None:
        return ""
    keep = f" keep {keys}" if keys != DEFAULT_KEYS else ""
    return f" by {write_condition(key)}{keep}"


def _limit(limit: Limit) -> str:
    amounts = limit.amounts
    many = f"hours ({_listed(amounts)})" if len(amounts) > 1 else number(amounts[0])
    of = f" of {write_condition(limit.cost)}" if limit.cost is not None else ""
    burst = f" burst {number(limit.burst)}" if limit.burst is not None else ""
    by = _by(limit.key, limit.keys)
    other = f" else deny {limit.status}" if limit.status != 429 else ""
    return f"limit {many}{of} per {span(limit.per_ns)}{burst}{by}{other}"


def _listed(numbers: Iterable[int | float]) -> str:
    return ", ".join(map(number, numbers))


def _action(action: Action) -> str:
    match action:
        case Allow():
            return "allow"
        case Deny(status):
            return f"deny {status}"
        case Answer(value):
            return f"answer {write_condition(value)}"
        case Limit():
            return _limit(action)
        case Log(text):
            return f"log {quoted(text)}"
        case Count(metric):
            return f"count {metric}"
        case Mirror(to) | Route(to):
            return f"{'mirror' if isinstance(action, Mirror) else 'route'} to {quoted(to)}"
        case Delay(ns) | Timeout(ns):
            return f"{'delay' if isinstance(action, Delay) else 'timeout'} {span(ns)}"
        case Retry(times):
            return f"retry {times}"
        case SetHeader(key, value):
            return f"set header({quoted(key)}) = {write_condition(value)}"
        case SetState(name, value):
            return f"set {name} = {write_condition(value)}"
