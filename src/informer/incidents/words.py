"""Titles, severities and explanations of incidents, in words."""

from collections.abc import Mapping, Sequence

from informer.core.durations import lasting
from informer.core.types import LEGITIMATE, Json

SEVERITIES = ("info", "low", "medium", "high", "critical")
OUTCOMES = {"refusal": "refused", "failure": "failed"}  # kinds of how calls end
BOTH_WAYS = ("volume", "silence", "mix", "demand")  # kinds of what may rise and fall
MOST_NEW = 5  # rpcs that an explanation names beside the guilty one
# Scores are powers of ten: so many times the threshold is beyond doubt.
FAR_OVER, BEYOND_DOUBT = 2.0, 5.0


def rpc_words(rpc: Json) -> str:
    """An rpc as people read it: caller > callee method."""
    return f"{rpc['caller']} > {rpc['callee']} {rpc['method']}"


def title(
    kind: str,
    rpc: Json,
    changes: Sequence[str],
    *,
    new_form: bool,
    new_with_it: int,
    outcomes: Mapping[str, Json],
) -> str:
    """What happened, with the guilty rpc; `new_form`: only the form of its chain was not known.

    `new_with_it` other rpcs were never seen before either. `outcomes` are counts of its calls by
    how they ended (failure, refusal), where that tells more.
    """
    if kind == "demand":
        return (
            f"All traffic together: {_times(float(rpc['observed']), float(rpc['expected']))} calls"
        )
    if kind == "change" and changes:
        return f"{changes[0]}; traffic moved with it"
    ended = "".join(
        f", {float(n['observed']):.0f} {OUTCOMES[o]} ({float(n['expected']):.1f} expected)"
        for o, n in outcomes.items()
    )
    more = f" and {new_with_it} more" if kind == "novel" and new_with_it else ""
    return f"{_head(kind, rpc, changes, new_form=new_form)}{ended}: {rpc_words(rpc)}{more}"


def _head(kind: str, rpc: Json, changes: Sequence[str], *, new_form: bool) -> str:
    observed, expected = float(rpc["observed"]), float(rpc["expected"])
    window = lasting(float(rpc["window_s"]))
    if kind == "volume":
        return f"{_times(observed, expected)} calls"
    if kind == "silence":
        return f"Fewer calls than expected ({observed:.0f} of {expected:.1f} in {window})"
    if kind == "mix":
        return _out_of_mix(str(rpc["signal"]), observed, expected, window)
    if kind in OUTCOMES:
        return f"{observed:.0f} {OUTCOMES[kind]} calls in {window}, {expected:.1f} expected"
    if kind == "novel":
        return "Known calls in a new form of chain" if new_form else "Never seen before"
    if kind == "latency":
        since = f", since {changes[0]}" if changes else ""
        return f"{_slower(observed, expected)}{since}"
    return "Traffic took another route"


def severity(kind: str, score: float, threshold: float) -> str:
    """How urgent: misuse before faults, faults before what is probably legitimate."""
    if kind in LEGITIMATE:
        return "info"
    if kind == "novel":
        return "high"
    over = score / max(threshold, 1e-9)
    if kind in ("silence", "failure", "mix", "latency"):
        return "high" if over >= BEYOND_DOUBT else "medium"
    if over >= BEYOND_DOUBT:
        return "critical"
    return "high" if over >= FAR_OVER else "medium"


def explanation(
    kind: str,
    rpc: Json,
    score: float,
    threshold: float,
    *,
    turned: Json | None,
    new_form: bool,
) -> list[str]:
    """Why it was flagged, a sentence each; `turned` is a detection of the other direction."""
    reasons = _reasons(kind, rpc, score, threshold, new_form=new_form)
    if turned is not None and kind in BOTH_WAYS:
        return [*reasons, _other_way(turned)]
    return reasons


def new_with_it_words(rpcs: Sequence[Json]) -> str:
    """Which other rpcs were new at the same time and place; of a flood of them the first."""
    rest = f"; {len(rpcs) - MOST_NEW} more" if len(rpcs) > MOST_NEW else ""
    return f"New with it: {'; '.join(map(rpc_words, rpcs[:MOST_NEW]))}{rest}."


def _other_way(turned: Json) -> str:
    observed, expected = float(turned["observed"]), float(turned["expected"])
    return (
        f"At another time it was the other way round: {observed:.0f} of {expected:.1f} expected, "
        f"in {lasting(float(turned['window_s']))}."
    )


def outcome_words(kind: str, rpc: Json, counts: Json, score: float) -> str:
    """How the calls of an rpc ended, beside what an incident is called by."""
    observed, expected = float(counts["observed"]), float(counts["expected"])
    return (
        f"{observed:.0f} {OUTCOMES[kind]} calls where {expected:.1f} were expected, in "
        f"{lasting(float(counts['window_s']))} (score {score:.1f}): {rpc_words(rpc)}."
    )


def _reasons(kind: str, rpc: Json, score: float, threshold: float, *, new_form: bool) -> list[str]:
    if kind == "novel":
        news = f"{rpc_words(rpc)} was not among the calls that were learned."
        form = (
            "The calls of these chains were learned, the form of chain that they are made in was "
            f"not. The chains begin with {rpc_words(rpc)}."
        )
        return [
            form if new_form else news,
            f"A clean step brings a new one about once in {10**score:,.0f} times.",
        ]
    if kind == "change":
        return ["A workload, version or route came or went, and traffic moved with it."]
    if kind == "demand":
        return ["Many patterns rose or fell by the same factor at the same time."]
    window = lasting(float(rpc["window_s"]))
    if kind == "latency":
        observed = (
            f"Calls took {_ms(float(rpc['observed']))} on average (geometric mean) where "
            f"{_ms(float(rpc['expected']))} are usual, over {window}."
        )
    else:
        count = f"{float(rpc['observed']):.0f}"
        how = f"{OUTCOMES[kind]} call" if kind in OUTCOMES else "call"
        came = f"1 {how} was" if count == "1" else f"{count} {how}s were"
        observed = f"{came} observed where {float(rpc['expected']):.1f} were expected, in {window}."
    chance = f"10^{score:.0f}" if score >= 9 else f"{10**score:,.0f}"
    return [
        observed,
        f"Clean traffic does that by chance about once in {chance} windows (score {score:.1f}).",
        f"The alert budget sets the limit at {threshold:.1f}.",
    ]


def _out_of_mix(signal: str, observed: float, expected: float, window: str) -> str:
    counts = f"{observed:.0f} in {window}, {expected:.1f} expected"
    if signal == "calls":  # of one of the patterns that share an entry, the others made up for it
        way = "Fewer" if observed < expected else "More"
        return f"{way} requests in one form of chain ({counts})"
    if observed < expected:
        few = f"{observed:.0f} of {expected:.1f} in {window}"
        return f"Calls missing after those of their callers ({few})"
    return f"Too many calls for those of their callers ({counts})"


def _times(observed: float, expected: float) -> str:
    if expected < 0.5:
        return f"{observed:.0f} unexpected"
    if observed < 0.95 * expected:
        percent = f"{100 * observed / expected:.0f} %"
        return f"{percent if percent != '0 %' else 'hardly any'} of the expected"
    return f"{observed / expected:.1f} times the expected"


def _slower(observed_ms: float, usual_ms: float) -> str:
    times = observed_ms / usual_ms
    return (
        f"{times:.0f} times slower" if times >= 9.5 else f"{times:.1f} times slower"
    ) + f" ({_ms(observed_ms)}, usually {_ms(usual_ms)})"


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 99.5 else f"{value:.3g} ms"
