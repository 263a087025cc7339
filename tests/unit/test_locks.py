"""The lock files: exact, hashed, for every machine, and nobody's index in them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["run.lock", "dev.lock"]


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / lock).read_text()


def pins(lock: str) -> dict[str, str]:
    """Package to version."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text_of(lock), re.MULTILINE))


def wanted(lock: str) -> list[Requirement]:
    """What pyproject.toml asks of this lock."""
    groups = PROJECT["dependency-groups"]
    named = [*PROJECT["project"]["dependencies"], *groups["build"]]
    if lock == "dev.lock":
        named += [line for line in groups["dev"] if isinstance(line, str)]
    return [Requirement(line) for line in named]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_pinned_to_a_version_that_fits(lock: str) -> None:
    pinned = pins(lock)
    for requirement in wanted(lock):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run make lock"
        assert requirement.specifier.contains(version), f"{requirement} but {version} is locked"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_one_version_serves_every_python(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", text_of(lock), flags=re.MULTILINE)[1:]
    assert [e.split("\n")[0] for e in entries if "--hash=sha256:" not in e] == []
    names = [e.split("==")[0] for e in entries]
    assert sorted(set(names)) == names


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host_or_pulls_in_a_gpu(lock: str) -> None:
    assert re.findall(r"://|^--?[a-z]+-url|nvidia|cuda", text_of(lock), re.MULTILINE) == []


def test_what_runs_is_what_was_tested() -> None:
    tested = pins("dev.lock")
    assert {name: tested.get(name) for name in pins("run.lock")} == pins("run.lock")
