"""A small world of agents behind real wire protocols, on loopback only: Kubernetes, AWS and LaunchDarkly on one port.

An optional part (extra ``simulator``): no other package may import it, except the commands that start it.
It knows the truth that no console sees; it must never share it over a platform's own interface.
"""
