"""Templates and static files, for the report and the console alike."""

from functools import cache
from importlib.resources import files

import jinja2

from informer.core.durations import lasting
from informer.web import words


@cache
def templates() -> jinja2.Environment:
    """All templates, with the words that they use."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("informer.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (
        words.shown,
        words.unit,
        words.measure,
        words.number,
        words.percent,
        words.multiple,
        words.odds,
        lasting,
        words.when,
        words.iso,
        words.dated,
        words.span,
        words.count,
    ):
        made.filters[word.__name__] = word
    made.globals["kinds"] = words.KINDS
    return made


def static(name: str) -> str:
    """A file of ours or a vendored one, without the banner that names its home page."""
    text = (files("informer.web") / "static" / name).read_text(encoding="utf-8")
    return text.split("*/", 1)[1].lstrip("\n") if text.startswith("/*!") else text
