"""The wire protocols of the simulated AWS services: bytes in, members out, and back."""
