"""Says in people's words what pydantic found, and at which place in the plan.

Values are never repeated. A suggestion names only fields that the plan format knows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hdh_migrate.frozen import frozen_row
from hdh_migrate.plan import datasets, fields, model, selection
from hdh_migrate.plan.rules import Loc

MAX_SHOWN: Final = 500
"""Of one refused value; a plan with more is not read to the end by anyone."""

_FIXED = {
    "missing": "missing",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping (lines of `field: value`)",
    "model_attributes_type": "must be a mapping (lines of `field: value`)",
    "too_short": "must have at least one entry",
}
_MISSING = object()
_KEY: Final = "[key]"
"""Pydantic's last step of a place when a mapping's key is refused."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_SKIPPED = {
    model.BROKEN_RULE,  # the rules run on their own, all of them
    "default_factory_not_called",  # the error that kept it from being called is reported
}


@frozen_row
class PlanProblem:
    """One thing wrong with a plan; `at_key` when it is the field's name that is wrong."""

    loc: Loc
    message: str
    at_key: bool = False
    shown: Loc | None = None
    """The place to print, when it is not `loc`."""


def plan_problems(
    error: ValidationError, value: object, root: type[model.Plan] = model.Plan
) -> Iterator[PlanProblem]:
    """Yield the problems of a plan, of the model `root`, whose JSON value was refused."""
    for detail in error.errors(include_url=False, include_input=False)[:MAX_SHOWN]:
        problem = _problem(detail, value, root)
        # Pydantic counts valid entries only: a list of wrong ones is not a list without any.
        miscounted = detail["type"] == "too_short" and bool(_at(value, problem.loc))
        if detail["type"] not in _SKIPPED and not miscounted:
            yield problem


FORMS: Final = selection.FORMS | datasets.FORMS
"""Steps of pydantic's places that are none of the plan's."""


def section_at(raw: Loc, root: type[BaseModel] = model.Plan) -> tuple[Loc, type[BaseModel] | None]:
    """Translate pydantic's place to the plan's; also return the section that it leads to.

    Pydantic puts the chosen kind of a section between the field and what is inside it.
    """
    plain: list[str | int] = []
    section: type[BaseModel] | None = root
    choices: tuple[type[BaseModel], ...] = ()
    for step in raw:
        if step in FORMS:
            continue
        if choices and isinstance(step, str):
            section, choices = _chosen(choices, step), ()
            continue
        plain.append(step)
        if isinstance(step, str):
            choices = _inside(section, step) if section else ()
            section = choices[0] if len(choices) == 1 else None
            choices = choices if len(choices) > 1 else ()
        elif section is None and not choices:
            break  # inside a value that has no fields
    return tuple(plain), section


def _problem(detail: ErrorDetails, value: object, root: type[model.Plan]) -> PlanProblem:
    loc, _ = section_at(detail["loc"], root)
    kind, context = detail["type"], detail.get("ctx", {})
    if loc[-1:] == (_KEY,):
        return PlanProblem(loc[:-1], _sentence(kind, context, detail["msg"]), at_key=True,
                       shown=loc[:-2])  # fmt: skip
    if kind == "extra_forbidden":
        _, section = section_at(detail["loc"][:-1], root)
        message = _unknown_field(str(detail["loc"][-1]), section)
        return PlanProblem(loc, message, at_key=True, shown=loc[:-1])
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        name = str(context["discriminator"]).strip("'")
        missing = kind == "union_tag_not_found"
        return PlanProblem((*loc, name), "missing" if missing else _wrong_kind(context))
    if kind == "string_type":
        return PlanProblem(loc, _no_text(_at(value, loc)), shown=_speakable(loc))
    return PlanProblem(loc, _sentence(kind, context, detail["msg"]), shown=_speakable(loc))


def _speakable(loc: Loc) -> Loc:
    """Return a place up to the first step that is no name: such a key may hold anything."""
    odd = (at for at, step in enumerate(loc) if isinstance(step, str) and not _NAME.fullmatch(step))
    return loc[: next(odd, len(loc))]


def _sentence(kind: str, context: Mapping[str, object], message: str) -> str:
    if kind == fields.REFUSAL:
        return message
    if kind == "literal_error":
        return f"must be {_list(str(context['expected']))}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    return _FIXED.get(kind, "is not what is expected here")


def _unknown_field(name: str, section: type[BaseModel] | None) -> str:
    known = list(section.model_fields) if section else []
    close = difflib.get_close_matches(name, known, n=1) if len(name) <= 40 else []
    if close:
        return f"unknown field; did you mean `{close[0]}`?"
    return "unknown field" + (f"; known here: {', '.join(known)}" if known else "")


def _wrong_kind(context: Mapping[str, object]) -> str:
    return f"must be {_list(str(context['expected_tags']))}"


def _no_text(value: object) -> str:
    if value is None:
        return "must be text, and is empty"
    if isinstance(value, (bool, int, float)):
        return "must be text: put it in quotes"
    return "must be text"


def _list(quoted: str) -> str:
    """Turn pydantic's `'a', 'b' or 'c'` into `one of: a, b, c`."""
    names = re.findall(r"'([^']*)'", quoted) or [quoted]
    return names[0] if len(names) == 1 else f"one of: {', '.join(names)}"


def _at(value: object, loc: Loc) -> object:
    for step in loc:
        inside: object = _MISSING
        if isinstance(value, dict):
            inside = value.get(step, _MISSING)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            inside = value[step]
        if inside is _MISSING:
            return None
        value = inside
    return value


@lru_cache(maxsize=256)
def _inside(section: type[BaseModel], field: str) -> tuple[type[BaseModel], ...]:
    """Return the sections that a field may hold; none when it is a plain value."""
    info = section.model_fields.get(field)
    return tuple(_sections(info.annotation)) if info else ()


def _sections(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the sections that an annotation holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _sections(get_args(annotation)[0])
    else:
        for part in get_args(annotation):
            yield from _sections(part)


def _chosen(choices: Sequence[type[BaseModel]], tag: str) -> type[BaseModel] | None:
    """Return the section that a kind (or, for a dataset's source, a field) stands for."""
    for section in choices:
        known = section.model_fields
        first = next(iter(known))
        if first == tag or tag in get_args(known.get("kind", known[first]).annotation):
            return section
    return None
