"""What the app tells whoever records its screen beside what it writes: sizes, without which a replay is garbled."""

from __future__ import annotations

from console.tui.still import still_console


class Recording:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def output(self, text: str) -> None:
        del text

    def resized(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))


async def test_a_terminal_that_gets_another_size_is_told() -> None:
    async with still_console(size=(80, 24)) as driven:
        driven.app.recording = told = Recording()
        await driven.pilot.resize_terminal(120, 40)
        await driven.until(lambda: bool(told.sizes))
    assert told.sizes == [(120, 40)]
