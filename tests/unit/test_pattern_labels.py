"""What people read of a pattern: its label, its graph, and why it is critical."""

import pytest
from pattern_shapes import Call, Seen, Tables, call

from informer.core.errors import InformerError
from informer.core.types import PatternGraph
from informer.patterns.critical import Rule
from informer.patterns.find import Patterns, find_patterns
from informer.patterns.graphs import graphs_of


def learn(*seen: Seen, share: float = 0.01, rules: tuple[str, ...] = ()) -> tuple[Tables, Patterns]:
    tables = Tables(seen)
    found = find_patterns(
        tables.shapes, tables.rpcs, run_id="r", critical_share=share, critical_rules=rules
    )
    return tables, found


def labels(*seen: Seen) -> list[str]:
    """The labels of patterns, the largest first."""
    return list(learn(*seen)[1].patterns["label"].to_pylist())


def through_gateway(*below: Call) -> Call:
    return call("gateway:/*", *below)


def test_an_entry_of_its_own_is_label_enough() -> None:
    assert labels(
        Seen(call("shop:GET /cart", call("cart:get")), 30),
        Seen(call("shop:GET /"), 20, caller="ingress"),
    ) == ["shop GET /cart", "ingress>shop GET /"]


def test_a_label_says_what_sets_a_pattern_apart_from_its_siblings() -> None:
    assert labels(
        Seen(through_gateway(call("auth:/users/login", call("captcha:/verify"))), 500),
        Seen(through_gateway(call("pay:/pay", call("order:/get"), call("order:/put"))), 400),
        Seen(through_gateway(call("pay:/pay", call("tour:/get"), call("tour:/put"))), 300),
        Seen(through_gateway(), 200),
    ) == [
        "gateway /* → auth /users/login",
        "gateway /* → pay /pay + order",
        "gateway /* → pay /pay + tour",
        "gateway /* alone",
    ]


def test_a_label_says_what_is_missing_when_nothing_else_tells() -> None:
    calls = [call(f"shop.{s}:shop.Api/{s}") for s in ("List", "Ads", "Cart", "Money")]
    assert labels(
        Seen(call("web:Recv", *calls), 500),
        Seen(call("web:Recv", calls[2]), 400),
        Seen(call("web:Recv", call("other:a"), call("other:b")), 300),
    ) == [
        "web Recv → shop.Ads Ads",
        "web Recv → shop.Cart Cart without shop.Ads",
        "web Recv → other a",
    ]


def test_two_patterns_are_never_called_the_same() -> None:
    once, often, _ = labels(
        Seen(through_gateway(call("a:get")), 500),
        Seen(through_gateway(call("a:get", times=5000)), 400),
        Seen(through_gateway(call("b:get")), 300),
    )
    assert once.startswith("gateway /* → a get (p")
    assert often.startswith("gateway /* → a get (p")
    assert once != often


@pytest.fixture
def trip() -> tuple[Tables, Patterns]:
    seats = call("seat:left", call("order:tickets"), times=3)
    return learn(
        Seen(through_gateway(call("travel:left", call("basic:get"), seats)), 900),
        Seen(through_gateway(call("travel:left", call("basic:get"))), 98),
        Seen(through_gateway(call("travel:left", call("rare:get"))), 2),
    )


def graph_of(tables: Tables, found: Patterns) -> PatternGraph:
    (graph,) = graphs_of(found.patterns, found.members, tables.shapes).values()
    return graph


def test_a_graph_begins_with_the_entry_and_goes_down(trip: tuple[Tables, Patterns]) -> None:
    tables, found = trip
    callee = {row["rpc_id"]: row["callee"] for row in tables.rpcs.to_pylist()}
    gateway, travel, *next_two, order = (callee[r] for r in graph_of(tables, found).rpc_ids)
    assert (gateway, travel, order) == ("gateway", "travel", "order")
    assert set(next_two) == {"basic", "seat"}


def test_an_edge_weighs_the_share_of_chains_that_use_it(trip: tuple[Tables, Patterns]) -> None:
    tables, found = trip
    graph = graph_of(tables, found)
    callee = {row["rpc_id"]: row["callee"] for row in tables.rpcs.to_pylist()}
    weight = {
        (callee[graph.rpc_ids[a]], callee[graph.rpc_ids[b]]): w
        for (a, b), w in zip(graph.edges.T, graph.weight, strict=True)
    }
    assert weight == pytest.approx(
        {
            ("gateway", "travel"): 1.0,
            ("travel", "basic"): 0.998,
            ("travel", "seat"): 0.9,
            ("seat", "order"): 0.9,
        }
    )


def test_the_edges_of_the_table_are_those_of_the_graph(trip: tuple[Tables, Patterns]) -> None:
    tables, found = trip
    graph = graph_of(tables, found)
    rows = found.pattern_edges.to_pylist()
    assert [(row["from_rpc_id"], row["to_rpc_id"]) for row in rows] == [
        (graph.rpc_ids[a], graph.rpc_ids[b]) for a, b in graph.edges.T
    ]
    assert {row["pattern_id"] for row in rows} == {graph.pattern_id}


def test_a_chain_of_one_call_is_a_graph_without_edges() -> None:
    graph = graph_of(*learn(Seen(call("web:GET /"), 50)))
    assert len(graph.rpc_ids) == 1
    assert graph.edges.shape == (2, 0)
    assert graph.weight.shape == (0,)


def critical(*rules: str, share: float = 0.5) -> list[bool]:
    """Whether the big page and the login, a twentieth of it, are critical."""
    seen = [
        Seen(call("web:GET /", call("ads-v2:get")), 1000),
        Seen(call("web:POST /login", call("auth:login")), 50),
    ]
    return list(learn(*seen, share=share, rules=rules)[1].patterns["critical"].to_pylist())


def test_a_pattern_is_critical_by_its_share() -> None:
    assert critical() == [True, False]
    assert critical(share=0.01) == [True, True]


@pytest.mark.parametrize(
    "rule", ["*>auth:login", "auth:*", "web>a?th:log*", "outside>web:POST *", "*:login"]
)
def test_a_pattern_is_critical_by_rule(rule: str) -> None:
    assert critical(rule, share=0.99) == [False, True]


@pytest.mark.parametrize("rule", ["ads:get", "ads-v2:get"])
def test_a_rule_may_leave_out_the_version_of_a_service(rule: str) -> None:
    assert critical(rule, share=0.99) == [True, False]


@pytest.mark.parametrize("rule", ["auth>web:login", "Auth:login", "*>auth:log"])
def test_a_rule_that_matches_no_call_makes_nothing_critical(rule: str) -> None:
    assert critical(rule, share=0.99) == [False, False]


@pytest.mark.parametrize("text", ["auth", "auth:", ":login", ">auth:login", "web>:login", ""])
def test_a_rule_must_name_a_callee_and_a_method(text: str) -> None:
    with pytest.raises(InformerError, match=r"patterns\.critical must hold rules like"):
        Rule.parse(text)
