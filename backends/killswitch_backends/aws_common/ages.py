"""How old the access key at the beginning of a table's credentials is, as IAM tells its own user. Reads only.

The key of the profile itself, or of the profile at the end of its chain of ``source_profile``. Credentials that
somebody else issues for hours (a login, an instance's role) have no age of interest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from killswitch_backends.ages import Age
from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.session import base_profile, create_client, open_session
from killswitch_backends.problems import Problem, Refused

if TYPE_CHECKING:
    from botocore.session import Session

RIGHT = "iam:ListAccessKeys"
OWN_USER = "arn:aws:iam::ACCOUNT:user/${aws:username}"
"""Whose keys it must be allowed for: its own, of which it is asked without a name."""


async def ages(aws: Aws) -> Sequence[Age]:
    """See ``ages.TellsAges``."""
    try:
        await aws.client("sts")
        client, key = await asyncio.to_thread(_signer, aws)
    except Problem as problem:
        return [Age(what="its access key", unknown=problem.what, todo=problem.todo)]
    if key is None:
        return [Age(what="its credentials", renewed_by="whoever issues them for hours at a time")]
    try:
        return [await _age(aws, client, key)]
    finally:
        client.close()


def _signer(aws: Aws) -> tuple[Any, str | None]:
    """An IAM client that signs with the first key of the chain, and that key's id; none: they are issued for hours."""
    from botocore.exceptions import BotoCoreError

    try:
        session, settings = aws.session, aws.settings
        if (profile := base_profile(session)) is not None:
            settings = settings.model_copy(update={"profile": profile})
            session = open_session(settings, aws.models)
        key = _static_key(session)
        return (None, None) if key is None else (create_client(session, settings, "iam"), key)
    except BotoCoreError as error:
        raise Refused(aws.where, f"its credentials cannot be read: {type(error).__name__}") from None


def _static_key(session: Session) -> str | None:
    credentials = session.get_credentials()
    frozen = credentials.get_frozen_credentials() if credentials is not None else None
    return None if frozen is None or frozen.token or not frozen.access_key else str(frozen.access_key)


async def _age(aws: Aws, client: Any, key: str) -> Age:
    what = f"access key {key}"
    try:
        answer = await aws.ask(client.list_access_keys, where=aws.where, urgency=Urgency.SIGHT)
    except Problem as problem:
        return Age(what=what, unknown=problem.what, todo=f"allow {RIGHT} on its own user (`policy aws`)")
    made = next((one["CreateDate"] for one in answer["AccessKeyMetadata"] if one["AccessKeyId"] == key), None)
    if made is None:
        return Age(what=what, unknown="IAM does not list it among its user's keys")
    return Age(what=what, made_at=made)
