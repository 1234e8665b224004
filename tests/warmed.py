"""What the fork server of ``warm`` imports before it forks; importing this in a test's own process has no use."""

from warm import import_all

import_all()
