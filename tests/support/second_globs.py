"""Section 7.6 for the second verifier: how a glob is read."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.second_forms import Json, need

Token = tuple[str, str]
ESCAPED = "*?[]{}!\\"


def characters(name: bytes) -> list[str]:
    """Give the characters of a name; a byte that is none is two, which is no character at all."""
    text = name.decode("utf-8", "surrogateescape")
    return [f"byte {one!a}" if "\udc80" <= one <= "\udcff" else one for one in text]


def tokens(glob: Json, first: bool) -> list[Token]:
    need(isinstance(glob, str) and 0 < len(glob) <= 8192, "plan: a glob")
    need(first or not glob.startswith("!"), "plan: a glob")
    return list(split(glob, first))


def split(glob: str, first: bool) -> Iterator[Token]:
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at):
            yield "folders", ""
            at += 3
        elif glob.startswith("**", at):
            yield "any", ""
            at += 2
        elif glob[at] in "*?":
            yield {"*": "some", "?": "one"}[glob[at]], ""
            at += 1
        elif first:
            yield "this", glob[at]
            at += 1
        else:
            escaped = glob[at] == "\\"
            at += escaped
            special = at < len(glob) and glob[at] in ESCAPED
            need(special if escaped else glob[at] not in "[]{}", "plan: a glob")
            yield "this", glob[at]
            at += 1


def matches(glob: list[Token], name: list[str]) -> bool:
    """Follow all ways at once: `reached` are the places in the name that the glob can be at."""
    reached = {0}
    for kind, sign in glob:
        after: set[int] = set()
        for at in reached:
            if kind == "folders":
                after |= {at, *(to + 1 for to in range(at, len(name)) if name[to] == "/")}
            elif kind == "any":
                after |= set(range(at, len(name) + 1))
            elif kind == "some":
                end = next((to for to in range(at, len(name)) if name[to] == "/"), len(name))
                after |= set(range(at, end + 1))
            elif at < len(name) and (name[at] != "/" if kind == "one" else name[at] == sign):
                after.add(at + 1)
        reached = after
    return len(name) in reached
