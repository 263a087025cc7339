"""Settings of the web console: where its links lead."""

import re
from dataclasses import dataclass
from string import Formatter
from typing import Any

from informer.config.rules import setting

# What stands between braces in the address of a link.
OF_A_TRACE = ("trace_id",)
OF_AN_INCIDENT = ("incident", "service", "method", "from_ms", "until_ms", "from_s", "until_s")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,39}")


def _are_links(links: Any) -> bool:
    return len(links) <= 12 and all(
        NAME.fullmatch(name) is not None and isinstance(url, str) and _is_template(url)
        for name, url in links.items()
    )


def _is_template(url: str) -> bool:
    if re.match(r"https?://[^/\s{}]+(/|$)", url) is None or re.search(r"\s", url):
        return False
    try:
        named = [name for _, name, form, turn in Formatter().parse(url) if name is not None]
        plain = all(not form and not turn for _, _, form, turn in Formatter().parse(url))
    except ValueError:
        return False
    return plain and bool(named) and set(named) <= {*OF_A_TRACE, *OF_AN_INCIDENT}


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """`[console]`: what the pages of `informer serve` offer."""

    links: dict[str, str] = setting(  # noqa: RUF009 (the default is copied for each)
        {},
        "Links out: a name = an address with {trace_id} for traces, or with {service}, {method}, "
        "{incident}, {from_ms}, {until_ms}, {from_s} and {until_s} for incidents.",
        "must be up to 12 names of letters, digits and . _ - with addresses that begin with "
        "http:// or https://, each with one or more of {trace_id}, {service}, {method}, "
        "{incident}, {from_ms}, {until_ms}, {from_s}, {until_s} and no other braces",
        _are_links,
    )
