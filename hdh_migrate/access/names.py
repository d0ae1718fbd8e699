"""Names of objects as names of files: nothing lands outside a folder, nothing in another's place.

What stands in the names of a dataset was chosen by whoever wrote to its source.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise
from typing import Final

from hdh_migrate.errors import Refused
from hdh_migrate.model import key_bytes
from hdh_migrate.telemetry import counted

PARTIAL: Final = ".hdh-get-"
"""How the names of files begin that are not whole yet."""

COMPONENT_MAX: Final = 255
"""Bytes of one name in a folder that file systems take."""

PATH_MAX: Final = 4096
"""Bytes of a whole name; no object store has longer keys, and paths of systems end there."""

DEPTH_MAX: Final = 512
"""Folders of one name: twice what Azure allows. Tools that clear up fail at a thousand."""

SUFFIX: Final = ".c4gh"
"""What a sealed file's name ends with besides."""

_HINT: Final = "leave it out with a narrower --get, or read it with hdh_migrate.access"


class FileNames:
    """Judges the names of the objects that are to become files together.

    For each it keeps eight bytes, and sixteen for each folder.
    """

    def __init__(self, *, suffix: str = "") -> None:
        """`suffix` ends each file's name besides."""
        self._suffix = suffix
        self._files = array("Q")
        self._folders: set[bytes] = set()

    def add(self, name: str) -> None:
        """Take one more name.

        Raises:
            Refused: it cannot be a file's name below a folder.
        """
        *folders, last = parts_of(name, self._suffix)
        self._files.append(int.from_bytes(_short("/".join([*folders, last])), "big"))
        for depth in range(1, len(folders) + 1):
            self._folders.add(_short("/".join(folders[:depth])))

    def demand_different(self) -> None:
        """Demand that each name has a file of its own, also where case and accents do not count.

        Raises:
            Refused: two objects would be one file, or one a file and a folder.
        """
        files = sorted(self._files)
        twins = sum(one == other for one, other in pairwise(files))
        both = len({int.from_bytes(one, "big") for one in self._folders}.intersection(files))
        if twins or both:
            raise Refused(
                f"{counted(twins + both, 'object')} cannot be files beside each other: names that"
                " differ in case or accents alone, or a file where another one needs a folder",
                hint="take them one by one with a narrower --get; nothing was written",
            )


def parts_of(name: str, suffix: str = "") -> list[str]:
    """Return the folders of a file, and its name; `suffix` ends it.

    Raises:
        Refused: the name leads elsewhere, or is none that a file can have.
    """
    *folders, last = name.split("/")
    if len(folders) > DEPTH_MAX or len(key_bytes(name)) > PATH_MAX:
        raise Refused(
            f"an object's name has more than {DEPTH_MAX} folders, or {PATH_MAX} bytes: nothing was"
            " written for it",
            hint=_HINT,
        )
    for wrong, why in _WRONG:
        if any(map(wrong, (*folders, last, f"{last}{suffix}"))):
            raise Refused(f"an object's name {why}: nothing was written for it", hint=_HINT)
    return [*folders, f"{last}{suffix}"]


def _is_too_long(part: str) -> bool:
    return len(key_bytes(part)) > COMPONENT_MAX


def _is_ours(part: str) -> bool:
    return part.startswith(PARTIAL)


_WRONG: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda part: part in {".", ".."}, "leads out of its folder (`.` or `..`)"),
    (lambda part: not part, "begins or ends with a slash, or has two in a row"),
    (lambda part: "\0" in part, "holds a null byte"),
    (_is_too_long, f"has a part of more than {COMPONENT_MAX} bytes"),
    (_is_ours, f"has a part that begins with {PARTIAL}, as files do that are not whole yet"),
)


def _short(path: str) -> bytes:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    return blake2b(key_bytes(folded), digest_size=8).digest()
