"""AWS IAM: a role's credentials stop working when a deny-all policy sits on the role and has reached AWS's data plane.

``KIND`` is what the entry point names. Importing this package imports no SDK; opening a table makes no request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar, Final

from killswitch_backends.aws_common.budget import Budgets
from killswitch_backends.aws_common.session import ServiceModels
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_backends.protocol import Backend, Surroundings
from killswitch_backends.provenance import Provenance
from killswitch_inventory.targets import BackendRef, Layer, TargetId

__all__ = ["KIND", "IamKind", "IamSettings"]


class IamKind:
    """The IAM platform: one table per account; tables of one account share a call budget."""

    kind: ClassVar[str] = "iam"
    layer: ClassVar[Layer] = Layer.CREDENTIAL
    settings: ClassVar[type[IamSettings]] = IamSettings

    def __init__(self) -> None:
        self._budgets, self._models = Budgets(), ServiceModels()

    @asynccontextmanager
    async def open(self, settings: IamSettings, surroundings: Surroundings) -> AsyncIterator[Backend]:
        """Open one ``[[iam]]`` table. Leaving waits for halt marks still being written (a minute at most)."""
        from killswitch_backends.aws_common.calls import open_aws
        from killswitch_backends.aws_common.marking import marking
        from killswitch_backends.aws_iam.api import IamApi
        from killswitch_backends.aws_iam.backend import IamBackend

        ref = BackendRef(self.kind, settings.name)
        async with open_aws(settings, str(ref), self._models) as aws, marking() as marks:
            api = IamApi(aws, self._budgets)
            backend = IamBackend(
                ref=ref, settings=settings, aws=aws, api=api,
                budgets=self._budgets, marks=marks, surroundings=surroundings,
            )  # fmt: skip
            try:
                yield backend
            finally:
                backend.close()

    def check_name(self, target: TargetId) -> None:
        """See ``naming.NamesTargets``."""
        from killswitch_backends.aws_iam.entities import ref_of
        from killswitch_backends.aws_iam.settings import is_organization_policy

        if not is_organization_policy(target.path):
            ref_of(target)

    def with_emergency(
        self, settings: IamSettings, surroundings: Surroundings, credential: EmergencyCredential, lend: Lend
    ) -> tuple[IamSettings, Surroundings]:
        """See ``emergency.EmergencyKind``."""
        from killswitch_backends.aws_common.emergency import emergency_settings

        return emergency_settings(settings, credential, lend), surroundings

    def provenance(self, settings: IamSettings) -> Provenance:
        """See ``provenance.Traceable``."""
        from killswitch_backends.aws_common.provenance import provenance

        return provenance(settings)


KIND: Final = IamKind()
