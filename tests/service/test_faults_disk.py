"""The disk is full: senders are told to wait, nothing acknowledged is lost, and it goes on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kept_steps import calls_by_step, steps_twice
from running_service import Served, serving, with_serve_settings
from shop import Shop
from span_feed import Feed, Message
from traffic_maker import STEP_NS

MB = 1 << 20
STEPS = 30


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    """A small disk of its own is a tmpfs in a namespace: no root is needed for it."""
    tried = shutil.which("unshare") and subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"], check=False
    )
    if not tried or tried.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("a small disk cannot be mounted: unshare -rm does not work")
        pytest.skip("a small disk cannot be mounted: unshare -rm does not work")


@contextmanager
def on_a_small_disk(workspace: Path, folder: str, size: int) -> Iterator[Served]:
    """A service of which one folder is a disk of so many bytes; what it holds is copied there."""
    disk = workspace / folder
    kept = workspace.with_name("kept")
    script = (
        f"mkdir -p {disk} && cp -a {disk}/. {kept} && mount -t tmpfs -o size={size} tmpfs {disk} "
        f'&& cp -a {kept}/. {disk} && exec "$@"'
    )
    kept.mkdir()
    before = ("unshare", "-rm", "sh", "-c", script, "sh")
    with serving(workspace, before=before) as served:
        yield served


def sent(served: Served, message: Message) -> bool:
    """Whether it was taken; if not, it was refused for want of room, to come again."""
    status, _ = served.post(message.body, "application/x-protobuf")
    assert status in (200, 503)
    return status == 200


def test_a_full_spool_disk_makes_senders_wait(shop: Shop, own_workspace: Path) -> None:
    workspace = with_serve_settings(own_workspace, 'spool = "1MB"\n')
    feed = Feed(shop, 0, STEPS, padding=2_000)
    with on_a_small_disk(workspace, "spool", MB // 2) as served:
        refused = 0
        for message in feed.messages(traces=5):
            while not sent(served, message):
                refused += 1
        assert refused
        served.wait_for("informer_steps_closed_total", STEPS - 2)
        assert served.metric("informer_look_failures") == 0
        assert served.metric('informer_messages_refused_total{reason="no_room"}') == refused
    assert_all_there(shop, workspace, feed)


def test_a_workspace_that_cannot_grow_goes_on_when_there_is_room(
    shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    workspace = with_serve_settings(own_workspace)
    feed = Feed(shop, 0, STEPS)
    messages = list(feed.messages())
    used = sum(file.stat().st_size for file in workspace.rglob("*") if file.is_file())
    with on_a_small_disk(workspace, "", used + 24 * MB) as served:
        # The disk is seen from here through the process, and stays for as long as this is open.
        disk = os.open(f"/proc/{served.process.pid}/root{workspace}", os.O_DIRECTORY)
        here = Path(f"/proc/self/fd/{disk}")
        half = len(messages) // 2
        for message in messages[:half]:
            assert sent(served, message)
        fill(here / "ballast")
        served.wait_for("informer_look_failures", 1)
        assert not sent(served, messages[half])
        assert served.get("/readyz")[0] == 503
        (here / "ballast").unlink()
        for message in messages[half:]:
            assert sent(served, message)
        served.wait_for("informer_steps_closed_total", STEPS - 2)
        assert served.get("/readyz")[0] == 200
        served.process.kill()  # what was kept since is there for good
        served.process.wait()
        shutil.copytree(here, tmp_path / "after", ignore=shutil.ignore_patterns("*.sock"))
        os.close(disk)
    assert_all_there(shop, tmp_path / "after", feed)


def assert_all_there(shop: Shop, workspace: Path, feed: Feed) -> None:
    last_ns = shop.day_ns + (STEPS - 1) * STEP_NS
    expected = {ns: n for ns, n in feed.spans_by_step().items() if shop.day_ns < ns < last_ns}
    assert calls_by_step(workspace, shop.day_ns) == expected
    assert steps_twice(workspace) == []


def fill(ballast: Path) -> None:
    """Take all the room that is left on its disk."""
    with ballast.open("wb", buffering=0) as file:
        for piece in (MB, 4096, 1):
            try:
                while True:
                    file.write(bytes(piece))
            except OSError:
                continue
