"""The folder of a workspace to be: what may lie in it before anything is learned."""

from pathlib import Path

from informer.config.load import SETTINGS_FILE, UNFINISHED, write_settings
from informer.config.settings import Settings
from informer.core.errors import InformerError

SPOOL = "spool"  # messages that came, until their steps are closed
FIRST = "first"  # spans to learn from for the first time
CACHE = ".cache"  # compiled loops, where a container may write nowhere else
OURS = (
    SETTINGS_FILE,
    SETTINGS_FILE + UNFINISHED,
    SPOOL,
    FIRST,
    CACHE,
    "lost+found",
)  # may lie in the folder before anything is learned


def make_folder(path: Path, settings: Settings | None = None) -> None:
    """Make the folder of a workspace to be; settings are written where it has none.

    Errors: InformerError when it cannot be made, or holds something else.
    """
    if path.exists() and not path.is_dir():
        raise InformerError(f"workspace {path} must be a folder, it is a file")
    try:
        path.mkdir(parents=True, exist_ok=True)
        strangers = [p.name for p in path.iterdir() if p.name not in OURS]
        if settings is not None and not strangers and not (path / SETTINGS_FILE).exists():
            write_settings(settings, path / SETTINGS_FILE)
    except OSError as error:
        raise InformerError(f"workspace {path} cannot be made: {error.strerror}") from error
    if strangers:
        raise InformerError(
            f"workspace {path} must be absent, empty or a workspace, it holds {strangers[0]!r}"
        )
