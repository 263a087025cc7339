"""What was learned since and is denied by rules in force, as a change to them."""

from pathlib import Path

from informer.core.errors import InformerError
from informer.pipeline.policy_evidence import evidence_of
from informer.pipeline.workspace import Place, at
from informer.policies.amounts import Margin
from informer.policies.learned import allow_rules
from informer.policies.parse import parse
from informer.policies.suggest import Suggestion, denied_now, suggest


def suggest_change(workspace: Place, text: str, name: str, margin: Margin) -> Suggestion:
    """Rules for every rpc that is learned, or was accepted, and that these rules deny.

    Errors: InformerError for rules that are none.
    """
    policy = parse(text, name)
    with at(workspace) as home:
        evidence, learned, _ = evidence_of(home)
    wanted = denied_now(policy, evidence)
    found = suggest(text, policy, allow_rules(wanted, learned, margin))
    parse(found.text, name)
    return found


def text_of(path: Path) -> str:
    """A rule file's text. Errors: InformerError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InformerError(f"{path} cannot be read: {error}") from error
