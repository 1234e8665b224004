"""How the simulator writes time."""

from __future__ import annotations

import re
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.simulator.clock import rfc3339


@given(st.floats(0, 4e9))
def test_a_moment_is_written_in_milliseconds_and_never_later_than_it_was(at):
    text = rfc3339(at)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    written = datetime.fromisoformat(text).timestamp()
    assert at - 0.0011 < written <= at + 0.000001
