"""Where a table's AWS credentials come from: which link of the SDK's chain would be taken, and what that hangs on.

Reads the same files and variables as the SDK and asks nobody. Blocks and imports the SDK's file parser.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from killswitch_backends.aws_common.settings import AwsSettings
from killswitch_backends.provenance import Provenance

_MACHINE = {
    "Ec2InstanceMetadata": "the instance's own role",
    "EcsContainer": "the container's own role",
    "Environment": "keys in the environment",
}


def provenance(settings: AwsSettings, environ: Mapping[str, str] = os.environ) -> Provenance:
    """Of one table. See ``provenance.Traceable``."""
    name = settings.profile or ("default" if settings.credentials_file else environ.get("AWS_PROFILE"))
    if name is None and environ.get("AWS_ACCESS_KEY_ID"):
        return _environment(environ)
    profiles = _profiles(settings, environ)
    if (name or "default") in profiles:
        return _profile(profiles, name or "default", ())
    if name is not None:
        return Provenance(f"profile {name}: it does not exist", "a profile that is missing")
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return Provenance("a web identity token", "the identity provider that issues the web identity token")
    if environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return Provenance("the container's own role")
    return Provenance("the instance's own role, if it has one")


def _environment(environ: Mapping[str, str]) -> Provenance:
    if environ.get("AWS_SESSION_TOKEN"):
        return Provenance("temporary keys in the environment", "whatever issued those temporary keys")
    return Provenance("keys in the environment")


def _profiles(settings: AwsSettings, environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The profiles of config and credentials file, by name; none of a file that is not there or cannot be read."""
    from botocore.configloader import load_config, raw_config_parse
    from botocore.exceptions import ConfigNotFound, ConfigParseError

    home = Path.home() / ".aws"
    found: dict[str, dict[str, Any]] = {}
    if settings.credentials_file is None:
        try:
            found = dict(load_config(environ.get("AWS_CONFIG_FILE") or str(home / "config"))["profiles"])
        except (ConfigNotFound, ConfigParseError):
            found = {}
    shared = settings.credentials_file or environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"
    try:
        parsed = raw_config_parse(str(shared))
    except (ConfigNotFound, ConfigParseError):
        return found
    for name, values in parsed.items():
        found[name] = {**found.get(name, {}), **values}
    return found


def _profile(profiles: Mapping[str, Mapping[str, Any]], name: str, seen: tuple[str, ...]) -> Provenance:
    values = profiles.get(name)
    if values is None or name in seen:
        return Provenance(f"profile {name}: it does not exist", "a profile that is missing")
    if "role_arn" in values and "web_identity_token_file" in values:
        issuer = "the identity provider that issues the web identity token"
        return Provenance(f"profile {name}: a web identity token", issuer)
    if "role_arn" in values:
        return _assumed(profiles, name, values, seen)
    if "sso_session" in values or "sso_start_url" in values:
        return Provenance(f"profile {name}: IAM Identity Center", "an SSO session")
    if "credential_process" in values:
        return Provenance(f"profile {name}: a credential process", "the program of credential_process")
    if "login_session" in values:
        return Provenance(f"profile {name}: a console login", "a login session")
    if "aws_session_token" in values:
        return Provenance(f"profile {name}: temporary keys", "whatever issued those temporary keys")
    if "aws_access_key_id" in values:
        return Provenance(f"profile {name}: an access key")
    return Provenance(f"profile {name}: it names no credentials", "the rest of the SDK's chain")


def _assumed(
    profiles: Mapping[str, Mapping[str, Any]], name: str, values: Mapping[str, Any], seen: tuple[str, ...]
) -> Provenance:
    how = f"profile {name} assumes {values['role_arn']}"
    if "credential_source" in values:
        source = str(values["credential_source"])
        return Provenance(f"{how} from {_MACHINE.get(source, source)}")
    # a profile may name itself: its own keys then assume the role
    source = str(values.get("source_profile", ""))
    if source == name and "aws_access_key_id" in values:
        return Provenance(f"{how} with its own access key")
    base = _profile(profiles, source, (*seen, name))
    return Provenance(f"{how} with {base.how}", base.hangs_on)
