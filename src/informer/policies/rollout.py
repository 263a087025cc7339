"""How a policy comes into force: off, shadow, canary, enforce; and back when it denies too much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.stats import binom

from informer.core.errors import InformerError
from informer.policies.syntax import Allow, Chance, Not, Policy, Rule

OFF, SHADOW, CANARY, ENFORCE = "off", "shadow", "canary", "enforce"
STAGES = (OFF, SHADOW, CANARY, ENFORCE)
RETIRED = "retired"  # was in force until a later version came
CANARY_SHARE = 0.1  # of requests, chosen by their trace ids
LEAST_CALLS = 1_000  # that must have been observed in a stage before the next
SURELY = 1e-4  # the chance of stepping back although the promise holds
CANARY_RULE = "not_in_the_canary"


@dataclass(frozen=True, slots=True)
class Version:
    """A policy on its way."""

    number: int
    stage: str
    rules: str  # the text
    promised_calls: int  # that a replay looked at
    promised_denied: int  # of them that it denied
    observed_calls: int = 0  # in the stage it is in
    observed_denied: int = 0
    why: str = ""  # it is where it is


def advanced(versions: Sequence[Version], number: int) -> list[Version]:
    """One stage further; when it comes to be enforced, the one in force until now retires.

    Errors: InformerError when it was observed too little, or is at the end.
    """
    one = version_of(versions, number)
    if one.stage not in STAGES[:-1]:
        raise InformerError(f"version {number} is {one.stage}: there is no stage after that")
    if one.stage != OFF and one.observed_calls < LEAST_CALLS:
        raise InformerError(
            f"version {number} must be observed on at least {LEAST_CALLS:,} calls in {one.stage} "
            f"before the next stage, got {one.observed_calls:,}: `informer policy observe`"
        )
    after = STAGES[STAGES.index(one.stage) + 1]
    moved = replace(one, stage=after, observed_calls=0, observed_denied=0, why="advanced")
    found = []
    for v in versions:
        if v.number == number:
            found.append(moved)
        elif after == ENFORCE and v.stage == ENFORCE:
            found.append(replace(v, stage=RETIRED, why=f"version {number} is enforced"))
        else:
            found.append(v)
    return found


def stepped_back(versions: Sequence[Version], number: int, why: str) -> list[Version]:
    """One stage back; from enforce to shadow, and the one that was in force before is so again.

    What blocks too much must block nothing more, so neither of the two goes by the canary.
    Errors: InformerError when it is off or retired.
    """
    one = version_of(versions, number)
    if one.stage not in STAGES[1:]:
        raise InformerError(f"version {number} is {one.stage}: there is no stage before that")
    to = OFF if one.stage == SHADOW else SHADOW
    moved = replace(one, stage=to, observed_calls=0, observed_denied=0, why=why)
    retired = [v.number for v in versions if v.stage == RETIRED and v.number != number]
    before = max(retired, default=None) if one.stage == ENFORCE else None
    return [
        moved
        if v.number == number
        else replace(v, stage=ENFORCE, why=f"version {number} stepped back")
        if v.number == before
        else v
        for v in versions
    ]


def observed(
    versions: Sequence[Version], number: int, calls: int, denied: int
) -> tuple[list[Version], str]:
    """Add what was observed of a version; steps it back when it denied more than was promised.

    Gives why it stepped back; empty when it did not.
    """
    one = version_of(versions, number)
    if one.stage not in STAGES[1:]:
        raise InformerError(f"version {number} is {one.stage}: nothing of it can be observed")
    one = replace(
        one,
        observed_calls=one.observed_calls + calls,
        observed_denied=one.observed_denied + denied,
    )
    found = [one if v.number == number else v for v in versions]
    why = broken_promise(one)
    return (stepped_back(found, number, why) if why else found), why


def broken_promise(one: Version) -> str:
    """Why what was observed cannot be what was promised; empty when it can.

    The promise is a share with a margin of three calls for what a replay without denials cannot
    exclude (the rule of three); of a canary only its share of the denials can come.
    """
    share = min((one.promised_denied + 3) / max(one.promised_calls, 1), 1.0)
    if one.stage == CANARY:
        share *= CANARY_SHARE
    least = one.observed_denied
    if binom.sf(least - 1, one.observed_calls, share) >= SURELY or least == 0:
        return ""
    return (
        f"denied {least:,} of {one.observed_calls:,} calls, promised were "
        f"{one.promised_denied:,} of {one.promised_calls:,}"
    )


def as_canary(policy: Policy) -> Policy:
    """The same policy for a share of the requests; all others pass."""
    rest = Rule(CANARY_RULE, Not(Chance(CANARY_SHARE)), (Allow(),))
    # Where the rules have one of that name already, they are a canary already.
    if any(rule.name == CANARY_RULE for rule in policy.rules):
        return policy
    return replace(policy, rules=(rest, *policy.rules))


def version_of(versions: Sequence[Version], number: int) -> Version:
    """The version of that number. Errors: InformerError."""
    found = next((v for v in versions if v.number == number), None)
    if found is None:
        known = ", ".join(str(v.number) for v in versions) or "none"
        raise InformerError(f"there is no version {number} of the policy, there are: {known}")
    return found
