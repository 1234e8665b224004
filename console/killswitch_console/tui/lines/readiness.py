"""A check in words: the same table as ``check`` prints, section by section, and the light that sums it up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from killswitch_backends.checking import Finding, Standing
from killswitch_console.checking.report import Report, Section, worst
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Span, Tone, fit, heading, plain, wrapped
from killswitch_inventory.sightedness import BackendView

STANDING: dict[Standing, tuple[str, Tone]] = {
    Standing.OK: ("●", Tone.OK),
    Standing.UNKNOWN: ("?", Tone.WARN),
    Standing.WARNING: ("▲", Tone.WARN),
    Standing.PROBLEM: ("✖", Tone.BAD),
}


def lights(report: Report, backends: Sequence[BackendView]) -> list[Line]:
    """The light: per backend where something is in the way of a halt, then what else there is, then only the count."""
    counts = Counter(finding.standing for _, finding in report.findings)
    problems, rest = counts[Standing.PROBLEM], len(report.findings) - counts[Standing.OK] - counts[Standing.PROBLEM]
    if report.green:
        return [plain("● ready", Tone.OK)]
    spans: list[Span] = []
    for view in backends:
        if (standing := report.light(str(view.ref))) is Standing.PROBLEM:
            symbol, tone = STANDING[standing]
            spans.append((f"{symbol} {clean(str(view.ref), most=40)} not ready  ", tone))
    short = _count(problems, rest)
    key: Span = ("  [4]", Tone.MUTED)
    named: list[Line] = [(*spans, *short, key), (*spans[:-1], (spans[-1][0].rstrip(), Tone.BAD), key)] if spans else []
    return [*named, (*short, key), short]


def _count(problems: int, rest: int) -> Line:
    if problems:
        return plain(f"✖ check: {words.counted(problems, 'problem')}", Tone.BAD)
    return plain(f"▲ check: {words.counted(rest, 'warning')}", Tone.WARN)


def summary(report: Report, now: datetime, width: int, *, checking: bool) -> Line:
    """One line: the verdict, the counts, how old it is."""
    counts = Counter(finding.standing for _, finding in report.findings)
    said, tone = ("all green", Tone.OK) if report.green else ("NOT ALL GREEN", STANDING[worst(_all(report))][1])
    told = [f"{counts[s]} {_NAMES[s]}" for s in (Standing.PROBLEM, Standing.WARNING, Standing.UNKNOWN) if counts[s]]
    age = "checking now …" if checking else f"checked {words.age(report.at, now)} ago"
    rest = f"  {', '.join([*told, f'{counts[Standing.OK]} ok'])}  {age}"
    return ((f" {said}", tone), (fit(rest, max(1, width - len(said) - 1)), Tone.MUTED))


_NAMES = {Standing.PROBLEM: "red", Standing.WARNING: "amber", Standing.UNKNOWN: "unknown"}


def _all(report: Report) -> list[Finding]:
    return [finding for _, finding in report.findings]


def table(report: Report, width: int, *, whole: bool) -> list[Line]:
    """Every section, its worst findings first; what is well only if the ``whole`` is wanted."""
    lines: list[Line] = []
    for section in report.sections:
        shown = _shown(section, whole=whole)
        symbol, tone = STANDING[section.worst]
        well = sum(finding.standing is Standing.OK for finding in section.findings)
        lines.append(
            ((f"{symbol} ", tone), *heading(f"{section.name}  ({well} of {len(section.findings)} ok)", width - 2))
        )
        for finding in shown:
            lines += finding_lines(finding, width)
        if shown:
            lines.append(BLANK)
    return lines


def _shown(section: Section, *, whole: bool) -> list[Finding]:
    wanted = [f for f in section.findings if whole or f.standing is not Standing.OK]
    return sorted(wanted, key=lambda f: -list(Standing).index(f.standing))


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """One finding: where, what, and what to do about it."""
    symbol, tone = STANDING[finding.standing]
    subject = clean(finding.subject, most=60)
    lines = wrapped(clean(f"{subject}: {finding.what}", most=600), width - 4)
    body = [(("    ", Tone.PLAIN), *line) for line in lines]
    body[0] = ((f"  {symbol} ", tone), *lines[0])
    if finding.todo:
        body += wrapped(clean(f"→ {finding.todo}", most=300), width, tone=Tone.MUTED, indent="      ")
    return body
