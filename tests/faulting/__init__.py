"""The fault matrix: every backend, every operation, every way a platform can fail (``make chaos``)."""
