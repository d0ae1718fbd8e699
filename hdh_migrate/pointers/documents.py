"""One text inside a YAML or JSON document: finds it, and replaces it and not a byte besides.

A replacement is believed only when the new document, read again, differs from the old one in
exactly that value; comments, order, quotes and line ends stay because nothing else is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import yaml

from hdh_migrate.errors import Missing, Permanent
from hdh_migrate.frozen import frozen_row

MAX_VALUES: Final = 100_000
_MAX_DEPTH: Final = 64
_TEXT: Final = "tag:yaml.org,2002:str"
_STEP: Final = re.compile(r'"([^"]+)"|([^."]+)')
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_HINT = "nothing was changed; change it by hand, or use another kind of pointer"

Path = tuple[str, ...]
_T = TypeVar("_T")


@frozen_row
class Scalar:
    """Where a text stands in a document: from `start` to `end`, written in this style."""

    value: str
    start: int
    end: int
    style: str | None


def path_of(key: str) -> Path:
    """Return the steps of a dotted key: `a."b.c".0` is a, b.c, 0."""
    return tuple(quoted or plain for quoted, plain in _STEP.findall(key))


def read(text: str, key: str, kind: str) -> Scalar:
    """Find the text under a key.

    Raises:
        Missing: there is no such key.
        Permanent: the document is none, holds the key twice, or no text there.
    """
    return _KINDS[kind].find(text, path_of(key))


def replaced(text: str, key: str, kind: str, new: str) -> str:
    """Return the document with `new` under the key and everything else as it was.

    Raises:
        Missing: there is no such key.
        Permanent: that cannot be done without changing something else.
    """
    document, path = _KINDS[kind], path_of(key)
    spot = document.find(text, path)
    before = document.values(text)
    for written in document.spellings(new, spot.style):
        changed = text[: spot.start] + written + text[spot.end :]
        try:
            after = document.values(changed)
        except Permanent:
            continue
        if _only(before, after, path, new):
            return changed
    raise Permanent(f"the value at {key} cannot be replaced alone", hint=_HINT)


def _only(before: list[Any], after: list[Any], path: Path, new: str) -> bool:
    """Return whether two documents differ in the text at one path and in nothing else."""
    if len(before) != len(after):
        return False
    expected = [
        (where, _TEXT, new) if where == path else (where, tag, value)
        for where, tag, value in before
    ]
    return expected == after


# --- YAML --------------------------------------------------------------------------------------


def _composed(text: str) -> yaml.Node:
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        documents = []  # its message would show the line
    if len(documents) != 1 or documents[0] is None:
        raise Permanent("the file is not one YAML document", hint=_HINT)
    return documents[0]


def _yaml_find(text: str, path: Path) -> Scalar:
    node = _composed(text)
    for step in path:
        node = _inside(node, step, path)
    if not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT:
        raise _no_text(path)
    return Scalar(node.value, node.start_mark.index, node.end_mark.index, node.style)


def _inside(node: yaml.Node, step: str, path: Path) -> yaml.Node:
    found: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        found = [value for name, value in node.value if _named(name, step)]
    elif isinstance(node, yaml.SequenceNode):
        found = [value for number, value in enumerate(node.value) if str(number) == step]
    return _one(found, path)


def _named(name: yaml.Node, step: str) -> bool:
    return isinstance(name, yaml.ScalarNode) and name.value == step


def _yaml_values(text: str) -> list[Any]:
    return _bounded(_yaml_walk(_composed(text), ()))


def _yaml_walk(node: yaml.Node, path: Path) -> Iterator[Any]:
    if len(path) > _MAX_DEPTH:
        raise Permanent("the file is nested too deep", hint=_HINT)
    if isinstance(node, yaml.ScalarNode):
        yield path, node.tag, node.value
        return
    yield path, node.tag, len(node.value)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            step = name.value if isinstance(name, yaml.ScalarNode) else repr(name.value)
            yield path, "name", (step, name.tag)
            yield from _yaml_walk(value, (*path, step))
    else:
        for number, value in enumerate(node.value):
            yield from _yaml_walk(value, (*path, str(number)))


def _yaml_spellings(new: str, style: str | None) -> Iterator[str]:
    if style is None:
        yield new  # plain, if it reads back as this text
    if style == "'":
        yield "'" + new.replace("'", "''") + "'"
    if style in {None, "'", '"'}:
        yield json.dumps(new, ensure_ascii=False)


# --- JSON --------------------------------------------------------------------------------------


def _json_find(text: str, path: Path) -> Scalar:
    _json_values(text)  # from here on it is known to be JSON
    at = _after_space(text, 0)
    for step in path:
        at = _one([spot for name, spot in _members(text, at) if name == step], path)
    value, end = _json_at(text, at)
    if not isinstance(value, str):
        raise _no_text(path)
    return Scalar(value, at, end, '"')


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """Yield the name (or number) of everything inside a value, and where it stands."""
    opening, number = text[at], 0
    if opening not in "{[":
        return
    at = _after_space(text, at + 1)
    while text[at] not in "}]":
        name = str(number)
        if opening == "{":
            name, at = _json_at(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        yield name, at
        _, at = _json_at(text, at)
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
        number += 1


def _json_at(text: str, at: int) -> tuple[Any, int]:
    return json.JSONDecoder().raw_decode(text, at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _json_values(text: str) -> list[Any]:
    try:
        whole = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise Permanent("the file is not JSON", hint=_HINT) from None
    return _bounded(_json_walk(whole, ()))


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, names that stand twice included."""


def _json_walk(value: Any, path: Path) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        yield path, _TEXT, value
    elif isinstance(value, _Pairs):
        yield path, "object", len(value)
        for name, inner in value:
            yield from _json_walk(inner, (*path, name))
    elif isinstance(value, list):
        yield path, "list", len(value)
        for number, inner in enumerate(value):
            yield from _json_walk(inner, (*path, str(number)))
    else:
        yield path, "other", repr(value)


def _json_spellings(new: str, style: str | None) -> Iterator[str]:
    del style
    yield json.dumps(new, ensure_ascii=False)
    yield json.dumps(new)


# --- both --------------------------------------------------------------------------------------


def _bounded(values: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if len(found) == MAX_VALUES:
            raise Permanent("the file holds too many values", hint=_HINT)
        found.append(value)
    return found


def _one(found: list[_T], path: Path) -> _T:
    if not found:
        raise Missing(f"there is nothing at {'.'.join(path)} in the file")
    if len(found) > 1:
        raise Permanent(f"{'.'.join(path)} stands twice in the file", hint=_HINT)
    return found[0]


def _no_text(path: Path) -> Permanent:
    return Permanent(f"what stands at {'.'.join(path)} is no text", hint=_HINT)


@frozen_row
class _Kind:
    find: Callable[[str, Path], Scalar]
    values: Callable[[str], list[Any]]
    spellings: Callable[[str, str | None], Iterator[str]]


_KINDS: Final = {
    "yaml": _Kind(_yaml_find, _yaml_values, _yaml_spellings),
    "json": _Kind(_json_find, _json_values, _json_spellings),
}
