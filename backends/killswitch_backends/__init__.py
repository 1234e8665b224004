"""All platform I/O: one package per platform, each behind the one protocol in ``protocol.py``, plus the simulator.

Imports the inventory only, never the console. A platform's SDK is imported inside its own package and only when used.
"""
