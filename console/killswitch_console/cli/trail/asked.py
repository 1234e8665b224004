"""What the options of ``audit`` ask, of which trail, and whose key must have signed it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from killswitch_console.audit import asking
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.notes import NoteError, Verifier
from killswitch_console.audit.reading import Selection
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli.failures import UsageError
from killswitch_console.config import Configuration


def moment(text: str | None) -> str | None:
    """A time or an age as events have their times. Raises ``UsageError``."""
    try:
        return None if text is None else asking.moment(text, datetime.now(UTC))
    except asking.Unclear as error:
        raise UsageError(str(error)) from None


def selection(options: argparse.Namespace) -> Selection:
    """Which events. Raises ``UsageError``."""
    return Selection(
        halt=options.halt,
        session=options.session,
        since=moment(options.since),
        until=moment(options.until),
        incident=options.incident,
        actor=options.by,
        kind=options.kind,
        scope=options.scope,
        text=options.text,
    )


def directory_of(configuration: Configuration) -> TrailDirectory:
    """The trail that a configuration names. Raises ``UsageError`` while nothing was recorded."""
    directory = trail_directory(configuration)
    if not directory.volumes():
        raise UsageError(f"there is no audit trail in {directory.path} yet")
    return directory


def verifier_of(directory: TrailDirectory, given: str | None) -> Verifier | None:
    """The key that must have signed: the given one, or the directory's own. Raises ``UsageError``."""
    try:
        if given:
            return Verifier.parse(given)
        return Verifier.parse(directory.verifier_file.read_text(encoding="ascii"))
    except NoteError as error:
        raise UsageError(f"the public key cannot be used: {error}") from error
    except (OSError, UnicodeDecodeError):
        return None
