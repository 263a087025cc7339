"""From a workspace to a policy: what was learned, written down as what is allowed."""

from pathlib import Path

from informer.core.errors import InformerError
from informer.pipeline.policy_evidence import evidence_of
from informer.pipeline.workspace import Place, at
from informer.policies.amounts import Margin
from informer.policies.learned import Learned, learn_policy
from informer.policies.parse import parse
from informer.policies.write import write

RULES_FILE = "policy.rules"


def export_policy(workspace: Place, margin: Margin) -> Learned:
    """The policy that the workspace's training range states.

    Errors: InformerError when there is too little to tell what is regular.
    """
    with at(workspace) as home:
        evidence, learned, notes = evidence_of(home)
    found = learn_policy(evidence, learned, margin)
    # Names in traffic come from strangers: what cannot be read back must not be handed out.
    parse(write(found.policy), RULES_FILE)
    return Learned(found.policy, (*notes, *found.notes))


def write_files(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write files into a folder, made when absent. Errors: InformerError."""
    written = []
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise InformerError(f"{folder} cannot be written: {error.strerror}") from error
    return written
