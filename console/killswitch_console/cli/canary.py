"""``drill run --canary``: the preview, the confirmation, and how it came out, for people and for cron."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from killswitch_console.cli import session
from killswitch_console.cli.asking import ask, decide_early
from killswitch_console.cli.main import DONE, REFUSED, UNPROVEN
from killswitch_console.cli.output import print_table
from killswitch_console.config import Configuration
from killswitch_console.drills.canary import CanaryRefused, Preview, run_canary, scope_of
from killswitch_console.drills.facing import say_score
from killswitch_console.drills.homes import new_folder
from killswitch_console.drills.scenario import Scenario
from killswitch_console.hostile import clean


class _OnlyShown(Exception):
    """The preview was all that was asked for."""


def run_canary_drill(options: argparse.Namespace, scenario: Scenario, text: str, home: Path) -> int:
    """Preview, confirm, play and put back; 0 only if it was passed and everything is as it was."""
    configuration = session.configuration(options)
    environment = configuration.document.environment
    if not options.preview:
        decide_early(options.confirm, scope_of(scenario), environment)
    folder = new_folder(home, scenario, text)

    def agree(preview: Preview) -> None:
        show(preview)
        if preview.objections:
            return
        if options.preview:
            raise _OnlyShown
        ask(options.confirm, preview.plan.scope, environment)

    try:
        return session.run(lambda: _run(scenario, configuration, folder, agree))
    except _OnlyShown:
        return DONE
    except CanaryRefused as refused:
        for line in str(refused).splitlines():
            session.warn(line)
        session.warn("nothing was changed")
        return REFUSED
    finally:
        _tidy(folder)


async def _run(scenario: Scenario, configuration: Configuration, folder: Path, agree: Callable[[Preview], None]) -> int:
    played, stuck = await run_canary(scenario, configuration, folder, agree=agree)
    say_score(folder)
    for halt in stuck:
        session.warn(f"STILL HALTED: {halt} (put it back with: restore HALT)")
    return DONE if played.score.passed and not stuck else UNPROVEN


def show(preview: Preview) -> None:
    """Say what a canary drill would change."""
    plan = preview.plan
    print(f"CANARY DRILL in {clean(plan.environment)}: halt and put back {clean(str(plan.scope))}")
    rows = [
        (str(target.target), ", ".join(key.name for key in target.agents), target.action or target.problem or "-")
        for target in plan.targets
    ]
    if rows:
        print_table(("TARGET", "AGENTS", "HALT"), rows)
    for risk in plan.risks:
        print(f"  risk: {clean(risk, most=300)}")


def _tidy(folder: Path) -> None:
    """Leave no folder of a drill that did not begin."""
    if not (folder / "log.jsonl").exists():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
