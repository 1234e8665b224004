"""What is checked, one concern per module; found by listing this package (``checking/concern.py``)."""
