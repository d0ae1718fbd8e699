"""What programs that carry a pointer have in common: their words, and the swap around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from hdh_migrate.errors import CommandFailed, CommandIdle, CommandTooLong
from hdh_migrate.model import Problem
from hdh_migrate.plan import leaks
from hdh_migrate.pointers.alone import Alone
from hdh_migrate.pointers.values import one_line, problems_of, to_do
from hdh_migrate.programs import Ended

_SECRET_MIN: Final = 4
_SHOWN_LINES: Final = 5
_SHOWN_WIDTH: Final = 200


class RunsProgram(Protocol):
    """Runs one program to its end, within the time limit."""

    def __call__(
        self, command: Sequence[str], variables: Mapping[str, str], *, inherits: int | None = None
    ) -> Ended:
        """Return how it ended; a program of this machine `inherits` this descriptor.

        Raises:
            MigrateError: it could not be started.
        """


class Programs:
    """A pointer that three programs carry: `check` prints it, `apply` and `revert` set it."""

    guard: Literal["conditional", "checked"] = "checked"

    def __init__(
        self,
        run: RunsProgram,
        *,
        check: Sequence[str],
        apply: Sequence[str],
        revert: Sequence[str],
        value: str,
        where: str,
        secrets: Sequence[str] = (),
        alone: Alone | None = None,
    ) -> None:
        """Where programs run on this machine, `alone` keeps two from setting it at once."""
        self._run = run
        self._check = check
        self._apply = apply
        self._revert = revert
        self._value = value
        self._where = where
        self._alone = alone or Alone(None)
        self._secrets = [secret for secret in secrets if len(secret) >= _SECRET_MIN]

    def check(self) -> Sequence[Problem]:
        """Run `check`, which changes nothing."""
        return problems_of(self.read, self._where)

    def read(self) -> str:
        """Return the one line that `check` prints, while nobody is setting it."""
        self._alone.demand()
        return self._now()

    def _now(self) -> str:
        ended = self._run(self._check, {})
        self._demand(ended, "check")
        return one_line(ended.output, f"{self._where}: what `check` prints")[0]

    def swap(self, *, expected: str, new: str) -> None:
        """Run `apply` towards the plan's value, else `revert`; `check` has the last word."""
        with self._alone.taken() as handle:
            self._swap(handle, expected, new)

    def _swap(self, handle: int | None, expected: str, new: str) -> None:
        if not to_do(self._now(), expected=expected, new=new):
            return
        name, command = ("apply", self._apply) if new == self._value else ("revert", self._revert)
        ended = self._run(command, {"HDH_EXPECTED": expected, "HDH_NEW": new}, inherits=handle)
        if ended.status is None:
            self._demand(ended, name)
        self._alone.let_go(handle)
        # A program may have done its work and still end badly, or the other way round.
        if to_do(self._now(), expected=expected, new=new):
            self._demand(ended, name)
            raise CommandIdle(f"{self._where}: `{name}` ended well, and the pointer is what it was")

    def _demand(self, ended: Ended, name: str) -> None:
        if ended.status == 0:
            return
        said = self._said(ended)
        if ended.status is None:
            raise CommandTooLong(f"{self._where}: `{name}` took too long and was ended{said}")
        raise CommandFailed(f"{self._where}: `{name}` ended with status {ended.status}{said}")

    def _said(self, ended: Ended) -> str:
        """Return the last words of a program, without what looks like a secret."""
        text = (ended.errors or ended.output).decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        lines = [line.strip() for line in text.splitlines() if line.strip()][-_SHOWN_LINES:]
        return "".join(f"\n  {leaks.redacted(line)[:_SHOWN_WIDTH]}" for line in lines)
