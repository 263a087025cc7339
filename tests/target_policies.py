"""Random policies about four services, as they are learned and as somebody may write them."""

from hypothesis import strategies as st

from informer.policies import syntax as s
from informer.policies.targets.workloads import Workload, Workloads

CALLER = "x-caller"
SERVICES = ("web", "cart", "auth", "batch")
METHODS = (
    "GET /x/{id}",
    "GET /x/new",
    "GET /x/{id}/y",
    "GET /{a}/b",
    "GET /x/item-{n}",
    "POST /x",
    "DELETE /x/{id}",
    "GET /files/{rest:path}",
    "/any",
    "shop.Cart/Add",
    "process",
    "GET /odd path",
    "GET /never",
)
PATHS = (
    ("GET", "/x/1"),
    ("GET", "/x/new"),
    ("GET", "/x/1/y"),
    ("GET", "/x/new/y"),
    ("GET", "/x/b"),
    ("GET", "/q/b"),
    ("GET", "/x/item-3"),
    ("POST", "/x"),
    ("DELETE", "/x/new"),
    ("GET", "/files/a/b"),
    ("PUT", "/any"),
    ("POST", "/shop.Cart/Add"),
    ("GET", "/xenon"),
    ("GET", "/never"),
    ("PATCH", "/elsewhere"),
)
HEADERS: tuple[dict[str, str], ...] = ({}, {"x-v": "1"}, {"x-v": "2", "x-u": "ab"})
HEADER_LEAVES: tuple[s.Condition, ...] = (
    s.Compare("=", s.Header("x-v"), s.Text("1")),
    s.Compare("!=", s.Header("x-v"), s.Text("1")),
    s.Among(s.Header("x-v"), (s.Text("1"), s.Text("2"))),
    s.Like(s.Header("x-u"), "a*"),
    s.Present(s.Header("x-u")),
)
OTHER_LEAVES: tuple[s.Condition, ...] = (
    s.Compare(">", s.Field("hour"), s.Number(8)),
    s.ChainHas("*"),
    s.Compare("=", s.Field("kind"), s.Text("rpc")),
    s.Like(s.Field("caller"), "w*"),
    s.Like(s.Field("method"), "GET /x*"),
    s.Like(s.Field("method"), "GET /x/*"),
    s.Chance(0.5),
)


def _is(name: str, values: tuple[str, ...]) -> st.SearchStrategy[s.Condition]:
    one = st.sampled_from(values).map(s.Text)
    return st.builds(
        s.Compare, st.sampled_from(["=", "=", "=", "!="]), st.just(s.Field(name)), one
    ) | st.builds(s.Among, st.just(s.Field(name)), st.lists(one, min_size=1, max_size=4).map(tuple))


CALLERS = (*SERVICES, "outside", "unknown")
LEAVES = (
    _is("caller", CALLERS)
    | _is("callee", SERVICES)
    | _is("method", METHODS)
    | st.sampled_from(HEADER_LEAVES)
    | st.sampled_from(OTHER_LEAVES)
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda c: (
        st.builds(s.Not, c)
        | st.builds(s.And, st.lists(c, min_size=2, max_size=3).map(tuple))
        | st.builds(s.Or, st.lists(c, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
LEARNED = st.builds(
    lambda caller, callee, method, more: s.And((caller, callee, method, *more)),
    st.sampled_from(CALLERS).map(lambda t: s.Compare("=", s.Field("caller"), s.Text(t))),
    st.sampled_from(SERVICES).map(lambda t: s.Compare("=", s.Field("callee"), s.Text(t))),
    _is("method", METHODS),
    st.lists(st.sampled_from(HEADER_LEAVES), max_size=1),
)
VERDICTS = st.sampled_from([s.Allow(), s.Allow(), s.Allow(), s.Deny(403), s.Answer(s.Text("x"))])


@st.composite
def policies(draw: st.DrawFn) -> s.Policy:
    """Rules about four services, as they are learned and as somebody may write them."""
    bodies = draw(st.lists(st.tuples(LEARNED | LEARNED | CONDITIONS, VERDICTS), max_size=6))
    rules = tuple(s.Rule(f"r{n}", when, (then,)) for n, (when, then) in enumerate(bodies))
    return s.Policy(rules, draw(st.sampled_from([s.Deny(403), s.Deny(403), s.Allow()])))


PLACES = Workloads(
    caller_header=CALLER,
    services={n: Workload("default", (("app", n),), n, (8080,)) for n in SERVICES},
)
IDENTITIES = (*SERVICES, "stranger", None)
