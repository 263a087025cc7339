"""Which files a SOURCE names: a file, a folder, a glob or a file:// URI."""

import glob
import os
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from informer.core.errors import InformerError

PACKED = {".gz", ".zst"}
KNOWN = {
    *(".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".pq"),
    *(".pb", ".binpb", ".proto", ".otlp", ".log", ".txt"),
}


def files_of(locations: Iterable[str]) -> list[Path]:
    """Every file that the locations name, once, in the order of the locations, then by name.

    A folder gives the files below it whose extension is known (`.gz` and `.zst` behind it too);
    hidden files and folders are left out. A file or a glob gives what it names.
    Errors: InformerError for a location that names nothing.
    """
    found: dict[Path, None] = {}
    for location in locations:
        for path in _files_of(location):
            found.setdefault(path)
    return list(found)


def _files_of(location: str) -> list[Path]:
    path = Path(_local(location))
    if path.is_dir():
        files = _below(path)
        if not files:
            raise InformerError(
                f"{location} holds no file with a known extension ({_extensions()})"
            )
        return files
    if path.exists():
        return [path]
    matches = _matches(path)
    files = [f for m in matches for f in (_below(m) if m.is_dir() else [m])]
    if not files:
        raise InformerError(
            f"SOURCE must name a file, a folder or a glob that exists, got {location}"
        )
    return files


def _matches(pattern: Path) -> list[Path]:
    fixed = list(takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    rest = pattern.parts[len(fixed) :]
    try:
        return sorted(Path(*fixed).glob(str(Path(*rest)))) if rest else []
    except ValueError as error:
        raise InformerError(f"SOURCE must be a valid glob, got {pattern}: {error}") from error


def _local(location: str) -> str:
    if "://" not in location:
        return location
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise InformerError(f"SOURCE must be a valid URI, got {location}: {error}") from error
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise InformerError(f"SOURCE must be a local path or a file:// URI, got {location}")
    return unquote(parts.path)


def _below(folder: Path) -> list[Path]:
    files = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        files += [Path(here, n) for n in sorted(names) if not n.startswith(".")]
    return [f for f in files if known(f)]


def known(path: Path) -> bool:
    """Whether a file in a folder is taken to be data.

    >>> known(Path("a/ingress.log.gz")), known(Path("README.md"))
    (True, False)
    """
    inner = path.with_suffix("") if path.suffix in PACKED else path
    return inner.suffix.lower() in KNOWN


def _extensions() -> str:
    return ", ".join(sorted(KNOWN))
