"""The signed evidence, and who puts a time on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hdh_migrate.plan.fields import (
    AuthorityUrl,
    Country,
    Day,
    FilePath,
    Label,
    Name,
    Ref,
    unsaid,
)
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


class TitledDataset(Section):
    """What people call a dataset."""

    name: Name = Field(description="A dataset of this plan.", examples=["emc2"])
    title: Label = Field(
        description="What the report calls it.", examples=["EMC2, entrepôt de données de santé"]
    )


class Person(Section):
    """Somebody who answers for a part of the migration."""

    name: Label = Field(description="First name and family name.", examples=["Claire Martin"])
    role: Label = Field(description="What for.", examples=["responsable de la migration"])
    organisation: Label = Field(description="For whom.", examples=["Plateforme des données"])
    contact: Label | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Where to reach them: a telephone number or an address.",
        examples=["+33 1 00 00 00 00"],
    )
    logins: tuple[Label, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="Under which names they run the tool, as `login@host`: the report then says"
        " whose they are.",
        examples=[["martin@relais-1"]],
    )
    keys: tuple[FilePath, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="Their public keys for signatures, as `approvals`, `waivers` or `trust` of a"
        " `decommission` names the files: the report then says whose each key is.",
        examples=[["keys/dpo.pub"]],
    )
    reads: tuple[Label, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="Fingerprints of their keys as readers of a `grant`, as the report has them: it"
        " then says for whom each was given.",
        examples=[["c4gh:0123456789abcdef"]],
    )


class Organisation(Section):
    """An organisation with a role under Article 4 of the GDPR."""

    name: Label = Field(description="Its name.", examples=["Plateforme des données de santé"])
    role: Literal["controller", "joint-controller", "processor", "sub-processor"] = Field(
        description="`controller` decides why and how data is processed, `processor` acts for it.",
        examples=["controller"],
    )
    task: Label | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What it does in this migration.",
        examples=["hébergement de la cible"],
    )
    contract: Label | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What binds a processor: its contract, or another act (Article 28).",
        examples=["marché 2026-118, annexe 4"],
    )
    contact: Label | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Whom to call there.",
        examples=["dpo@plateforme.example"],
    )


class DeclaredPlace(Section):
    """In which country a side keeps the data."""

    side: Literal["source", "target"] = Field(description="Of which side.", examples=["target"])
    country: Country = Field(
        description="Two capital letters of ISO 3166; the report says whether it is in the European"
        " Union.",
        examples=["FR"],
    )
    place: Label | None = Field(
        default=None, exclude_if=unsaid, description="Where there.", examples=["Paris"]
    )


class KeyHolder(Section):
    """Who holds the private key of a recipient."""

    recipient: FilePath = Field(
        description="As `seal.recipients` names it.", examples=["keys/escrow.pub"]
    )
    holder: Label = Field(
        description="Who keeps the private key, and where.", examples=["étude Durand, coffre 12"]
    )
    escrow: bool = Field(
        default=False, description="Kept for the day on which the others are lost: not for use."
    )


class FormerKey(Section):
    """What became of a private key: one that was exchanged, or that lay with the plan.

    `keys rotate` puts another in the place of a recipient's. An approver's that lay in the plan's
    folder is told of in the report until somebody says here what was done about it.
    """

    key: Label = Field(
        description="Its fingerprint, as the report has it.", examples=["c4gh:0123456789abcdef"]
    )
    became: Label = Field(
        description="What became of it, and who saw that.",
        examples=["détruite le 2 décembre 2026, procès-verbal 12"],
    )


class FormerCopies(Section):
    """What became of copies of the ledger, and of the headers, that open what is to be shut."""

    until: Day = Field(
        description="Of copies made up to the end of this day, by UTC.", examples=["2026-12-02"]
    )
    became: Label = Field(
        description="What became of them, and who saw that.",
        examples=["détruites le 3 décembre 2026, procès-verbal 13"],
    )


class ToolOrigin(Section):
    """Who publishes this tool, and where its sources are: it cannot know where you got it."""

    publisher: Label = Field(
        description="Who publishes the tool that you run.",
        examples=["Plateforme des données de santé"],
    )
    sources: Label = Field(
        description="Where its sources are: an address, or where they are kept.",
        examples=["archive hdh_migrate-0.1.0.tar.gz, coffre numérique, cote 2026/119"],
    )


class EvidenceKeeping(Section):
    """Who keeps the evidence, and how long."""

    by: Label = Field(description="Who keeps it.", examples=["archives de la plateforme"])
    until: Day = Field(description="The last day.", examples=["2037-12-31"])
    place: Label | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Where it lies.",
        examples=["coffre numérique, cote 2026/118"],
    )


class Declared(Section):
    """What people state for the report. It shows these words as declared, and proves none."""

    datasets: tuple[TitledDataset, ...] = Field(default=(), description="Titles of datasets.")
    people: tuple[Person, ...] = Field(default=(), description="Who answers for what.")
    organisations: tuple[Organisation, ...] = Field(
        default=(), exclude_if=unsaid, description="Who is controller, who processor."
    )
    places: tuple[DeclaredPlace, ...] = Field(
        default=(), exclude_if=unsaid, description="In which country each side keeps the data."
    )
    keys: tuple[KeyHolder, ...] = Field(default=(), description="Who holds which private key.")
    former_keys: tuple[FormerKey, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="What became of keys that were exchanged, or that lay with the plan.",
    )
    former_copies: tuple[FormerCopies, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="What became of copies that open what was erased, or open by a former key.",
    )
    kept: EvidenceKeeping | None = Field(
        default=None, description="Who keeps the evidence, how long."
    )
    tool: ToolOrigin | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Who publishes this tool, and where its sources are.",
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
    declared: Declared | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Titles, people, organisations, countries and holders of keys, for readers of"
        " the report. It shows them as declared.",
        examples=[{"datasets": [{"name": "emc2", "title": "EMC2"}]}],
    )
