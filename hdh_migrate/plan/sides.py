"""The two sides of a plan and the seal between them: where objects come from and go to."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Discriminator, Field, PrivateAttr

from hdh_migrate.plan.azure_blob import (
    AzureBlob,
    AzureIdentity,
    ClientCertificate,
    ClientSecret,
    Identity,
    ManagedIdentity,
    Sas,
    SharedKey,
    WorkloadIdentity,
)
from hdh_migrate.plan.azure_sftp import AzureSftp
from hdh_migrate.plan.fields import (
    Endpoint,
    FilePath,
    Name,
    Reason,
    Ref,
    Region,
    Suffix,
    unsaid,
)
from hdh_migrate.plan.folder import Folder
from hdh_migrate.plan.origins import Section, SourceSection, Tls, Traits, kind_of

__all__ = [
    "SOURCES",
    "AccessKey",
    "AzureBlob",
    "AzureIdentity",
    "ClientCertificate",
    "ClientSecret",
    "Crypt4gh",
    "Folder",
    "HeaderCopy",
    "Identity",
    "ManagedIdentity",
    "Sas",
    "Section",
    "SharedKey",
    "SourceSection",
    "Target",
    "Tls",
    "Traits",
    "Unsealed",
    "WorkloadIdentity",
    "kind_of",
    "one_of",
]

T = TypeVar("T")


# --- where objects come from ---------------------------------------------------------------

SOURCES: Final[tuple[type[SourceSection], ...]] = (AzureBlob, AzureSftp, Folder)
"""The kinds that a plan may name."""


def one_of(sections: tuple[type[SourceSection], ...]) -> Any:  # noqa: ANN401 - an annotation
    """Return the annotation of a field that holds one of these kinds."""
    return Annotated[reduce(or_, sections), Discriminator("kind")]


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
        " there it may only point to loopback, for rehearsals and attested tunnels.",
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
        " says which (hdh-migrate docs providers).",
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
    _made: dict[str, Any] = PrivateAttr(default_factory=dict)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` makes of a file that this section names, the first time it is asked.

        So one command judges one reading of it, whatever becomes of the file meanwhile.
        """
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made


# --- how objects are sealed ----------------------------------------------------------------


def _inline(value: object) -> bool:
    """Leave `inline` out of a plan's digest: earlier plans have no such field."""
    return value == "inline"


class HeaderCopy(Section):
    """Where header packs are kept a second time, as they are at the target."""

    path: FilePath = Field(
        description="A folder that the coordinator can write: best on another machine than the"
        " target, and in its own backup. Packs are sealed; whoever copies them cannot open them.",
        examples=["/mnt/escrow/header-packs"],
    )


class Crypt4gh(Section):
    """Objects are encrypted before they leave. With inline headers any Crypt4GH tool opens them."""

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
    header: Literal["inline", "detached"] = Field(
        default="inline",
        description="Where what opens an object is: `inline`, in front of it, so that each is a"
        " file for any Crypt4GH tool; `detached`: in packs that are sealed for keys of X25519 and"
        " ML-KEM together, and the objects are segments alone"
        " ([header-packs.md](header-packs.md)).",
        exclude_if=_inline,
    )
    second_copy: HeaderCopy | None = Field(
        default=None,
        description="Where the second copy of the header packs is kept; needed with `header:"
        " detached`.",
        exclude_if=unsaid,
    )

    @property
    def encrypts(self) -> bool:
        """Whether objects are encrypted before they leave."""
        return True

    @property
    def form(self) -> str:
        """Where headers are: `inline` or `detached`."""
        return self.header

    @property
    def apart(self) -> bool:
        """Whether headers are kept apart from the objects that they open."""
        return self.header == "detached"


class Unsealed(Section):
    """Objects are stored as they are; the host can read them."""

    format: Literal["none"] = Field(description="No sealing.")
    reason: Reason = Field(description="Why that is acceptable; it is printed in the report.")
    suffix: Suffix = Field(default="", description="Appended to every key at the target.")

    @property
    def encrypts(self) -> bool:
        """Whether objects are encrypted before they leave."""
        return False

    @property
    def form(self) -> str:
        """`none`: there are no headers."""
        return "none"

    @property
    def apart(self) -> bool:
        """No: there are no headers."""
        return False

    @property
    def second_copy(self) -> HeaderCopy | None:
        """None: there is nothing that opens, so there is no copy of it."""
        return None

    @property
    def recipients(self) -> tuple[str, ...]:
        """Nobody needs a key."""
        return ()

    @property
    def identity(self) -> str | None:
        """None: there is nothing to open."""
        return None

    @property
    def identity_passphrase(self) -> str | None:
        """None: there is no key that could have one."""
        return None
