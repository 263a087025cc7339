"""Writes the reference pages from the code: run by `make docs`, held against the code by a test."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from informer.cli.app import informer
from informer.config.settings import Settings
from informer.core.tables import TABLES

REFERENCE = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by docs/generate.py; change the code, then run make docs. -->"


def pages() -> dict[str, str]:
    """File name to text of every reference page."""
    return {"cli.md": cli_page(), "config.md": config_page(), "tables.md": tables_page()}


def cli_page() -> str:
    """Every command, argument and option."""
    parts = [
        GENERATED,
        "# Commands",
        f"{informer.help} Times are UTC; a duration is `60s`, `10m`, `1h` or `1d`.",
        "| exit code | means |\n|---|---|\n"
        "| 0 | done |\n"
        "| 1 | incidents were found and `--fail-on-incident` was given |\n"
        "| 2 | something that you can mend; one line on stderr says what |",
        "Anything else is a defect and keeps its traceback.",
    ]
    for context, command in commands(click.Context(informer, info_name="informer")):
        parts += [
            f"## {context.command_path}",
            f"```text\n{' '.join(command.get_usage(context).split()).removeprefix('Usage: ')}\n```",
            " ".join((command.help or "").split()),
        ]
        options = [p for p in command.params if isinstance(p, click.Option)]
        rows = [_row(_names(o), (o.help or "") + _shown_limits(o)) for o in options]
        parts.append("\n".join(["| option | means |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def commands(context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command that does something, with its context, in the order of the code."""
    group = context.command
    if not isinstance(group, click.Group):
        yield context, group
        return
    for name, command in group.commands.items():
        yield from commands(click.Context(command, info_name=name, parent=context))


def config_page() -> str:
    """Every key of informer.toml."""
    parts = [
        GENERATED,
        "# Configuration",
        "`informer.toml` lies in the workspace. `informer learn` writes it with every key; options "
        "on the command line count more than the file. All of it is checked at start, and an "
        "unknown key is an error.",
    ]
    settings = Settings()
    for section in fields(settings):
        values = getattr(settings, section.name)
        rows = [
            _row(f"`{key.name}`", _code(getattr(values, key.name)), _meaning(key.metadata))
            for key in fields(values)
        ]
        about = str(type(values).__doc__).partition(": ")[2]
        parts += [
            f"## {section.name}",
            about[:1].upper() + about[1:],
            "\n".join(["| key | default | means |", "|---|---|---|", *rows]),
        ]
    return "\n\n".join(parts) + "\n"


def tables_page() -> str:
    """Every table, every column."""
    parts = [
        GENERATED,
        "# Tables",
        "Stages meet in these tables. Times are int64 nanoseconds UTC; a unit is in the column's "
        "name; `[]` is a list.",
    ]
    for table in TABLES.values():
        rows = [
            _row(f"`{c.name}`", _type(c.type) + (", or null" if c.nullable else ""), c.means)
            for c in table.columns
        ]
        parts += [
            f"## {table.name}",
            f"One row is {table.row_is}.",
            "\n".join(["| column | type | means |", "|---|---|---|", *rows]),
        ]
    return "\n\n".join(parts) + "\n"


def _names(option: click.Option) -> str:
    kind = option.type
    if option.is_flag:
        value = ""
    elif isinstance(kind, click.Choice):
        value = f" {str(option.name).upper()}"
    else:
        value = " " + kind.name.upper()
    return f"`{', '.join(option.opts)}{value}`"


def _shown_limits(option: click.Option) -> str:
    if option.required:
        return " Required."
    if isinstance(option.type, click.Choice):
        return " One of " + ", ".join(f"`{c}`" for c in option.type.choices) + "."
    return f" Default: `{option.default}`." if option.show_default else ""


def _meaning(metadata: Any) -> str:
    means, rule = metadata["means"], metadata["rule"]
    return f"{means} It {rule}." if rule else str(means)


def _code(value: Any) -> str:
    return f"`{json.dumps(value)}`"


def _type(kind: object) -> str:
    return (
        str(kind)
        .replace("list<item: string>", "string[]")
        .replace("list<item: double>", "double[]")
    )


def _row(*cells: str) -> str:
    """A table row; a cell cannot break out of it."""
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
