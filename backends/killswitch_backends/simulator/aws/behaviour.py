"""How fast, how late and how limited the simulated AWS is, in one place, with the source of each figure.

Figures marked "assumed" are not published by AWS. Tests may shorten the delays; limits are what backends are built for.
"""

from __future__ import annotations

from dataclasses import dataclass

PROPAGATION_SECONDS_MAX = 4.0
"""By when a policy change has reached the data plane. Measured by OFFENSAI as 3-4 s; AWS only says "might take a few
minutes" (platforms.md section C)."""

METRIC_DELAY_SECONDS = 5.0
"""How long after its end a minute of CloudWatch metrics can be read; the real service takes one to three minutes."""

UNRESERVED_MINIMUM = 100
"""What PutFunctionConcurrency must leave to functions without a reservation (Lambda developer guide)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A token bucket: ``per_second`` calls for ever, ``burst`` at once."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The delays (seconds) and limits of one simulated account."""

    propagation: tuple[float, float] = (1.0, PROPAGATION_SECONDS_MAX)
    """A policy change reaches the data plane after a time drawn from this range."""
    mapping_transition: float = 0.3
    """Enabling and Disabling of an event source mapping; seconds to a minute on AWS."""
    pausing: float = 0.2
    """How long PauseDurableExecution is answered while the execution still reads RUNNING."""
    scaling: float = 0.5
    """From a scaling request on Managed Instances to its effect; minutes on AWS."""
    updating: float = 0.3
    """How long UpdateFunctionConfiguration is in progress, and other changes of the function meet a conflict."""
    provisioning: float = 0.3
    """IN_PROGRESS of provisioned concurrency; one to several minutes on AWS."""
    autoscaling: float = 0.3
    """How often Application Auto Scaling brings back what it keeps; minutes, or a schedule, on AWS."""
    credential_lifetime: float = 60.0
    """After how long a workload gets a new session of its role: a revocation by token time ends then. Hours on AWS."""
    lambda_control: Rate = Rate(per_second=15, burst=15)
    """All Lambda control-plane calls without a rate of their own, per region (platforms.md A9)."""
    lambda_get_function: Rate = Rate(per_second=100, burst=100)
    lambda_get_policy: Rate = Rate(per_second=15, burst=15)
    iam_read: Rate = Rate(per_second=100, burst=200)  # assumed
    iam_write: Rate = Rate(per_second=25, burst=50)  # assumed
    iam_simulate: Rate = Rate(per_second=5, burst=10)  # assumed; known to throttle early (cloud-custodian#7641)
    sts: Rate = Rate(per_second=600, burst=600)
    """STS quotas: 600 requests a second per account and region."""
    tagging: Rate = Rate(per_second=15, burst=15)
    """GetResources: 15 calls a second (Resource Groups Tagging API quotas)."""
    metrics: Rate = Rate(per_second=50, burst=50)
    """GetMetricData: 50 transactions a second (CloudWatch quotas)."""
    trail: Rate = Rate(per_second=2, burst=2)
    """LookupEvents: two requests a second per account and region (CloudTrail quotas)."""
    eks: Rate = Rate(per_second=50, burst=50)  # assumed
    autoscaling_calls: Rate = Rate(per_second=10, burst=20)  # assumed
    cloudfront: Rate = Rate(per_second=10, burst=20)  # assumed
    trail_delay: float = 0.5
    """After how long an event can be looked up; up to 15 minutes on AWS."""
    managed_policies_per_role: int = 10
    sessions_per_identity: int = 1000  # assumed; bounds the simulator's memory
