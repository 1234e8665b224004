"""What taking denies off again would meet: missing rights. IAM has no queue behind it and no quota in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.checking import Check
from killswitch_backends.aws_iam.entities import Kind, ref_of
from killswitch_backends.aws_iam.prior import INLINE
from killswitch_backends.aws_iam.rights import needs
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.checking import Standing
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Watch
from killswitch_backends.restores import RestorePreflight


async def foresee(
    aws: Aws, settings: IamSettings, watches: Sequence[Watch], now: Callable[[], datetime]
) -> list[RestorePreflight]:
    """See ``restores.ForeseesRestores``. Only reads."""
    kinds = {kind for watch in watches if (kind := _kind(watch)) is not None}
    wanted = {f"iam:{verb}{kind.word}{rest}" for kind in kinds for verb, rest in _RESTORES}
    findings = await Check(aws, [need for need in needs(settings) if need.action in wanted], now).rights()
    lacking = [f for f in findings if f.standing in (Standing.PROBLEM, Standing.WARNING)]
    unknown = tuple(f.what for f in findings if f.standing is Standing.UNKNOWN)
    return [
        RestorePreflight(
            watch.target,
            _action(watch),
            tuple(f.what for f in lacking if (kind := _kind(watch)) is None or kind.word in f.what),
            unknown=unknown,
        )
        for watch in watches
    ]


_RESTORES = (("Get", ""), ("Get", "Policy"), ("Delete", "Policy"), ("Untag", ""))


def _kind(watch: Watch) -> Kind | None:
    try:
        return ref_of(watch.target).kind
    except Problem:
        return None  # an organisation's policy


def _action(watch: Watch) -> str:
    if watch.captured.already_off:
        return "stays denied, as before the halt"
    by = watch.accepted.halted.get("by", INLINE)
    return "take off the inline deny-all" if by == INLINE else "detach AWSDenyAll"
