"""Every message of a finding that this tool can write, gathered from where it is written.

What is passed to a store's error, to `Note`, `failed` or `ledger.finding` is followed back to its
literal text; what stands in its places is not known here, so examples are tried. Only whole
expressions are followed: of `str(error)` and of a receipt's detail the text is found where the
error was raised.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import hdh_migrate

ROOT: Final = Path(hdh_migrate.__file__).parent
PACKAGES: Final = ("sources", "targets", "transport", "sealing", "pipeline", "ssh")
MORE: Final = ("session/policy/contents.py",)
NO_FINDINGS: Final = frozenset({
    "targets/probing/prober.py", "targets/provisioning.py", "sources/azure_tokens.py",
    "pipeline/fences/fence.py", "pipeline/cutover/freeze.py",
    "pipeline/decommission/undertaking.py",
    "sources/sftp_listing.py", "targets/s3_endpoint.py:_plain",
})  # fmt: skip
"""Where these errors end a verb, or are settled, before any object is worked on."""

ERRORS: Final = frozenset({
    "Missing", "Permanent", "Conflict", "AccessDenied", "SignatureRefused", "ShortRead",
    "UnsealFailed", "ClaimDiffers", "Unsupported", "SourceChanged",
})  # fmt: skip
"""Errors that an object's finding quotes."""

PLACES: Final = {**dict.fromkeys(ERRORS, 0), "Note": 1, "failed": 3, "finding": 1}
"""Which argument of a call is the message."""

RETURNED: Final = frozenset({
    "unused", "lacking", "open_prefix", "detail", "crowded", "_less", "difference", "history",
    "_blockers", "_unlisted", "_left", "_tags", "_metadata", "_lock",
})  # fmt: skip
"""Functions that return or yield messages, or pairs of a code and a message."""

EXAMPLES: Final = (
    "7", "word", "2026-11-26T10:00:00Z", "2026-11-26T10:00Z", "a target object",
    "a lease: somebody may still be writing", "3 snapshots (5 bytes)", "legal holds",
    "it is leased", "ledger a", "1 dataset is", "1 object is", "file", "verified",
    "batch b needs batch ", "of which 2 objects are not verified",
    "the target writes `_` in the names of metadata as `-`",
)  # fmt: skip

FEW: Final = 4
"""With so many places in a message only so many examples are tried in each."""


class Written(NamedTuple):
    """One message: where it is written, and its literal pieces with a place between each two."""

    where: str
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The message with its places open."""
        return "{}".join(self.pieces)

    def examples(self) -> Iterator[str]:
        """Yield the message with things in its places, one of which makes sense."""
        places = len(self.pieces) - 1
        some = EXAMPLES if places < FEW else EXAMPLES[:FEW]
        for values in product(some, repeat=places):
            yield self.pieces[0] + "".join(
                value + piece for value, piece in zip(values, self.pieces[1:], strict=True)
            )


@cache
def written_messages() -> tuple[Written, ...]:
    """Return every message that can be followed to its literal text, each once."""
    found: dict[tuple[str, ...], Written] = {}
    files = [*(path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))]
    for path in [*files, *(ROOT / name for name in MORE)]:
        name = path.relative_to(ROOT).as_posix()
        if name not in NO_FINDINGS:
            for one in _File(path, name).messages():
                found.setdefault(one.pieces, one)
    return tuple(found.values())


Pieces = tuple[str, ...]


class _File:
    """One module, its tree and what its names stand for."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._tree = ast.parse(path.read_text())
        dotted = "hdh_migrate." + name.removesuffix(".py").replace("/", ".")
        self._module = importlib.import_module(dotted.removesuffix(".__init__"))

    def messages(self) -> Iterator[Written]:
        functions = [node for node in ast.walk(self._tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            if f"{self._name}:{function.name}" in NO_FINDINGS:
                continue
            local = _assigned(function)
            for node in ast.walk(function):
                for expression in self._expressions(node, function.name):
                    for pieces in self._texts(expression, local):
                        where = f"{self._name}:{expression.lineno}"
                        yield Written(where, pieces)

    def _expressions(self, node: ast.AST, function: str) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            at = PLACES.get(name)
            if at is not None and len(node.args) > at:
                yield node.args[at]
            if name in {"Failed", "Erased", "Returned"}:
                yield from (one.value for one in node.keywords if one.arg == "detail")
        elif isinstance(node, ast.Return | ast.Yield) and function in RETURNED:
            value = node.value
            if isinstance(value, ast.Tuple) and len(value.elts) == 2:
                value = value.elts[1]
            if isinstance(value, ast.ListComp):
                value = value.elt
            if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Note":
                value = None  # seen as a call
            if value is not None:
                yield value

    def _texts(self, node: ast.expr, local: Mapping[str, list[ast.expr]]) -> Iterator[Pieces]:
        """Yield what an expression can come to; nothing where that is not known here."""
        match node:
            case ast.Constant(value=str() as text):
                yield (text,)
            case ast.JoinedStr():
                joined: list[Pieces] = [("",)]
                for value in node.values:
                    more = list(self._piece(value, local))
                    joined = [_glued(a, b) for a in joined for b in more]
                yield from joined
            case ast.BinOp(op=ast.Add()):
                right = list(self._texts(node.right, local)) or [("", "")]
                for left in self._texts(node.left, local):
                    yield from (_glued(left, one) for one in right)
            case ast.IfExp():
                yield from self._texts(node.body, local)
                yield from self._texts(node.orelse, local)
            case ast.Name(id=name):
                if name in local:
                    for value in local[name]:
                        yield from self._texts(value, {k: v for k, v in local.items() if k != name})
                else:
                    yield from _values(getattr(self._module, name, None))
            case ast.Subscript(value=ast.Name(id=name)):
                yield from _values(getattr(self._module, name, None))
            case ast.Call(func=ast.Name(id="counted"), args=[_, *words]):
                for word in words:
                    for pieces in self._texts(word, local):
                        yield ("", f" {pieces[0]}", *pieces[1:])
                if len(words) == 1:
                    for pieces in self._texts(words[0], local):
                        yield ("", f" {pieces[0]}s")
            case ast.Call(func=ast.Attribute(value=inner, attr="format")):
                yield from self._texts(inner, local)
            case _:
                return

    def _piece(self, value: ast.expr, local: Mapping[str, list[ast.expr]]) -> Iterator[Pieces]:
        if isinstance(value, ast.FormattedValue):
            inner = value.value
            known = []
            if isinstance(inner, ast.Name | ast.IfExp | ast.Subscript | ast.Call):
                known = list(self._texts(inner, local))
            yield from known or [("", "")]
        else:
            yield from self._texts(value, local)


def _glued(left: Pieces, right: Pieces) -> Pieces:
    return (*left[:-1], left[-1] + right[0], *right[1:])


def _values(value: object) -> Iterator[Pieces]:
    if isinstance(value, str):
        yield _open(value)
    elif isinstance(value, Mapping):
        yield from (_open(one) for one in value.values() if isinstance(one, str))


def _open(text: str) -> Pieces:
    return tuple(text.replace("{number}", "\0").split("\0"))


def _assigned(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """Return what is assigned to each name in a function, but for what loops and calls give."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    for one in (*function.args.args, *function.args.kwonlyargs):
        found.setdefault(one.arg, [])
    return found


CHECKING: Final = ("evidence/verifier", "evidence/archives.py", "evidence/page/pages.py")
"""Where a check of a bundle says what is wrong with it."""

WRONG: Final = {"Wrong": 0, "NoStamp": 0, "EvidenceDamaged": 0, "append": 0, "_need": 1}
"""Which argument of a call says what is wrong; `append`: to a list of problems."""

FOUND_IN: Final = (
    "it is not DER", "manifest.jsonl line 3", "statement.predicate.times", "2", "no trusted key",
    "pilot", "cutover", "exchanges of keys", "s",
)  # fmt: skip
"""What may stand in the places of a problem."""

NO_SENTENCE: Final = re.compile(r"[\W_]*|timestamp\.tsr\W*|exclude\W*")
"""A problem that is all place: what stands there was found where it is written."""


class Problem(Written):
    """One sentence that says what is wrong with a bundle."""

    def examples(self) -> Iterator[str]:
        """Yield it with things in its places, one of which makes sense."""
        for values in product(FOUND_IN, repeat=len(self.pieces) - 1):
            yield self.pieces[0] + "".join(
                value + piece for value, piece in zip(values, self.pieces[1:], strict=True)
            )


class _Checking(_File):
    """One module of a check."""

    def _expressions(self, node: ast.AST, function: str) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name == "append" and "problems" not in ast.unparse(node.func):
                return
            at = WRONG.get(name)
            if at is not None and len(node.args) > at:
                yield node.args[at]
        elif isinstance(node, ast.Yield) and node.value and function != "unjudged":
            yield node.value  # what stays open is said in `page.checked`


@cache
def written_problems() -> tuple[Problem, ...]:
    """Return every sentence by which a check says what is wrong, each once."""
    found: dict[Pieces, Problem] = {}
    for one in CHECKING:
        for path in sorted((ROOT / one).glob("*.py")) or [ROOT / one]:
            for written in _Checking(path, path.relative_to(ROOT).as_posix()).messages():
                if not NO_SENTENCE.fullmatch("".join(written.pieces)):
                    found.setdefault(written.pieces, Problem(*written))
    return tuple(found.values())


Read = Callable[[str], object]


def unread(read: Read) -> list[str]:
    """Return every message that `read` takes in none of its examples, with where it is written."""
    return [
        f"{one.where}: {one.text}"
        for one in written_messages()
        if one.text.strip("{} ") and not any(read(text) for text in one.examples())
    ]
