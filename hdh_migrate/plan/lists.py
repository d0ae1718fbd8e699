"""Lists of keys that rules point to: each is bound by its digest, and no key of it is ever told.

A list that holds a zero byte has one after each key, as `find -print0` writes it; any other has a
key a line. Keys are bytes: nothing of them is special.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from hdh_migrate.plan.files import NotRegularError, read_bounded
from hdh_migrate.plan.shapes import Loc, mappings

LIST_BYTES_MAX: Final = 64 << 20

RULES: Final = ("include", "exclude")
_MARK: Final = b"\xef\xbb\xbf"


class ListUnreadable(Exception):
    """A list of keys cannot be used; the message is for people, and names no key."""


def read_list(path: Path, digest: str | None = None) -> bytes:
    """Return a list's bytes; with a `digest` they are demanded to have it.

    Raises:
        ListUnreadable: it cannot be read, is too large, empty, or has another digest.
    """
    try:
        data = read_bounded(path, LIST_BYTES_MAX)
    except FileNotFoundError as error:
        raise ListUnreadable("there is no such file") from error
    except NotRegularError as error:
        raise ListUnreadable("is a directory or a device: give the path of a list") from error
    except OSError as error:
        raise ListUnreadable("the file cannot be read") from error
    if len(data) > LIST_BYTES_MAX:
        raise ListUnreadable("a list of keys is at most 64 MiB: cut it, and write a rule for each")
    if data.startswith((_MARK, b"\xff\xfe", b"\xfe\xff")):
        raise ListUnreadable("begins with a byte order mark: save the list as plain UTF-8")
    if not data.strip(b"\0\r\n"):
        raise ListUnreadable("the list has no key")
    if digest is not None and sha256(data).hexdigest() != digest:
        raise ListUnreadable(
            "the list is not the one of `keys_sha256`: put it back, or leave `keys_sha256` out to"
            " take it as it is now"
        )
    return data


def keys_in(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (place in the list, from 1; key) of every key; empty lines are none."""
    zeros = b"\0" in data
    for number, key in enumerate(data.split(b"\0" if zeros else b"\n"), start=1):
        found = key if zeros else key.removesuffix(b"\r")
        if found:
            yield number, found


def digested(
    plan: Mapping[str, object], base: Path
) -> tuple[list[tuple[Loc, str]], list[tuple[Loc, str]]]:
    """Look at every list that a plan names: (place of its rule, digest), and what is wrong.

    `plan` is JSON, as it was written.
    """
    found: list[tuple[Loc, str]] = []
    wrong: list[tuple[Loc, str]] = []
    known: dict[tuple[str, str | None], str] = {}
    for loc, rule in rules_with_lists(plan):
        name, stated = str(rule["keys_from"]), rule.get("keys_sha256")
        pinned = None if stated is None else str(stated)
        if (name, pinned) not in known:
            try:
                data = read_list(base / name, pinned)
            except ListUnreadable as error:
                wrong.append(((*loc, "keys_from"), str(error)))
                continue
            known[name, pinned] = sha256(data).hexdigest()
        found.append((loc, known[name, pinned]))
    return found, wrong


def rules_with_lists(plan: Mapping[str, object]) -> Iterator[tuple[Loc, dict[str, object]]]:
    """Yield the place of each rule that points to a list, and the rule."""
    for number, dataset in mappings(plan, "datasets"):
        for name in RULES:
            for index, rule in mappings(dataset, name):
                if isinstance(rule.get("keys_from"), str):
                    yield ("datasets", number, name, index), rule


def with_digests(
    plan: Mapping[str, object], digests: Sequence[tuple[Loc, str]]
) -> dict[str, object]:
    """Return a plan with the digest of each list beside its name."""
    copied: dict[str, object] = json.loads(json.dumps(plan))
    wanted = dict(digests)
    for loc, rule in rules_with_lists(copied):
        if loc in wanted:
            rule["keys_sha256"] = wanted[loc]
    return copied
