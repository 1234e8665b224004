"""The after-action report of a drill (overview, objectives, planned against actual, improvements), and the trend."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from html import escape
from pathlib import Path
from typing import Any, Final

from killswitch_backends.outside import parsed_exactly
from killswitch_console.drills.charts import timeline, times_to_halt
from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.facing import read_score
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.homes import SCENARIO_FILE, played
from killswitch_console.drills.log import event_hash, read_log
from killswitch_console.drills.noting import drill_trail, receipts, recordings, verified_trail
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.scenario import Scenario
from killswitch_console.hostile import clean

RATINGS: Final = {
    "P": "performed without challenges",
    "S": "performed with some challenges",
    "M": "performed with major challenges",
    "U": "unable to be performed",
}
"""How an evaluator rates an objective (HSEEP)."""

IMPROVEMENTS_FILE: Final = "improvements.json"
"""Beside the log: what was decided in the hot wash."""

STEPS: Final = ("detect", "decide", "invoke", "halt", "restore")
"""The steps of a response, in their order."""

_LINK: Final = re.compile(r"\[\[([A-Za-z0-9._/-]+)\]\]")
"""How a paragraph names a file of the drill's folder."""

_Section = tuple[str, list[str], list[list[str]] | None, str]
"""A heading, paragraphs, a table (its first row is the heading) or None, and a chart for the page."""


def write_reports(folder: Path) -> tuple[Path, Path]:
    """Write ``report.md`` and ``report.html`` into a drill's folder. Raises ``OSError`` or ``ValueError``."""
    scenario = read_scenario(folder / SCENARIO_FILE)
    document = read_score(folder)
    sections = list(_sections(scenario, document, read_log(folder / "log.jsonl"), folder))
    title = f"After-action report: {scenario.scenario.title}"
    markdown, page = folder / "report.md", folder / "report.html"
    markdown.write_text(_markdown(title, sections), encoding="utf-8")
    page.write_text(_html(title, sections), encoding="utf-8")
    return markdown, page


def _sections(
    scenario: Scenario, document: dict[str, Any], events: Sequence[Happened], folder: Path
) -> Iterator[_Section]:
    result = document["score"]
    header = scenario.scenario
    verdict = "PASSED" if result["passed"] else "NOT PASSED"
    overview = [
        ["Drill", folder.name],
        ["Scenario", f"{header.id}, version {header.version}, seed {document['seed']}"],
        ["Result", f"{verdict}, {result['share']:.0%} of the weights"],
        ["Ended", result["ended"]],
        ["Drill time", clock_text(events[-1].at) if events else "none"],
        ["Roles", "; ".join(f"{r.title} {r.person}".strip() for r in scenario.role) or "not named"],
        ["Participants", "; ".join(document.get("participants") or ()) or _played_by(document)],
        ["References", "; ".join(header.references) or "none"],
    ]
    yield "Overview", [" ".join(header.narrative.split())], [["", ""], *overview], ""
    yield "What happened when", [], None, timeline(events)
    yield "Time to halt", [_margin(document)], _halts(result), times_to_halt(result["halts"])
    yield "Steps", ["Seconds from the first word of it; restore: from its confirmation."], _steps(result), ""
    yield "Objectives", [], _objectives(scenario, result), ""
    yield "Expected and actual", [], _outcomes(result), ""
    yield "Planned and actual script", [], _script(scenario, events), ""
    yield "Strengths", _listed(o["what"] for o in result["outcomes"] if o["met"]), None, ""
    yield "Areas for improvement", _listed(_weaknesses(result)), None, ""
    yield "Improvement plan", [], _plan(result, improvements(folder)), ""
    yield "Notes of the facilitator", _listed(_notes(events)), None, ""
    yield "Record", _record(result, events, folder), None, ""


def _margin(document: dict[str, Any]) -> str:
    result = document["score"]
    if document.get("mode") == "canary":
        return "On the real platforms nobody tells what an agent really did: each target's evidence is in the trail."
    if result["least_margin"] is None:
        return "No agent was called stopped."
    said = (
        f"From the last real action of a halted agent to the console's claim: {result['least_margin']:.2f} s at least."
    )
    if result["acted_on"]:
        said += f" AGENTS ACTED ALTHOUGH THEY WERE CALLED STOPPED: {', '.join(result['acted_on'])}."
    return said


def _halts(result: dict[str, Any]) -> list[list[str]] | None:
    rows = [
        [h["scope"], h["verdict"], f"{h['seconds']:.1f} s", f"{h['slo']:g} s", "yes" if h["slo_met"] else "NO"]
        for h in result["halts"]
    ]
    return [["Scope", "Verdict", "Took", "Objective", "In time"], *rows] if rows else None


def _steps(result: dict[str, Any]) -> list[list[str]]:
    rows = [[name, "never" if (at := result["times"][name]) is None else f"{at:.1f} s"] for name in STEPS]
    return [["Step", "After"], *rows]


def _objectives(scenario: Scenario, result: dict[str, Any]) -> list[list[str]] | None:
    rows = []
    for objective in scenario.objective:
        mine = [o for o in result["outcomes"] if o["objective"] == objective.id]
        met = sum(o["met"] for o in mine)
        rating = result["ratings"].get(objective.id)
        rows.append([objective.statement, objective.capability, f"{met} of {len(mine)}", _rating(rating)])
    return [["Objective", "Capability", "Expectations met", "Rating"], *rows] if rows else None


def _rating(rating: str | None) -> str:
    return "not rated" if rating is None else f"{rating}: {RATINGS.get(rating, '')}"


def _outcomes(result: dict[str, Any]) -> list[list[str]]:
    rows = [["yes" if o["met"] else ("NO" if o["must"] else "no"), o["what"], o["why"]] for o in result["outcomes"]]
    return [["Met", "Expected", "Actual"], *rows]


def _script(scenario: Scenario, events: Sequence[Happened]) -> list[list[str]]:
    came = {str(e.facts["inject"]): e for e in events if e.event in ("inject.delivered", "inject.skipped")}
    rows = []
    for inject in scenario.inject:
        happened = came.get(inject.id)
        actual = "never" if happened is None else f"{clock_text(happened.at)} {happened.event.partition('.')[2]}"
        rows.append([inject.id, inject.kind, _planned(inject), actual, inject.expected])
    return [["Inject", "Kind", "Planned", "Actual", "Expected of the responder"], *rows]


def _planned(inject: Any) -> str:
    if inject.at is not None:
        return clock_text(inject.at)
    if inject.by_hand and inject.after is None and inject.when is None:
        return "by hand"
    start = inject.after or inject.when.event
    return f"{inject.delay:g} s after {start}"


def _weaknesses(result: dict[str, Any]) -> Iterator[str]:
    for outcome in result["outcomes"]:
        if not outcome["met"]:
            yield f"{outcome['what']}: {outcome['why']}"
    yield from (f"halted a scope that was not the right one: {scope}" for scope in result["wrong_scopes"])
    yield from result["skipped_checks"]


def _plan(result: dict[str, Any], decided: Sequence[dict[str, str]]) -> list[list[str]]:
    rows = [[entry["what"], entry["owner"] or "-", entry["due"] or "-"] for entry in decided]
    rows += [[f"open: {weakness}", "", ""] for weakness in _weaknesses(result)]
    return [["What is to be done", "Owner", "Due"], *(rows or [["nothing was found", "", ""]])]


def improvements(folder: Path) -> list[dict[str, str]]:
    """What was decided after a drill. Raises ``ValueError`` for a file that is no such list."""
    file = folder / IMPROVEMENTS_FILE
    if not file.is_file():
        return []
    return [
        {name: str(entry.get(name, "")) for name in ("what", "owner", "due")}
        for entry in parsed_exactly(file.read_bytes())
    ]


def add_improvement(folder: Path, what: str, *, owner: str = "", due: str = "") -> None:
    """Write down what is to be done, by whom and until when (a date). Raises ``ValueError`` for another date."""
    if due:
        date.fromisoformat(due)
    decided = [*improvements(folder), {"what": what, "owner": owner, "due": due}]
    (folder / IMPROVEMENTS_FILE).write_text(json.dumps(decided, indent=2) + "\n", encoding="utf-8")


def _notes(events: Sequence[Happened]) -> Iterator[str]:
    for happened in events:
        if happened.event == "facilitator.noted":
            about = happened.facts.get("objective")
            yield f"{clock_text(happened.at)} {f'[{about}] ' if about else ''}{happened.facts.get('text', '')}"


def _played_by(document: dict[str, Any]) -> str:
    return f"scripted: {document['player']}" if document.get("player") not in (None, "person") else "not known"


def _record(result: dict[str, Any], events: Sequence[Happened], folder: Path) -> list[str]:
    same = event_hash(events) == result["event_hash"]
    lines = [
        f"Hash of the events: {result['event_hash']} ({'agrees' if same else 'DOES NOT AGREE'} with the log).",
        "Log: [[log.jsonl]]",
    ]
    if not drill_trail(folder).path.is_dir():
        return [*lines, "The trail of a canary drill is that of the configuration: killswitch-console audit verify"]
    verdict, findings = verified_trail(folder)
    lines.append(f"The console's own trail of this drill was verified for this report: {verdict}.")
    lines += [f"FOUND IN THE TRAIL: {finding}" for finding in findings]
    lines += [f"Its head: {receipt}" for receipt in receipts(folder)]
    for path in recordings(folder):
        shown = f"killswitch-console audit play {path} --config {folder / 'config.toml'}"
        lines.append(f"Recording of the console: [[{path.relative_to(folder)}]]; {shown}")
    return [*lines, f"Go through it with: killswitch-console drill replay {folder.name}"]


def _listed(entries: Iterator[str] | Sequence[str]) -> list[str]:
    return [f"- {entry}" for entry in entries] or ["- none"]


def _markdown(title: str, sections: Sequence[_Section]) -> str:
    lines = [f"# {_md(title)}", ""]
    for heading, paragraphs, table, _ in sections:
        lines += [f"## {heading}", ""]
        lines += [_LINK.sub(r"[\1](\1)", _md(text)) for text in paragraphs]
        if paragraphs:
            lines.append("")
        if table:
            lines += [_md_row(table[0]), "|" + "---|" * len(table[0]), *(_md_row(row) for row in table[1:]), ""]
    return "\n".join(lines)


def _md(text: str) -> str:
    return clean(text, most=2000).replace("<", "&lt;")


def _md_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_md(cell).replace("|", "\\|") for cell in cells) + " |"


_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1b1f23 }
h1 { font-size: 1.6em } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #d5d9dd }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .3em .6em;
border-bottom: 1px solid #e6e9ec } th { background: #f3f5f7 } svg { width: 100%; height: auto }
td:first-child { min-width: 6em } li { margin: .2em 0 }
.drill { background: #8a5cd6; color: #fff; padding: .2em .7em; font-weight: bold }
"""


def _html(title: str, sections: Sequence[_Section]) -> str:
    body = [f'<p class="drill">DRILL</p><h1>{_text(title)}</h1>']
    for heading, paragraphs, table, chart in sections:
        body += [f"<h2>{heading}</h2>", chart, *_paragraphs(paragraphs)]
        if table:
            head = "".join(f"<th>{_text(cell)}</th>" for cell in table[0] if any(table[0]))
            rows = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in table[1:])
            body.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><title>{_text(title)}</title><style>{_STYLE}</style></head><body>'
        + "\n".join(body)
        + "</body></html>\n"
    )


def _paragraphs(paragraphs: Sequence[str]) -> Iterator[str]:
    """Paragraphs, and lists for those that begin with a dash."""
    points = [text.removeprefix("- ") for text in paragraphs if text.startswith("- ")]
    for text in paragraphs:
        if not text.startswith("- "):
            yield "<p>" + _LINK.sub(r'<a href="\1">\1</a>', _text(text)) + "</p>"
    if points:
        yield "<ul>" + "".join(f"<li>{_text(point)}</li>" for point in points) + "</ul>"


def _text(text: str) -> str:
    return escape(clean(text, most=2000))


def trend(home: Path) -> str:
    """All drills that were played, one line each, oldest first."""
    lines = [
        "| drill | result | share | detect | decide | invoke | halt | restore | least margin |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for folder in played(home):
        result = read_score(folder)["score"]
        steps = [_figure(result["times"][name]) for name in STEPS]
        verdict = "passed" if result["passed"] else "NOT passed"
        cells = [folder.name, verdict, f"{result['share']:.0%}", *steps, _figure(result["least_margin"])]
        lines.append(_md_row(cells))
    return "\n".join(lines)


def _figure(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
