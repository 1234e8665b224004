"""What a function was before a halt: captured, written as tags on the function, read back by any bastion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from killswitch_backends.aws_common.tags import PREFIX, ours, words_as_tags, words_in_tags
from killswitch_backends.aws_lambda.autoscaling import WHOLE, Scalers, Suspension
from killswitch_backends.aws_lambda.functions import Scaling, State
from killswitch_backends.protocol import Json

RESERVED = PREFIX + "reserved"
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Prior:
    """The fields a halt changes. ``reserved`` None is no reservation, which is not a number."""

    reserved: int | None
    provisioned: Mapping[str, int]
    """Provisioned concurrency by version or alias."""
    event_sources: Mapping[str, bool]
    """Whether each event source mapping (by UUID) was enabled."""
    timeout: int
    """Seconds: the largest Timeout of any version that could be running."""
    tags: Mapping[str, str]
    """The tags of this console that were there already."""
    scaling: Scaling | None = None
    """On Managed Instances: least and most environments of each version. None: it has a reservation instead."""
    durable: Mapping[str, str] = field(default_factory=dict)
    """Status of its durable executions by ARN."""
    scalers: Scalers = field(default_factory=dict)
    """What auto scaling keeps of it by version or alias, and how far that was suspended."""

    @property
    def off(self) -> bool:
        """Whether nothing could run before the halt either."""
        if self.scaling is not None:
            return all(most == 0 for _, most in self.scaling.values())
        return self.reserved == 0

    @property
    def feeding(self) -> list[str]:
        """The event source mappings that were enabled."""
        return sorted(uuid for uuid, enabled in self.event_sources.items() if enabled)

    @property
    def unsuspended(self) -> list[str]:
        """The versions and aliases that auto scaling could put provisioned concurrency back on."""
        return sorted(qualifier for qualifier, suspension in self.scalers.items() if suspension != WHOLE)

    def json(self) -> dict[str, Json]:
        """As the trail stores it and ``prior`` of the JSON output shows it."""
        return {
            "reserved": self.reserved,
            "provisioned": dict(self.provisioned),
            "event_sources": dict(self.event_sources),
            "timeout": self.timeout,
            "tags": dict(self.tags),
            "scaling": None if self.scaling is None else {one: list(pair) for one, pair in self.scaling.items()},
            "durable": dict(self.durable),
            "auto_scaling": {qualifier: list(suspension) for qualifier, suspension in self.scalers.items()},
        }

    @classmethod
    def parse(cls, prior: Mapping[str, Json]) -> Prior:
        """The inverse of ``json``."""
        return cls(
            reserved=prior["reserved"],
            provisioned=dict(prior["provisioned"]),
            event_sources=dict(prior["event_sources"]),
            timeout=int(prior["timeout"]),
            tags=dict(prior.get("tags", {})),
            scaling=_scaling(prior.get("scaling")),
            durable=dict(prior.get("durable", {})),
            scalers={one: (in_, out, due) for one, (in_, out, due) in prior.get("auto_scaling", {}).items()},
        )

    def as_tags(self) -> dict[str, str]:
        """What a restore from another bastion needs, within what tags can carry."""
        reserved = _NONE if self.reserved is None else str(self.reserved)
        return {
            RESERVED: reserved,
            **words_as_tags("provisioned", (f"{qualifier}:{n}" for qualifier, n in sorted(self.provisioned.items()))),
            **words_as_tags("event-sources", self.feeding),
            **words_as_tags("auto-scaling", (_suspension_word(*one) for one in sorted(self.scalers.items()))),
            **words_as_tags("scaling", (_scaling_word(*one) for one in sorted((self.scaling or {}).items()))),
        }


def prior_of(state: State) -> Prior:
    """The prior state of a function: what its halt's mark recorded if it carries one, else what it is now.

    Where somebody has since given a marked function a reservation, that reservation counts: it is not the halted state.
    """
    now = Prior(
        reserved=state.reserved,
        provisioned=state.provisioned,
        event_sources={source.uuid: source.enabled for source in state.event_sources},
        timeout=state.longest_timeout,
        tags={},
        scaling=state.scaling,
        durable=state.durable,
        scalers=state.scalers,
    )
    recorded = state.tags.get(RESERVED)
    if recorded is None or not (recorded == _NONE or _is_number(recorded)):
        return replace(now, tags=ours(state.tags))
    # tags are anybody's who may tag it: what they name besides feeds another function, and is none of ours
    fed = {uuid: True for uuid in words_in_tags("event-sources", state.tags) if uuid in now.event_sources}
    return replace(
        now,
        reserved=state.reserved or (None if recorded == _NONE else int(recorded)),
        provisioned={**_provisioned_in(state.tags), **now.provisioned},
        event_sources={**now.event_sources, **fed},
        scaling=None if now.scaling is None else {**now.scaling, **_scaling_in(state.tags)},
        scalers={**now.scalers, **_suspensions_in(state.tags)},
    )


def _is_number(word: str) -> bool:
    """A number as this console writes one: tags take letters and digits of every script."""
    return re.fullmatch("[0-9]{1,9}", word) is not None


def _scaling(known: Mapping[str, Json] | None) -> Scaling | None:
    return None if known is None else {version: (pair[0], pair[1]) for version, pair in known.items()}


def _scaling_word(version: str, pair: tuple[int | None, int | None]) -> str:
    """``1:2:10``; a minus stands for what AWS chose itself. A tag takes no ``$``."""
    least, most = ("-" if number is None else str(number) for number in pair)
    return f"{version.replace('$', '=')}:{least}:{most}"


def _scaling_in(tags: Mapping[str, str]) -> Scaling:
    found: dict[str, tuple[int | None, int | None]] = {}
    for word in words_in_tags("scaling", tags):
        version, *pair = word.rsplit(":", 2)
        if len(pair) == 2 and all(one == "-" or _is_number(one) for one in pair):
            least, most = (None if one == "-" else int(one) for one in pair)
            found[version.replace("=", "$")] = (least, most)
    return found


def _suspension_word(qualifier: str, suspension: Suspension) -> str:
    """``live:010``: a digit each for scaling in, scaling out and schedules."""
    return f"{qualifier}:{''.join(str(int(one)) for one in suspension)}"


def _suspensions_in(tags: Mapping[str, str]) -> Scalers:
    words = (word.rpartition(":") for word in words_in_tags("auto-scaling", tags))
    return {
        qualifier: (digits[0] == "1", digits[1] == "1", digits[2] == "1")
        for qualifier, _, digits in words
        if qualifier and re.fullmatch("[01]{3}", digits)
    }


def _provisioned_in(tags: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words_in_tags("provisioned", tags):
        qualifier, _, executions = word.rpartition(":")
        if qualifier and _is_number(executions):
            found[qualifier] = int(executions)
    return found
