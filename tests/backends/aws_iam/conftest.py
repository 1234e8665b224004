"""Every behaviour test of IAM runs against each server that is faithful in it."""

from aws_each_server import server, simulator

__all__ = ["server", "simulator"]
