"""The loop: from segments of the spool to closed steps, in a thread that alone owns the workspace.

Whatever else wants the workspace asks for it (`ask`) and is served between two steps.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from informer.core.ahead import ahead
from informer.pipeline.online import Closed, Online
from informer.pipeline.workspace import Workspace
from informer.service.gaps import Gap, Gaps
from informer.service.segment_sources import frames_of, sources_of
from informer.service.segments import Segment
from informer.service.spool import Spool
from informer.spans.rows import ReaderSource
from informer.spans.telling import Telling

READ_AHEAD = 4  # segments that wait read while a step is closed; another may be under way
PAUSE_S = 0.2  # between two looks at the spool
MOST_STEPS = 60  # closed at once: what was missed in an outage is caught up piece by piece
AGAIN_S, MOST_AGAIN_S = 1.0, 60.0  # after an error
BATCH, GAPS = "batch", "gaps"  # in the note
log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class Figures:
    """How the loop is doing, for people and metrics; written by its thread alone."""

    spans: int = 0  # taken in
    judged: int = 0  # in closed steps
    late: int = 0
    steps: int = 0
    chains: int = 0
    strangers: int = 0  # names that were too many, and share one
    open_spans: int = 0
    stream_ns: int = 0
    closed_ns: int = 0
    look_s: float = 0.0  # what the last one took
    orphan_share: float = 0.0  # of the spans that were judged last
    scores: dict[str, float] = field(default_factory=dict)  # see Closed
    rpc_scores: dict[tuple[str, str], float] = field(default_factory=dict)
    learned_until_ns: dict[str, int] = field(default_factory=dict)
    answered: int = 0  # works that were asked for, and are news to who looks
    failures: int = 0  # of looks, in a row
    error: str = ""
    rejected: Counter[str] = field(default_factory=Counter)


class Loop:
    """Runs until it is stopped. After an error it begins anew from what the spool still holds."""

    def __init__(
        self,
        home: Workspace,
        opened: Callable[[], Online],
        spool: Spool,
        gaps: Gaps,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`opened` makes the watching anew from what the workspace keeps."""
        self.figures = Figures()
        self._home, self._opened, self._spool = home, opened, spool
        self._sent_away, self._gaps = gaps, list[Gap]()
        self._clock_ns = clock_ns
        self._asked: SimpleQueue[tuple[Callable[[Workspace], Any], Future[Any], bool]] = (
            SimpleQueue()
        )
        self._stop = threading.Event()
        self._counted = 0
        self._begin()
        # Between what was there at the start and what comes next, nobody listened.
        self._last_old = max((s.number for s in spool.sealed()), default=0)
        self._resumed = self._online.closed_ns > 0
        self._heard_ns = self._online.closed_ns

    def ask(self, work: Callable[[Workspace], T], *, is_news: bool = True) -> "Future[T]":
        """Do this with the workspace between two steps; errors come with the future.

        `is_news` = who looks at the workspace may see something else after it.
        """
        answer: Future[T] = Future()
        self._asked.put((work, answer, is_news))
        return answer

    def learned_anew(self) -> None:
        """Take up what the workspace holds now, before the next step."""
        self.ask(lambda home: self._online.learned_anew())

    def stop(self) -> None:
        """End after what is under way."""
        self._stop.set()

    def run(self) -> None:
        """What the thread does."""
        while not self._stop.is_set():
            try:
                worked = self.turn()
            except Exception as error:  # noqa: BLE001 (a watch that dies of one error is blind)
                self._fail(error)
                continue
            if not worked:
                self._stop.wait(PAUSE_S)
        self._answer()
        self._online.shut()

    def turn(self) -> bool:
        """Answer, take in what came, close what is due; whether there was anything to do."""
        if self._broken:
            self._begin()
        self._answer()
        worked = False
        for segment, frames in ahead(self._coming(), READ_AHEAD):
            self._take_in(segment, frames)
            self._close()
            self._answer()
            worked = True
            if self._stop.is_set():
                break
        return worked

    def _coming(self) -> Iterator[tuple[Segment, ReaderSource]]:
        """Segments that were not taken in, as far as they come; read in another thread than this
        one stores and closes in.
        """
        last, settings, telling = self._staged, self._home.settings.source, self._telling
        while new := [one for one in self._spool.sealed() if one.number > last]:
            for segment in new:
                frames = frames_of(segment, settings, telling)
                frames.read_ahead()
                yield segment, frames
                last = segment.number

    def _begin(self) -> None:
        self._online = self._opened()
        self._telling = Telling()
        self._broken = False
        self._staged = 0
        self._spool.taken_in(0)
        self.figures.closed_ns = self._online.closed_ns
        kept = [(from_ns, until_ns) for from_ns, until_ns in self._online.note.get(GAPS, [])]
        gaps, self._gaps = dict.fromkeys([*kept, *self._gaps]), []  # those of both are the same
        for gap in gaps:
            self._missed(gap)

    def _fail(self, error: Exception) -> None:
        """Nothing is lost: what was not closed is still in the spool."""
        self.figures.failures += 1
        self.figures.error = f"{type(error).__name__}: {error}"
        log.error("a step could not be closed: %s", self.figures.error, exc_info=error)
        self._online.shut()
        with self._spool.excused():  # it is no load that holds it up
            self._stop.wait(min(AGAIN_S * 2 ** min(self.figures.failures - 1, 10), MOST_AGAIN_S))
        self._broken = True  # to begin anew may fail as well, and is tried again then

    def _take_in(self, segment: Segment, frames: ReaderSource) -> None:
        rejected = Counter(self._online.open.rejected)
        with sources_of(segment, frames, self._home.settings.source) as sources:
            came = self._online.add(sources, segment.number, now_ns=self._clock_ns())
        is_new = segment.number > self._last_old
        if not is_new:
            self._heard_ns = max(self._online.open.stream_ns, self._online.closed_ns)
        # Sources that go back miss nothing while the service is down.
        if is_new and self._resumed and came.spans and not segment.replayable:
            if came.first_ns > self._heard_ns:
                self._missed((self._heard_ns, came.first_ns))
            self._resumed = False
        self._staged = segment.number
        self._spool.taken_in(segment.number)
        if segment.number > self._counted:
            self._counted = segment.number
            self.figures.spans += came.spans
            self._count_rejected(rejected)
        self.figures.stream_ns = self._online.open.stream_ns

    def _close(self) -> None:
        online, figures = self._online, self.figures
        for gap in self._sent_away.handed_over():
            self._missed(gap)
        while not self._stop.is_set() and (due := online.due()) > online.closed_ns:
            began = time.monotonic()
            until_ns = min(due, online.closed_ns + MOST_STEPS * online.step_ns)
            self._gaps = [gap for gap in self._gaps if gap[1] > online.closed_ns]
            note = {BATCH: self._staged, GAPS: self._gaps}
            # The first look goes over days of history, however little comes.
            rejected = Counter(online.open.rejected)
            with contextlib.nullcontext() if online.is_warm else self._spool.excused():
                closed = online.close(until_ns, note)
            figures.look_s = time.monotonic() - began
            self._count(closed)
            self._count_rejected(rejected)
        figures.open_spans = online.open.count()
        needed = online.open.batches()
        for segment in self._spool.sealed():
            if segment.number <= self._staged and segment.number not in needed:
                self._spool.forget(segment.number)

    def _count_rejected(self, before: Counter[str]) -> None:
        """What was rejected since; in a counter of its own, for others look at this one."""
        more = self._online.open.rejected - before
        self.figures.rejected = self.figures.rejected + more

    def _missed(self, gap: Gap) -> None:
        """Nobody listened then, or was listened to."""
        self._gaps.append(gap)
        self._online.missed(*gap)

    def _count(self, closed: Closed) -> None:
        figures = self.figures
        figures.judged += closed.spans
        figures.late += closed.late
        figures.steps += len(closed.grid.seen)
        figures.chains += closed.chains
        figures.strangers += closed.strangers
        figures.closed_ns = closed.grid.end_ns
        figures.orphan_share, figures.scores = closed.orphan_share, closed.scores
        figures.rpc_scores = closed.rpc_scores
        figures.learned_until_ns = closed.learned_until_ns
        figures.failures, figures.error = 0, ""

    def _answer(self) -> None:
        while True:
            try:
                work, answer, is_news = self._asked.get_nowait()
            except Empty:
                return
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(work(self._home))
            except Exception as error:  # noqa: BLE001 (it belongs to who asked)
                answer.set_exception(error)
            self.figures.answered += is_news


async def asked(loop: Loop, work: Callable[[Workspace], T], *, is_news: bool = True) -> T:
    """What the work gives, for those who must not wait for it. Errors: those of the work."""
    return await asyncio.wrap_future(loop.ask(work, is_news=is_news))
