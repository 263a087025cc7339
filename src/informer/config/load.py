"""Reads and writes `informer.toml`."""

import errno
import json
import os
import shutil
import tomllib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from informer.config.rules import check
from informer.config.settings import Settings
from informer.core.errors import InformerError

SETTINGS_FILE = "informer.toml"  # in the workspace
UNFINISHED = ".part"  # behind the name of a file that is being written


def settings_in(folder: Path) -> Settings:
    """The settings of a folder that may be a workspace; the defaults where it has none."""
    file = folder / SETTINGS_FILE
    return read_settings(file) if file.exists() else Settings()


def read_settings(path: Path) -> Settings:
    """The settings of a file; what it does not name has its default.

    Errors: InformerError for bad TOML, an unknown key or a value against its rule.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InformerError(f"{path} cannot be read: {error}") from error
    except ValueError as error:  # a number of thousands of digits is none, too
        raise InformerError(f"{path} must be TOML: {error}") from error
    return settings_of(given, str(path))


def settings_of(given: dict[str, Any], origin: str) -> Settings:
    """Settings from nested values; `origin` names them in errors."""
    sections = {f.name: f for f in fields(Settings)}
    unknown = sorted(set(given) - set(sections))
    if unknown:
        raise InformerError(
            f"{origin}: section [{unknown[0]}] is unknown, there are {_list(sections)}"
        )
    made: dict[str, Any] = {}
    for name, section in sections.items():
        values = given.get(name, {})
        if not isinstance(values, dict):
            raise InformerError(f"{origin}: {name} must be a section, got {values!r}")
        if "each" in section.metadata:
            made[name] = _named(section, values, origin)
        else:
            made[name] = _section(name, section.default_factory, values, origin)
    return Settings(**made)


def write_settings(settings: Settings, path: Path) -> None:
    """Write every setting with its meaning; reading the file gives the same settings.

    The file holds what was there before or all of this. Errors: InformerError when it cannot be
    written.
    """
    lines = ["# Informer's configuration. What is not named here has its default.\n"]
    for section in fields(settings):
        values = getattr(settings, section.name)
        if "each" not in section.metadata:
            lines += _written(section.name, values)
            continue
        lines.append(f"\n# More of [{section.metadata['section']}]: [{section.name}.NAME], each.\n")
        for name, named in values.items():
            lines += _written(f"{section.name}.{name}", named)
    try:
        _write_whole("".join(lines), path.resolve())  # a link goes on leading to its file
    except OSError as error:
        raise InformerError(f"{path} cannot be written: {error.strerror}") from error


def _write_whole(text: str, path: Path) -> None:
    """An empty file would read as the defaults, and one that was cut off as nothing at all."""
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno != errno.EBUSY:
            raise
        path.write_text(text, encoding="utf-8")  # a file that is mounted by itself stays in place


def _written(name: str, values: Any) -> list[str]:
    lines = [f"\n[{name}]\n"]
    for known in fields(values):
        lines.append(f"# {known.metadata['means']}\n")
        lines.append(f"{known.name} = {_toml(getattr(values, known.name))}\n")
    return lines


def _named(section: Any, given: dict[str, Any], origin: str) -> dict[str, Any]:
    """The sections `[webhooks.NAME]` and alike, by name."""
    made = {}
    for name, values in given.items():
        whole = f"{section.name}.{name}"
        if not section.metadata["is_name"](name):
            raise InformerError(
                f"{origin}: {section.name} must have names of 1 to 40 letters, digits, - and _, "
                f"got {name!r}"
            )
        if not isinstance(values, dict):
            raise InformerError(f"{origin}: {whole} must be a section, got {values!r}")
        made[name] = _section(whole, section.metadata["each"], values, origin)
    return made


def _section(name: str, factory: Any, values: dict[str, Any], origin: str) -> Any:
    known = {f.name: f for f in fields(factory)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InformerError(
            f"{origin}: {name}.{unknown[0]} is unknown, [{name}] has {_list(known)}"
        )
    made = factory(**{k: _tuples(v) for k, v in values.items()})
    check(name, made)
    return made


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _list(names: Any) -> str:
    return ", ".join(names)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    # A JSON string of characters without surrogates is a TOML basic string, but for one of them.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
