"""One screen that is drawn again and again; rich is imported only where there is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from hdh_migrate.cli.dressed import STATES

Draw = Callable[[int, int], Sequence[str]]
"""Gives the lines for a width and a height."""


class _ScreenLines:
    """Lines as they fit the console at the moment when they are drawn."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del options
        text = Text("\n".join(self._draw(*console.size)), no_wrap=True, overflow="crop", end="")
        for word, colour in STATES.items():
            text.highlight_regex(rf"(?m)^\S+ +{word}(?= |$)", f"color({colour})")
        yield text


class Screen:
    """The terminal's alternate screen; what was there before comes back at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console(highlight=False, markup=False) if console is None else console
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    @property
    def usable(self) -> bool:
        """Whether the terminal can draw anything anew."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def show(self, draw: Draw) -> None:
        """Draw what is shown over what was shown before."""
        self._live.update(_ScreenLines(draw), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # a terminal that is gone needs nothing back
            self._live.stop()
