"""The customer's dated references for the host: which service is qualified, until when.

A SecNumCloud qualification belongs to a service and has a scope and an end; we ship none as
truth. The customer keeps this file beside the plan, and the gate (`session.gate`) judges it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.plan import document
from hdh_migrate.plan.fields import Endpoint, FilePath, Name, Reason, Region
from hdh_migrate.plan.files import read_bounded
from hdh_migrate.plan.rules import shown
from hdh_migrate.plan.sides import Section

MAX_BYTES = 1 << 16
HINT = "docs/operations.md describes the attestation file; nothing was moved"

Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Reference(Section):
    """One qualification or certificate, in force from a day to a day, both included."""

    reference: Reason = Field(description="Its number or title, as its issuer gives it.")
    valid_from: Day
    valid_until: Day


class Evidence(Section):
    """A document that the customer keeps as proof."""

    path: FilePath = Field(description="Relative to the attestation file.")
    sha256: Digest


class Attestation(Section):
    """What the customer attests of one host."""

    version: int = Field(ge=1, le=1)
    provider: Name
    service: Reason = Field(description="The service that the qualification names.")
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    regions: tuple[Region, ...] = Field(min_length=1)
    secnumcloud: Reference
    hds: Reference
    contract: Reason = Field(description="The contract that says so.")
    documents: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAttestation:
    """A well-formed attestation, and the digest of its file."""

    attestation: Attestation
    sha256: str
    path: Path


def load_attestation(path: Path) -> LoadedAttestation:
    """Read an attestation with the same care as a plan.

    Raises:
        PlanInvalid: it cannot be read or is malformed; all problems are told.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
        text = data.decode()
    except OSError:
        raise PlanInvalid([f"{path}: the attestation cannot be read"], hint=HINT) from None
    except ValueError:
        raise PlanInvalid([f"{path}: not UTF-8 text"], hint=HINT) from None
    if len(data) > MAX_BYTES:
        raise PlanInvalid([f"{path}: an attestation is at most 64 KiB"], hint=HINT)
    read = document.read(text)
    faults = [f"{path}:{f.spot.line}:{f.spot.column}: {f.message}" for f in read.faults]
    if faults or not isinstance(read.value, dict):
        raise PlanInvalid(faults or [f"{path}: an attestation is a mapping"], hint=HINT)
    try:
        attestation = Attestation.model_validate_json(json.dumps(read.value))
    except ValidationError as error:
        faults = [
            f"{path}: {shown(detail['loc'])}: {detail['msg'].lower()}" for detail in error.errors()
        ]
        raise PlanInvalid(faults, hint=HINT) from None
    return LoadedAttestation(
        attestation=attestation, sha256=hashlib.sha256(data).hexdigest(), path=path
    )
