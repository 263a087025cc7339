"""Pages of the console: the frame that all share, and what the server sends beside them."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup

from informer.web.charts import script_safe
from informer.web.drawing import static, templates

PLACES = (
    ("now", "/", "Now", "n"),
    ("incidents", "/incidents", "Incidents", "i"),
    ("patterns", "/patterns", "Patterns", "p"),
    ("explore", "/explore", "Explore", "e"),
)  # page, address, name, the key that goes there after g
TYPES = {"js": "text/javascript", "css": "text/css"}
FILES = (
    "htmx-2.0.11.min.js",
    "uplot-1.6.32.min.js",
    "uplot-1.6.32.min.css",
    "theme.js",
    "charts.js",
    "console.js",
    "shared.css",
    "console.css",
)


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame of every page shows."""

    page: str
    path: str
    query: str
    version: str  # of what is shown: another one is worth loading
    looked_ns: int  # end of the last step that was judged; 0 = there was none
    not_ready: tuple[str, ...]  # why nobody should rely on it
    who: str
    may_decide: bool
    form_key: str
    range: str
    from_ns: int
    until_ns: int
    by_token: bool  # people sign in

    def address(self, **changed: str) -> str:
        """This page with other values in its address; empty ones are left out."""
        kept = [(k, v) for k, v in parse_qsl(self.query) if k not in changed]
        query = urlencode([*kept, *((k, v) for k, v in changed.items() if v)])
        return f"{self.path}?{query}" if query else self.path

    def ranged(self, path: str) -> str:
        """Another page over the range of this one."""
        here = dict(parse_qsl(self.query))
        kept = [(k, here[k]) for k in ("range", "from", "until") if k in here]
        return f"{path}?{urlencode(kept)}" if kept else path

    @property
    def here(self) -> str:
        """The address of this page."""
        return self.address()


@dataclass(frozen=True, slots=True)
class Tile:
    """One fact of how well detection does: how it is called, what it is, and what to do."""

    name: str
    value: str
    more: str = ""
    state: str = "well"  # well, watch or bad
    todo: str = ""


def render(page: str, shell: Shell, **values: Any) -> str:
    """A page in its frame."""
    return _drawn(page, shell=shell, places=PLACES, **values)


def render_alone(page: str, **values: Any) -> str:
    """A page of its own, for who is not inside."""
    return _drawn(page, **values)


def render_part(part: str, **values: Any) -> str:
    """A part of a page that is asked for later."""
    return _drawn(part, **values)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages ask for by an address of its own; it never changes."""

    body: bytes
    packed: bytes  # gzip
    media_type: str
    version: str


@cache
def assets() -> dict[str, Asset]:
    """All of them, by name."""
    found = {}
    for name in FILES:
        body = static(name).encode()
        kind = f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8"
        version = sha256(body).hexdigest()[:12]
        found[name] = Asset(body, gzip.compress(body, mtime=0), kind, version)
    return found


def _drawn(page: str, **values: Any) -> str:
    return (
        templates().get_template(f"console/{page}.html").render(asset=_asset, data=_data, **values)
    )


def _asset(name: str) -> str:
    return f"/static/{name}?v={assets()[name].version}"


def _data(payload: object) -> Markup:
    """Numbers for the charts of a part of a page."""
    return Markup(script_safe(payload))
