"""``drill``: scripted scenarios, played, scored and reported: on the simulator, where nothing real can be reached, or
(``run --canary``) on the real platforms against targets tagged as canaries and nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_console.drills.facing import Noted
    from killswitch_console.drills.scenario import Scenario

SUMMARY = "practise on the simulator: list, lint, run, facilitate, report, replay"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    listing = verbs.add_parser("list", help="the scenarios that come with the console, and when each was last drilled")
    _home(listing)
    lint = verbs.add_parser("lint", help="say what is wrong in scenario files, line by line")
    lint.add_argument(
        "files", nargs="*", metavar="FILE", help="files, or names of scenarios that come with the console"
    )
    lint.add_argument("--schema", action="store_true", help="print the JSON Schema of scenario files")
    run = verbs.add_parser("run", help="play one scenario alone")
    _scenario(run)
    run.add_argument(
        "--player",
        choices=("perfect", "silent", "wrong-scope"),
        help="a scripted player at full speed, without a screen (default: you, at the console)",
    )
    run.add_argument(
        "--canary", action="store_true", help="on the real platforms, against targets tagged as canaries only"
    )
    run.add_argument("--preview", action="store_true", help="with --canary: say what would be halted, and leave it")
    run.add_argument("--confirm", metavar="TEXT", help="with --canary, without a terminal: what confirms its halt")
    _config(run)
    facilitate = verbs.add_parser(
        "facilitate", help="lead a drill that others play with `killswitch-console --drill NAME`"
    )
    _scenario(facilitate)
    facilitate.add_argument("--name", default="drill", metavar="NAME", help="what responders join (default: drill)")
    _config(facilitate)
    facilitate.add_argument("--plain", action="store_true", help="a desk of lines, for terminals without a screen")
    report = verbs.add_parser("report", help="the after-action report of a drill, in Markdown and HTML")
    report.add_argument("played", nargs="?", metavar="RUN", help="a drill's folder or its name (default: the latest)")
    report.add_argument("--trend", action="store_true", help="all drills in one table instead")
    report.add_argument("--improve", metavar="TEXT", help="write down what is to be done, for the improvement plan")
    report.add_argument("--owner", metavar="NAME", default="", help="with --improve: who does it")
    report.add_argument("--due", metavar="DATE", default="", help="with --improve: until when, such as 2027-03-31")
    _home(report)
    replay = verbs.add_parser("replay", help="go through a recorded drill, event by event")
    replay.add_argument("played", nargs="?", metavar="RUN", help="a drill's folder or its name (default: the latest)")
    replay.add_argument("--at", metavar="TIME", help="begin at this drill time, such as 1m30s")
    replay.add_argument("--verify", action="store_true", help="say whether log and score belong together")
    replay.add_argument("--again", action="store_true", help="play it once more from its inputs, and compare")
    replay.add_argument("--plain", action="store_true", help="line by line, for terminals without a screen")
    _home(replay)


def _scenario(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a scenario file, or the name of one that comes with the console")
    _home(parser)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", help="whose trail hears of the drill; with --canary also: whose platforms"
    )


def _home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, metavar="DIR", help="where drills are kept (default: the state directory)")


def run(options: argparse.Namespace) -> int:
    """Do what the verb says; 0, 2 for a scenario that cannot be played, 4 for a drill that was not passed."""
    from killswitch_console.cli.failures import UsageError
    from killswitch_console.drills.reading import ScenarioError

    verbs = {
        "list": _list,
        "lint": _lint,
        "run": _run,
        "facilitate": _facilitate,
        "report": _report,
        "replay": _replay,
    }
    try:
        return verbs[options.verb](options)
    except ScenarioError as error:
        for fault in error.faults:
            print(f"killswitch-console: {fault}", file=sys.stderr)
        return 2
    except (ValueError, KeyError, json.JSONDecodeError) as error:
        raise UsageError(f"that drill cannot be read: {error}") from error


def _where(options: argparse.Namespace) -> Path:
    from killswitch_console.drills.homes import drills_home

    return (options.home or drills_home()).expanduser().resolve()


def _list(options: argparse.Namespace) -> int:
    from killswitch_console.cli.output import print_table
    from killswitch_console.drills.cadence import last_drilled_scenarios
    from killswitch_console.drills.homes import shipped_scenarios

    last = last_drilled_scenarios(_where(options))
    rows = [
        (path.stem, scenario.scenario.title, f"{scenario.scenario.duration / 60:g} min", last.get(path.stem, "never"))
        for path, scenario in shipped_scenarios()
    ]
    print_table(("NAME", "TITLE", "AT MOST", "LAST DRILLED"), rows)
    return 0


def _lint(options: argparse.Namespace) -> int:
    from killswitch_console.cli.output import print_json
    from killswitch_console.drills.homes import SHIPPED, find_scenario
    from killswitch_console.drills.reading import Fault, ScenarioError, read_scenario
    from killswitch_console.drills.scenario import json_schema

    if options.schema:
        print_json(json_schema())
        return 0
    faults: list[Fault] = []
    names = options.files or sorted(str(path) for path in SHIPPED.glob("*.toml"))
    for name in names:
        try:
            read_scenario(find_scenario(name))
        except ScenarioError as error:
            faults += error.faults
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{len(names)} scenario{'s' * (len(names) != 1)}: nothing wrong")
    return 2 if faults else 0


def _run(options: argparse.Namespace) -> int:
    from killswitch_console.drills import isolating
    from killswitch_console.drills.facing import join_alone, say_score

    if options.canary:
        return _run_canary(options)
    noted = _noted(options) if options.player is None else None
    scenario, folder = _ready(options)
    if noted is not None:
        return join_alone(scenario, folder, noted=noted)
    status = isolating.run_isolated("play", folder, {"player": options.player})
    say_score(folder)
    return status


def _ready(options: argparse.Namespace) -> tuple[Scenario, Path]:
    from killswitch_console.cli.failures import UsageError
    from killswitch_console.drills.homes import find_scenario, new_folder
    from killswitch_console.drills.reading import read_scenario

    path = find_scenario(options.file)
    scenario = read_scenario(path)
    if scenario.scenario.mode == "canary":
        raise UsageError(f"{path} is for the real platforms; play it with: drill run --canary")
    return scenario, new_folder(_where(options), scenario, path.read_text(encoding="utf-8"))


def _run_canary(options: argparse.Namespace) -> int:
    from killswitch_console.cli.canary import run_canary_drill
    from killswitch_console.cli.failures import UsageError
    from killswitch_console.drills.homes import find_scenario
    from killswitch_console.drills.reading import read_scenario

    path = find_scenario(options.file)
    scenario = read_scenario(path)
    if scenario.scenario.mode != "canary":
        raise UsageError(f'{path} is for the simulator; a canary drill says mode = "canary" under [scenario]')
    if options.player is not None:
        raise UsageError("a canary drill is played by its own model answer; leave --player out")
    return run_canary_drill(options, scenario, path.read_text(encoding="utf-8"), _where(options))


def _facilitate(options: argparse.Namespace) -> int:
    from killswitch_console.drills.facing import lead

    noted = _noted(options)
    scenario, folder = _ready(options)
    return lead(scenario, folder, options.name, _where(options), noted=noted, plain=options.plain)


def _noted(options: argparse.Namespace) -> Noted:
    """The trail that is to hear of a drill: that of the configuration, if this machine has one."""
    from killswitch_console.config import ConfigurationError, find_configuration, load_configuration
    from killswitch_console.drills.facing import Noted

    try:
        return Noted(load_configuration(find_configuration(options.config)))
    except ConfigurationError:
        if options.config is not None:
            raise
        return Noted(None)


def _report(options: argparse.Namespace) -> int:
    from killswitch_console.drills.facing import find_run
    from killswitch_console.drills.reporting import add_improvement, trend, write_reports

    home = _where(options)
    if options.trend:
        print(trend(home))
        return 0
    folder = find_run(home, options.played)
    if options.improve:
        add_improvement(folder, options.improve, owner=options.owner, due=options.due)
    for path in write_reports(folder):
        print(path)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from killswitch_console.drills.durations import seconds_of
    from killswitch_console.drills.facing import find_run
    from killswitch_console.drills.replaying import replay, verify

    folder = find_run(_where(options), options.played)
    if options.verify:
        return verify(folder)
    if options.again:
        from killswitch_console.drills.rehearsing import again

        return again(folder)
    return replay(folder, seconds_of(options.at) if options.at else 0.0, plain=options.plain)
