"""Names from strangers as text that does no harm where people read it."""

from datetime import UTC, datetime

TITLE, DETAIL, MOST_RPCS = 300, 1_000, 10  # characters, characters, calls named


def plain(text: object, most: int = DETAIL) -> str:
    """One line of at most so many characters, without what steers a terminal or hides text."""
    # Anything longer would be cut anyway: no work for what is megabytes long.
    shown = "".join(c if c.isprintable() else "�" for c in str(text)[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def bounded(value: object, *, most: int = DETAIL, items: int = 100, depth: int = 6) -> object:
    """A JSON value with plain texts, and lists, objects and depth cut."""
    if isinstance(value, str):
        return plain(value, most)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        pairs = list(value.items())[:items]
        return {
            plain(k, 200): bounded(v, most=most, items=items, depth=depth - 1) for k, v in pairs
        }
    if isinstance(value, list | tuple):
        return [bounded(v, most=most, items=items, depth=depth - 1) for v in value[:items]]
    return plain(value, most)


def calls_of(document: dict[str, object]) -> str:
    """The guilty calls of an incident in one line; empty where it names none."""
    rpcs = document.get("rpcs")
    if not isinstance(rpcs, list):
        return ""
    named = [
        f"{plain(r['caller'], 100)} > {plain(r['callee'], 100)} {plain(r['method'], 200)}"
        for r in rpcs[:MOST_RPCS]
    ]
    return plain(", ".join(named), DETAIL)


def time_of(ns: int) -> str:
    """RFC 3339, milliseconds; what lies outside the years that it knows is cut to them."""
    ms = min(max(ns // 1_000_000, 0), 4_102_444_800_000)
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
