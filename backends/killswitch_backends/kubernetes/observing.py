"""Watching over halted workloads: the mirror says at once what moves, an independent look proves what stopped.

The mirror alone may say that something still runs or runs again; only proving.py may say that nothing does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from killswitch_backends.kubernetes.api import backoff
from killswitch_backends.kubernetes.background import Background
from killswitch_backends.kubernetes.endings import Endings
from killswitch_backends.kubernetes.mirror.mirror import Follower, Mirror
from killswitch_backends.kubernetes.proof import Look, draining_note, judge, revived, selector_then
from killswitch_backends.kubernetes.proving import Prover
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.problems import Problem, Unsupported
from killswitch_backends.protocol import Observation, Sight, Watch
from killswitch_inventory.sightings import HaltMark

_SPACING = 0.2
"""Seconds between two looks at least; after a slow look as long as it took, up to ``_MOST_SPACING``."""
_MOST_SPACING = 0.5
_AGAIN_UNWATCHED = 0.5
_AGAIN_WATCHED = 2.0
_AGAIN_STOPPED = 10.0
_AGAIN_STOPPED_LATER = 60.0
"""What has been proven again and again is looked at ever less often while the watches stand: 10 s, 20 s, ... 60 s."""
_AGAIN_STOPPED_UNWATCHED = 3.0
_NO_DIGITS = str.maketrans("", "", "0123456789")


@dataclass(slots=True)
class _Subject:
    """One halted workload under observation."""

    watch: Watch
    key: ObjectKey
    due: float
    """Loop time of its next look."""
    endings: Endings
    """Its pods that were seen since, and what became of each."""
    told: tuple[Sight, int | None, str] | None = None
    failures: int = 0
    """Looks in a row that ended in ``unknown``."""
    proofs: int = 0
    """Looks in a row that ended in ``stopped``."""
    announced: HaltMark | None = None
    """The last mark that announced a restore by another console, or took that back."""
    acting_at: float = float("-inf")
    """Loop time when the mirror last showed it acting: a look begun before cannot deny that."""

    wanted_at: float = float("-inf")
    """Loop time when a look was last asked for: one begun before does not answer that."""

    def want(self, now: float) -> None:
        """Have it looked at as soon as possible."""
        self.due, self.wanted_at = min(self.due, now), now

    @property
    def stopped(self) -> bool:
        return self.told is not None and self.told[0] is Sight.STOPPED


class Observer:
    """One observation of a growing set of halted workloads."""

    def __init__(self, prover: Prover, mirror: Mirror, now: Callable[[], datetime]) -> None:
        self._prover, self._mirror, self._now = prover, mirror, now
        self._subjects: dict[ObjectKey, _Subject] = {}
        self._waiting: dict[ObjectKey, Watch] = {}
        """Of kinds that are not known (yet)."""
        self._out: asyncio.Queue[Observation] = asyncio.Queue()
        self._stir = asyncio.Event()

    async def observe(self, watches: AsyncIterable[Watch], tasks: Background) -> AsyncIterator[Observation]:
        """Yield observations until closed; ``tasks`` runs the work beneath."""
        with self._mirror.followed() as follower:
            running = [
                tasks.start(self._admit(watches), name="admit halted workloads"),
                tasks.start(self._follow(follower), name="follow halted workloads"),
                tasks.start(self._prove(), name="prove halted workloads"),
            ]
            try:
                while True:
                    yield await self._out.get()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _admit(self, watches: AsyncIterable[Watch]) -> None:
        async for watch in watches:
            self._take_on(watch)

    def _take_on(self, watch: Watch) -> None:
        """Begin to watch over a workload, or say why not: one whose kind is not known yet waits until it is."""
        try:
            key = ObjectKey.of(watch.target)
            if key.kind not in self._prover.reader.kinds:
                self._waiting[key] = watch
            kind = self._prover.reader.kind_of(key)
        except Unsupported as problem:
            self._out.put_nowait(Observation(watch.target, Sight.UNKNOWN, self._now(), note=str(problem)))
            return
        clock = asyncio.get_running_loop().time
        endings = Endings(watch, key, self._mirror, clock, loose=kind.loose or bool(kind.children))
        subject = _Subject(watch, key, clock(), endings)
        self._subjects[key] = subject
        self._glimpse(subject)
        self._stir.set()

    async def _follow(self, follower: Follower) -> None:
        while True:
            await follower.stirred.wait()
            for key in [key for key in self._waiting if key.kind in self._prover.reader.kinds]:
                self._take_on(self._waiting.pop(key))
            for key in follower.take():
                if subject := self._subjects.get(key):
                    self._glimpse(subject)
            self._stir.set()

    def _glimpse(self, subject: _Subject) -> None:
        """Say what the mirror shows if that means it runs; have it looked at where it shows nothing."""
        if not self._mirror.live:
            return
        now, workload = asyncio.get_running_loop().time(), self._mirror.workload(subject.key)
        if workload is None or not self._is_newer(subject, workload.generation):
            subject.want(now)
            return
        if workload.mark is not None:
            subject.announced = workload.mark.told if workload.mark.restorer else None
        alive = [pod for pod in self._mirror.pods_of(subject.key) if not pod.over]
        fresh = [pod for pod in alive if pod.ends_at is None and not subject.endings.knows(pod.uid)]
        kind = self._prover.reader.kind_of(subject.key)
        if revival := revived(kind, workload):
            self._tell_acting(subject, len(alive), revival)
        elif subject.stopped and fresh:
            self._tell_acting(subject, len(alive), f"new pod {fresh[0].name} although it is at zero")
        elif alive and not subject.stopped:
            note = draining_note(alive, self._now())
            self._emit(
                subject, Observation(subject.watch.target, Sight.DRAINING, self._now(), running=len(alive), note=note)
            )
        elif not alive and not subject.stopped:
            subject.want(now)
            return
        subject.endings.saw(alive)
        if not subject.stopped:
            subject.due = now + _AGAIN_WATCHED

    def _is_newer(self, subject: _Subject, generation: int) -> bool:
        """Whether the mirror has caught up with the halt: before, it shows the state that was replaced."""
        ours = subject.watch.accepted.halted.get("generation")
        return isinstance(ours, int) and generation >= ours > 0

    async def _prove(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._until_due()
            await self._prover.api.precedence.passed()
            begun = clock()
            due = [subject for subject in self._subjects.values() if subject.due <= begun]
            nodes = {node for subject in due for node in subject.endings.nodes.values()}
            then = {subject.key: selector_then(subject.watch) for subject in due}
            looks = await self._prover.look(then, nodes, then)
            for subject in due:
                subject.endings.account(looks[subject.key])
            await self._read_doubtful(due)
            for subject in due:
                if self._subjects.get(subject.key) is subject:  # not admitted anew meanwhile
                    self._judge(subject, looks[subject.key], begun)
            await asyncio.sleep(min(max(_SPACING, clock() - begun), _MOST_SPACING))

    async def _read_doubtful(self, subjects: Iterable[_Subject]) -> None:
        """Read pods by their names that are gone from the lists without a word: they may only be out of sight."""
        asked = [(subject, pod) for subject in subjects for pod in subject.endings.doubtful()]
        found = await self._prover.by_name(ObjectKey(pod.namespace, POD, pod.name) for _, pod in asked)
        for subject, pod in asked:
            answer = found[ObjectKey(pod.namespace, POD, pod.name)]
            if not isinstance(answer, Problem):
                subject.endings.read(pod.uid, answer[0] if answer else None)

    async def _until_due(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._stir.clear()
            first = min((subject.due for subject in self._subjects.values()), default=None)
            if first is not None and first <= clock():
                return
            try:
                async with asyncio.timeout(None if first is None else first - clock()):
                    await self._stir.wait()
            except TimeoutError:
                return

    def _judge(self, subject: _Subject, look: Look, begun: float) -> None:
        kind = self._prover.reader.kind_of(subject.key)
        endings = subject.endings
        ends, nodes = endings.ends(look), endings.nodes
        observation = judge(subject.watch, kind, look, seen=nodes, was_stopped=subject.stopped, ends=ends)
        if observation.sight is Sight.STOPPED:
            if subject.acting_at >= begun:
                return  # still due: look again
            endings.proven(look.at)
        subject.failures = subject.failures + 1 if observation.sight is Sight.UNKNOWN else 0
        subject.proofs = subject.proofs + 1 if observation.sight is Sight.STOPPED else 0
        asked_since = subject.wanted_at >= begun and observation.sight is not Sight.STOPPED
        pause = 0.0 if asked_since else self._pause(subject, observation.sight)
        subject.due = asyncio.get_running_loop().time() + pause
        self._emit(subject, observation)

    def _pause(self, subject: _Subject, sight: Sight) -> float:
        watched = self._mirror.live and self._mirror.workload(subject.key) is not None
        if sight is Sight.UNKNOWN:
            return backoff(subject.failures, first=0.5)
        if sight is Sight.STOPPED:
            calm = min(_AGAIN_STOPPED * 2.0 ** min(subject.proofs - 1, 10), _AGAIN_STOPPED_LATER)
            return calm if watched else _AGAIN_STOPPED_UNWATCHED
        return _AGAIN_WATCHED if watched else _AGAIN_UNWATCHED

    def _tell_acting(self, subject: _Subject, running: int, note: str) -> None:
        subject.acting_at = asyncio.get_running_loop().time()
        self._emit(subject, Observation(subject.watch.target, Sight.ACTING, self._now(), running=running, note=note))

    def _emit(self, subject: _Subject, observation: Observation) -> None:
        if (told := (observation.sight, observation.running, _gist(observation.note))) != subject.told:
            subject.told = told
            self._out.put_nowait(replace(observation, announced=subject.announced))


def _gist(note: str) -> str:
    """What a note says, whatever its seconds count down to."""
    return note.translate(_NO_DIGITS)
