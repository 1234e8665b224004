"""One command, one module: ``SUMMARY``, ``configure(parser)``, ``run(options) -> exit code``.

A module's top level imports nothing heavy: its help must be quick.
"""
