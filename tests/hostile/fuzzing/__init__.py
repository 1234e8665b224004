"""Coverage-guided fuzzing (atheris) of whatever reads bytes of strangers: ``make fuzz``, ``SECONDS=60`` per target."""
