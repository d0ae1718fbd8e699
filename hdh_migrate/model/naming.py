"""Names of objects of which every version is moved: a key for each version, in their order.

Where a dataset moves all versions, an object of it is one version of one blob, and its key is the
blob's name, a zero byte, and the token of the version: the moment at which it was made (or, of a
snapshot, taken) with what the moment is of, or `current` where the blob has no version of its own.
No name of a store has a zero byte, and every other byte is larger. So keys that ascend give name
after name, and the versions of each with the oldest first: that is the order of listings, of the
ledger, of the manifest and of the transfer (docs/decisions/0067-all-versions.md).
"""

from __future__ import annotations

import re
from typing import Final

MARK: Final = "\0"
UNVERSIONED: Final = "current"
"""Of a blob that has no version: it comes after its snapshots, whose tokens begin with digits."""


def version_key(name: str, token: str) -> str:
    """Return the key of one version of a name."""
    return f"{name}{MARK}{token}"


def is_version(key: str) -> bool:
    """Return whether a key names one version of an object."""
    return MARK in key


def name_in(key: str) -> str:
    """Return the object name in a key; a key without a version is returned unchanged."""
    return key.partition(MARK)[0]


def token_in(key: str) -> str:
    """Return the version token in a key; empty if the key has none."""
    return key.partition(MARK)[2]


_TOKEN: Final = re.compile(
    r"current|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z;(?:versionid|snapshot)", re.ASCII
)
_GIVEN: Final = re.compile(rf"(.+) \[({_TOKEN.pattern})\]", re.ASCII | re.DOTALL)


def shown(key: str) -> str:
    """Return a key for people: a version is shown as its name and its token in square brackets."""
    name, mark, token = key.partition(MARK)
    return f"{name} [{token}]" if mark and _TOKEN.fullmatch(token) else key


def key_given(text: str) -> str:
    """Return the key for a text in the form of `shown`; any other text is itself the key."""
    found = _GIVEN.fullmatch(text)
    return text if found is None else version_key(found[1], found[2])
