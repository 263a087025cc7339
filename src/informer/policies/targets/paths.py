"""Methods of rules as what a proxy sees of them: a verb and a path, in which places may vary.

A method is `GET /cart/{id}`, a path alone, or a gRPC method. A place that varies is one segment of
a path, never empty, without `/` and without `;` (some servers read `..;` as `..`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

HTTP = re.compile(r"(?:([A-Z]{3,10}) )?(/.*)", re.DOTALL)
GRPC = re.compile(r"/?((?:[A-Za-z_]\w*\.)*[A-Z]\w*/[A-Z]\w*)", re.ASCII)
# Not `%`, `;`, `?`, `#`, which can be spelt in several ways, nor `*`, which targets take for more.
LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,=@:-]+")
PLACE = re.compile(r"\{[^{}/]*\}|<[^<>/]*>")
REST = re.compile(r"\*{1,2}|\{(?:\*.*|.*\*|.*:path|.*\.\.\.|.*:.*[.][*+].*)\}|<path:.*>")
VARIES = "[^/;]+"
DEEPEST = 16  # segments that the method templates of traces keep; one more stands for the rest
VERBS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes: the texts around its places that vary."""

    texts: tuple[str, ...]  # one more than places; one alone = no place

    @property
    def fixed(self) -> bool:
        """No place varies."""
        return len(self.texts) == 1

    @property
    def free(self) -> bool:
        """The segment is one place that varies, and nothing else."""
        return self.texts == ("", "")

    def regex(self, varies: str) -> str:
        """RE2, for the whole segment."""
        return varies.join(map(re.escape, self.texts))

    def fits(self, text: str) -> bool:
        """Whether this may be what stands there."""
        return re.fullmatch(self.regex(VARIES), text) is not None


@dataclass(frozen=True, slots=True)
class Request:
    """Requests of one verb (None: of any) to one path, or to all below it (`rest`)."""

    verb: str | None
    segments: tuple[Segment, ...]
    rest: bool = False  # whatever follows the segments
    stem: str = ""  # what the rest begins with

    def regex(self, varies: str = VARIES, rest: str = ".*") -> str:
        """RE2, for the whole path without its query."""
        path = "".join("/" + s.regex(varies) for s in self.segments)
        return f"{path}/{re.escape(self.stem)}{rest}" if self.rest else path

    @property
    def exact(self) -> str | None:
        """The path, where no place varies."""
        if self.rest or not all(s.fixed for s in self.segments):
            return None
        return "".join("/" + s.texts[0] for s in self.segments)


@lru_cache(100_000)
def request_of(method: str) -> Request | None:
    """What a method is to a proxy; None when it is neither HTTP nor gRPC, or cannot be told.

    >>> request_of("GET /cart/{id}").regex("[^/]+")
    '/cart/[^/]+'
    >>> request_of("shop.Cart/Add"), request_of("process order")
    (Request(verb='POST', segments=(Segment(texts=('shop.Cart',)), Segment(texts=('Add',)))), None)
    """
    if rpc := GRPC.fullmatch(method):
        service, name = rpc[1].split("/")
        return Request("POST", (Segment((service,)), Segment((name,))))
    found = HTTP.fullmatch(method)
    if found is None:
        return None
    segments = _segments(found[2])
    return None if segments is None else Request(found[1], segments[0], segments[1])


def request_like(glob: str) -> Request | None:
    """What fits a glob with one `*`, at its end; None when that is no verb and path.

    >>> request_like("GET /api/cart*").regex()
    '/api/cart.*'
    """
    found = HTTP.fullmatch(glob)
    if found is None or found[1] is None or not glob.endswith("*"):
        return None
    *segments, stem = found[2][1:-1].split("/")
    texts = [*segments, *([stem] if stem else [])]
    if not all(LITERAL.fullmatch(t) and t not in (".", "..") for t in texts):
        return None
    return Request(found[1], tuple(Segment((t,)) for t in segments), rest=True, stem=stem)


def verb_of(method: str) -> str | None:
    """The verb of a method whose path cannot be told.

    >>> verb_of("GET /a b"), verb_of("process order")
    ('GET', None)
    """
    found = HTTP.fullmatch(method)
    return found[1] if found and found[1] in VERBS else None


def covers(wide: Request, narrow: Request) -> bool:
    """Whether all requests of the one are requests of the other."""
    if wide.verb not in (None, narrow.verb):
        return False
    if wide.rest:
        long_enough = len(narrow.segments) + narrow.rest > len(wide.segments)
        return (
            long_enough
            and all(map(_covers, wide.segments, narrow.segments))
            and _next(narrow, len(wide.segments)).startswith(wide.stem)
        )
    if narrow.rest or len(wide.segments) != len(narrow.segments):
        return False
    return all(map(_covers, wide.segments, narrow.segments))


def overlap(one: Request, other: Request) -> bool:
    """Whether some request may be of both; says yes when unsure."""
    if None not in (one.verb, other.verb) and one.verb != other.verb:
        return False
    if not one.rest and not other.rest and len(one.segments) != len(other.segments):
        return False
    if one.rest and not other.rest and len(other.segments) <= len(one.segments):
        return False
    if other.rest and not one.rest and len(one.segments) <= len(other.segments):
        return False
    return all(map(_overlap, one.segments, other.segments))


def _next(request: Request, place: int) -> str:
    """How what stands at a place begins, as far as it is fixed."""
    if place < len(request.segments):
        return request.segments[place].texts[0]
    return request.stem


def _covers(wide: Segment, narrow: Segment) -> bool:
    if wide.texts == narrow.texts or (wide.free and narrow.texts != ("",)):
        return True
    return narrow.fixed and not wide.fixed and wide.fits(narrow.texts[0])


def _overlap(one: Segment, other: Segment) -> bool:
    if one.fixed and other.fixed:
        return one.texts == other.texts
    if one.fixed or other.fixed:
        fixed, varied = (one, other) if one.fixed else (other, one)
        return varied.fits(fixed.texts[0])
    return True


def _segments(path: str) -> tuple[tuple[Segment, ...], bool] | None:
    """Segments, and whether anything may follow; None for what requests may spell in other ways."""
    written = path.split("/")[1:]
    rest = REST.fullmatch(written[-1]) is not None
    if len(written) > DEEPEST and written[-1] == "{}":
        rest = True
    found = []
    for place, text in enumerate(written[:-1] if rest else written):
        last = place == len(written) - 1
        segment = _segment(text)
        if segment is None or (text == "" and not last):
            return None
        found.append(segment)
    return tuple(found), rest


def _segment(text: str) -> Segment | None:
    if text == "":
        return Segment(("",))
    if text == "*" or (text.startswith(":") and text[1:].isidentifier()):
        return Segment(("", ""))
    if REST.fullmatch(text):
        return None  # what may be many segments stands in the middle
    texts = tuple(PLACE.split(text))
    if any(t and not LITERAL.fullmatch(t) for t in texts) or text in (".", ".."):
        return None
    return Segment(texts)
