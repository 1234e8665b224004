"""AWS Lambda: a function stops when its reserved concurrency is 0 and the longest run it may have begun has ended.

``KIND`` is what the entry point names. Importing this package imports no SDK; opening a table makes no request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar, Final

from killswitch_backends.aws_common.budget import Budgets
from killswitch_backends.aws_common.session import ServiceModels
from killswitch_backends.aws_lambda.settings import LambdaSettings
from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_backends.policies import PolicyText, Tables
from killswitch_backends.protocol import Backend, Surroundings
from killswitch_backends.provenance import Provenance
from killswitch_inventory.targets import BackendRef, Layer, TargetId

__all__ = ["KIND", "LambdaKind", "LambdaSettings"]


def _policy(tables: Tables) -> str:
    from killswitch_backends.aws_common.policy import policy

    return policy(tables)


def _eventbridge(tables: Tables) -> str:
    from killswitch_backends.aws_common.policy import eventbridge

    return eventbridge(tables)


class LambdaKind:
    """The Lambda platform: one table per account and region; tables of one account and region share a call budget."""

    kind: ClassVar[str] = "lambda"
    layer: ClassVar[Layer] = Layer.PROCESS
    settings: ClassVar[type[LambdaSettings]] = LambdaSettings
    policies: ClassVar[Mapping[str, PolicyText]] = {"aws": _policy, "eventbridge": _eventbridge}

    def __init__(self) -> None:
        self._budgets, self._models = Budgets(), ServiceModels()

    @asynccontextmanager
    async def open(self, settings: LambdaSettings, surroundings: Surroundings) -> AsyncIterator[Backend]:
        """Open one ``[[lambda]]`` table. Leaving waits for halt marks still being written (a minute at most)."""
        from killswitch_backends.aws_common.calls import open_aws
        from killswitch_backends.aws_common.marking import marking
        from killswitch_backends.aws_lambda.backend import LambdaBackend

        ref = BackendRef(self.kind, settings.name)
        async with open_aws(settings, str(ref), self._models) as aws, marking() as marks:
            yield LambdaBackend(
                ref=ref, aws=aws, settings=settings, budgets=self._budgets, marks=marks, surroundings=surroundings
            )

    def check_name(self, target: TargetId) -> None:
        """See ``naming.NamesTargets``."""
        from killswitch_backends.aws_lambda.functions import check_name

        check_name(target)

    def with_emergency(
        self, settings: LambdaSettings, surroundings: Surroundings, credential: EmergencyCredential, lend: Lend
    ) -> tuple[LambdaSettings, Surroundings]:
        """See ``emergency.EmergencyKind``."""
        from killswitch_backends.aws_common.emergency import emergency_settings

        return emergency_settings(settings, credential, lend), surroundings

    def provenance(self, settings: LambdaSettings) -> Provenance:
        """See ``provenance.Traceable``."""
        from killswitch_backends.aws_common.provenance import provenance

        return provenance(settings)


KIND: Final = LambdaKind()
