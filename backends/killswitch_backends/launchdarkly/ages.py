"""How old the access token is, as LaunchDarkly tells it. Reads only; many tokens may not read that of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from killswitch_backends.ages import Age
from killswitch_backends.launchdarkly.api import Api
from killswitch_backends.problems import Problem


async def ages(api: Api) -> Sequence[Age]:
    """See ``ages.TellsAges``."""
    what = "access token"
    try:
        who = await api.identity()
        what = f"access token {who.get('tokenName') or who.get('tokenId') or ''}".rstrip()
        made = await api.token_made_at(str(who.get("tokenId") or ""))
    except Problem as problem:
        return [Age(what=what, unknown=problem.what, todo="let it read access tokens, or note its age elsewhere")]
    if not made:
        return [Age(what=what, unknown="LaunchDarkly does not tell when it was made")]
    return [Age(what=what, made_at=datetime.fromisoformat(made))]
