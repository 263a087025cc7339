"""Text of rules to the syntax tree, by recursive descent: every mistake has a line and a column."""

from informer.policies.actions import VERBS, action
from informer.policies.calls import DEFAULT
from informer.policies.conditions import CALLED, Expressions
from informer.policies.fields import (
    FIELDS,
    REPLY_FIELDS,
    REPLY_TRUTHS,
    TEXT,
    TYPES,
)
from informer.policies.syntax import (
    DEFAULT_KEYS,
    MOST_ACTIONS,
    MOST_KEYS,
    MOST_RULES,
    MOST_STATES,
    VERDICTS,
    Action,
    Allow,
    Count,
    Deny,
    Log,
    Note,
    Policy,
    Rule,
    SetState,
    State,
)
from informer.policies.tokens import END
from informer.policies.tokens import NUMBER as NUMBER_TOKEN
from informer.policies.words import Words

LANGUAGE = 1
MOST_NOTES = 20
CLAUSES = ("rule", "state", "default")
WORDS = (
    *("and", "or", "not", "in", "like", "chain", "has", "when", "on", "reply", "rules", "set"),
    *("per", "by", "of", "keep", "else", "to", "forget", "after", "hours", "burst"),
)
RESERVED = frozenset(
    (*FIELDS, *REPLY_FIELDS, *REPLY_TRUTHS, *CALLED, *VERBS, *TYPES, *CLAUSES, *WORDS)
)


def parse(text: str, name: str = "rules") -> Policy:
    """The policy that a text states; `name` is the file's, for errors.

    Errors: RuleError, an InformerError, with line and column of the first mistake.
    """
    words = Words(text, name)
    if not words.takes("rules"):
        words.wrong(f"the file must begin with `rules {LANGUAGE}`")
    at = words.next
    if words.a_whole_number("the version of the language", 0, 1000) != LANGUAGE:
        words.wrong(f"the version of the language must be {LANGUAGE}", at)
    notes = _notes(words)
    states: dict[str, State] = {}
    rules: dict[str, Rule] = {}
    while True:
        at = words.next
        if words.takes("state"):
            _bounded(words, len(states), MOST_STATES, "states")
            state = _state(words, states)
            states[state.name] = state
        elif words.takes("rule"):
            _bounded(words, len(rules), MOST_RULES, "rules")
            rule = _rule(words, states, rules, at.line)
            rules[rule.name] = rule
        elif words.takes("default"):
            default = _default(words)
            break
        elif words.next.kind == END:
            words.wrong("the file must end with `default allow` or `default deny 403`", words.next)
        else:
            words.wrong(f"a rule, a state or the default must come here{words.meant(CLAUSES)}")
    if words.next.kind != END:
        words.wrong("the default must come last: nothing below it would be asked")
    return Policy(tuple(rules.values()), default, tuple(states.values()), notes)


def _default(words: Words) -> Allow | Deny:
    verb = words.takes("allow", "deny")
    if verb is None:
        words.wrong("the default must be `allow` or `deny 403`")
    return Allow() if verb.text == "allow" else Deny(words.a_whole_number("`deny`", 400, 599))


def _bounded(words: Words, has: int, most: int, what: str) -> None:
    if has >= most:
        words.wrong(f"a file must have at most {most:,} {what}", words.next)


def _notes(words: Words) -> tuple[Note, ...]:
    found: list[Note] = []
    while at := words.takes("@"):
        if len(found) >= MOST_NOTES:
            words.wrong(f"there must be at most {MOST_NOTES} notes in one place", at)
        key = words.a_name("a note")
        value = (
            words.a_number("a note")
            if words.next.kind == NUMBER_TOKEN
            else words.a_text("the value of a note")
        )
        if any(n.key == key for n in found):
            words.wrong(f"the note `{key}` is there twice", at)
        found.append(Note(key, value))
    return tuple(found)


def _state(words: Words, states: dict[str, State]) -> State:
    """state NAME TYPE [by VALUE [keep N]] [forget after SPAN]."""
    at = words.next
    name = words.a_name("a state", RESERVED)
    if name in states:
        words.wrong(f"the state `{name}` is there twice", at)
    kind = words.takes(*TYPES)
    if kind is None:
        words.wrong(f"a state must be one of {', '.join(TYPES)}")
    key, keys, forget_ns = None, DEFAULT_KEYS, 0
    if words.takes("by"):
        key = Expressions(words, {}).value("`by`", TEXT)
        if words.takes("keep"):
            keys = words.a_whole_number("`keep`", 1, MOST_KEYS)
    if words.takes("forget"):
        words.need("after", "`forget`")
        forget_ns = words.a_span("`forget after`")
    return State(name, kind.text, key, keys, forget_ns)


def _rule(words: Words, states: dict[str, State], rules: dict[str, Rule], line: int) -> Rule:
    """rule NAME [on reply] { notes [when CONDITION] actions }."""
    at = words.next
    name = words.a_name("a rule", (DEFAULT,))
    if name in rules:
        words.wrong(f"the rule `{name}` is there twice, first on line {rules[name].line}", at)
    on_reply = words.takes("on") is not None
    if on_reply:
        words.need("reply", "`on`")
    words.need("{", f"the rule `{name}`")
    notes = _notes(words)
    expressions = Expressions(words, states, on_reply)
    when = expressions.condition() if words.takes("when") else None
    actions: list[Action] = []
    while not words.takes("}"):
        if len(actions) >= MOST_ACTIONS:
            words.wrong(f"a rule must have at most {MOST_ACTIONS} actions", words.next)
        if actions and isinstance(actions[-1], VERDICTS):
            words.wrong("a verdict ends the rule: nothing below it would be done")
        begins = words.next
        done = action(words, expressions, states)
        if on_reply and not isinstance(done, Log | Count | SetState):
            words.wrong("a rule on reply may `log`, `count` and `set` a state, no more", begins)
        actions.append(done)
    if not actions:
        words.wrong(f"the rule `{name}` must do something", at)
    return Rule(name, when, tuple(actions), on_reply, notes, line)
