"""What a shared access signature says of itself: read before Azure's bare "403" is all there is.

Of the token nothing is ever shown but times, and letters that Azure defines; never the signature.
What a stored access policy may say in its place (`si`) is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

from hdh_migrate.clocks import text_of
from hdh_migrate.errors import AuthFailed
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import Problem

WHERE: Final = "source.credential"
RENEW: Final = "make a new one with read and list (sp=rl, or rlt for index tags)"
_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019"
_SINGLE: Final = {
    "b": "one blob", "bv": "one version of a blob", "bs": "one snapshot of a blob",
    "f": "one file", "s": "a file share",
}  # fmt: skip
"""What a token may be for (`sr`) in which nothing can be listed."""

_RIGHTS: Final = {"r": "read", "l": "list"}


@frozen_row
class SasToken:
    """A token, split into its fields; its `repr` shows none."""

    _fields: Mapping[str, str]

    def __repr__(self) -> str:
        return "SasToken(***)"

    @classmethod
    def read(cls, text: str) -> SasToken:
        """Split a token that an operator was given.

        Raises:
            AuthFailed: it is not the token alone; with what it seems to be.
        """
        if (what := _misgiven(text)) is not None:
            raise AuthFailed(f"the source's SAS {what}", hint=_BARE)
        fields = {name: values[0] for name, values in parse_qs(text.lstrip("?")).items()}
        if "sig" not in fields:
            raise AuthFailed("the source's SAS has no signature", hint=_BARE)
        return cls(fields)

    @property
    def ends(self) -> datetime | None:
        """When it ends, None when it does not say so itself."""
        return _moment(self._fields.get("se"))

    @property
    def no_writer(self) -> str | None:
        """Why nobody ever wrote with it, by what it says itself; None: somebody may have.

        What a stored access policy gives is not in the token: that may be taken away.
        """
        rights = self._fields.get("sp")
        if rights is None or set(rights) & set("cw"):
            return None
        return (
            "the signature itself gives no right to create or to write (sp), so it is no writer's,"
            " and that it is refused shows nothing"
        )

    def problems(self, now: str, *, secure: bool) -> list[Problem]:
        """Return every reason in the token itself for which nothing could be listed and read."""
        found = [*self._of_time(datetime.fromisoformat(now)), *self._of_rights()]
        if self._fields.get("spr") == "https" and not secure:
            found.append("is for https only (spr), and account_url is http")
        return [
            Problem(where=WHERE, what=f"the source's SAS {what}", hint=RENEW, auth=True)
            for what in found
        ]

    def _of_time(self, now: datetime) -> Iterator[str]:
        for name, word in (("se", "an end"), ("st", "a beginning")):
            if name in self._fields and _moment(self._fields[name]) is None:
                yield f"has {word} ({name}) that is no time"
        start = _moment(self._fields.get("st"))
        if self.ends is not None and self.ends <= now:
            yield f"ended at {text_of(self.ends)} (se)"
        if start is not None and start > now:
            yield f"is not valid before {text_of(start)} (st)"

    def _of_rights(self) -> Iterator[str]:
        fields, by_policy = self._fields, "si" in self._fields
        lacking = [word for right, word in _RIGHTS.items() if right not in fields.get("sp", "")]
        if lacking and not (by_policy and "sp" not in fields):
            yield f"gives no right to {' or to '.join(lacking)} (sp)"
        if fields.get("sr") in _SINGLE:
            yield f"is for {_SINGLE[fields['sr']]} only (sr), not for a container"
        if "ss" in fields and "b" not in fields["ss"]:
            yield "is not for the Blob service (ss)"
        kinds = {"c": "containers, so nothing can be listed", "o": "objects, so none can be read"}
        for kind, what in kinds.items():
            if "srt" in fields and kind not in fields["srt"]:
                yield f"is not for {what} (srt)"


_BARE: Final = "give the token alone (sv=... and so on), without the account's address and quotes"


def _misgiven(text: str) -> str | None:
    if text[:1] in _QUOTES or text[-1:] in _QUOTES:
        return "is in quotes"
    if "://" in text.partition("sig=")[0]:
        return "is a whole address"
    if any(char.isspace() for char in text):
        return "has a space or a line break in it"
    if "&amp;" in text:
        return "was copied from a web page: its `&` are written as `&amp;`"
    if "%25" in text.partition("sig=")[2]:
        return "is encoded twice: its signature has `%25`"
    return None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
