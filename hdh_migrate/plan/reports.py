"""The signed evidence, and who puts a time on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hdh_migrate.plan.fields import AuthorityUrl, FilePath, Ref, unsaid
from hdh_migrate.plan.sides import Section, Tls


class StampAuthority(Section):
    """A time-stamping authority (RFC 3161)."""

    url: AuthorityUrl = Field(
        description="Where it answers; it is sent a digest, after the report is written.",
        examples=["https://tsa.example/stamp"],
    )
    trust: FilePath = Field(
        description="Certificates in PEM, relative to the plan or absolute: one of them must be in"
        " the chain of the authority's answer.",
        examples=["trust/tsa.pem"],
    )
    tls: Tls | None = Field(
        default=None,
        exclude_if=unsaid,
        description="How the certificate of the address itself is checked; default: by the system."
        " What a stamp is checked against is `trust`.",
    )


class Report(Section):
    """The signed evidence."""

    signer: Ref | None = Field(
        default=None,
        description="The Ed25519 secret key file that signs; without it there is no signed report.",
        examples=["file:keys/report.key"],
    )
    signer_passphrase: Ref | None = Field(
        default=None, description="Where the passphrase of `signer` stands, if it has one."
    )
    languages: tuple[Literal["fr", "en"], ...] = Field(
        default=("fr", "en"), min_length=1, description="Languages of the readable report."
    )
    tsa: StampAuthority | None = Field(
        default=None,
        description="Who is asked for a time-stamp on each signed report. Without an answer the"
        " report is valid all the same, and can be stamped later.",
        examples=[{"url": "https://tsa.example/stamp", "trust": "trust/tsa.pem"}],
    )
