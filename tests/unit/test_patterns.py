"""Which shapes make one pattern, and which do not."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from pattern_shapes import Call, Seen, Tables, call

from informer.core.types import NOISE
from informer.patterns.find import Patterns, Previous, assign, find_patterns


def found(*seen: Seen) -> list[str]:
    """The pattern of everything that was seen, in that order."""
    tables = Tables(seen)
    return patterns_of(tables, find_patterns(tables.shapes, tables.rpcs, run_id="r"))


def patterns_of(tables: Tables, patterns: Patterns) -> list[str]:
    members = patterns.members
    belongs = dict(
        zip(members["shape_id"].to_pylist(), members["pattern_id"].to_pylist(), strict=True)
    )
    return [belongs[shape_id] for shape_id in tables.ids]


def through_gateway(*below: Call) -> Call:
    return call("gateway:/*", *below)


def trip(name: str) -> Call:
    seats = call("seat:left", call("order:tickets"), call("config:get"), times=2)
    return call(f"{name}:left", call("basic:travels", call("station:ids"), call("price:by")), seats)


LOGIN = call("auth:login", call("captcha:verify"))


def test_what_a_gateway_calls_tells_its_chains_apart() -> None:
    travel, travel2, login = found(
        Seen(through_gateway(trip("travel")), 500),
        Seen(through_gateway(trip("travel2")), 400),
        Seen(through_gateway(LOGIN), 100),
    )
    assert len({travel, travel2, login} - {NOISE}) == 3


def test_a_chain_that_ends_early_is_a_variant_of_the_whole_one() -> None:
    whole, early, earliest, _ = found(
        Seen(through_gateway(trip("travel")), 500),
        Seen(through_gateway(call("travel:left", call("basic:travels", call("station:ids")))), 60),
        Seen(through_gateway(call("travel:left")), 170),
        Seen(through_gateway(LOGIN), 400),
    )
    assert whole == early == earliest


def test_optional_calls_below_one_api_are_variants() -> None:
    extras = ["assurance:add", "food:order", "consign:add"]
    always = [call(f"{s}:get", call(f"{s}-db:read")) for s in ("user", "contact", "seat")]
    bookings = [
        Seen(
            through_gateway(call("preserve:book", *always, *(call(e) for e in chosen))),
            50 + 10 * len(chosen),
        )
        for n in range(4)
        for chosen in combinations(extras, n)
    ]
    *preserve, login = found(*bookings, Seen(through_gateway(LOGIN), 400))
    assert len(set(preserve)) == 1
    assert login not in preserve


def test_a_gateway_with_many_rare_apis_is_still_a_gateway() -> None:
    *apis, bare = found(
        *(Seen(through_gateway(call(f"api{n}:get", call(f"db{n}:get"))), 12) for n in range(150)),
        Seen(through_gateway(), 80),
    )
    assert len(set(apis) - {NOISE}) == 150
    assert bare not in apis


def test_a_rare_fallback_makes_no_gateway() -> None:
    def read(*calls: str) -> Call:
        return call("web:GET /", *(call(f"{name}:get") for name in calls))

    usual, cached, fallback = found(
        Seen(read("store", "cache"), 600), Seen(read("store"), 390), Seen(read("mirror"), 5)
    )
    assert usual == cached
    assert fallback in (usual, NOISE)


def test_relays_in_front_of_a_gateway_change_nothing() -> None:
    def relayed(below: Call) -> Call:
        return call("ingress:GET", call("edge:GET", call("gateway:/*", below)))

    travel, early, travel2, login = found(
        Seen(relayed(trip("travel")), 500),
        Seen(relayed(call("travel:left")), 100),
        Seen(relayed(trip("travel2")), 400),
        Seen(relayed(LOGIN), 100),
    )
    assert travel == early
    assert len({travel, travel2, login} - {NOISE}) == 3


PAGES = {
    "home": ("ads", "list", "currency", "cart"),
    "product": ("product", "ads", "recommend", "currency", "convert", "cart"),
    "cart": ("product", "ship", "recommend", "currency", "convert", "cart"),
    "checkout": ("product", "recommend", "currency", "place"),
    "add": ("product", "add"),
    "bare": (),
}


def page(name: str, times: int = 1) -> Call:
    return call("frontend:Recv", *(call(f"{s}:get", times=times) for s in PAGES[name]))


def test_pages_of_one_frontend_are_patterns_and_the_bare_one_too() -> None:
    pages = found(*(Seen(page(name), 1000) for name in PAGES))
    assert len(set(pages) - {NOISE}) == len(PAGES)


def test_how_often_a_page_repeats_a_call_makes_no_other_page() -> None:
    product, again, nine, home = found(
        Seen(page("product"), 1000),
        Seen(page("product", times=4), 500),
        Seen(page("product", times=9), 300),
        Seen(page("home"), 1000),
    )
    assert product == again == nine != home


def test_a_rare_page_between_two_does_not_join_them() -> None:
    between = [s for s in PAGES["product"] if s != "ads"]
    product, cart, rare = found(
        Seen(page("product"), 1000),
        Seen(page("cart"), 600),
        Seen(call("frontend:Recv", *(call(f"{s}:get") for s in between)), 20),
    )
    assert product != cart
    assert rare in (product, cart)


def test_pages_with_as_frequent_a_page_between_them_are_one() -> None:
    between = [s for s in PAGES["product"] if s != "ads"]
    pages = found(
        Seen(page("product"), 1000),
        Seen(page("cart"), 600),
        Seen(call("frontend:Recv", *(call(f"{s}:get") for s in between)), 500),
    )
    assert len(set(pages)) == 1


def test_a_base_with_optional_extras_is_one_pattern() -> None:
    base = [call(f"{s}:get") for s in "abcde"]
    shapes = [
        Seen(call("web:GET /", *base), 600),
        Seen(call("web:GET /", *base, call("x:get")), 300),
        Seen(call("web:GET /", *base, call("y:get")), 200),
        Seen(call("web:GET /", *base, call("x:get"), call("y:get")), 100),
    ]
    assert len(set(found(*shapes))) == 1


def test_a_sub_call_that_comes_and_goes_makes_no_second_pattern() -> None:
    with_ratings, without = found(
        Seen(call("reviews:GET", call("ratings:GET")), 560), Seen(call("reviews:GET"), 280)
    )
    assert with_ratings == without


def test_versions_of_a_service_are_one_service() -> None:
    def browse(version: str, *ratings: Call) -> Call:
        return call(f"page-{version}:GET", call(f"reviews-{version}:GET", *ratings))

    rating = call("ratings-v1:GET")
    shapes = [
        Seen(browse("v1"), 300),
        Seen(browse("v2", rating), 300),
        Seen(browse("v3.1", rating), 300),
    ]
    assert len(set(found(*shapes))) == 1


def test_which_database_answers_makes_no_pattern() -> None:
    def read(shard: int) -> Call:
        return call("web:GET /", call("store:get", call(f"shard-{shard}:read", kind="db")))

    assert len(set(found(*(Seen(read(shard), 200) for shard in range(4))))) == 1


def test_operations_of_one_graph_api_are_patterns() -> None:
    def query(*services: str) -> Call:
        return through_gateway(
            call("session:check"), call("graphql:POST", *(call(f"{s}:get") for s in services))
        )

    *operations, bare = found(
        Seen(query("user", "orders"), 300),
        Seen(query("search", "stock"), 200),
        Seen(query("basket", "price"), 150),
        Seen(query(), 40),
    )
    assert len(set(operations) - {NOISE}) == 3
    assert bare != NOISE


def test_what_is_rare_and_near_nothing_is_noise() -> None:
    strange = found(
        Seen(through_gateway(trip("travel")), 500),
        Seen(through_gateway(LOGIN), 500),
        Seen(through_gateway(call("admin:dump", call("backup:run"))), 3),
    )[-1]
    assert strange == NOISE


def test_an_entry_seen_too_seldom_is_noise() -> None:
    assert found(Seen(page("home"), 1000), Seen(call("toolbox:GET"), 5))[1] == NOISE


BUSY = ("home", "product", "cart", "checkout")


def various(forms: int) -> Tables:
    """So many forms of each busy page, with random optional calls below its calls."""
    random, seen = np.random.default_rng(7), []
    for name in BUSY:
        for _ in range(forms):
            calls = [
                call(f"{s}:get", *(call(f"{s}{i}:get") for i in range(4) if random.random() < 0.6))
                for s in PAGES[name]
            ]
            seen.append(Seen(call("frontend:Recv", *calls), float(random.geometric(0.3))))
    return Tables(seen)


def test_chains_that_have_nothing_in_common_are_noise() -> None:
    scattered = [Seen(through_gateway(call(f"once-{i}:get")), 1) for i in range(30)]
    assert set(found(*scattered)) == {NOISE}


@pytest.fixture(scope="module")
def many() -> Tables:
    return various(100)


def test_any_order_of_the_shapes_gives_equal_tables(many: Tables) -> None:
    order = np.random.default_rng(1).permutation(many.shapes.num_rows)
    one = find_patterns(many.shapes, many.rpcs, run_id="r")
    other = find_patterns(many.shapes.take(pa.array(order)), many.rpcs, run_id="r")
    assert one == other


@pytest.mark.parametrize("forms", [100, 1050])
def test_rare_forms_make_their_pages_be_they_hundreds_or_thousands(forms: int) -> None:
    tables = various(forms)
    patterns = patterns_of(tables, find_patterns(tables.shapes, tables.rpcs, run_id="r"))
    pages = [set(patterns[i * forms : (i + 1) * forms]) for i in range(len(BUSY))]
    assert all(len(page) == 1 for page in pages)
    assert len(set().union(*pages) - {NOISE}) == len(BUSY)


def test_learned_shapes_keep_their_pattern_and_distance(many: Tables) -> None:
    patterns = find_patterns(many.shapes, many.rpcs, run_id="r")
    known = Previous(patterns.patterns, patterns.members, many.shapes)
    assert assign(many.shapes, many.rpcs, known).equals(patterns.members)


def test_a_shape_met_later_joins_its_nearest_pattern_or_none() -> None:
    pages = [Seen(page("home"), 1000), Seen(page("product"), 1000)]
    more = [
        Seen(page("product", times=3), 1),
        Seen(call("frontend:Recv", call("secret:read"), call("secret:send")), 1),
        Seen(call("toolbox:GET"), 1),
    ]
    tables = Tables(pages)
    later = Tables([*pages, *more])
    patterns = find_patterns(tables.shapes, tables.rpcs, run_id="r")
    known = Previous(patterns.patterns, patterns.members, tables.shapes)
    members = assign(later.shapes, later.rpcs, known)
    belongs = {row["shape_id"]: row for row in members.to_pylist()}
    home, product, thrice, secret, toolbox = (belongs[shape_id] for shape_id in later.ids)
    assert home["pattern_id"] != product["pattern_id"] == thrice["pattern_id"]
    assert 0 < thrice["distance"] < 0.15
    assert secret["pattern_id"] == toolbox["pattern_id"] == NOISE
    assert secret["distance"] == 1.0


def test_nothing_learned_makes_everything_noise() -> None:
    nothing = Tables([])
    later = Tables([Seen(page("home"), 10)])
    patterns = find_patterns(nothing.shapes, nothing.rpcs, run_id="r")
    assert patterns.patterns.num_rows == patterns.members.num_rows == 0
    known = Previous(patterns.patterns, patterns.members, nothing.shapes)
    assert assign(later.shapes, later.rpcs, known)["pattern_id"].to_pylist() == [NOISE]
