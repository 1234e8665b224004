"""Who sits at this console, as the first event of a session says it, and how drafts of this session are made."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from killswitch_console.audit.canonical import plain
from killswitch_console.audit.casting import Recording
from killswitch_console.audit.events import Draft, moment_now, new_id
from killswitch_console.audit.scrubbing import Scrubber
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.recording import Happening
from killswitch_console.version import __version__


@dataclass(slots=True)
class Screen:
    """The recording of this session's screen, if there is one. It begins before the trail opens, and ends before it."""

    recording: Recording | None = None

    def begin(self, recording: Recording) -> None:
        """From now on the session's events are markers in it."""
        self.recording = recording

    def mark(self, text: str) -> None:
        """Put an event into it."""
        if self.recording is not None:
            self.recording.marker(text)

    def end(self) -> Mapping[str, Any] | None:
        """Close it; what the trail keeps of it. Blocks."""
        recording, self.recording = self.recording, None
        if recording is None:
            return None
        recording.close()
        try:
            content = recording.path.read_bytes()
        except OSError as error:
            return {"file": recording.path.name, "failure": str(error)}
        digest = sha256(content).hexdigest()
        return {
            "file": recording.path.name,
            "sha256": digest,
            "bytes": len(content),
            "failure": recording.failure or None,
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """When an event happened, and the id it has had since."""

    id: str
    at: str
    mono_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of the console. Makes the drafts of everything that happens in it."""

    invoker: Invoker
    environment: str
    command: str = "app"
    drill: bool = False
    scrubber: Scrubber = field(default_factory=Scrubber)
    id: str = field(default_factory=new_id)
    screen: Screen = field(default_factory=Screen)
    _incidents: dict[str, str | None] = field(default_factory=dict)
    """The incident of each halt that this session told of."""

    def moment(self, kind: str, event_id: str | None = None) -> Moment:
        """An event of this kind happens now: give it its id, and mark it in the recording of the screen."""
        moment = Moment(event_id or new_id(), moment_now(), time.monotonic_ns())
        self.screen.mark(f"{moment.id} {kind}")
        return moment

    def draft(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        halt_id: str | None = None,
        event_id: str | None = None,
        moment: Moment | None = None,
    ) -> Draft:
        """An event that happens now, or happened at the moment given."""
        moment = moment or self.moment(kind, event_id)
        made = plain(data, scrub=self.scrubber)
        named_incident = made.get("incident")
        incident = named_incident if isinstance(named_incident, str) else None  # a column of text
        if halt_id is not None:
            incident = self._incidents.setdefault(halt_id, incident) or incident
        return Draft(
            id=moment.id,
            at=moment.at,
            mono_ns=moment.mono_ns,
            session=self.id,
            kind=kind,
            actor=plain(str(self.invoker)),
            data=made,
            halt=None if halt_id is None else plain(halt_id),
            incident=incident,
            drill=self.drill or made.get("drill") is True,
        )

    def started(self) -> Happening:
        """The session's first event: who, where, with what."""
        return "session.started", {
            "invoker": asdict(self.invoker),
            "environment": self.environment,
            "command": self.command,
            "version": __version__,
            "python": sys.version.split()[0],
            "pid": os.getpid(),
            "boot_id": _boot_id(),
            "clock_synchronised": Path("/run/systemd/timesync/synchronized").exists(),
        }


def _boot_id() -> str | None:
    """What monotonic times are relative to."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
