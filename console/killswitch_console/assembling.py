"""From a configuration to an engine's settings: which backends to open, with what surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from killswitch_backends.emergency import EmergencyCredential, EmergencyKind, Lend
from killswitch_backends.naming import NamesTargets
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import LabelKeys, Surroundings
from killswitch_console.audit.assembling import new_session, recorder_opener, screen_opener
from killswitch_console.audit.scrubbing import Scrubber
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.authority.roles import Authority, Role
from killswitch_console.checking.readiness import readiness_of
from killswitch_console.config import (
    AuthorityTable,
    BackendTable,
    Configuration,
    ConfigurationError,
    DeclaredAgent,
    SealedFileVault,
    SecretServiceVault,
    Slo,
)
from killswitch_console.halting.engine import EngineSettings, utc_now
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.sighting import Opener
from killswitch_console.halting.slo import Objectives
from killswitch_console.notify.notice import silent
from killswitch_console.notify.sending import sending
from killswitch_console.vault.references import resolve_secret
from killswitch_console.vault.register import Register
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.secret_service import SecretService
from killswitch_console.vault.vault import Vault
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import Declaration
from killswitch_inventory.scopes import ScopeKind
from killswitch_inventory.targets import BackendRef, TargetId, TargetIdError


def engine_settings(configuration: Configuration) -> EngineSettings:
    """What an engine needs of a configuration.

    Raises:
        ConfigurationError: for a declared or protected target that is not a target id.
    """
    document = configuration.document
    scrubber = Scrubber()
    session = new_session(configuration, scrubber)
    surroundings = _surroundings(configuration, scrubber)
    return EngineSettings(
        environment=document.environment,
        state_dir=configuration.state_dir,
        openers={
            BackendRef(table.kind.kind, table.name): partial(table.kind.open, table.settings, surroundings)
            for table in configuration.backends
        },
        layers={table.kind.kind: table.kind.layer for table in configuration.backends},
        declared=tuple(_declaration(configuration, agent) for agent in document.agent),
        protection=_protection(configuration),
        objectives=_objectives(document.slo),
        two_person=frozenset(ScopeKind(kind) for kind in document.restore.two_person),
        recorder=recorder_opener(configuration, session),
        screen=screen_opener(configuration, session),
        authority=_authority(document.authority),
        notifier=partial(sending, document.notify.urls, scrubber) if document.notify.urls else silent,
        glass=_glass(configuration, surroundings, scrubber),
        readiness=readiness_of(configuration),
    )


def glass_settings(configuration: Configuration) -> GlassSettings:
    """Where break-glass credentials are, and which tables can be opened with them, apart from any engine."""
    scrubber = Scrubber()
    return _glass(configuration, _surroundings(configuration, scrubber), scrubber)


def _surroundings(configuration: Configuration, scrubber: Scrubber) -> Surroundings:
    document = configuration.document
    labels = document.labels
    keys = LabelKeys(labels.agent, labels.agent_class, labels.tenant, labels.canary)
    return Surroundings(document.environment, keys, scrubber.listening(resolve_secret), utc_now)


def _glass(configuration: Configuration, surroundings: Surroundings, scrubber: Scrubber) -> GlassSettings:
    return GlassSettings(
        vaults=vaults_of(configuration),
        openers={
            BackendRef(table.kind.kind, table.name): partial(_emergency_opener, table, table.kind, surroundings)
            for table in configuration.backends
            if isinstance(table.kind, EmergencyKind)
        },
        register=register_of(configuration),
        learn=scrubber.learn,
        forget=scrubber.forget,
        two_custodians=frozenset(ScopeKind(kind) for kind in configuration.document.breakglass.two_custodians),
    )


def vaults_of(configuration: Configuration) -> tuple[Vault, ...]:
    """The vaults, in the order in which they are tried. Opens none."""
    return tuple(_vault(configuration, table) for table in configuration.document.vault)


def register_of(configuration: Configuration) -> Register:
    """What may be known of the credentials while they are sealed."""
    return Register(configuration.state_dir / "breakglass.json")


def _vault(configuration: Configuration, table: SealedFileVault | SecretServiceVault) -> Vault:
    if isinstance(table, SecretServiceVault):
        return SecretService(table.name, table.collection, table.custodian)
    path = (configuration.path.parent / Path(table.path).expanduser()).resolve()
    return SealedFile(table.name, path, table.custodian)


def _emergency_opener(
    table: BackendTable,
    kind: EmergencyKind,
    surroundings: Surroundings,
    credentials: Sequence[EmergencyCredential],
    lend: Lend,
) -> Opener:
    """A table with every one of its credentials: a token and the triggers of single flags go together."""
    settings = table.settings
    for credential in credentials:
        settings, surroundings = kind.with_emergency(settings, surroundings, credential, lend)
    return partial(table.kind.open, settings, surroundings)


def _authority(table: AuthorityTable | None) -> Authority | None:
    if table is None:
        return None
    roles = tuple(
        Role(
            name=role.name,
            principals=tuple(role.principals),
            scopes=tuple(role.scopes),
            environments=tuple(role.environments),
        )
        for role in table.role
    )
    return Authority(roles=roles, override=table.override)


def _declaration(configuration: Configuration, agent: DeclaredAgent) -> Declaration:
    where = f"{configuration.path}: [[agent]] {agent.name}: targets"
    targets = tuple(_target(configuration, text, where) for text in agent.targets)
    return Declaration(AgentKey(agent.agent_class, agent.tenant, agent.name), targets)


def _protection(configuration: Configuration) -> Protection:
    """What no scope may touch: a target that nothing can be called by would protect nothing, and is an error."""
    protect = configuration.document.protect
    where = f"{configuration.path}: [protect] targets"
    targets = (str(_target(configuration, text, where)) for text in protect.targets)
    return Protection(frozenset(protect.agents), frozenset(targets))


def _target(configuration: Configuration, text: str, where: str) -> TargetId:
    """A target id of the configuration, as its platform writes them."""
    try:
        target = TargetId.parse(text)
        for table in configuration.backends:
            if table.kind.kind == target.backend.kind and isinstance(table.kind, NamesTargets):
                table.kind.check_name(target)
                break
    except (TargetIdError, Problem) as error:
        raise ConfigurationError(f"{where}: {error}") from error
    return target


def _objectives(slo: Slo) -> Objectives:
    scopes = {"agent": slo.agent, "tenant": slo.tenant, "class": slo.agent_class, "global": slo.global_}
    return Objectives(scopes, dict(slo.backend))
