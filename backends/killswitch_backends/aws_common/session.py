"""Sessions and clients of botocore, set up for an emergency: seconds, no hidden retries, no surprise from outside.

Everything here blocks and imports the SDK: it is called in threads only, and at no package's import.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from killswitch_backends.aws_common.answers import check_answers
from killswitch_backends.aws_common.bounded import bound_answers
from killswitch_backends.aws_common.settings import AwsSettings

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

SDK_MODELS = Path(__file__).parent / "sdk_models"
"""Operations newer than the SDK this console is locked to (PauseDurableExecution), in botocore's ``sdk-extras`` form.
Taken from botocore 1.44.5; an SDK that knows them already merges the same words into its own."""

CONNECT_SECONDS = 3
READ_SECONDS = 5
CONNECTIONS = 40
_AMBIENT_PROVIDERS = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")
"""Credential sources that a named credentials file must never fall through to."""


class ServiceModels:
    """botocore's service descriptions, read once for all tables: a second Lambda client then costs 3 ms, not 130."""

    def __init__(self) -> None:
        self._loader: object | None = None

    def lend_to(self, session: Session) -> None:
        """Let a session use what other sessions have read. Two threads that come first both read; no harm is done."""
        if self._loader is None:
            loader = session.get_component("data_loader")
            loader.search_paths.append(str(SDK_MODELS))
            self._loader = loader
        else:
            session.register_component("data_loader", self._loader)


def open_session(settings: AwsSettings, models: ServiceModels) -> Session:
    """A botocore session for one table. An explicit profile or credentials file disables the environment's keys.

    Raises:
        botocore.exceptions.BotoCoreError: e.g. ProfileNotFound.
    """
    from botocore.session import Session

    session = Session()
    profile = settings.profile or ("default" if settings.credentials_file else None)
    if profile:
        session.set_config_variable("profile", profile)
    if settings.credentials_file:
        session.set_config_variable("credentials_file", str(settings.credentials_file))
        session.set_config_variable("config_file", os.devnull)
        resolver = session.get_component("credential_provider")
        for name in _AMBIENT_PROVIDERS:
            resolver.remove(name)
    models.lend_to(session)  # last: it reads the profile, and what a session has read of profiles stays
    return session


def create_client(session: Session, settings: AwsSettings, service: str) -> Any:
    """One client. IAM and STS work without a region; the others raise ``NoRegionError``."""
    region = settings.region or session.get_config_variable("region")
    if region is None and service in ("iam", "sts"):
        region = "us-east-1"
    client = session.create_client(
        service, region_name=region, endpoint_url=settings.endpoint_url, config=client_config(settings)
    )
    return _guarded(client)


def _guarded(client: Any) -> Any:
    check_answers(client)
    bound_answers(client)
    return client


def region_known(session: Session, region: str) -> bool:
    """Whether the SDK knows a region of this name (services of no region are said to be in ``aws-global``)."""
    partitions = session.get_available_partitions()
    return region.startswith("aws") or any(region in session.get_available_regions("lambda", p) for p in partitions)


def create_client_as(session: Session, settings: AwsSettings, service: str, keys: Mapping[str, str]) -> Any:
    """One client with temporary credentials that STS gave (its ``Credentials``) instead of the session's own."""
    client = session.create_client(
        service,
        region_name=settings.region or session.get_config_variable("region"),
        endpoint_url=settings.endpoint_url,
        config=client_config(settings),
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    return _guarded(client)


def client_config(settings: AwsSettings) -> Config:
    """Botocore's settings: one attempt per call (the engine retries), and no proxy in front of loopback."""
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        user_agent_extra="killswitch-console",
    )
    if settings.endpoint_url and _is_loopback(settings.endpoint_url):
        return config.merge(Config(proxies={}))
    return config


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_profile(session: Session) -> str | None:
    """The profile at the end of the chain of profiles that the session's own profile assumes its role with."""
    profiles = session.full_config.get("profiles", {})
    own = profile = session.profile or "default"
    seen: set[str] = set()
    while profile not in seen and (source := profiles.get(profile, {}).get("source_profile")):
        seen.add(profile)
        profile = source
    return profile if profile != own else None


def arn_of_profile(settings: AwsSettings, models: ServiceModels, profile: str) -> str:
    """Whom another profile of the same files acts as (asks STS)."""
    other = settings.model_copy(update={"profile": profile})
    client = create_client(open_session(other, models), other, "sts")
    try:
        return str(client.get_caller_identity()["Arn"])
    finally:
        client.close()


def assumed_on_the_way(session: Session) -> tuple[str, ...]:
    """ARNs of the roles that the session's profile assumes, one after the other, to become what it is."""
    profiles = session.full_config.get("profiles", {})
    return tuple(_role_chain(profiles, session.profile or "default"))


def _role_chain(profiles: dict[str, dict[str, str]], profile: str | None) -> Iterator[str]:
    seen: set[str] = set()
    while profile and profile not in seen:
        seen.add(profile)
        settings = profiles.get(profile, {})
        if role := settings.get("role_arn"):
            yield role
        profile = settings.get("source_profile")
