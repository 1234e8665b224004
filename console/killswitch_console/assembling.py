"""From a configuration to an engine's settings: which backends to open, with what surroundings."""

from __future__ import annotations

from functools import partial

from killswitch_backends.protocol import LabelKeys, Surroundings
from killswitch_console.audit.assembling import recorder_opener
from killswitch_console.audit.scrubbing import Scrubber
from killswitch_console.authority.roles import Authority, Role
from killswitch_console.config import AuthorityTable, Configuration, ConfigurationError, DeclaredAgent, Slo
from killswitch_console.halting.engine import EngineSettings, utc_now
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.slo import Objectives
from killswitch_console.notify.notice import silent
from killswitch_console.notify.sending import sending
from killswitch_console.vault.references import resolve_secret
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import Declaration
from killswitch_inventory.targets import BackendRef, TargetId, TargetIdError


def engine_settings(configuration: Configuration) -> EngineSettings:
    """What an engine needs of a configuration.

    Raises:
        ConfigurationError: for a declared target that is not a target id.
    """
    document = configuration.document
    labels = LabelKeys(document.labels.agent, document.labels.agent_class, document.labels.tenant)
    scrubber = Scrubber()
    secret = scrubber.listening(resolve_secret)
    surroundings = Surroundings(document.environment, labels, secret, utc_now)
    return EngineSettings(
        environment=document.environment,
        state_dir=configuration.state_dir,
        openers={
            BackendRef(table.kind.kind, table.name): partial(table.kind.open, table.settings, surroundings)
            for table in configuration.backends
        },
        layers={table.kind.kind: table.kind.layer for table in configuration.backends},
        declared=tuple(_declaration(configuration, agent) for agent in document.agent),
        protection=Protection(frozenset(document.protect.agents), frozenset(document.protect.targets)),
        objectives=_objectives(document.slo),
        recorder=recorder_opener(configuration, scrubber),
        authority=_authority(document.authority),
        notifier=partial(sending, document.notify.urls) if document.notify.urls else silent,
    )


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
    try:
        targets = tuple(TargetId.parse(text) for text in agent.targets)
    except TargetIdError as error:
        raise ConfigurationError(f"{configuration.path}: [[agent]] {agent.name}: {error}") from error
    return Declaration(AgentKey(agent.agent_class, agent.tenant, agent.name), targets)


def _objectives(slo: Slo) -> Objectives:
    scopes = {"agent": slo.agent, "tenant": slo.tenant, "class": slo.agent_class, "global": slo.global_}
    return Objectives(scopes, dict(slo.backend))
