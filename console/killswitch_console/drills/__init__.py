"""Drills: scripted scenarios on the simulator, played with the very same engine, scored against the truth."""
