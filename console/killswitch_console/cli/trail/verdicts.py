"""What came of ``audit verify``, in words or as JSON, and its exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from killswitch_backends.recalling import Word
from killswitch_console.audit.crosschecking import PlatformReport
from killswitch_console.audit.findings import Finding, Standing, VolumeReport, standing
from killswitch_console.audit.notes import Verifier
from killswitch_console.audit.standalone import TAMPERED
from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_json
from killswitch_console.hostile import clean

_EXIT: Final = {Standing.WHOLE: DONE, Standing.UNVERIFIABLE: UNPROVEN, Standing.TAMPERED: TAMPERED}


def tell_verdict(
    reports: list[VolumeReport], platforms: list[PlatformReport], verifier: Verifier | None, *, as_json: bool
) -> int:
    """Say it; the exit code: 0 (whole), 4 (cannot be verified) or 5 (tampered)."""
    findings = [f for r in reports for f in r.findings] + [f for p in platforms for f in p.findings]
    verdict = standing(findings)
    if as_json:
        print_json(
            {
                "standing": verdict,
                "key": str(verifier) if verifier else None,
                "volumes": [_report(r) for r in reports],
                "platforms": [_platform(p) for p in platforms],
            }
        )
        return _EXIT[verdict]
    for report in reports:
        receipt = report.checkpoint.receipt if report.checkpoint else "nothing signed"
        anchored = f", {report.anchors} remote anchors" if report.anchors else ", no remote anchor"
        print(f"{report.path.name}: {report.size} events, {report.checkpoints} checkpoints{anchored}; {receipt}")
        if gaps := report.kinds.get("audit.gap"):
            print(
                f"  {gaps} times events could not be written at once and were put in late (audit list --kind audit.gap)"
            )
        _print_findings(report.findings)
    for log, told in {log: told for report in reports for log, told in report.retired.items()}.items():
        print(clean(_retired(log, told), most=1000))
    for platform in platforms:
        print(clean(platform.line(), most=1000))
        _print_findings(platform.findings)
    print(verdict.upper() + (f"; key {verifier}" if verifier else ""))
    return _EXIT[verdict]


def _retired(log: str, told: Mapping[str, Any]) -> str:
    """A volume that retention removed, in words."""
    return f"{log}: {told.get('events')} events, {told.get('from')} to {told.get('to')}, kept at {told.get('kept_at')}"


def _print_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(f"  {finding.standing.upper()}: {clean(str(finding), most=1000)}")


def _platform(report: PlatformReport) -> dict[str, Any]:
    return {
        "platform": report.platform,
        "calls": report.calls,
        **{str(word): report.words[word] for word in Word},
        "reasons": dict(report.reasons),
        "findings": _findings(report.findings),
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"standing": f.standing, "where": f.where, "what": f.what} for f in findings]


def _report(report: VolumeReport) -> dict[str, Any]:
    return {
        "volume": report.path.name,
        "events": report.size,
        "signed": report.signed,
        "receipt": report.checkpoint.receipt if report.checkpoint else None,
        "checkpoints": report.checkpoints,
        "anchors": report.anchors,
        "gaps": report.kinds.get("audit.gap", 0),
        "retired": [
            {k: v for k, v in told.items() if k not in ("note", "earlier")} for told in report.retired.values()
        ],
        "findings": _findings(report.findings),
    }
