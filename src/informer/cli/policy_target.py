"""Who enforces a policy, as it was named on the command line."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import orjson

from informer.core.errors import InformerError
from informer.core.types import Json
from informer.policies.agreement import callers_of
from informer.policies.syntax import Policy
from informer.policies.targets.choose import TARGETS
from informer.policies.targets.compiled import Compiled
from informer.policies.targets.workloads import read_workloads

Compile = Callable[[Policy, bool], Compiled]


def compiler(
    target: str, workloads: Path | None, namespace: str | None, label: str | None
) -> Compile:
    """What makes files of a policy. Errors: InformerError when the workloads' file is wrong."""
    where = read_workloads(workloads, namespace, label)
    return lambda policy, shadow: TARGETS[target](policy, where, shadow)


def names_in(policy: Policy, workloads: Path | None) -> Callable[[str], str | None]:
    """Which of the services that rules name an identity in a log belongs to."""
    where, callers = read_workloads(workloads), sorted(callers_of(policy))
    return cache(lambda identity: where.name_of(identity, callers))


def read_promise(path: Path) -> Json:
    """What a replay printed. Errors: InformerError when it is something else."""
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise InformerError(f"{path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InformerError(f"{path} must be a JSON document: {error}") from error
    if not isinstance(found, dict) or not {"calls", "denied"} <= set(found):
        raise InformerError(f"{path} must be what `informer policy replay --json` printed")
    return found
