"""The customer's dated references for the host: which service is qualified, until when.

A SecNumCloud qualification belongs to a service and has a scope and an end date; we ship no such
claim. The customer keeps this file beside the plan, and the gate (`session.policy.gate`) checks it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from hdh_migrate.frozen import frozen
from hdh_migrate.plan import beside
from hdh_migrate.plan.fields import (
    AccountUrl,
    Day,
    Endpoint,
    FilePath,
    Name,
    Reason,
    Region,
    is_loopback,
    refusal,
    unsaid,
)
from hdh_migrate.plan.sides import Section

HINT = "`hdh-migrate docs operations` describes the attestation file"

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


class Tunnel(Section):
    """A way to a host that begins on this machine."""

    local: AccountUrl = Field(description="The address that the plan names, on loopback.")
    leads_to: Endpoint = Field(description="The host at its other end, over https.")

    @model_validator(mode="after")
    def _from_here_to_there(self) -> Self:
        if not is_loopback(self.local) or is_loopback(self.leads_to):
            raise refusal("a tunnel begins on this machine (`local`) and leads elsewhere")
        return self


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
    tunnels: tuple[Tunnel, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="What local addresses of the plan lead to, when not both ends are local.",
    )

    def leads_to(self, local: str) -> str | None:
        """Return the host behind a local address; None: no tunnel, or more than one, is named."""
        found = {t.leads_to for t in self.tunnels if t.local.rstrip("/") == local.rstrip("/")}
        return found.pop() if len(found) == 1 else None


@frozen
class LoadedAttestation:
    """A well-formed attestation, and the digest of its file."""

    attestation: Attestation
    sha256: str
    path: Path


def load_attestation(path: Path) -> LoadedAttestation:
    """Read an attestation as strictly as a plan.

    Raises:
        PlanInvalid: it cannot be read or is malformed; all problems are named.
    """
    attestation, digest = beside.load(path, Attestation, "an attestation", hint=HINT)
    return LoadedAttestation(attestation=attestation, sha256=digest, path=path)
