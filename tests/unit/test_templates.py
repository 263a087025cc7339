"""Raw operations become few methods, the same for every order, and for ever bounded."""

import json
import random
import string
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.core.errors import InformerError
from informer.spans.templates import MOST_METHODS, MOST_NEW, OTHER, Templates
from span_reading import read

USERS = ["".join(pair) + "x" for pair in zip(string.ascii_lowercase * 4, "abcd" * 26, strict=True)]


def operations(*names: str, service: str = "shop", calls: float = 1.0) -> pa.Table:
    """Operations of one service."""
    return pa.table(
        {
            "service": [service] * len(names),
            "operation": list(names),
            "calls": [calls] * len(names),
        }
    )


def learned(*tables: pa.Table, rules: tuple[tuple[str, str], ...] = ()) -> Templates:
    """Templates grown by some operations."""
    templates = Templates(rules)
    for table in tables:
        templates.learn(table)
    return templates


def methods(templates: Templates, table: pa.Table) -> dict[str, str]:
    """Operation to method."""
    rows = templates.mapping(table).to_pylist()
    return {row["operation"]: row["method"] for row in rows}


def method(operation: str) -> str:
    """What an operation becomes when it is all there is."""
    table = operations(operation)
    return methods(learned(table), table)[operation]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("GET /ratings/0", "GET /ratings/{}"),
        ("/orders/5ad7750b-a68b-49c0-a8c0-32776b067703", "/orders/{}"),
        ("GET /o/deadbeef01/x", "GET /o/{}/x"),
        ("GET /u/me@example.org/f", "GET /u/{}/f"),
        ("GET /files/dGhpcyBpcyBhIHRlc3QgM2Fi", "GET /files/{}"),
        ("GET /days/2026-06-01", "GET /days/{}"),
        ("GET /order-12345/x", "GET /order-{}/x"),
        ("GET /daily/report-2026-06-08.parquet", "GET /daily/report-{}.parquet"),
        ("GET /daily/report_2026_06_08.csv", "GET /daily/report_{}.csv"),
        ("PUT /dumps/backup-2026-06-08T02", "PUT /dumps/backup-{}"),
        ("PUT /dumps/backup-2026-06-08T02:15:00Z.tgz", "PUT /dumps/backup-{}.tgz"),
        ("GET /bills/2026-06.pdf", "GET /bills/{}.pdf"),
        ("GET /releases/app-v1.20", "GET /releases/app-v1.20"),
        ("write report 2026-06-08 again", "write report {} again"),
        ("GET /static/main.8f3ab2c1.js", "GET /static/main.{}.js"),
        ("GET /api/v1/travel2service/trips", "GET /api/v1/travel2service/trips"),
        ("GET /feedback/defaced", "GET /feedback/defaced"),
        ("GET /kubernetes-service-v2-api", "GET /kubernetes-service-v2-api"),
        ("GET /products/<product_id>/reviews", "GET /products/<product_id>/reviews"),
        ("GET /configs/{configName}", "GET /configs/{configName}"),
        ("/*", "/*"),
        ("GET /", "GET /"),
        ("GET /a;jsessionid=1A2B/b", "GET /a"),
        ("GET /catalog?page=7&q=tea", "GET /catalog"),
        ("POST /login?next=/home&u=ann", "POST /login"),
        ("/search#top", "/search"),
        ("GET /?q=tea", "GET /"),
        ("GET /users/:id?/edit", "GET /users/:id?/edit"),
        ("GET https://shop.example:8443/orders/17?full=1", "GET /orders/{}"),
        ("https://shop.example", "/"),
        ("POST https://shop.example?q=1", "POST /"),
        ("select * from users where name = 'ann'", "select * from users where name = {}"),
        ("POST /shop.v1.Cart/AddItem", "POST /shop.v1.Cart/AddItem"),
        ("shop.v1.Cart/AddItem", "shop.v1.Cart/AddItem"),
        ("HTTP POST", "HTTP POST"),
        ("SELECT ts.route_stations", "SELECT ts.route_stations"),
        ("process order 77", "process order {}"),
        ("connect 10.0.0.1:80", "connect {}"),
        ("*", "*"),
    ],
)
def test_what_is_obviously_an_id_gives_way(operation: str, expected: str) -> None:
    assert method(operation) == expected


def test_a_place_with_many_words_holds_ids() -> None:
    table = operations(*(f"GET /users/{user}/posts" for user in USERS))
    assert set(methods(learned(table), table).values()) == {"GET /users/{}/posts"}


def test_queries_leave_the_words_before_them() -> None:
    """Else each would be a word of its own, and all that come at their place one method."""
    searched = operations(*(f"GET /catalog?q={user}" for user in USERS))
    signed_in = operations(*(f"POST /login?next=/home&u={user}" for user in USERS))
    templates = learned(pa.concat_tables([searched, signed_in]))
    assert set(methods(templates, searched).values()) == {"GET /catalog"}
    assert set(methods(templates, signed_in).values()) == {"POST /login"}
    odd = operations("GET /admin?cmd=id")
    assert methods(templates, odd) == {"GET /admin?cmd=id": "GET /admin"}


def test_a_place_with_few_words_keeps_them() -> None:
    table = operations("GET /users/me", "GET /users/all", "PUT /users/me")
    assert len(set(methods(learned(table), table).values())) == 3


def test_a_word_with_much_of_the_traffic_stays_among_ids() -> None:
    ids = operations(*(f"GET /users/{user}" for user in USERS))
    login = operations("POST /users/login", calls=20.0)
    templates = learned(pa.concat_tables([ids, login]))
    assert methods(templates, login) == {"POST /users/login": "POST /users/login"}
    assert set(methods(templates, ids).values()) == {"GET /users/{}"}


def test_what_was_learned_holds_for_other_verbs_and_new_ids() -> None:
    templates = learned(operations(*(f"GET /users/{user}/posts" for user in USERS)))
    new = operations("DELETE /users/zoe/posts", "GET /users/zoe/posts", "GET /users/zoe/export")
    assert set(methods(templates, new).values()) == {
        "DELETE /users/{}/posts",
        "GET /users/{}/posts",
        "GET /users/{}/export",
    }


def test_a_new_method_keeps_its_name() -> None:
    templates = learned(operations("GET /cart"))
    new = operations("GET /admin/export")
    assert methods(templates, new) == {"GET /admin/export": "GET /admin/export"}


def test_a_scan_for_paths_mints_few_methods() -> None:
    templates = learned(operations("GET /cart"))
    scan = operations(*(f"GET /{a}/{b}" for a in USERS[:30] for b in USERS[:30]))
    found = set(methods(templates, scan).values())
    assert OTHER in found
    assert len(found) == MOST_NEW + 1
    assert methods(templates, operations("GET /cart")) == {"GET /cart": "GET /cart"}


def test_the_rarest_of_too_many_methods_share_one() -> None:
    rare = operations(*(f"{a} {b}" for a in USERS[:30] for b in USERS[:30]))
    table = pa.concat_tables([rare, operations("much used", calls=9.0)])
    found = methods(learned(table), table)
    assert found["much used"] == "much used"
    assert len(set(found.values())) == MOST_METHODS + 1


def test_the_first_rule_that_matches_counts() -> None:
    rules = ((r"^GET /shop/(\w+)/\w+$", r"GET /shop/\1/any"), (r"^GET /shop", "shop"))
    table = operations("GET /shop/a/b", "GET /shop/c", "GET /else/7")
    assert methods(learned(table, rules=rules), table) == {
        "GET /shop/a/b": "GET /shop/a/any",
        "GET /shop/c": "shop",
        "GET /else/7": "GET /else/{}",
    }


@pytest.mark.parametrize("rule", [("(", "x"), ("x", r"\1")])
def test_a_rule_that_is_none_is_one_clear_line(rule: tuple[str, str]) -> None:
    with pytest.raises(InformerError, match="a method rule must be"):
        Templates((rule,))


def test_services_do_not_share_what_was_learned() -> None:
    templates = learned(operations(*(f"GET /users/{user}" for user in USERS)))
    other = operations("GET /users/login", service="auth")
    assert methods(templates, other) == {"GET /users/login": "GET /users/login"}


def test_learning_in_two_parts_is_learning() -> None:
    one = operations(*(f"GET /users/{user}" for user in USERS[:30]))
    two = operations(*(f"GET /users/{user}" for user in USERS[30:]))
    templates = learned(one, two)
    assert set(methods(templates, pa.concat_tables([one, two])).values()) == {"GET /users/{}"}
    assert list(templates.services["shop"].methods) == ["GET /users/{}"]


def test_what_was_saved_and_loaded_is_the_same() -> None:
    table = operations("GET /users/7/x", "HTTP POST", *(f"/{user}/a" for user in USERS))
    templates = learned(table, rules=(("^HTTP", "http"),))
    loaded = Templates.from_json(json.loads(json.dumps(templates.to_json())))
    assert loaded == templates
    assert loaded.mapping(table) == templates.mapping(table)


segment = st.sampled_from(["a", "b", "users", "7", "{id}", "é", *USERS[:40]])
path = st.lists(segment, max_size=5).map(lambda parts: "/" + "/".join(parts))
operation = st.one_of(path, path.map("GET {}".format), st.text(max_size=20))


@given(st.lists(st.tuples(operation, st.integers(1, 50)), max_size=60), st.randoms())
def test_the_order_of_operations_is_no_matter(
    rows: list[tuple[str, int]], shuffled: random.Random
) -> None:
    def table(of: list[tuple[str, int]]) -> pa.Table:
        names, calls = [name for name, _ in of], [float(number) for _, number in of]
        return pa.table(
            {
                "service": pa.array(["s"] * len(of), pa.string()),
                "operation": pa.array(names, pa.string()),
                "calls": pa.array(calls, pa.float64()),
            }
        )

    other = list(rows)
    shuffled.shuffle(other)
    one, two = learned(table(rows)), learned(table(other))
    assert one == two
    assert one.mapping(table(rows)) == two.mapping(table(other))
    assert set(one.mapping(table(rows))["operation"].to_pylist()) == {name for name, _ in rows}


def test_skywalkings_two_names_of_a_call_agree_up_to_the_id() -> None:
    golden = Path(__file__).parent.parent / "golden" / "spans" / "skywalking.csv"
    names = [row["operation"] for row in read(golden).rows]
    table = operations(*names)
    assert "/order/{}" in methods(learned(table), table).values()
