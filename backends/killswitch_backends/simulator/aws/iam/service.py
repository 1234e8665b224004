"""The IAM service: all its operations, and how AWS throttles them."""

from __future__ import annotations

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.callers import KeyRing
from killswitch_backends.simulator.aws.calls import Operation
from killswitch_backends.simulator.aws.iam import (
    attached,
    details,
    identities,
    inline,
    membership,
    simulation,
)
from killswitch_backends.simulator.aws.iam.directory import Directory


def operations(directory: Directory, keys: KeyRing, behaviour: Behaviour) -> dict[str, Operation]:
    """Everything of IAM that the simulator answers."""
    return {
        **identities.operations(directory, keys),
        **inline.operations(directory),
        **attached.operations(directory, per_identity=behaviour.managed_policies_per_role),
        **membership.operations(directory, keys),
        **details.operations(directory),
        **simulation.operations(directory),
    }
