"""The globs of `include` and `exclude`: what they may say, and a matcher that nobody can stall.

`*` and `?` stay within a folder, `**` crosses folders, `**/` is any number of whole folders (none
too), and a backslash takes the next character as it is. There is nothing else: what other tools'
globs know besides is refused with the way to write it here, for read as plain text it would match
nothing and say nothing (decisions/0023).

Keys come from whoever writes to the source, so a match must cost about the same for each of them.
A glob is cut at its `**`; what stands between two is taken where it first fits, and for good: a
later place could match no more. So a key is read once, or its last stretch once for each of its
characters, whatever the glob.
"""

from __future__ import annotations

import re
from typing import Final

from hdh_migrate.frozen import frozen_row

SHAPE: Final = r"(?:[^/!\[\]{}\\]|\\[*?\[\]{}!\\])(?:[^\[\]{}\\]|\\[*?\[\]{}!\\])*"
"""The same as an expression, for editors: it says no reason."""

_ESCAPED: Final = re.compile(r"\\[*?\[\]{}!\\]")
_NEGATION: Final = (
    "`!` does not turn a glob around: use `exclude` beside `include`; a name that begins with it"
    " is written `\\!`"
)
_FOREIGN: Final = {
    "{}": "`{a,b}` is no choice here: write one glob for each, such as `*.csv` and `*.txt`; a"
    " brace in a name is written `\\{`",
    "[]": "`[ab]` is no set of characters here: write one glob for each, or `?` for any one"
    " character; a bracket in a name is written `\\[`",
    "\\": "a backslash stands only before one of * ? [ ] { } ! \\; folders end in `/`",
}
"""What globs of other tools know, and how to write it here."""

_ANY, _STAR, _FOLDERS, _ALL = "?", "*", "**/", "**"
LONGEST: Final = 8192
"""Characters of a glob: whoever judges a report matches each key with it."""
_INSIDE_MAX: Final = 4
"""`**/` inside a name (`a**/b`) stands for two globs each: more of them are refused."""


@frozen_row
class _Plain:
    """One character that stands for itself."""

    char: str


_Token = str | _Plain


def objection(glob: str) -> str | None:
    """Return why a glob is refused and how to write it, None when it is one of ours."""
    if not glob or glob.startswith("/"):
        return "a glob is not empty and does not begin with `/`: keys have no leading slash"
    if len(glob) > LONGEST:
        return f"more than {LONGEST:,} characters: no key is so long"
    if glob.startswith("!"):
        return _NEGATION
    plain = _ESCAPED.sub("", glob)
    for chars, why in _FOREIGN.items():
        if any(char in plain for char in chars):
            return why
    tokens = _tokens(glob)
    if sum(_is_inside(tokens, index) for index in range(len(tokens))) > _INSIDE_MAX:
        return f"more than {_INSIDE_MAX} times `**/` inside a name: put it between folders"
    return None


def compiled(glob: str) -> re.Pattern[str]:
    """Return what matches a whole key exactly when the glob does; `objection` must be None."""
    ways = "|".join(_pattern(tokens) for tokens in _spread(_tokens(glob)))
    return re.compile(rf"(?:{ways})\Z", re.DOTALL)


def _tokens(glob: str) -> list[_Token]:
    """Return the glob in pieces; what follows `**` and adds nothing to it is left out."""
    found: list[_Token] = []
    at = 0
    while at < len(glob):
        token = next((wild for wild in (_FOLDERS, _ALL, _STAR, _ANY) if glob.startswith(wild, at)),
                     None)  # fmt: skip
        if token is None:
            at += glob[at] == "\\"
            found.append(_Plain(glob[at]))
            at += 1
            continue
        at += len(token)
        last = found[-1] if found else None
        if last == _ALL and token != _ANY:
            continue  # it takes everything already
        if last == _FOLDERS and token in {_FOLDERS, _ALL}:
            found.pop()
        found.append(token)
    return found


def _is_inside(tokens: list[_Token], index: int) -> bool:
    """Return whether `**/` stands where no folder begins."""
    return tokens[index] == _FOLDERS and index > 0 and tokens[index - 1] != _Plain("/")


def _spread(tokens: list[_Token]) -> list[list[_Token]]:
    """Return globs that together match the same, with `**/` at the beginning of a folder only."""
    for index in range(len(tokens)):
        if _is_inside(tokens, index):
            before, after = tokens[:index], tokens[index + 1 :]
            crossing: list[_Token] = [*before, _STAR, _Plain("/"), _FOLDERS, *after]
            return [*_spread([*before, *after]), *_spread(crossing)]
    return [tokens]


def _pattern(tokens: list[_Token]) -> str:
    """Return the expression of a glob whose `**/` all stand at the beginning of a folder."""
    pieces, crosses = [list[_Token]()], [""]
    for token in tokens:
        if token in {_FOLDERS, _ALL}:
            crosses.append("(?:[^/]*/)*?" if token == _FOLDERS else ".*?")
            pieces.append([])
        else:
            pieces[-1].append(token)
    out = [
        f"(?>{cross}{_piece(piece, ends=False)})"
        for cross, piece in zip(crosses[:-1], pieces[:-1], strict=True)
    ]
    if crosses[-1] == ".*?" and not pieces[-1]:
        return "".join([*out, ".*"])
    return "".join([*out, crosses[-1], _piece(pieces[-1], ends=True)])


def _piece(piece: list[_Token], *, ends: bool) -> str:
    """Return the expression of what stands between two `**`.

    Each `*` takes as little as lets the text after it follow, and never more: `(?>...)`. Only the
    last one before the key's end may have to take more than that.
    """
    chunks: list[list[str]] = [[]]
    for token in piece:
        if token == _STAR:
            chunks.append([])
        else:
            chunks[-1].append(re.escape(token.char) if isinstance(token, _Plain) else "[^/]")
    first, *starred = chunks
    out = ["".join(first), *(_soonest(chunk) for chunk in starred)]
    if ends and starred:
        out[-1] = "[^/]*" + "".join(starred[-1])
    return "".join(out)


def _soonest(chunk: list[str]) -> str:
    """Return the expression of `*` and the text after it, which never looks for another place."""
    if len(chunk) == 1 and chunk[0] != "[^/]":
        return f"[^/{chunk[0]}]*{chunk[0]}"  # the same, and twice as fast
    return f"(?>[^/]*?{''.join(chunk)})"
