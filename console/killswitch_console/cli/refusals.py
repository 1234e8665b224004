"""Refusals are recorded too, also those that never came as far as an engine: who asked for what, and why it was no."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable

from killswitch_console.audit.assembling import new_session, trail_recorder
from killswitch_console.cli.failures import explain
from killswitch_console.cli.main import REFUSED
from killswitch_console.cli.session import configuration, warn
from killswitch_console.halting.confirmation import NotConfirmed
from killswitch_console.halting.happenings import refused


async def recorded(work: Awaitable[int], options: argparse.Namespace, action: str, scope: str) -> int:
    """Do a command's work; record why it was refused, if it was.

    What was typed as a confirmation is never recorded: somebody may have typed a secret into the wrong place.
    """
    try:
        return await work
    except Exception as error:
        why, code = explain(error)
        if code == REFUSED:
            settled = configuration(options)
            why = "the confirmation is missing or wrong" if isinstance(error, NotConfirmed) else why
            async with trail_recorder(settled, new_session(settled), warn) as recorder:
                recorder.note(*refused(action, scope, why))
        raise
