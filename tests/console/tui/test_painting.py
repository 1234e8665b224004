"""Frames go to the terminal by way of the canvas; the private names of Textual that this leans on exist."""

from __future__ import annotations

import inspect

from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.app import App


def test_the_private_names_it_uses_exist() -> None:
    assert list(inspect.signature(ChopsUpdate.__init__).parameters) == ["self", "chops", "spans", "chop_ends"]
    assert list(inspect.signature(LayoutUpdate.__init__).parameters) == ["self", "strips", "region"]
    assert list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"]
    for name in ("_begin_update", "_end_update", "post_display_hook"):
        assert callable(getattr(App, name)), name
    for name in ("_running", "_closed", "_batch_count", "_driver"):
        assert name in App._display.__code__.co_names, name
    assert callable(Compositor.render_partial_update)
