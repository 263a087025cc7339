"""Docs and code say the same: pages, links, commands, options, keys and columns."""

import ast
import inspect
import json
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

import informer as api
from informer.cli.app import informer
from informer.config.load import settings_of
from informer.config.settings import Settings
from informer.core.tables import INCIDENTS, PATTERNS, TABLES
from informer.core.types import Grid
from informer.pipeline.documents import (
    EVIDENCE_KEYS,
    detection_document,
    incident_document,
    pattern_document,
)
from informer.policies.targets.workloads import workloads_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")),
]
RECORDS = sorted((DOCS / "decisions").glob("*.md"))
GENERATOR: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))
ROOT_CONTEXT = click.Context(informer, info_name="informer")
COMMANDS = {c.command_path: c.command for c, _ in GENERATOR["commands"](ROOT_CONTEXT)}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of every fenced block."""
    yield from re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names that its headings can be linked by."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    words = [re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles]
    return {re.sub(r"[\s-]+", "-", word) for word in words}


def options_of(command: click.Command) -> set[str]:
    return {o for p in command.params if isinstance(p, click.Option) for o in p.opts}


def section(page: Path, title: str) -> str:
    """The text below a heading of the second level."""
    return page.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def commands_shown(page: Path) -> Iterator[list[str]]:
    """Every `informer ...` line of its shell blocks, as words."""
    for language, text in fences(page):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0] == "informer":
                    yield words


@pytest.mark.parametrize("name", GENERATOR["pages"]())
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    written = (DOCS / "reference" / name).read_text()
    assert written == GENERATOR["pages"]()[name], "run make docs"


def test_every_table_and_column_is_in_the_reference() -> None:
    page = DOCS / "reference" / "tables.md"
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == list(TABLES)
    for name, table in TABLES.items():
        assert re.findall(r"^\| `(\w+)`", section(page, name), re.MULTILINE) == table.names


def test_every_command_and_option_is_in_the_reference() -> None:
    page = DOCS / "reference" / "cli.md"
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == list(COMMANDS)
    for path, command in COMMANDS.items():
        cells = re.findall(r"^\| `(.+?)` \|", section(page, path), re.MULTILINE)
        assert {o for c in cells for o in re.findall(r"--?[a-z][\w-]*", c)} == options_of(command)


def test_every_key_of_the_configuration_is_in_the_reference() -> None:
    page = DOCS / "reference" / "config.md"
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == [
        f.name for f in fields(Settings)
    ]
    for name in fields(Settings):
        if "each" in name.metadata:
            continue
        keys = [f.name for f in fields(getattr(Settings(), name.name))]
        assert re.findall(r"^\| `(\w+)`", section(page, name.name), re.MULTILINE) == keys


def keys(page: Path, title: str) -> list[str]:
    """What the first cells of a section's tables name."""
    cells = re.findall(r"^\| (`.+?) \|", section(page, title), re.MULTILINE)
    return [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]


def test_every_key_of_the_json_documents_is_in_the_reference() -> None:
    page = DOCS / "reference" / "json.md"
    evidence = {k: [] for k in ("patterns", "rpcs", "examples", *EVIDENCE_KEYS)}
    row = dict.fromkeys(INCIDENTS.names) | {"evidence": json.dumps(evidence)}
    assert set(keys(page, "An incident")) == set(incident_document(row, evidence=True))
    rpc = {"caller": "a", "callee": "b", "method": "c"}
    pattern = dict.fromkeys(PATTERNS.names) | {"entry_rpc_id": "r"}
    assert set(keys(page, "A pattern")) == set(
        pattern_document(pattern, None, {"r": rpc}, "none", "")
    )
    found = detection_document(INCIDENTS.empty(), Grid(0, 60, np.zeros(0, dtype=bool)))
    assert set(keys(page, "informer detect")) == set(found)


@every_page
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    for words in commands_shown(page):
        depth = 3 if " ".join(words[:3]) in COMMANDS else 2
        command = COMMANDS[" ".join(words[:depth])]
        context = click.Context(command, info_name=words[0])
        given, rest, _ = command.make_parser(context).parse_args(words[depth:])
        for parameter in command.params:
            value = parameter.type_cast_value(context, given.get(parameter.name))
            assert not (parameter.required and value in (None, ())), words
        assert rest == []


@every_page
def test_every_option_that_is_spoken_of_exists(page: Path) -> None:
    known = {o for command in COMMANDS.values() for o in options_of(command)} | {"--help"}
    assert set(re.findall(r"`(--[a-z][\w-]*)[ `=]", prose(page))) <= known


@every_page
def test_every_python_call_that_is_shown_fits_its_signature(page: Path) -> None:
    for language, text in fences(page):
        if language == "python":
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and "informer." in ast.unparse(node.func):
                    called = getattr(api, ast.unparse(node.func).removeprefix("informer."))
                    named = {str(k.arg): None for k in node.keywords}
                    inspect.signature(called).bind(*node.args, **named)


@every_page
def test_every_configuration_that_is_shown_is_valid(page: Path) -> None:
    for language, text in fences(page):
        if language == "toml":
            read = workloads_of if "\n[services." in text else settings_of
            read(tomllib.loads(text), page.name)


@every_page
def test_every_fence_is_closed_and_says_its_language(page: Path) -> None:
    marks = re.findall(r"^ *```(.*)$", page.read_text(), re.MULTILINE)
    assert len(marks) % 2 == 0
    assert [m for m in marks[0::2] if not re.fullmatch(r"\w+", m)] == []
    assert [m for m in marks[1::2] if m] == []


@every_page
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"https?:", target):
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (anchor and anchor not in anchors(file)):
                dead.append(target)
    assert dead == []


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]

    def listed(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for part in entry.values() if isinstance(entry, dict) else entry:
                yield from listed(part)

    there = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md")}
    assert set(listed(site["nav"])) == there


@pytest.mark.parametrize("record", RECORDS, ids=lambda p: p.name)
def test_a_decision_says_situation_choice_price_and_what_would_change_it(record: Path) -> None:
    needed = ["Situation", "Choice", "Price", "What would change our mind"]
    titles = re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE)
    assert [t for t in titles if t in needed] == needed
    assert record.read_text().startswith(f"# {int(record.name[:4])}. ")


@every_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = " ".join(text for language, text in fences(page) if language == "sh")
    spoken = " ".join(re.findall(r"`([^`]+)`", prose(page)))
    assert set(re.findall(r"\bmake ([a-z]+)", f"{shown} {spoken}")) <= targets


def test_every_package_and_layer_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = [p for p in (ROOT / "src" / "informer").iterdir() if list(p.glob("*.py"))]
    assert [p.name for p in packages if f"`{p.name}/`" not in text] == []
