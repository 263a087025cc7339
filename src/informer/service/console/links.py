"""Links out of the console, to where traces and dashboards are, by templates of the settings."""

from collections.abc import Mapping
from urllib.parse import quote

from informer.config.console import OF_A_TRACE
from informer.core.types import Json

MS, S = 1_000_000, 1_000_000_000
Link = tuple[str, str]  # name, address


def incident_links(links: Mapping[str, str], document: Json, looked_ns: int) -> list[Link]:
    """Those that need no trace."""
    values = _values(document, looked_ns)
    return [(name, url.format(**values)) for name, url in links.items() if not _of_trace(url)]


def trace_links(
    links: Mapping[str, str], document: Json, trace_id: str, looked_ns: int
) -> list[Link]:
    """Those of one trace."""
    values = _values(document, looked_ns) | {"trace_id": quote(trace_id, safe="")}
    return [(name, url.format(**values)) for name, url in links.items() if _of_trace(url)]


def _of_trace(url: str) -> bool:
    return any(f"{{{name}}}" in url for name in OF_A_TRACE)


def _values(document: Json, looked_ns: int) -> dict[str, str]:
    guilty = document["rpcs"][0] if document["rpcs"] else {"callee": "", "method": ""}
    end_ns = looked_ns if document["resolved_ns"] is None else document["resolved_ns"]
    from_ns, until_ns = document["opened_ns"], max(end_ns, document["opened_ns"])
    return {
        "incident": quote(document["id"], safe=""),
        "service": quote(guilty["callee"], safe=""),
        "method": quote(guilty["method"], safe=""),
        "from_ms": str(from_ns // MS),
        "until_ms": str(until_ns // MS),
        "from_s": str(from_ns // S),
        "until_s": str(until_ns // S),
    }
