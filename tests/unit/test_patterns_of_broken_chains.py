"""Chains with a lost parent or a failure belong to the pattern that they are a part of."""

import pytest
from pattern_shapes import Call, Seen, Tables, call

from informer.core.types import NOISE
from informer.patterns.find import Patterns, Previous, assign, find_patterns

TRAVEL = call(
    "gateway:/*",
    call("travel:left", call("basic:travels", call("station:ids")), call("seat:left")),
)
LOGIN = call("gateway:/*", call("auth:login", call("captcha:verify")))
WHOLE = [Seen(TRAVEL, 500), Seen(LOGIN, 300)]


def learned(*broken: Seen) -> tuple[Patterns, list[dict[str, object]]]:
    """The patterns, and the members of travel, login and the broken ones in this order."""
    tables = Tables([*WHOLE, *broken])
    patterns = find_patterns(tables.shapes, tables.rpcs, run_id="r")
    belongs = {row["shape_id"]: row for row in patterns.members.to_pylist()}
    return patterns, [belongs[shape_id] for shape_id in tables.ids]


def partial(entry: Call, caller: str = "outside") -> Seen:
    return Seen(entry, 200, partial=True, caller=caller)


def test_a_partial_chain_belongs_to_the_pattern_that_contains_it() -> None:
    _, (travel, _, broken) = learned(partial(call("gateway:/*", call("travel:left"))))
    assert broken["pattern_id"] == travel["pattern_id"]
    assert broken["distance"] == 0.0


def test_a_chain_that_lost_its_head_is_found_by_what_is_left() -> None:
    rest = call("basic:travels", call("station:ids"))
    _, (travel, _, broken) = learned(partial(rest, caller="unknown"))
    assert broken["pattern_id"] == travel["pattern_id"]


def test_what_of_a_broken_chain_is_new_is_its_distance() -> None:
    entry = call("gateway:/*", call("auth:login", call("captcha:verify"), call("odd:call")))
    _, (_, login, broken) = learned(partial(entry))
    assert broken["pattern_id"] == login["pattern_id"]
    assert 0.1 < broken["distance"] < 0.5


def test_a_failed_chain_belongs_to_its_pattern_though_much_of_it_is_missing() -> None:
    early = Seen(call("gateway:/*", call("travel:left")), 200, failed=200)
    _, (travel, _, failed) = learned(early)
    assert failed["pattern_id"] == travel["pattern_id"]


@pytest.mark.parametrize(
    "broken",
    [
        partial(call("gateway:/*", call("odd:call", call("odder:call")))),
        partial(call("odd:call", call("odder:call")), caller="unknown"),
        partial(call("elsewhere:GET", call("travel:left"))),
        Seen(call("gateway:/*", call("odd:call", call("odder:call"))), 200, failed=195),
    ],
    ids=["known entry", "lost head", "new entry", "failed"],
)
def test_broken_chains_mint_no_pattern(broken: Seen) -> None:
    patterns, (travel, login, member) = learned(broken)
    assert patterns.patterns.num_rows == 2
    assert travel["pattern_id"] != login["pattern_id"]
    assert member["pattern_id"] == NOISE


def test_a_whole_chain_is_no_fragment_of_a_larger_one() -> None:
    patterns, (travel, login, bare) = learned(Seen(call("gateway:/*"), 100))
    assert patterns.patterns.num_rows == 3
    assert bare["pattern_id"] not in (travel["pattern_id"], login["pattern_id"], NOISE)


def test_an_entry_that_always_fails_is_a_pattern() -> None:
    patterns, (*_, refused) = learned(Seen(call("legacy:GET", call("gone:GET")), 50, failed=50))
    assert patterns.patterns.num_rows == 3
    assert refused["pattern_id"] != NOISE


def test_broken_chains_count_for_their_pattern_but_not_in_its_graph() -> None:
    whole, _ = learned()
    broken, (travel, *_) = learned(partial(call("gateway:/*", call("travel:left"))))
    chains = dict(
        zip(
            broken.patterns["pattern_id"].to_pylist(),
            broken.patterns["chains"].to_pylist(),
            strict=True,
        )
    )
    assert chains[str(travel["pattern_id"])] == 700
    assert broken.pattern_edges.equals(whole.pattern_edges)


def test_a_broken_chain_met_later_is_matched_as_in_learning() -> None:
    tables = Tables(WHOLE)
    patterns = find_patterns(tables.shapes, tables.rpcs, run_id="r")
    known = Previous(patterns.patterns, patterns.members, tables.shapes)
    later = Tables([*WHOLE, partial(call("captcha:verify"), caller="unknown")])
    belongs = {
        row["shape_id"]: row["pattern_id"]
        for row in assign(later.shapes, later.rpcs, known).to_pylist()
    }
    _, login, broken = (belongs[shape_id] for shape_id in later.ids)
    assert broken == login


BUSY = Seen(call("shop:GET /", call("cart:get")), 600_000)  # of 600,000 chains 60 make a pattern
JOB = call("cron:export", *(call(f"stock:part{i}") for i in range(20)))
CUT = call("cron:export", *(call(f"stock:part{i}") for i in range(18)))


@pytest.mark.parametrize(
    ("whole", "broken", "is_one"), [(36, 134, True), (36, 10, False), (9, 500, False)]
)
def test_a_long_job_that_is_seldom_whole_is_a_pattern_as_often_as_it_came(
    whole: int, broken: int, is_one: bool
) -> None:
    tables = Tables([BUSY, Seen(JOB, whole), Seen(CUT, broken, partial=True)])
    patterns = find_patterns(tables.shapes, tables.rpcs, run_id="r")
    belongs = {row["shape_id"]: row["pattern_id"] for row in patterns.members.to_pylist()}
    job, cut = (belongs[shape_id] for shape_id in tables.ids[1:])
    assert (job != NOISE) is is_one
    assert cut == job
