"""Commands in texts for people, so that they can be pasted as they stand (decisions/0036).

Messages say PLAN, and NAME for a batch: reports, machines and ledgers take them elsewhere. Who sits
at a terminal gave the plan's path himself, and it is his path that is shown.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Self

from hdh_migrate.cli import environment, verbs
from hdh_migrate.cli.verbs import PROGRAM
from hdh_migrate.frozen import frozen


@frozen
class AsTyped:
    """What a command line gave that the commands in its messages need again."""

    plan: str | None = None
    bundle: str | None = None
    state_dir: str | None = None
    """Where ledgers live, if the plan and the environment alone do not say it."""
    batch: str | None = None
    """The only batch that can be meant."""
    trust: str | None = None
    """The only key by which a bundle is checked."""

    @classmethod
    def of(cls, given: Mapping[str, object], state_dir: Path | None) -> Self:
        """Return what a verb's arguments and options say."""
        elsewhere = state_dir is not None and os.environ.get(environment.STATE_DIR) != str(
            state_dir
        )
        return cls(
            plan=_path(given.get("plan")),
            bundle=_path(given.get("bundle")),
            state_dir=_path(state_dir) if elsewhere else None,
            batch=_only(given.get("batch")),
            trust=_only(given.get("trust")),
        )

    def among(self, batches: Sequence[str]) -> Self:
        """Return the same, where these are all the batches of the plan."""
        only = self.batch or (batches[0] if len(batches) == 1 else None)
        return replace(self, batch=only)

    def of_bundle(self, bundle: Path | None) -> Self:
        """Return the same, where this is the report that is meant."""
        return replace(self, bundle=_path(bundle))

    def in_text(self, text: str) -> str:
        """Return a text whose commands name what was given."""
        if self.plan is not None and "PLAN" in text:
            text = _command("PLAN").sub(self._of_plan, text)
        if self.bundle is not None and "BUNDLE" in text:
            text = _command("BUNDLE").sub(rf"{PROGRAM} \g<verb> {_escaped(self.bundle)}", text)
            if self.trust is not None:
                text = re.sub(r"--trust KEY\b", f"--trust {_escaped(self.trust)}", text)
        return named(text, batch=self.batch)

    def _of_plan(self, found: re.Match[str]) -> str:
        state = self.state_dir
        there = "" if state is None or found["elsewhere"] else f" --state-dir {shlex.quote(state)}"
        assert self.plan is not None
        return f"{PROGRAM} {found['verb']} {shlex.quote(self.plan)}{there}"


def named(text: str, *, batch: str | None = None, dataset: str | None = None) -> str:
    """Return a text whose commands name what is meant, where that is known."""
    for option, name in (("--batch", batch), ("--dataset", dataset)):
        if name is not None:
            text = re.sub(rf"{option} NAME\b", f"{option} {_escaped(name)}", text)
    return text


def _only(given: object) -> str | None:
    """Return what was given, if it was one thing."""
    if isinstance(given, list):
        return _only(given[0]) if len(given) == 1 else None
    return given if isinstance(given, str) else _path(given)


def _path(given: object) -> str | None:
    if not isinstance(given, Path):
        return None
    return f"./{given}" if str(given).startswith("-") else str(given)


def _escaped(word: str) -> str:
    """Return a word as the shell takes it, in a replacement of `re`."""
    return shlex.quote(word).replace("\\", r"\\")


@cache
def _command(of: str) -> re.Pattern[str]:
    """Return what a command is of which this is the first argument, be the program named or not."""
    names = "|".join(sorted(map(re.escape, _names()), key=len, reverse=True))
    elsewhere = r'(?=(?P<elsewhere>[^"`\n]*? --state-dir)?)'
    return re.compile(rf"(?<![\w-])(?:{PROGRAM} )?(?P<verb>{names}) {of}(?![\w|]){elsewhere}")


def _names() -> Iterator[str]:
    for name in (name for lines in verbs.SECTIONS.values() for name in lines):
        group = verbs.GROUPS.get(name)
        if group is None or group.default:
            yield name
        if group is not None:
            yield from (f"{name} {inner}" for inner in group.verbs)
