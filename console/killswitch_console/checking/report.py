"""What a check found: one list of findings, in the words and formats of terminals, scripts and monitoring. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.checking import Finding, Standing


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one concern."""

    name: str
    """``backends``, ``coverage``, ``authority``, ``vault``, ``trail``, ..."""
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Standing:
        """The light of this concern."""
        return worst(self.findings)


@dataclass(frozen=True, slots=True)
class Report:
    """One check."""

    at: datetime
    environment: str
    sections: tuple[Section, ...]

    @property
    def findings(self) -> tuple[tuple[str, Finding], ...]:
        """All findings, with their section's name."""
        return tuple((section.name, finding) for section in self.sections for finding in section.findings)

    @property
    def green(self) -> bool:
        """Whether nothing is in the way: warnings and problems are, what could not be looked up is too."""
        return all(finding.standing is Standing.OK for _, finding in self.findings)

    def light(self, subject: str) -> Standing:
        """The light of one subject, such as a backend."""
        about = [f for _, f in self.findings if f.subject == subject or f.subject.startswith(subject + "/")]
        return worst(about)


_RANK = {standing: rank for rank, standing in enumerate(Standing)}


def worst(findings: Sequence[Finding]) -> Standing:
    """The worst standing of some findings; ok where there are none."""
    return max((finding.standing for finding in findings), key=_RANK.__getitem__, default=Standing.OK)


def document(report: Report) -> dict[str, object]:
    """For ``check --json``."""
    counts = Counter(finding.standing for _, finding in report.findings)
    return {
        "at": report.at.isoformat(),
        "environment": report.environment,
        "green": report.green,
        "counts": {str(standing): counts[standing] for standing in Standing},
        "sections": {section.name: str(section.worst) for section in report.sections},
        "findings": [
            {"section": name, "subject": f.subject, "standing": str(f.standing), "what": f.what, "todo": f.todo}
            for name, f in report.findings
        ],
    }


def prometheus(report: Report) -> str:
    """For node_exporter's textfile collector: no label comes from a platform, so that none can be forged."""
    lines = [
        "# HELP killswitch_check_standing Worst finding of a section: 0 ok, 1 unknown, 2 warning, 3 problem.",
        "# TYPE killswitch_check_standing gauge",
        *(f'killswitch_check_standing{{section="{s.name}"}} {_RANK[s.worst]}' for s in report.sections),
        "# HELP killswitch_check_findings How many findings there are of each standing.",
        "# TYPE killswitch_check_findings gauge",
    ]
    counts = Counter(finding.standing for _, finding in report.findings)
    lines += [f'killswitch_check_findings{{standing="{standing}"}} {counts[standing]}' for standing in Standing]
    lines += [
        "# HELP killswitch_check_green Whether nothing is in the way of a halt.",
        "# TYPE killswitch_check_green gauge",
        f"killswitch_check_green {int(report.green)}",
        "# HELP killswitch_check_timestamp_seconds When the check ended.",
        "# TYPE killswitch_check_timestamp_seconds gauge",
        f"killswitch_check_timestamp_seconds {report.at.timestamp():.0f}",
    ]
    return "\n".join(lines) + "\n"
