"""Reads the small YAML files that are kept beside a plan, as strictly as the plan itself.

An attestation, a customer's own profile: bounded, strict UTF-8, one document, no anchors, closed
to unknown fields, every problem reported at once as file:line:column.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.fixity import text_digest
from hdh_migrate.plan import document
from hdh_migrate.plan.document import Document, around
from hdh_migrate.plan.files import read_bounded
from hdh_migrate.plan.rules import place_text

MAX_BYTES = 1 << 16

Model = TypeVar("Model", bound=BaseModel)


def read(path: Path, what: str, *, hint: str) -> str:
    """Return a file's text, which is its bytes: UTF-8, and no more than `MAX_BYTES` of it.

    `what` names the kind of file, with its article: "an attestation".

    Raises:
        PlanInvalid: it cannot be read.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
        text = data.decode()
    except OSError:
        the = what.split(" ", 1)[1]
        raise PlanInvalid([f"{path}: the {the} cannot be read"], hint=hint) from None
    except ValueError:
        raise PlanInvalid([f"{path}: not UTF-8 text"], hint=hint) from None
    if len(data) > MAX_BYTES:
        raise PlanInvalid([f"{path}: {what} is at most 64 KiB"], hint=hint)
    return text


def parsed(text: str, name: str, what: str, *, hint: str) -> Document:
    """Return the YAML mapping in a text; `name` stands before every problem.

    Raises:
        PlanInvalid: it is none.
    """
    found = document.read(text)
    faults = [f"{name}:{f.spot.line}:{f.spot.column}: {f.message}" for f in found.faults]
    if faults or not isinstance(found.value, dict):
        raise PlanInvalid(faults or [f"{name}: {what} is a mapping"], hint=hint)
    return found


def checked(
    model: type[Model],
    value: object,
    spots: Document,
    name: str,
    *,
    hint: str,
) -> Model:
    """Return a JSON value as a model.

    Raises:
        PlanInvalid: it is refused; every problem with its place where the document knows it.
    """
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        faults = []
        for detail in error.errors(include_url=False, include_input=False):
            spot = around(spots.spots, detail["loc"], least=1)
            place = f"{name}:{spot.line}:{spot.column}" if spot else name
            faults.append(f"{place}: {place_text(detail['loc'])}: {_lower(detail['msg'])}")
        raise PlanInvalid(faults, hint=hint) from None


def load(path: Path, model: type[Model], what: str, *, hint: str) -> tuple[Model, str]:
    """Return a file as a model, and the digest of its bytes.

    Raises:
        PlanInvalid: it cannot be read or is refused; all problems are named.
    """
    text = read(path, what, hint=hint)
    found = parsed(text, str(path), what, hint=hint)
    return checked(model, found.value, found, str(path), hint=hint), text_digest(text)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
