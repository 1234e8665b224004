"""The AWS face of the simulator, and what its configuration and its users need to know of it."""

from killswitch_backends.simulator.aws.behaviour import (
    METRIC_DELAY_SECONDS,
    PROPAGATION_SECONDS_MAX,
    UNRESERVED_MINIMUM,
    Behaviour,
    Rate,
)
from killswitch_backends.simulator.aws.face import AwsFace
from killswitch_backends.simulator.aws.seeding import OPERATOR_ACCESS_KEY_ID, OPERATOR_SECRET_ACCESS_KEY

__all__ = [
    "METRIC_DELAY_SECONDS",
    "OPERATOR_ACCESS_KEY_ID",
    "OPERATOR_SECRET_ACCESS_KEY",
    "PROPAGATION_SECONDS_MAX",
    "UNRESERVED_MINIMUM",
    "AwsFace",
    "Behaviour",
    "Rate",
]
