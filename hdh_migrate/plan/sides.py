"""The two sides of a plan and the seal between them: where objects come from and go to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from hdh_migrate.plan.fields import (
    AccountUrl,
    Endpoint,
    FilePath,
    Name,
    Reason,
    Ref,
    Region,
    SpkiPin,
    Suffix,
    unsaid,
)


class Section(BaseModel):
    """A mapping in a plan."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


# --- where objects come from ---------------------------------------------------------------


class Sas(Section):
    """A shared access signature: list and read rights on the containers are enough."""

    kind: Literal["sas"] = Field(description="A shared access signature.")
    value: Ref = Field(
        description="Where the signature stands; the token alone, without the account's address.",
        examples=["env:HDH_SOURCE_SAS"],
    )


class SharedKey(Section):
    """A storage account key; only short-lived read-only signatures are made from it."""

    kind: Literal["shared-key"] = Field(description="An account key.")
    value: Ref = Field(description="Where the key stands.", examples=["file:secrets/account.key"])


class AzureIdentity(Section):
    """The identity of the machine or of the signed-in user; there is no secret to hand over."""

    kind: Literal["azure-identity"] = Field(
        description="Managed identity, workload identity or `az login`."
    )


class AzureBlob(Section):
    """Containers of one Azure storage account."""

    kind: Literal["azure-blob"] = Field(description="Azure Blob Storage.")
    account_url: AccountUrl = Field(
        description="The account's address. Plain http is accepted on loopback only.",
        examples=["https://myaccount.blob.core.windows.net"],
    )
    credential: Annotated[Sas | SharedKey | AzureIdentity, Discriminator("kind")] = Field(
        description="How requests are authorised."
    )


class Folder(Section):
    """Folders on this machine, for rehearsals and for data that was exported before."""

    kind: Literal["folder"] = Field(description="Folders on this machine; no credential.")


# --- where objects go ----------------------------------------------------------------------


class AccessKey(Section):
    """An S3 access key pair."""

    kind: Literal["access-key"] = Field(description="An S3 access key pair.")
    id: Ref = Field(description="Where the key's id stands.", examples=["env:HDH_TARGET_ID"])
    secret: Ref = Field(
        description="Where the secret half stands.", examples=["env:HDH_TARGET_SECRET"]
    )
    session_token: Ref | None = Field(
        default=None, description="Where the session token of a temporary key stands."
    )


class Tls(Section):
    """What the target's certificate is checked against, besides its name and dates."""

    ca_bundle: FilePath | None = Field(
        default=None,
        description="PEM file of the only certification authorities that are trusted for the"
        " target; default: the system's.",
        examples=["keys/host-ca.pem"],
    )
    spki_pins: tuple[SpkiPin, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="SHA-256 digests of public keys, in base64; the server's own key must be one"
        " of them. Name the next key too, or its renewal stops the migration.",
        examples=[["sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="]],
    )


class Target(Section):
    """The S3-compatible host that receives the objects."""

    provider: Name = Field(
        description="A provider profile (`hdh-migrate providers list`), or `generic` for any"
        " S3-compatible host, which then needs `endpoint`.",
        examples=["scaleway"],
    )
    region: Region = Field(
        default="us-east-1",
        description="The provider's region; needed where its profile lists regions.",
        examples=["fr-par"],
    )
    endpoint: Endpoint | None = Field(
        default=None,
        description="The S3 address, for a profile without one. Other profiles know their own;"
        " there it may only point to loopback, for rehearsals.",
        examples=["https://s3.example.org"],
    )
    credential: AccessKey = Field(
        description="The key that writes (and reads, unless `verify` has its own)."
    )
    attestation: FilePath | None = Field(
        default=None,
        description="Your dated SecNumCloud and HDS references for this host.",
        examples=["attestations/scaleway.yaml"],
    )
    profile: FilePath | None = Field(
        default=None,
        description="Your own profile: replaces single claims of the provider's, and the report"
        " says which (docs/providers.md).",
        examples=["host-profile.yaml"],
    )
    metadata_names: Literal["exact", "hyphens"] | None = Field(
        default=None,  # not "exact": what is not given has no part in the plan's digest
        exclude_if=unsaid,
        description="`hyphens`: write `_` in the names of metadata as `-`, for a host that changes"
        " them so (a probe tells); noted once for each dataset. Default: as they are.",
        examples=["hyphens"],
    )
    tls: Tls | None = Field(
        default=None, description="How the target's certificate is checked; default: by the system."
    )


# --- how objects are sealed ----------------------------------------------------------------


class Crypt4gh(Section):
    """Objects are encrypted before they leave the worker; every Crypt4GH tool opens them."""

    format: Literal["crypt4gh"] = Field(description="GA4GH Crypt4GH version 1.")
    recipients: tuple[FilePath, ...] = Field(
        min_length=1,
        description="Public key files; each recipient alone can open the objects. At least two,"
        " so that one lost key loses no data.",
        examples=[["keys/steward.pub", "keys/escrow.pub"]],
    )
    single_recipient_reason: Reason | None = Field(
        default=None, description="Why one recipient is enough; it is printed in the report."
    )
    identity: Ref | None = Field(
        default=None,
        description="The secret key file of one recipient. Needed to resume inside an object, to"
        " verify and to fetch.",
        examples=["file:keys/steward.sec"],
    )
    identity_passphrase: Ref | None = Field(
        default=None, description="Where the passphrase of `identity` stands, if it has one."
    )
    suffix: Suffix = Field(default=".c4gh", description="Appended to every key at the target.")


class Unsealed(Section):
    """Objects are stored as they are; the host can read them."""

    format: Literal["none"] = Field(description="No sealing.")
    reason: Reason = Field(description="Why that is acceptable; it is printed in the report.")
    suffix: Suffix = Field(default="", description="Appended to every key at the target.")
