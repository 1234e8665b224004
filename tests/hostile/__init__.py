"""Hostile input: whatever somebody else wrote, in every place where it enters. ``strategies`` makes it."""
