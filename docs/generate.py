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
from informer.service.api.app import document

REFERENCE = Path(__file__).parent / "reference"
BEYOND = 2**53  # a limit that is none
LIMITS = {"minimum": "at least {}", "maximum": "at most {}", "maxLength": "at most {} characters"}
WRITTEN = {"Incident": "an-incident", "IncidentDetail": "an-incident", "Pattern": "a-pattern"}
GENERATED = "<!-- Written by docs/generate.py; change the code, then run make docs. -->"


def pages() -> dict[str, str]:
    """File name to text of every reference page."""
    return {
        "api.md": api_page(),
        "cli.md": cli_page(),
        "config.md": config_page(),
        "tables.md": tables_page(),
    }


def api_page() -> str:
    """Every operation of the HTTP API, and every document."""
    described = document()
    parts = [
        GENERATED,
        "# HTTP API",
        described["info"]["description"],
        "While `informer serve` runs, `/api/v1/openapi.json` is the same for programs. "
        "How to get in is in [Day and night](../how-to/serve.md#roles).",
    ]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            parts += [f"## {method.upper()} {path}", operation["description"]]
            rows = [
                _row(f"`{given['name']}`", _shape(given["schema"]), _told(given))
                for given in operation.get("parameters", ())
                if given["in"] == "query"
            ]
            if rows:
                parts.append("\n".join(["| parameter | type | means |", "|---|---|---|", *rows]))
            if "requestBody" in operation:
                parts.append(f"Takes {_shape(_json(operation['requestBody']))} as JSON.")
            answer = _shape(_json(operation["responses"]["200"]))
            problems = ", ".join(s for s in operation["responses"] if s != "200")
            parts.append(f"Answers {answer}; problems: {problems}.")
    for name, schema in described["components"]["schemas"].items():
        rows = [
            _row(f"`{key}`", _shape(value), value.get("description", ""))
            for key, value in schema["properties"].items()
        ]
        about = " ".join(schema["description"].split())
        table = "\n".join(["| key | type | means |", "|---|---|---|", *rows])
        if name in WRITTEN:
            about += f" Its keys are in [JSON and scores](json.md#{WRITTEN[name]})."
        parts += [f"## {name}", about, table]
    return "\n\n".join(parts) + "\n"


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
        if "each" in section.metadata:
            one = section.metadata["section"]
            parts += [
                f"## {section.name}",
                f"More of [{one}](#{one}): `[{section.name}.NAME]` has the same keys.",
            ]
            continue
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


def _json(described: Any) -> Any:
    return described["content"]["application/json"]["schema"]


def _shape(schema: Any) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_shape(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(_shape(one) for one in schema['prefixItems'])}]"
    if kind == "array":
        return f"list of {_shape(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_shape(schema['additionalProperties'])}"
    limits = [
        words.format(schema[key])
        for key, words in LIMITS.items()
        if schema.get(key, BEYOND) < BEYOND
    ]
    return ", ".join([kind, *limits])


def _told(given: Any) -> str:
    default = given["schema"].get("default")
    told = given.get("description") or given["schema"].get("description", "")
    needed = "; required" if given["required"] else ""
    return str(told) + (f"; `{default}` if not given" if default else needed)


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
    default = f" Default: `{option.default}`." if option.show_default else ""
    if isinstance(option.type, click.Choice):
        return " One of " + ", ".join(f"`{c}`" for c in option.type.choices) + "." + default
    return default


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
