"""Informer: tells when microservices stop calling each other the way they do.

`learn` and `detect` are the whole job; what they give holds Arrow tables:

    import informer
    informer.learn(["traces/"], "workspace").patterns
    informer.detect(["today/"], "workspace").incidents
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from informer.core.errors import InformerError
    from informer.pipeline.decide import (
        accept_incident,
        accept_pattern,
        reject_incident,
        reject_pattern,
        revert_pattern,
    )
    from informer.pipeline.detect import detect
    from informer.pipeline.learn import learn

_WHERE = {
    "InformerError": "informer.core.errors",
    "accept_incident": "informer.pipeline.decide",
    "accept_pattern": "informer.pipeline.decide",
    "detect": "informer.pipeline.detect",
    "learn": "informer.pipeline.learn",
    "reject_incident": "informer.pipeline.decide",
    "reject_pattern": "informer.pipeline.decide",
    "revert_pattern": "informer.pipeline.decide",
}

__all__ = [
    "InformerError",
    "accept_incident",
    "accept_pattern",
    "detect",
    "learn",
    "reject_incident",
    "reject_pattern",
    "revert_pattern",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: the command line must start at once."""
    if name not in _WHERE:
        raise AttributeError(f"module 'informer' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
