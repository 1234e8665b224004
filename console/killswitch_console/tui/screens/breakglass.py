"""Breaking the glass: reason, incident and passphrase; recorded and told before anything opens. Sealing it again.

Vaults and credentials are looked at beside the form. Unsealing goes on in the engine's thread, however long a keyring
takes; leaving the screen does not end it, and the passphrase is wiped whatever comes of it.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from killswitch_console.authority.roles import NotAuthorised
from killswitch_console.hostile import clean
from killswitch_console.tui import ceremony
from killswitch_console.tui.lines import breakglass
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.field import Field, text_line
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_console.tui.widgets.secret_line import SecretLine
from killswitch_console.vault.register import Entry
from killswitch_console.vault.vaults import NoVaultOpened


class BreakGlassScreen(ConsoleScreen):
    """The ceremony, and what is open."""

    CSS_PATH = "breakglass.tcss"
    CHANGING: ClassVar[frozenset[str]] = frozenset({"go_on", "seal"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="breakglass.back"),
        Binding("enter", "next", "Next", show=False, priority=True, id="breakglass.next"),
        Binding("ctrl+n", "go_on", "Break the glass", id="breakglass.go_on"),
        Binding("ctrl+s", "seal", "Seal now", id="breakglass.seal"),
        Binding("pageup", "scroll(-1)", "Scroll", show=False, priority=True, id="breakglass.up"),
        Binding("pagedown", "scroll(1)", "Scroll", show=False, priority=True, id="breakglass.down"),
    ]
    HELP_LINES = (
        ("Enter", "next field; on the last one: break the glass"),
        ("Ctrl+N", "break the glass, or countersign glass that is open"),
        ("Ctrl+S", "seal it again at once"),
        ("Esc", "back; what was typed is wiped"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._probes: ceremony.Probes | None = None
        self._entries: tuple[Entry, ...] = ()
        self._trouble = ""
        self._hint, self._tone = "", Tone.MUTED
        self._under_way = False

    # -- what is shown ---------------------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Vaults and credentials, or what is open; then the form."""
        yield Lines(lambda _: [plain(" Break-glass", Tone.BAD)], id="heading")
        yield Listing(self._lines, id="glass")
        with Vertical(id="form"):
            yield Field("Reason", text_line(id="reason", most=500), id="reason-field")
            yield Field("Incident", text_line(id="incident", most=100), id="incident-field")
            yield Field("Passphrase", SecretLine(id="passphrase"), id="passphrase-field")
            if self._takes_two:
                yield Field("Second", SecretLine(id="second"), id="second-field")
                yield Field("Or alone", text_line(id="alone", most=500), id="alone-field")
            yield Lines(self._next, id="next")

    def on_mount(self) -> None:
        """Look at the vaults; the reason comes first."""
        if self.state.glass is None:
            self.query_one("#glass" if self._no_vault else "#reason").focus()
        self._look()

    @property
    def _no_vault(self) -> bool:
        """Whether there is nothing to open: by a look at the vaults, and before that by the configuration."""
        if self.state.glass is not None:
            return False
        if self._probes is not None:
            return not self._probes
        settled = self.state.configuration
        return settled is not None and not settled.document.vault

    @property
    def _takes_two(self) -> tuple[str, ...]:
        settled = self.state.configuration
        return () if settled is None else tuple(settled.document.breakglass.two_custodians)

    def _lines(self, width: int) -> list[Line]:
        room, opening = width - 2, self.state.glass
        if opening is not None:
            lines = breakglass.open_lines(opening, self.now, room, takes_two=self._takes_two)
        else:
            lines = self._sealed(room)
        return [((" ", Tone.PLAIN), *line) if line else BLANK for line in lines]

    def _sealed(self, room: int) -> list[Line]:
        if self._no_vault:
            settled = self.state.configuration
            return breakglass.no_vault_lines("" if settled is None else str(settled.path), room)
        intro = (
            "Emergency credentials for when login is down or refused. Who, why and for which incident is recorded and "
            "told before they open; they are sealed after 15 minutes without use, after 60 at most."
        )
        lines = [*wrapped(intro, room, tone=Tone.MUTED), BLANK]
        if self._trouble:
            lines += wrapped(f"✖ {self._trouble}", room, tone=Tone.BAD)
        if self._probes is None:
            return [*lines, plain("Looking at the vaults …", Tone.MUTED)]
        credentials = breakglass.credential_lines(self._entries, self.now, room)
        return [*lines, *breakglass.vault_lines(self._probes, room), BLANK, *credentials]

    def _next(self, width: int) -> list[Line]:
        if self._hint:
            return wrapped(self._hint, width - 1, tone=self._tone, indent=" ")
        if self.state.glass is not None:
            waits = not self.query_one("#form").has_class("-lone")
            return [plain(f" {'Ctrl+N countersigns, ' if waits else ''}Ctrl+S seals now", Tone.MUTED)]
        return [plain(" Enter on the last field breaks the glass; Esc: nothing was done", Tone.MUTED)]

    def freshen_body(self) -> None:
        """The time that is left; other fields once it is open."""
        opening = self.state.glass
        form = self.query_one("#form")
        form.set_class(self._no_vault, "-nothing")
        form.set_class(opening is not None, "-open")
        form.set_class(opening is not None and (opening.countersigned or bool(opening.alone)), "-signed")
        form.set_class(opening is not None and not self._takes_two, "-lone")
        self.query_one("#glass", Listing).show()
        self.query_one("#next", Lines).show()
        self.offer_anew()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the glass as it is."""
        opening = self.state.glass
        if action == "seal" and opening is None:
            return False
        signed = opening is not None and (opening.countersigned or bool(opening.alone) or not self._takes_two)
        if action == "go_on" and (signed or self._no_vault):
            return False
        return super().check_action(action, parameters)

    def _say(self, hint: str, tone: Tone = Tone.BAD) -> None:
        self._hint, self._tone = clean(hint, most=600), tone
        if self.is_mounted:
            self.query_one("#next", Lines).show()

    @on(Input.Changed)
    @on(SecretLine.Edited)
    def _edited(self) -> None:
        if not self._under_way:
            self._say("")

    # -- what is done ----------------------------------------------------------------------------------------------

    @work(exclusive=True, group="vaults", exit_on_error=False)
    async def _look(self) -> None:
        """How vaults and credentials are; a hung keyring takes its three seconds, and nothing waits for it."""
        seen = await self.console_app.ask(ceremony.look, name="look at vaults")
        self._probes, self._entries, self._trouble = seen.probes, seen.entries, seen.trouble
        if self._no_vault and self.is_current:
            self.query_one("#glass").focus()
        self.freshen_body()

    def action_next(self) -> None:
        """To the next field that is shown, and on the last one on with it.

        At once, before the next key is looked at: a passphrase typed fast must not run into the field before it.
        """
        fields = [w for w in self.query("Input, SecretLine").results() if w.parent is not None and w.parent.display]
        if self.focused not in fields:
            return
        after = fields[fields.index(self.focused) + 1 :]
        if after:
            self.set_focus(after[0])
        else:
            fields[-1].call_later(self.action_go_on)  # once it has taken in the keys before this one

    def action_go_on(self) -> None:
        """Break the glass, or countersign it, once everything is there."""
        if self._under_way:
            return
        if self.state.glass is not None:
            self._begin_countersigning()
            return
        reason, incident = (self.query_one(name, Input).value.strip() for name in ("#reason", "#incident"))
        missing = "a reason" if not reason else "an incident" if not incident else ""
        if not missing and not self.query_one("#passphrase", SecretLine).filled:
            missing = "the vault's passphrase"
        if missing:
            self._say(f"{missing} is required; nothing was done")
            return
        self._begin_unsealing(reason, incident)

    def _begin_unsealing(self, reason: str, incident: str) -> None:
        passphrase, second, alone = self.query_one("#passphrase", SecretLine).take(), None, None
        if self._takes_two:
            second = self.query_one("#second", SecretLine).take() or None
            alone = self.query_one("#alone", Input).value.strip() or None
        unseal = ceremony.unsealing(
            passphrase, invoker=self.state.invoker, reason=reason, incident=incident, second=second, alone=alone
        )
        self._say("Recording, telling others, unsealing …", Tone.WARN)
        self._carry_out(unseal, "break the glass")

    def _begin_countersigning(self) -> None:
        second = self.query_one("#second", SecretLine).take() if self._takes_two else bytearray()
        if not second:
            self._begin_standing_alone()
            return
        self._say("Countersigning …", Tone.WARN)
        self._carry_out(ceremony.countersigning(second), "countersign")

    def _begin_standing_alone(self) -> None:
        why = self.query_one("#alone", Input).value.strip() if self._takes_two else ""
        if not why:
            self._say("the second custodian's passphrase is required, or why you act alone")
            return
        self._carry_out(ceremony.standing_alone(why), "stand alone")

    @work(group="ceremony", exit_on_error=False)
    async def _carry_out(self, job: ceremony.Job, name: str) -> None:
        """Have the engine do it; leaving the screen does not end it."""
        self._under_way = True
        try:
            opening = await asyncio.shield(asyncio.ensure_future(self.console_app.ask(job, name=name)))
        except (NoVaultOpened, NotAuthorised) as refusal:
            self._say(str(refusal))
            self.app.bell()
            return
        except Exception as defect:  # noqa: BLE001  (whatever it is, a person must read it, and may try again)
            self._say(f"it could not be opened: {defect!r}")
            self.app.bell()
            return
        finally:
            self._under_way = False
        self.state.glass = opening
        self._say("")
        if self.is_current:
            self.freshen()
            self.query_one("#glass").focus()

    def action_seal(self) -> None:
        """Back to normal credentials at once."""
        self._seal()

    @work(group="ceremony", exit_on_error=False)
    async def _seal(self) -> None:
        self._say("Sealing …", Tone.WARN)
        await asyncio.shield(asyncio.ensure_future(self.console_app.ask(ceremony.seal, name="seal the glass")))
        self._say("Sealed. Rotate what was used: killswitch-console breakglass list", Tone.WARN)
        self._look()

    def action_scroll(self, by: int) -> None:
        """Scroll what is above the form, wherever the keys go otherwise."""
        listing = self.query_one("#glass", Listing)
        listing.scroll_relative(y=by * max(1, listing.size.height - 1), animate=False)


PLACE = Place(
    name="break-glass",
    key="b",
    title="Break-glass",
    open=BreakGlassScreen,
    summary="emergency credentials, for when login is down",
    changes=True,
)
