"""Informer as executors have it: sent along with every session, and unpacked where it stays."""

import hashlib
import pickle
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

PACKED = "informer.zip"

Batches: TypeAlias = Iterator[pa.RecordBatch]
Change: TypeAlias = Callable[[int, Iterable[pa.RecordBatch]], Batches]


def pack_up(path: Path) -> str:
    """This very Informer, so that executors run the same; what it builds on is installed there.

    Gives what tells it from others.
    """
    home = Path(__file__).parents[1]
    content = hashlib.sha256()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted([*home.rglob("*.py"), *home.rglob("*.sql")]):
            name = str(file.relative_to(home.parent))
            packed.write(file, name)
            content.update(name.encode() + file.read_bytes())
    return content.hexdigest()


def unpacking(version: str, change: Change) -> Callable[[Iterable[pa.RecordBatch]], Batches]:
    """A change of a partition's rows, begun with Informer unpacked in a folder that stays: what its
    loops are compiled to is found there the next time. Where none can be made, it runs as sent.

    It travels as its code, and brings its own imports: nothing of Informer is loaded before.
    """
    name, sent = PACKED, pickle.dumps(change)

    def there(batches: Iterable[pa.RecordBatch]) -> Any:
        import contextlib
        import os
        import pickle
        import shutil
        import sys
        import tempfile
        import zipfile
        from pathlib import Path

        from pyspark import SparkFiles, TaskContext

        home = None
        with contextlib.suppress(OSError, RuntimeError):  # no home, or one that cannot be written
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "informer")
            if not (cache / version).exists():
                cache.mkdir(parents=True, exist_ok=True)
                passing = Path(tempfile.mkdtemp(dir=cache))
                with zipfile.ZipFile(SparkFiles.get(name)) as packed:
                    packed.extractall(passing)
                with contextlib.suppress(OSError):  # another was quicker
                    passing.rename(cache / version)
                shutil.rmtree(passing, ignore_errors=True)
            home = str(cache / version)
        if home is not None and home not in sys.path:
            sys.path.insert(0, home)
        context = TaskContext.get()
        return pickle.loads(sent)(0 if context is None else context.partitionId(), batches)

    return there
