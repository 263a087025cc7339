"""What counts as one call and who called whom: a small trace per rule of calls-and-shapes.md."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from informer.chains.build import Chains, Pairs, build_chains
from informer.core.tables import RPCS, SPANS
from informer.core.types import NOISE
from informer.engines.duckdb import DuckDBEngine
from informer.patterns.find import Previous, assign, find_patterns
from informer.traffic.bin import bin_traffic, count_calls

Row = dict[str, Any]
NO_METHODS = pa.table({n: pa.array([], pa.string()) for n in ("service", "operation", "method")})


def span(name: str, service: str, kind: str = "unspecified", **more: Any) -> Row:
    """A span `parent/id` or, for a root, `id`."""
    above, _, own = name.rpartition("/")
    row: Row = dict.fromkeys(SPANS.names)
    row |= {"trace_id": "t", "span_id": own, "parent_span_id": above or None, "service": service}
    row |= {"operation": "op", "kind": kind, "start_ns": 0, "duration_ns": 1}
    row |= {"failed": False, "refused": False, "weight": 1.0, "attributes": "{}"}
    return row | more


class Told:
    """Spans told to the chains stage, and its tables for short questions."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self.engine = engine

    def of(
        self,
        *spans: Row,
        methods: pa.Table = NO_METHODS,
        remote_entries: Pairs | None = None,
    ) -> "Told":
        self.engine.write("spans", SPANS.of(list(spans)))
        self.engine.write("methods", methods)
        self.found: Chains = build_chains(self.engine, key=b"key", remote_entries=remote_entries)
        return self

    @property
    def calls(self) -> Counter[str]:
        rows = self.rows("calls")
        return Counter(f"{r['caller']} > {r['callee']}:{r['method']} {r['kind']}" for r in rows)

    @property
    def edges(self) -> set[str]:
        names = {r["rpc_id"]: f"{r['caller']}>{r['callee']}" for r in self.rows("rpcs")}
        shapes = self.rows("shapes")
        ends = [edge.split(">") for shape in shapes for edge in shape["edges"]]
        return {f"{names[above]} leads to {names[below]}" for above, below in ends}

    @property
    def call(self) -> Row:
        (row,) = self.rows("calls")
        return row

    @property
    def chain(self) -> Row:
        (row,) = self.rows("chains")
        (entry,) = [r for r in self.rows("rpcs") if r["rpc_id"] == row["entry_rpc_id"]]
        return row | {"entry": f"{entry['caller']} > {entry['callee']}:{entry['method']}"}

    def rows(self, table: str) -> list[Row]:
        rows: list[Row] = self.engine.query(f"select * from {table}").to_pylist()
        return rows


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine


@pytest.fixture
def told(engine: DuckDBEngine) -> Told:
    engine.run("drop table if exists rpcs")
    return Told(engine)


def test_a_client_and_its_server_are_one_call(told: Told) -> None:
    told.of(
        span("1", "shop", "server"), span("1/2", "shop", "client"), span("2/3", "cart", "server")
    )
    assert told.calls == {"outside > shop:op rpc": 1, "shop > cart:op rpc": 1}
    assert told.edges == {"outside>shop leads to shop>cart"}


def test_two_proxies_between_two_services_are_still_one_call(told: Told) -> None:
    told.of(
        span("1", "ingress", "client", peer="shop"),
        span("1/2", "shop", "server"),
        span("2/3", "shop", "client", peer="cart"),
        span("3/4", "cart", "server"),
    )
    assert told.calls == {"ingress > shop:op rpc": 1, "shop > cart:op rpc": 1}
    assert told.chain["entry"] == "ingress > shop:op"


def test_a_proxy_in_front_of_its_application_makes_no_second_call(told: Told) -> None:
    told.of(span("1", "cart", "server"), span("1/2", "cart", "server", operation="handler"))
    assert told.calls == {"outside > cart:op rpc": 1}


def test_an_application_that_shares_its_proxys_context_hangs_below_the_proxy(told: Told) -> None:
    told.of(
        span("1", "shop", "client"),
        span("1/2", "cart", "server"),
        span("1/3", "cart", "client", peer="redis"),
    )
    assert told.calls == {"shop > cart:op rpc": 1, "cart > redis:op external": 1}
    assert told.edges == {"shop>cart leads to cart>redis"}


def test_a_nearer_client_span_of_the_same_service_stands_for_both(told: Told) -> None:
    told.of(
        span("1", "shop", "client", operation="retry"),
        span("1/2", "shop", "client", operation="get", peer="cart"),
    )
    assert told.calls == {"shop > cart:get external": 1}


def test_a_client_without_a_server_calls_what_it_names(told: Told) -> None:
    told.of(span("1", "shop", "client", peer="mail"))
    assert told.calls == {"shop > mail:op external": 1}


def test_a_client_that_names_nobody_calls_the_unknown(told: Told) -> None:
    told.of(span("1", "shop", "client", peer=""))
    assert told.calls == {"shop > unknown:op external": 1}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ('{"db.system": "postgresql"}', "db"),
        ('{"net": "x","db.name":"orders"}', "db"),
        ('{"server.address": "db.shop.internal"}', "external"),
        ('{"note": "{\\"db.system\\": 1}"}', "external"),
    ],
)
def test_only_an_attribute_called_db_makes_a_database(
    told: Told, attributes: str, kind: str
) -> None:
    told.of(span("1", "shop", "client", peer="pg", attributes=attributes))
    assert told.calls == {f"shop > pg:op {kind}": 1}


def test_producer_and_consumer_are_one_message(told: Told) -> None:
    told.of(span("1", "shop", "producer", peer="queue"), span("1/2", "mail", "consumer"))
    assert told.calls == {"shop > mail:op messaging": 1}


def test_a_producer_that_nobody_answers_is_a_message_to_its_queue(told: Told) -> None:
    told.of(span("1", "shop", "producer", peer="queue"))
    assert told.calls == {"shop > queue:op messaging": 1}


def test_a_root_is_called_from_outside_and_an_orphan_by_the_unknown(told: Told) -> None:
    told.of(span("1", "shop", "server"), span("lost/2", "cart", "server"))
    assert told.calls == {"outside > shop:op rpc": 1, "unknown > cart:op rpc": 1}
    assert told.chain["entry"] == "outside > shop:op"
    assert told.chain["partial"]
    assert (told.found.roots, told.found.orphans, told.found.partial_chains) == (1, 1, 1)


def test_a_span_that_names_its_caller_is_believed(told: Told) -> None:
    told.of(span("1", "shop", "server", peer="lb"), span("lost/2", "cart", "server", peer="job"))
    assert told.calls == {"lb > shop:op rpc": 1, "job > cart:op rpc": 1}


def test_a_guess_that_nothing_answers_to_is_a_root(told: Told) -> None:
    told.of(
        span("1", "shop", "server"), span("?1/2", "cart", "server"), span("?9/3", "a", "server")
    )
    assert told.calls == {
        "outside > shop:op rpc": 1,
        "shop > cart:op rpc": 1,
        "outside > a:op rpc": 1,
    }
    assert not told.chain["partial"]


def requests(lost: set[int], *, kind: str = "server", number: int = 100) -> list[Row]:
    """Requests through a gateway to shop and on to cart; the gateway's spans of `lost` are gone."""
    return [
        it | {"trace_id": f"t{n:03}"}
        for n in range(number)
        for it in (
            *([] if n in lost else [span("1", "gateway", kind)]),
            span("1/2", "shop", kind),
            span("2/3", "cart", kind),
        )
    ]


@pytest.mark.parametrize("kind", ["server", "unspecified"])
def test_where_nobody_exports_the_first_span_its_callee_is_the_entry(told: Told, kind: str) -> None:
    told.of(*requests(set(range(100)), kind=kind))
    assert told.calls == {"outside > shop:op rpc": 100, "shop > cart:op rpc": 100}
    assert told.found.remote_entries == (("shop", "op"),)
    assert (told.found.orphans, told.found.partial_chains, told.found.shapes) == (0, 0, 1)


def test_a_gateway_that_loses_some_spans_makes_no_entry_of_what_it_calls(told: Told) -> None:
    told.of(*requests(set(range(30)), number=1000))
    assert told.found.remote_entries == ()
    assert (told.found.orphans, told.found.partial_chains) == (30, 30)


@pytest.mark.parametrize(("lost", "orphans"), [(9, 9), (10, 0)])
def test_an_entry_takes_ten_heads(told: Told, lost: int, orphans: int) -> None:
    told.of(*requests(set(range(lost)), number=lost))
    assert told.found.orphans == orphans


@pytest.mark.parametrize(("lost", "orphans"), [(49, 49), (50, 0)])
def test_an_entry_takes_half_of_the_calls(told: Told, lost: int, orphans: int) -> None:
    told.of(*requests(set(range(lost))))
    assert told.found.orphans == orphans


def test_an_application_behind_its_proxy_does_not_halve_the_heads_of_the_proxy(told: Told) -> None:
    heads = [span("lost/1", "shop", "server", trace_id=f"t{n}") for n in range(20)]
    behind = [span("1/2", "shop", "server", trace_id=f"t{n}") for n in range(20)]
    whole = [span("1", "shop", "server", trace_id="whole")]
    told.of(*heads, *behind, *whole)
    assert told.found.remote_entries == (("shop", "op"),)


def test_a_remote_entry_that_names_its_caller_is_believed(told: Told) -> None:
    told.of(*[span("lost/1", "shop", "server", trace_id=f"t{n}", peer="edge") for n in range(10)])
    assert told.calls == {"edge > shop:op rpc": 10}


def test_what_lost_its_parent_behind_a_root_is_an_orphan_though_it_is_an_entry(told: Told) -> None:
    told.of(
        span("1", "gateway", "server"),
        span("lost/2", "shop", "server"),
        remote_entries=(("shop", "op"),),
    )
    assert told.calls == {"outside > gateway:op rpc": 1, "unknown > shop:op rpc": 1}
    assert told.chain["partial"]


def test_remembered_entries_hold_for_a_single_request(told: Told) -> None:
    told.of(*requests({0}, number=1), remote_entries=(("shop", "op"),))
    assert told.calls == {"outside > shop:op rpc": 1, "shop > cart:op rpc": 1}
    assert not told.chain["partial"]


def test_where_entries_are_remembered_many_lost_spans_make_no_new_ones(told: Told) -> None:
    told.of(*requests(set(range(100))), remote_entries=())
    assert told.found.remote_entries == ()
    assert told.found.partial_chains == 100


def rpc(caller: str, callee: str, method: str) -> Row:
    names = {"caller": caller, "callee": callee, "method": method, "kind": "rpc"}
    return names | {"rpc_id": "-".join(names.values()), "first_seen_ns": 0, "code": 1}


@pytest.mark.parametrize(
    ("known", "caller"),
    [
        ([], "outside"),
        ([rpc("outside", "shop", "op")], "outside"),  # it was met before, and never learned
        ([rpc("edge", "shop", "op")], "outside"),  # a name that spans gave; it exports none
        ([rpc("outside", "cart", "op"), rpc("cart", "shop", "op")], "unknown"),
        ([rpc("unknown", "shop", "op")], "unknown"),  # learned behind spans that were lost
    ],
)
def test_a_new_method_of_a_service_with_entries_is_called_from_outside_as_they_are(
    told: Told, known: list[Row], caller: str
) -> None:
    told.engine.write("rpcs", RPCS.of(known))
    told.of(
        span("lost/1", "shop", "server"),
        span("1/2", "depot", "server"),
        remote_entries=(("shop", "GET /old"),),
    )
    assert told.calls == {f"{caller} > shop:op rpc": 1, "shop > depot:op rpc": 1}
    assert told.chain["partial"] is (caller == "unknown")


def test_a_new_method_of_a_service_without_entries_lost_its_caller(told: Told) -> None:
    told.of(span("lost/1", "shop", "server"), remote_entries=(("front", "GET /"),))
    assert told.calls == {"unknown > shop:op rpc": 1}


def test_chains_that_lost_everything_pass_through_patterns_and_traffic(told: Told) -> None:
    lost = [
        span("lost/1", "island", "server", trace_id="lost1"),
        span("lost/1", "island", "server", trace_id="lost2"),
        span("lost/1", "cart", "server", trace_id="lost3"),
    ]
    told.of(*requests(set()), *lost)
    shapes = told.engine.query("select * from shapes")
    rpcs = told.engine.query("select * from rpcs")
    bare = shapes.filter(shapes["partial"])
    assert bare["rpc_ids"].to_pylist() == [[], []]
    found = find_patterns(shapes, rpcs, run_id="r")
    pattern_of = {r["shape_id"]: r["pattern_id"] for r in found.members.to_pylist()}
    assert found.patterns.num_rows == 1
    assert NOISE in {pattern_of[shape_id] for shape_id in bare["shape_id"].to_pylist()}

    whole = shapes.filter(pa.array([not it for it in shapes["partial"].to_pylist()]))
    learned = find_patterns(whole, rpcs, run_id="r")
    later = assign(bare, rpcs, Previous(learned.patterns, learned.members, whole))
    assert {r["shape_id"]: r["pattern_id"] for r in later.to_pylist()} == {
        i: pattern_of[i] for i in bare["shape_id"].to_pylist()
    }
    told.engine.write("members", found.members)
    count_calls(told.engine, step_s=1)
    bin_traffic(told.engine, step_s=1)
    assert sum(r["calls"] for r in told.rows("traffic") if r["pattern_id"] != NOISE) >= 300


def test_a_lost_span_above_an_inner_one_makes_the_chain_partial_too(told: Told) -> None:
    told.of(span("lost/1", "shop", "internal"), span("1/2", "cart", "server"))
    assert told.calls == {"shop > cart:op rpc": 1}
    assert told.chain["partial"]


def test_without_kinds_a_call_is_where_the_service_changes(told: Told) -> None:
    told.of(
        span("1", "gateway", operation="/*"),
        span("1/2", "gateway", operation="filter"),
        span("2/3", "gateway", operation="HTTP POST"),
        span("3/4", "auth", operation="/login"),
        span("4/5", "auth", operation="sql"),
    )
    assert told.calls == {"outside > gateway:/* rpc": 1, "gateway > auth:/login rpc": 1}
    assert told.edges == {"outside>gateway leads to gateway>auth"}


def test_inner_spans_of_a_trace_with_kinds_are_no_calls(told: Told) -> None:
    told.of(span("1", "shop", "server"), span("1/2", "cart", "internal"))
    assert told.calls == {"outside > shop:op rpc": 1}


def test_a_span_received_twice_is_one_span(told: Told) -> None:
    told.of(span("1", "shop", "server"), span("1", "shop", "server"))
    assert told.calls == {"outside > shop:op rpc": 1}
    assert told.found.duplicates == 1


def test_client_and_server_may_share_an_id(told: Told) -> None:
    told.of(
        span("1", "shop", "server"),
        span("1/2", "shop", "client"),
        span("1/2", "cart", "server"),
        span("2/3", "cart", "client", peer="redis"),
    )
    assert told.calls == {
        "outside > shop:op rpc": 1,
        "shop > cart:op rpc": 1,
        "cart > redis:op external": 1,
    }
    assert told.edges == {"outside>shop leads to shop>cart", "shop>cart leads to cart>redis"}


def test_a_span_is_never_its_own_parent(told: Told) -> None:
    told.of(span("1/1", "shop", "server"))
    assert told.calls == {"unknown > shop:op rpc": 1}


def test_spans_in_a_cycle_are_orphans_and_those_below_keep_their_parent(told: Told) -> None:
    told.of(
        span("2/1", "a", "server", duration_ns=3),
        span("1/2", "b", "server", duration_ns=2),
        span("2/3", "c", "server"),
    )
    assert told.calls == {"unknown > a:op rpc": 1, "unknown > b:op rpc": 1, "b > c:op rpc": 1}
    assert told.found.cycles == 2


def test_two_services_that_call_each_other_in_a_log_of_guesses_lost_nothing(told: Told) -> None:
    told.of(span("?b/a", "a", "server", peer="b"), span("?a/b", "b", "server", peer="a"))
    assert told.calls == {"b > a:op rpc": 1, "a > b:op rpc": 1}
    assert not told.chain["partial"]


def test_a_call_failed_when_either_side_says_so(told: Told) -> None:
    told.of(span("1", "shop", "client", failed=True), span("1/2", "cart", "server", refused=True))
    assert (told.call["failed"], told.call["refused"]) == (True, True)


def test_a_client_does_not_fail_with_the_client_of_another_service(told: Told) -> None:
    told.of(
        span("1", "shop", "client", peer="a", failed=True), span("1/2", "cart", "client", peer="b")
    )
    assert {r["caller"]: r["failed"] for r in told.rows("calls")} == {"shop": True, "cart": False}


def test_a_version_is_the_callees(told: Told) -> None:
    told.of(
        span("1", "shop", "server", version="v1"),
        span("1/2", "shop", "client", peer="pg", version="v1"),
    )
    assert {r["callee"]: r["version"] for r in told.rows("calls")} == {"shop": "v1", "pg": None}


def test_a_method_is_the_template_of_its_operation(told: Told) -> None:
    methods = pa.table({"service": ["shop"], "operation": ["/user/7"], "method": ["/user/{id}"]})
    told.of(
        span("1", "shop", "server", operation="/user/7"),
        span("1/2", "cart", "server", operation="/user/7"),
        methods=methods,
    )
    assert told.calls == {"outside > shop:/user/{id} rpc": 1, "shop > cart:/user/7 rpc": 1}


def test_a_chain_starts_with_its_entry_whatever_the_other_clocks_say(told: Told) -> None:
    told.of(
        span("1", "shop", "server", start_ns=50, weight=2.0),
        span("1/2", "cart", "server", start_ns=10, weight=4.0),
    )
    assert (told.chain["start_ns"], told.chain["weight"]) == (50, 4.0)


def test_names_with_quotes_newlines_and_sql_stay_names(told: Told) -> None:
    name = "'; drop table spans; --\n\"x\x1f"
    told.of(span("1", name, "server", operation=name))
    assert told.calls == {f"outside > {name}:{name} rpc": 1}


def test_names_that_join_to_one_text_are_still_different_rpcs(told: Told) -> None:
    told.of(
        span("1", "a\x1fb", "server", operation="c"), span("2", "a", "server", operation="b\x1fc")
    )
    assert len(told.rows("rpcs")) == 2
