"""What agents say themselves: which version of a flag each running instance evaluated last.

Three parts that meet only in a small HTTP protocol (docs/launchdarkly.md): ``helper`` runs inside an agent, ``board``
collects, ``reader`` follows the board for a backend. An agent's word is shown beside evidence, never as evidence.
"""
