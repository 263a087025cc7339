"""Is this data fit? A look at the table `spans`, and the options to use."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from math import floor

from informer.core.ports import Engine
from informer.core.types import LEAST_CHAINS, NS_PER_S, Json
from informer.spans.doubled import Doubled, doubled_in, is_proxy, one_side
from informer.spans.findings import FIT, NOT_FIT, SHOWN, WITH_OPTIONS, Check
from informer.spans.templates import OPERATIONS, OTHER, Templates

REQUEST_ID = "x-request-id"
MUCH = 0.5  # share of rows rejected, or of links unanswered, that leaves nothing to trust
SOME = 0.01  # share from which a defect is told
CARRIED = 0.9  # share of spans with a request id that makes it a correlation key
SPLIT = 1.2  # traces per request id from which the trace id does not join requests
DAY_NS = 86_400 * NS_PER_S


def check(
    engine: Engine,
    *,
    rejected: Mapping[str, int] | None = None,
    rules: Sequence[tuple[str, str]] = (),
) -> Check:
    """Look at the table `spans`.

    `rejected` counts what its sources rejected, by reason; `rules` are the user's method rules.
    """
    totals = _rows(engine, "check_totals")[0]
    links = _rows(engine, "check_links")[0]
    gaps = _rows(engine, "check_gaps")
    versions = _rows(engine, "check_versions")
    doubled = doubled_in(_rows(engine, "check_doubled"))
    scopes = [(row["scope"], row["service"]) for row in _rows(engine, "check_scopes")]
    before, after = _methods(engine, rules)
    where = one_side(doubled, scopes) if doubled else None
    split = _split(engine, where)
    unfit = tuple(_unfit(totals, links, rejected or {}))
    options = [f'--where "{where}"'] if where else []
    options += [f"--correlate attribute:{REQUEST_ID}"] if split else []
    verdict = NOT_FIT if unfit else WITH_OPTIONS if options else FIT
    return Check(
        spans=totals["spans"],
        traces=totals["traces"],
        lone_traces=totals["lone_traces"],
        services=totals["services"],
        from_ns=totals["from_ns"],
        until_ns=totals["until_ns"],
        rejected=dict(rejected or {}),
        gaps=tuple((gap["from_ns"], gap["until_ns"]) for gap in gaps),
        orphans=links["orphans"],
        orphaned_traces=links["orphaned_traces"],
        duplicates=links["duplicates"],
        links=links["links"],
        links_across=links["across"],
        outside_parents=links["outside"],
        with_peer=links["with_peer"],
        with_kind=totals["with_kind"],
        weighted=totals["weighted"],
        mean_weight=totals["mean_weight"] or 1.0,
        operations=sum(before.values()),
        methods=sum(len(methods) for methods in after.values()),
        widest=tuple(
            (service, before[service], len(after[service]))
            for service in sorted(before, key=lambda name: (-before[name], name))[:SHOWN]
        ),
        versioned=tuple(row["service"] for row in versions if row["versions"]),
        unversioned=tuple(row["service"] for row in versions if not row["versions"]),
        doubled=doubled,
        verdict=verdict,
        reasons=(
            *unfit,
            *_twice(doubled),
            *([split] if split else []),
            *_defects(totals, links),
            *_too_wide(after),
        ),
        options=tuple(options),
    )


def _rows(engine: Engine, name: str, before: str = "") -> list[Json]:
    sql = files("informer.spans").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    rows: list[Json] = engine.query(before + sql).to_pylist()
    return rows


def _methods(
    engine: Engine, rules: Sequence[tuple[str, str]]
) -> tuple[dict[str, int], dict[str, set[str]]]:
    """Per service: how many operations, and the methods they become."""
    operations = engine.query(OPERATIONS)
    templates = Templates(tuple(rules))
    templates.learn(operations)
    before: dict[str, int] = defaultdict(int)
    after: dict[str, set[str]] = defaultdict(set)
    for row in templates.mapping(operations).to_pylist():
        before[row["service"]] += 1
        after[row["service"]].add(row["method"])
    return before, after


def _split(engine: Engine, where: str | None) -> str | None:
    """Why the request id is the better key; None when it is not."""
    chosen = f"with chosen as (select * from spans where {where or 'true'}),\n"
    row = _rows(engine, "check_correlation", chosen)[0]
    if row["carrying"] == 0 or row["carrying"] < CARRIED * row["spans"]:
        return None
    if row["traces"] < SPLIT * row["requests"]:
        return None
    return (
        f"{row['carrying'] / row['spans']:.0%} of the spans carry {REQUEST_ID}, and a request is "
        f"split over {row['traces'] / row['requests']:.1f} traces: join by it"
    )


def _unfit(totals: Json, links: Json, rejected: Mapping[str, int]) -> Iterator[str]:
    lost = sum(rejected.values())
    if totals["spans"] == 0:
        yield "there is no span"
    elif not links["across"] and not links["with_peer"]:
        yield "no span has a parent in another service and none names its peer: no call shows"
    if lost > MUCH * (lost + totals["spans"]):
        yield f"{lost:,} rows were rejected, more than were read"
    if links["orphans"] > MUCH * (links["orphans"] + links["links"]):
        yield "most spans that name a parent lost it: export whole traces"


def _twice(doubled: Sequence[Doubled]) -> Iterator[str]:
    if not doubled:
        return
    services = ", ".join(sorted({it.service for it in doubled}))
    mixed = any(is_proxy(it.scope) != is_proxy(it.other_scope) for it in doubled)
    who = "proxies and in-process instrumentation" if mixed else "two instrumentations"
    yield (
        f"{who} trace each request twice, under trace ids of their own (seen at {services}): "
        "read one side"
    )


def _defects(totals: Json, links: Json) -> Iterator[str]:
    if not totals["spans"]:
        return
    if totals["traces"] < LEAST_CHAINS:
        few = "one trace" if totals["traces"] == 1 else f"{totals['traces']} traces"
        yield f"{few}: a pattern can be learned from {LEAST_CHAINS} alike ones"
    if totals["lone_traces"] > MUCH * totals["traces"]:
        share = totals["lone_traces"] / totals["traces"]
        yield f"{share:.0%} of the traces have one span: is the trace id or request id passed on?"
    named = links["orphans"] + links["links"]
    if not named and totals["lone_traces"] <= MUCH * totals["traces"]:
        yield "no span names a parent: calls are told by the names of peers alone, each by itself"
    if links["orphans"] > SOME * named:
        yield f"{links['orphans'] / named:.1%} of the spans that name a parent lost it"
    if not totals["with_duration"]:
        yield "no span has a duration: latency cannot be watched"
    elif links["outside"] > SOME * links["links"]:
        yield f"{links['outside'] / links['links']:.1%} of the spans begin outside their parent"
    if not totals["with_outcome"]:
        yield "no span failed, was refused or has a status code: is the outcome of calls exported?"
    if totals["until_ns"] - totals["from_ns"] < 2 * DAY_NS:
        hours = floor((totals["until_ns"] - totals["from_ns"]) / (360 * NS_PER_S)) / 10
        yield f"the range is {hours:.1f} hours: a daily season cannot be learned from it"


def _too_wide(methods: Mapping[str, set[str]]) -> Iterator[str]:
    wide = sorted(service for service, names in methods.items() if OTHER in names)
    if wide:
        yield f"{', '.join(wide)} have too many methods: the rarest are one, {OTHER}; add rules"
