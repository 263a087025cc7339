"""Guilty is the rpc that an event changes most, over all patterns that use it."""

import numpy as np

from informer.core.types import Floats
from informer.detections.guilt import Guilt
from pattern_traffic import expecting, traffic_of

STEPS, FIRST, LAST = 60, 40, 45


def risen(rate: float, times: float) -> Floats:
    calls = np.full(STEPS, float(rate))
    calls[FIRST : LAST + 1] *= times
    return calls


def guilt_of(patterns: dict[str, dict[str, tuple[float, float]]]) -> Guilt:
    """Patterns by the rate of each rpc, and how many times that there was during the event."""
    traffic, forecasts = {}, {}
    for pattern_id, rpcs in patterns.items():
        traffic[pattern_id] = traffic_of(pattern_id, {r: risen(*x) for r, x in rpcs.items()})
        forecasts[pattern_id] = expecting(traffic[pattern_id], *(rate for rate, _ in rpcs.values()))
    return Guilt(traffic, forecasts)


def test_an_rpc_that_all_patterns_share_is_not_guilty_of_what_one_does() -> None:
    guilt = guilt_of(
        {
            "login": {"gateway": (5, 8), "auth": (5, 8), "user-db": (5, 8)},
            "browse": {"gateway": (60, 1), "catalog": (60, 1)},
            "pay": {"gateway": (40, 1), "payment": (40, 1), "user-db": (40, 1)},
        }
    )
    assert guilt.of(("login",), FIRST, LAST, high=True)[0].rpc_id == "auth"


def test_where_nothing_is_shared_the_entry_is_named() -> None:
    guilt = guilt_of({"login": {"in": (5, 8), "auth": (5, 8), "db": (5, 8)}})
    assert guilt.of(("login",), FIRST, LAST, high=True)[0].rpc_id == "in"


def test_an_rpc_that_rises_beyond_its_chain_is_guiltier_than_the_entry() -> None:
    guilt = guilt_of({"login": {"in": (10, 1.5), "auth": (10, 9)}})
    assert guilt.of(("login",), FIRST, LAST, high=True)[0].rpc_id == "auth"


def test_silence_names_who_fell_silent() -> None:
    guilt = guilt_of(
        {
            "login": {"gateway": (20, 0), "auth": (20, 0)},
            "browse": {"gateway": (200, 1), "catalog": (200, 1)},
        }
    )
    assert guilt.of(("login",), FIRST, LAST, high=False)[0].rpc_id == "auth"


def test_a_family_names_what_its_patterns_have_in_common() -> None:
    guilt = guilt_of(
        {
            "a": {"gateway": (5, 4), "reviews": (5, 4), "v1": (5, 4)},
            "b": {"gateway": (5, 4), "reviews": (5, 4), "v2": (5, 4)},
            "c": {"gateway": (200, 1), "other": (200, 1)},
        }
    )
    assert guilt.of(("a", "b"), FIRST, LAST, high=True)[0].rpc_id == "reviews"


def test_only_the_steps_of_the_event_count() -> None:
    guilt = guilt_of({"login": {"in": (10, 9), "auth": (10, 9)}})
    quiet = guilt.of(("login",), 0, 5, high=True)
    assert quiet[0].rpc_id == "in"  # nothing stands out, so the entry speaks for the chain


def test_what_rose_with_the_guilty_rpc_is_suspected_and_what_did_not_is_not() -> None:
    guilt = guilt_of({"login": {"in": (10, 8), "auth": (10, 9), "db": (10, 9), "mail": (10, 1)}})
    suspects = guilt.of(("login",), FIRST, LAST, high=True)
    assert {s.rpc_id for s in suspects} == {"in", "auth", "db"}
    assert suspects[0].observed > 8 * suspects[0].expected * 0.9
