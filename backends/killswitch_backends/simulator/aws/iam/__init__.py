"""Simulated IAM: identities, their policies, and what those allow."""
