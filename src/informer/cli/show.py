"""How results look in a terminal: columns for people, one JSON document for programs."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn


def print_json(document: Any) -> None:
    """One JSON document on stdout; what could drive a terminal is escaped."""
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
    click.echo("\n".join(_escaped(line) for line in text.decode().split("\n")))


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def say(line: str) -> None:
    """A line for people on stdout; names in it may be hostile and are shown as they are."""
    click.echo(printable(line))


def warn(lines: Sequence[str]) -> None:
    """Lines for people on stderr."""
    for line in lines:
        click.echo(f"note: {printable(line)}", err=True)


def printable(text: str) -> str:
    """Without control characters: a name from a trace must not drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns as wide as they must be; the last one is as long as it is.

    A heading that ends in `>` aligns its column to the right.
    """
    texts = [[printable(t) for t in row] for row in rows]
    heads = [c.rstrip(">") for c in columns]
    widths = [max(len(row[i]) for row in [heads, *texts]) for i in range(len(columns))]
    say(title)
    for row in [heads, *texts]:
        parts = [
            t.rjust(w) if c.endswith(">") else t.ljust(w)
            for t, w, c in zip(row, widths, columns, strict=True)
        ]
        say(("  " + "  ".join(parts)).rstrip())


def when(ns: int | None) -> str:
    """A moment for people, UTC."""
    if ns is None:
        return "open"
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%d %H:%M}"


def lasted(from_ns: int, until_ns: int | None) -> str:
    """A duration for people."""
    if until_ns is None:
        return "open"
    minutes = (until_ns - from_ns) // 60_000_000_000
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes / 60
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def how_long(from_ns: int, until_ns: int | None) -> str:
    """The same as part of a sentence."""
    return "still open" if until_ns is None else f"lasted {lasted(from_ns, until_ns)}"


@contextmanager
def progress_on_stderr() -> Iterator[Any]:
    """A progress bar on stderr while it is a terminal; gives what the pipeline calls."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("starting", total=None)

        def tell(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield tell
