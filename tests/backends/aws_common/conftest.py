"""Behaviour that Lambda and IAM share is shown on our simulator."""

from aws_each_server import simulator

__all__ = ["simulator"]
