"""What the fork server of ``warm`` imports before it forks; importing this in a test's own process has no use."""

import os

from warm import import_all

import_all()
del os.environ["PYTHONPATH"]  # this process was started with; a command's is nobody's
