"""What the themes promise: readable on every background, and states that colour-blind people can tell apart."""

from __future__ import annotations

from typing import get_args

import pytest
from textual.theme import Theme

from colours import VISIONS, ciede2000, contrast, distance, nearest
from console.tui.still import still_console
from killswitch_console.cli.options import THEMES as NAMES
from killswitch_console.config import ThemeName
from killswitch_console.tui import terminal
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Tone
from killswitch_console.tui.themes import THEMES
from killswitch_console.tui.widgets.toned import TonedView

STATES = (Tone.OK, Tone.WARN, Tone.BAD, Tone.HALTED)
TEXTS = (*STATES, Tone.PLAIN, Tone.MUTED, Tone.ACCENT)
AA, AAA = 4.5, 7.0


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
async def test_every_state_can_be_read_on_every_background(theme: Theme) -> None:
    async with still_console(size=(120, 40)) as driven:
        driven.app.theme = theme.name
        await driven.pilot.pause()
        tree = driven.app.screen.query(TonedView).first()
        variables = driven.app.get_css_variables()
        styles = {tone: tree.get_component_rich_style(f"toned--{tone}") for tone in Tone}
        backgrounds = {variables[name].lower() for name in ("background", "surface", "surface-lighten-2")}
        for tone in TEXTS:
            colour = styles[tone].color
            assert colour is not None
            drawn = colour.get_truecolor().hex
            for background in backgrounds:
                least = AAA if theme.name == "high-contrast" else AA
                assert contrast(drawn, background) >= least, f"{tone} {drawn} on {background}"
        for badge in (Tone.PRODUCTION, Tone.STAGING, Tone.DRILL, Tone.ELSEWHERE):
            front, back = styles[badge].color, styles[badge].bgcolor
            assert front is not None
            assert back is not None
            assert contrast(front.get_truecolor().hex, back.get_truecolor().hex) >= AA, badge


def _states(theme: Theme) -> list[str]:
    return [theme.variables[f"text-{name}"] for name in ("success", "warning", "error", "secondary")]


@pytest.mark.parametrize("vision", VISIONS)
def test_the_colour_blind_theme_keeps_states_apart_for_every_eye(vision: str) -> None:
    theme = next(theme for theme in THEMES if theme.name == "colour-blind")
    assert nearest(_states(theme), vision) >= 20
    others = [nearest(_states(other), vision) for other in THEMES if other is not theme and vision != "normal"]
    assert all(nearest(_states(theme), vision) > other for other in others), "it is the best of them for such eyes"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_states_are_apart_in_every_theme(theme: Theme) -> None:
    assert nearest(_states(theme)) >= 20


def test_the_arithmetic_is_that_of_the_papers() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert ciede2000((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert ciede2000((50, 2.5, 0), (73, 25, -18)) == pytest.approx(27.1492, abs=1e-4)
    assert ciede2000((50, 2.49, -0.001), (50, -2.49, 0.0009)) == pytest.approx(7.1792, abs=1e-4)
    assert distance("#00ff00", "#ff0000", "deuteranopia") < distance("#00ff00", "#ff0000")


@pytest.mark.parametrize(
    "states",
    [words.HEALTH, words.STATE, words.VERDICT, words.SIGHTEDNESS],
    ids=["health", "target", "verdict", "sight"],
)
def test_no_two_states_that_differ_in_colour_share_a_symbol(states: dict[object, tuple[str, Tone]]) -> None:
    tones: dict[str, set[Tone]] = {}
    for symbol, tone in states.values():
        tones.setdefault(symbol, set()).add(tone)
    assert all(len(found) == 1 or symbol == "…" for symbol, found in tones.items()), tones


def test_a_configuration_may_name_exactly_the_themes_there_are() -> None:
    assert set(get_args(ThemeName)) == set(NAMES) == {theme.name for theme in THEMES} | {"plain"}


def test_the_flag_beats_the_environment_beats_the_configuration() -> None:
    assert terminal.theme({}) == terminal.DEFAULT_THEME
    assert terminal.theme({}, configured="light") == "light"
    assert terminal.theme({"TEXTUAL_THEME": "nord"}, configured="light") is None
    assert terminal.theme({"NO_COLOR": "1"}, configured="light") == terminal.PLAIN_THEME
    assert terminal.theme({"NO_COLOR": "1"}, given="light") == "light"
    assert terminal.theme({}, given="plain") == terminal.PLAIN_THEME
