"""Versions of a policy in a workspace, and their files where others read them."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from informer.core.errors import InformerError
from informer.core.tables import POLICY_VERSIONS
from informer.core.types import Json
from informer.pipeline.audit import audited
from informer.pipeline.policy_export import RULES_FILE
from informer.pipeline.workspace import Workspace
from informer.policies.parse import parse
from informer.policies.rollout import (
    CANARY,
    ENFORCE,
    OFF,
    SHADOW,
    Version,
    advanced,
    as_canary,
    observed,
    stepped_back,
)
from informer.policies.syntax import Policy

CURRENT = "current"  # a link to the version that is to be read
VERSIONS = "versions"
MOST_KEPT = 5  # folders of versions that stay

Compile = Callable[[Policy, bool], Mapping[str, str]]  # (policy, shadow): files


def versions_in(home: Workspace) -> list[Version]:
    """All versions, the oldest first."""
    home.engine.append(POLICY_VERSIONS.name, POLICY_VERSIONS.empty())  # workspaces of before
    rows = home.table(POLICY_VERSIONS.name).sort_by("number").to_pylist()
    return [Version(**row) for row in rows]


def propose(home: Workspace, text: str, promise: Json) -> Version:
    """Keep rules as a new version, off; `promise` is what a replay of them said.

    Errors: InformerError when the rules are none, or the promise is not of a replay.
    """
    parse(text, RULES_FILE)
    calls, denied = promise.get("calls"), promise.get("denied")
    if not (isinstance(calls, int) and isinstance(denied, int) and 0 <= denied <= calls):
        raise InformerError("the promise must be what `informer policy replay --json` printed")
    if calls == 0:
        raise InformerError("the promise must be of at least one call, got a replay of none")
    versions = versions_in(home)
    number = max((v.number for v in versions), default=0) + 1
    made = Version(number, OFF, text, calls, denied, why="proposed")
    with audited(home, None, "propose", f"policy version {number}"):
        _keep(home, [*versions, made])
    return made


def advance(home: Workspace, number: int, folder: Path | None, compile_to: Compile) -> Version:
    """One stage further, in the workspace and in the folder. Errors: InformerError."""
    return _move(home, number, "advance", advanced(versions_in(home), number), folder, compile_to)


def step_back(
    home: Workspace, number: int, why: str, folder: Path | None, compile_to: Compile
) -> Version:
    """Out of force, and the version before it in again. Errors: InformerError."""
    after = stepped_back(versions_in(home), number, why)
    return _move(home, number, "step back", after, folder, compile_to)


def observe(
    home: Workspace,
    number: int,
    calls: int,
    denied: int,
    folder: Path | None,
    compile_to: Compile,
) -> tuple[Version, str]:
    """Add what was observed; steps back when it is more than was promised, and says why."""
    after, why = observed(versions_in(home), number, calls, denied)
    if why:
        return _move(home, number, "step back", after, folder, compile_to), why
    _keep(home, after)
    return next(v for v in after if v.number == number), ""


def _move(
    home: Workspace,
    number: int,
    action: str,
    after: Sequence[Version],
    folder: Path | None,
    compile_to: Compile,
) -> Version:
    """Files first, the workspace last: what broke off in between is done again by the same step."""
    with audited(home, None, action, f"policy version {number}"):
        if folder is not None:
            publish(folder, after, compile_to)
        _keep(home, after)
    return next(v for v in after if v.number == number)


def publish(folder: Path, versions: Sequence[Version], compile_to: Compile) -> Path:
    """Swap in the files of what is in force and of what is tried beside it, in two phases.

    First everything is written into a folder of its own, and read back; then one rename of a link
    makes `current` lead there. Whoever reads `current` sees all of the old or all of the new.
    Errors: InformerError, and then `current` is what it was.
    """
    files: dict[str, str] = {}
    for version in versions:
        if version.stage in (SHADOW, CANARY, ENFORCE):
            policy = parse(version.rules, RULES_FILE)
            policy = as_canary(policy) if version.stage == CANARY else policy
            compiled = compile_to(policy, version.stage == SHADOW)
            files |= {f"{version.stage}/{name}": text for name, text in compiled.items()}
    try:
        return _swap(folder, files)
    except OSError as error:
        raise InformerError(f"{folder} cannot be written: {error.strerror}") from error


def _swap(folder: Path, files: Mapping[str, str]) -> Path:
    kept = folder / VERSIONS
    kept.mkdir(parents=True, exist_ok=True)
    earlier = sorted(p for p in kept.iterdir() if p.name.isdigit())
    serial = int(earlier[-1].name) + 1 if earlier else 1
    made = kept / f"{serial:06d}"
    draft = kept / f"{serial:06d}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name, text in files.items():
        path = draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    for name, text in files.items():
        if (draft / name).read_text(encoding="utf-8") != text:
            raise OSError(0, f"{name} is not what was written")
    draft.rename(made)
    link = folder / f"{CURRENT}.new"
    with suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(Path(VERSIONS) / made.name)
    link.replace(folder / CURRENT)
    for old in [*earlier, made][:-MOST_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return made


def _keep(home: Workspace, versions: Sequence[Version]) -> None:
    home.save(POLICY_VERSIONS.name, POLICY_VERSIONS.of([asdict(v) for v in versions]))
