"""A made-up report that looks like a real one: a shop, five days, six incidents, labels."""

from dataclasses import replace

import numpy as np

from informer.core.types import NS_PER_S, Floats, Ints
from informer.web.views import (
    Attribute,
    Detection,
    GuiltyRpc,
    Incident,
    Label,
    Pattern,
    PatternRef,
    Report,
    Rpc,
    RpcSeries,
)

STEP_S = 600
START_NS = 1_781_481_600 * NS_PER_S  # Mon 15 Jun 2026 00:00 UTC
STEPS = 5 * 144
THRESHOLD = 5.2

# label, share, mean calls a step, hour of the peak, chain: (parent, caller, callee, method, share)
CHAINS = (
    (
        "GET /productpage",
        0.46,
        38.0,
        20,
        (
            (-1, "outside", "ingress", "GET /productpage", 1.0),
            (0, "ingress", "productpage", "GET /productpage", 1.0),
            (1, "productpage", "details", "GET /details/{id}", 1.0),
            (1, "productpage", "reviews", "GET /reviews/{id}", 1.0),
            (3, "reviews", "ratings", "GET /ratings/{id}", 0.66),
        ),
    ),
    (
        "POST /login",
        0.06,
        6.0,
        9,
        (
            (-1, "outside", "ingress", "POST /login", 1.0),
            (0, "ingress", "productpage", "POST /login", 1.0),
            (1, "productpage", "accounts", "rpc Accounts/Verify", 1.0),
            (2, "accounts", "accounts-db", "SELECT users", 0.97),
        ),
    ),
    (
        "GET /api/v1/products/{id}/reviews",
        0.1,
        8.0,
        21,
        (
            (-1, "outside", "ingress", "GET /api/v1/products/{id}/reviews", 1.0),
            (0, "ingress", "productpage", "GET /api/v1/products/{id}/reviews", 1.0),
            (1, "productpage", "reviews", "GET /reviews/{id}", 1.0),
            (2, "reviews", "ratings", "GET /ratings/{id}", 0.66),
        ),
    ),
    (
        "GET /api/v1/products",
        0.08,
        7.0,
        13,
        (
            (-1, "outside", "ingress", "GET /api/v1/products", 1.0),
            (0, "ingress", "productpage", "GET /api/v1/products", 1.0),
        ),
    ),
    (
        "POST /checkout",
        0.07,
        6.5,
        19,
        (
            (-1, "outside", "ingress", "POST /checkout", 1.0),
            (0, "ingress", "checkout", "POST /checkout", 1.0),
            (1, "checkout", "cart", "rpc Cart/Get", 1.0),
            (1, "checkout", "payment", "rpc Payment/Charge", 0.93),
            (1, "checkout", "shipping", "rpc Shipping/Quote", 1.0),
            (1, "checkout", "mail", "publish order.placed", 0.9),
            (2, "cart", "cart-cache", "HGETALL", 1.0),
            (3, "payment", "bank", "POST /charges", 0.93),
        ),
    ),
    ("GET /cart", 0.06, 5.5, 19, ((-1, "outside", "ingress", "GET /cart", 1.0),)),
    ("GET /logout", 0.04, 3.5, 18, ((-1, "outside", "ingress", "GET /logout", 1.0),)),
    ("GET /search", 0.05, 5.0, 12, ((-1, "outside", "ingress", "GET /search", 1.0),)),
    (
        "GET /api/v1/products/{id}/ratings",
        0.04,
        4.0,
        14,
        (
            (-1, "outside", "ingress", "GET /api/v1/products/{id}/ratings", 1.0),
            (0, "ingress", "productpage", "GET /api/v1/products/{id}/ratings", 1.0),
            (1, "productpage", "ratings", "GET /ratings/{id}", 1.0),
        ),
    ),
    ("GET /favicon.ico", 0.01, 1.0, 12, ((-1, "outside", "ingress", "GET /favicon.ico", 1.0),)),
    (
        "reporter GET /reviews",
        0.02,
        2.0,
        3,
        (
            (-1, "outside", "reporter", "cron hourly", 1.0),
            (0, "reporter", "reviews", "GET /reviews/{id}", 1.0),
            (1, "reviews", "ratings", "GET /ratings/{id}", 0.66),
        ),
    ),
    ("POST /register", 0.01, 1.2, 11, ((-1, "outside", "ingress", "POST /register", 1.0),)),
)


def step_ns(day: int, hour: float) -> int:
    """A step's start, by day 0..4 and hour."""
    return START_NS + round((day * 24 + hour) * 6) * STEP_S * NS_PER_S


# pattern, rpcs from, day, hour, steps, factor
EVENTS = (
    (1, 0, 2, 10.5, 3, 8.0),
    (2, 0, 0, 14.0, 5, 5.0),
    *((p, 0, 1, 13.0, 7, 2.4) for p in range(9)),
    (4, 3, 3, 19.0, 12, 0.1),
)


def sample_report(seed: int = 7) -> Report:
    """Twelve patterns over five days of 600 s steps; what `informer demo` writes, roughly."""
    rng = np.random.default_rng(seed)
    patterns = tuple(_pattern(i, rng) for i in range(len(CHAINS)))
    return Report(
        title="Bookshop mesh, segment A",
        made_at_ns=START_NS + STEPS * STEP_S * NS_PER_S,
        from_ns=START_NS,
        until_ns=START_NS + STEPS * STEP_S * NS_PER_S,
        step_s=STEP_S,
        source="segment_a.parquet, format table: 214,310 spans in 41,906 traces",
        checks=(
            "coverage: 719 of 720 steps, one gap of 10 min",
            "orphans: 0.2 % of spans lost their parent",
            "clock skew: none found",
            "methods: 1,204 raw paths became 31 templates",
            "proxies and in-process instrumentation trace the same requests twice",
        ),
        verdict="Fit, with --where \"scope = 'envoy'\"",
        patterns=patterns,
        incidents=_incidents(patterns),
        labels=_labels(),
        budget_per_day=1.0,
    )


def quiet_report(seed: int = 7) -> Report:
    """The same days with nothing to report."""
    report = sample_report(seed)
    return replace(report, title="Bookshop mesh, a calm week", incidents=(), labels=())


def _pattern(i: int, rng: np.random.Generator) -> Pattern:
    label, share, mean, peak, chain = CHAINS[i]
    rpcs = tuple(Rpc(f"rpc-{i}-{k}", c[1], c[2], c[3]) for k, c in enumerate(chain))
    edges = tuple((c[0], k, c[4]) for k, c in enumerate(chain) if c[0] >= 0)
    hours = np.arange(STEPS) / 6 % 24
    day = mean * (0.35 + 1.1 * np.exp(-((((hours - peak + 12) % 24 - 12) / 4.5) ** 2)))
    starts = START_NS + np.arange(STEPS, dtype=np.int64) * STEP_S * NS_PER_S
    series = []
    for k, c in enumerate(chain):
        factor = np.ones(STEPS)
        for pattern, first, on, hour, steps, times in EVENTS:
            if pattern == i and k >= first:
                begin = round((on * 24 + hour) * 6)
                factor[begin : begin + steps] = times
        expected = day * c[4]
        observed = rng.poisson(expected * factor).astype(np.float64)
        series.append(_series(rpcs[k].rpc_id, starts, observed, expected))
    return Pattern(
        pattern_id=f"p{i:02d}",
        label=label,
        entry=f"{chain[0][1]} > {chain[0][2]}:{chain[0][3]}",
        chains=round(share * 41906),
        share=share,
        critical=share > 0.015,
        state="ready" if i != 11 else "learning",
        forecaster="diffusion_gru" if i in (0, 1, 4) else "seasonal",
        reason="dcrnn won the backtest: deviance 1.08 against 1.21 of seasonal on the last 3 days"
        if i in (0, 1, 4)
        else "seasonal won the backtest: deviance 1.12 against 1.15 of dcrnn on the last 3 days",
        rpcs=rpcs,
        edges=edges,
        series=tuple(series),
    )


def _series(rpc_id: str, starts: Ints, observed: Floats, expected: Floats) -> RpcSeries:
    deviation = np.sqrt(expected + 0.02 * expected**2)
    score = 0.3 + 0.45 * ((observed - expected) / deviation) ** 2 / np.log(10)
    observed = observed.copy()
    observed[500:503] = np.nan
    return RpcSeries(
        rpc_id=rpc_id,
        step_start_ns=starts,
        observed=observed,
        expected=expected,
        low=np.maximum(expected - 3.2 * deviation, 0),
        high=expected + 3.4 * deviation,
        score=np.where(np.isnan(observed), np.nan, score),
        threshold=np.full(len(starts), THRESHOLD),
    )


def _incidents(patterns: tuple[Pattern, ...]) -> tuple[Incident, ...]:
    def guilty(p: int, *shares: float) -> tuple[GuiltyRpc, ...]:
        found = []
        event = next(e for e in EVENTS if e[0] == p and e[2] != 1)
        begin = round((event[2] * 24 + event[3]) * 6)
        for k, share in enumerate(shares, start=event[1]):
            rpc, s = patterns[p].rpcs[k], patterns[p].series[k]
            window = slice(begin, begin + event[4])
            total = float(np.nansum(np.asarray(s.observed, dtype=float)[window]))
            expected = float(np.sum(np.asarray(s.expected, dtype=float)[window]))
            lasted_s = 600.0 * event[4]
            found.append(
                GuiltyRpc(rpc.caller, rpc.callee, rpc.method, share, total, expected, lasted_s)
            )
        return tuple(found)

    def cells(
        p: int, rpcs: int, day: int, hour: float, steps: int, kind: str
    ) -> tuple[Detection, ...]:
        begin = round((day * 24 + hour) * 6)
        return tuple(
            Detection(
                START_NS + t * STEP_S * NS_PER_S,
                patterns[p].pattern_id,
                s.rpc_id,
                "calls",
                kind,
                float(s.observed[t] or 0),
                float(s.expected[t] or 0),
                float(s.score[t] or 0),
                THRESHOLD,
            )
            for s in patterns[p].series[:rpcs]
            for t in range(begin, begin + steps)
        )

    refs = [PatternRef(p.pattern_id, p.label) for p in patterns]
    return (
        Incident(
            incident_id="i-20260617-1030",
            kind="volume",
            severity="critical",
            title="8 × the usual calls of POST /login, most of them refused",
            opened_ns=step_ns(2, 10.5),
            resolved_ns=step_ns(2, 11.0),
            score=31.4,
            patterns=(refs[1],),
            rpcs=guilty(1, 0.52, 0.31, 0.17),
            examples=("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7a3ce929d0e0e4736"),
            attributes=(
                Attribute("http.status_code", "401", 0.94, 0.07),
                Attribute("user_agent", "python-requests/2.31", 0.41, 0.02),
                Attribute("client.address", "203.0.113.7", 0.38, 0.0),
            ),
            changes=("No version or workload changed within a day before it.",),
            similar=("i-20260615-1400",),
            detections=cells(1, 4, 2, 10.5, 3, "volume"),
            explanation=(
                "POST /login was called 153 times in 30 min where 19 were expected.",
                "No other pattern moved, so this is not a crowd.",
                "94 % of the calls were answered 401; it is 7 % otherwise.",
            ),
        ),
        Incident(
            incident_id="i-20260615-1400",
            kind="volume",
            severity="high",
            title="5 × the usual calls of GET /api/v1/products/{id}/reviews",
            opened_ns=step_ns(0, 14.0),
            resolved_ns=step_ns(0, 14.0) + 5 * STEP_S * NS_PER_S,
            score=18.2,
            patterns=(refs[2],),
            rpcs=guilty(2, 0.4, 0.35, 0.15, 0.1),
            examples=("a3ce929d0e0e47364bf92f3577b34da6",),
            attributes=(Attribute("client.address", "198.51.100.23", 0.81, 0.01),),
            detections=cells(2, 4, 0, 14.0, 5, "volume"),
            explanation=("The reviews API was called five times as often as at other noons.",),
        ),
        Incident(
            incident_id="i-20260616-0410",
            kind="novel",
            severity="high",
            title="toolbox calls ratings, which it never did before",
            opened_ns=step_ns(1, 4.0) + STEP_S * NS_PER_S,
            resolved_ns=step_ns(1, 8.0),
            score=12.0,
            patterns=(refs[8],),
            rpcs=(
                GuiltyRpc(
                    "toolbox",
                    "ratings",
                    "GET /ratings/{id}",
                    1.0,
                    7.0,
                    0.0,
                    600.0,
                    rpc_id="rpc-new",
                ),
                GuiltyRpc("ratings", "ratings-db", "SELECT ratings", 0.0, 7.0, 0.0, 600.0),
            ),
            examples=("e0e47364bf92f3577b34da6a3ce929d0",),
            detections=(
                Detection(
                    step_ns(1, 4.0), "p08", "rpc-new", "novelty", "novel", 7.0, 0.0, 12.0, THRESHOLD
                ),
            ),
            explanation=("This caller and callee were never seen together in training.",),
        ),
        Incident(
            incident_id="i-20260618-1900",
            kind="silence",
            severity="medium",
            title="Payment is almost silent while checkouts go on",
            opened_ns=step_ns(3, 19.0),
            resolved_ns=step_ns(3, 21.0),
            score=9.7,
            patterns=(refs[4],),
            rpcs=guilty(4, 0.6, 0.25, 0.15),
            changes=("payment v14 appeared on Thu 18 Jun 18:50 and v13 went at 18:58.",),
            detections=cells(4, 8, 3, 19.0, 12, "silence"),
        ),
        Incident(
            incident_id="i-20260616-1300",
            kind="demand",
            severity="info",
            title="All journeys rose together to 2.4 × the usual",
            opened_ns=step_ns(1, 13.0),
            resolved_ns=step_ns(1, 14.0) + STEP_S * NS_PER_S,
            score=14.9,
            patterns=tuple(refs[:9]),
            rpcs=(GuiltyRpc("outside", "ingress", "GET /productpage", 0.3, 590.0, 246.0, 600.0),),
            detections=cells(0, 5, 1, 13.0, 7, "demand"),
            explanation=("Nine patterns rose by the same factor in the same steps.",),
        ),
        Incident(
            incident_id="i-20260619-2220",
            kind="refusal",
            severity="low",
            title="More refused calls of POST /register than usual",
            opened_ns=step_ns(4, 22.5),
            resolved_ns=None,
            score=5.6,
            patterns=(refs[11],),
            rpcs=(GuiltyRpc("outside", "ingress", "POST /register", 1.0, 6.0, 0.8, 600.0),),
        ),
    )


def _labels() -> tuple[Label, ...]:
    def label(
        event: str,
        kind: str,
        flag: str,
        day: int,
        hour: float,
        minutes: int,
        told: str,
        found: str | None = None,
    ) -> Label:
        start = step_ns(day, hour) + 97 * NS_PER_S
        return Label(event, kind, flag, start, start + minutes * 60 * NS_PER_S, told, found)

    return (
        label(
            "A4",
            "api_scraping",
            "attack",
            0,
            14.0,
            48,
            "found, 4 min after it began",
            "i-20260615-1400",
        ),
        label(
            "A5",
            "lateral_movement_unknown_workload",
            "attack",
            1,
            4.2,
            211,
            "found, 1 min after it began",
            "i-20260616-0410",
        ),
        label(
            "L1",
            "flash_crowd",
            "legit",
            1,
            13.0,
            64,
            "told as demand, not as misuse",
            "i-20260616-1300",
        ),
        label("L2", "deploy_reviews_v1_out", "legit", 2, 3.0, 2200, "left alone"),
        label(
            "A2",
            "credential_stuffing",
            "attack",
            2,
            10.7,
            30,
            "found, 2 min after it began",
            "i-20260617-1030",
        ),
        label("F1", "fault_ratings_frozen", "fault", 2, 19.8, 60, "not reported"),
        label("A3", "low_and_slow_login", "attack", 3, 3.5, 576, "missed (1.5 × the usual)"),
        label("A7", "credential_stuffing", "attack", 4, 3.9, 135, "missed (11 requests)"),
    )
