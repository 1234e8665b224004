"""A simulated Kubernetes cluster that the official clients and kubectl take for a real one."""

from killswitch_backends.simulator.kubernetes.access import TOKEN, Denial
from killswitch_backends.simulator.kubernetes.controllers.manager import Pace
from killswitch_backends.simulator.kubernetes.face import KubernetesFace

__all__ = ["TOKEN", "Denial", "KubernetesFace", "Pace"]
