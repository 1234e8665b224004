"""A flag's prior state while the REST API tells none: what was known of it, vouched for by the stream.

Only for a flag that is served on now. One that is off may be off by another halt, whose mark the stream does not show.
"""

from __future__ import annotations

from killswitch_backends.launchdarkly.connection import Served
from killswitch_backends.launchdarkly.flags import FlagState


def stand_in(key: str, known: FlagState | None, served: Served | None) -> FlagState | None:
    """The state that the stream confirms, or None.

    What is known of the flag is exact while its version is the one that is served. Without that, the stream alone gives
    a state without rules and targets: a restore then compares versions in their place.
    """
    if served is None or not served.on:
        return None
    if known is not None and known.version == served.version and known.on and known.mark is None:
        return known
    return FlagState(
        key=key,
        archived=False,
        tags=(),
        variations=served.variations,
        on=True,
        version=served.version,
        targeting={"offVariation": served.off_variation},
        mark=None,
    )
