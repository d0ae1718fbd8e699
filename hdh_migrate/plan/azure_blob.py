"""Where objects are read from Azure Blob Storage: the section of a plan, and its credentials."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from hdh_migrate.plan.fields import (
    AccountUrl,
    Endpoint,
    FilePath,
    Guid,
    Ref,
    is_loopback,
    unsaid,
)
from hdh_migrate.plan.origins import Section, SourceSection, Tls, Traits


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


Tenant = Annotated[Guid, Field(description="The directory (tenant) id.")]
ClientId = Annotated[Guid, Field(description="The application (client) id.")]
TokenEndpoint = Annotated[
    Endpoint | None,
    Field(
        exclude_if=unsaid,
        description="Where tokens are asked for instead, in a rehearsal; on this machine only.",
    ),
]


class ManagedIdentity(Section):
    """The identity that Azure gave this virtual machine; there is no secret to hand over."""

    kind: Literal["managed-identity"] = Field(
        description="The virtual machine's own identity; 169.254.169.254 is asked for its tokens."
    )
    client_id: Guid | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Which one, where the machine has several; default: the system's.",
    )
    endpoint: TokenEndpoint = None


class WorkloadIdentity(Section):
    """An application that trusts another issuer's tokens, such as a Kubernetes cluster's."""

    kind: Literal["workload-identity"] = Field(
        description="A federated identity; login.microsoftonline.com is asked for its tokens."
    )
    tenant: Tenant
    client_id: ClientId
    token_file: FilePath = Field(
        description="The issuer's token; read again each time, for it is renewed in place.",
        examples=["/var/run/secrets/azure/tokens/azure-identity-token"],
    )
    endpoint: TokenEndpoint = None


class ClientSecret(Section):
    """An application with a secret."""

    kind: Literal["client-secret"] = Field(
        description="A service principal's secret; login.microsoftonline.com is asked."
    )
    tenant: Tenant
    client_id: ClientId
    secret: Ref = Field(description="Where it stands.", examples=["env:HDH_SOURCE_SECRET"])
    endpoint: TokenEndpoint = None


class ClientCertificate(Section):
    """An application with a certificate."""

    kind: Literal["client-certificate"] = Field(
        description="A service principal's certificate; login.microsoftonline.com is asked."
    )
    tenant: Tenant
    client_id: ClientId
    certificate: Ref = Field(
        description="Its RSA private key and the certificate, in one PEM file.",
        examples=["file:secrets/principal.pem"],
    )
    passphrase: Ref | None = Field(
        default=None, exclude_if=unsaid, description="Where the key's passphrase stands, if any."
    )
    endpoint: TokenEndpoint = None


class AzureIdentity(Section):
    """The identity from the environment: no longer supported, still read in older plans."""

    kind: Literal["azure-identity"] = Field(
        description="Of older plans, and refused: name one of the other kinds."
    )


Identity = ManagedIdentity | WorkloadIdentity | ClientSecret | ClientCertificate | AzureIdentity


class AzureBlob(SourceSection):
    """Containers of one Azure storage account."""

    traits = Traits(
        datasets="container",
        address="account_url",
        no_range_digests=None,
        no_trial=None,
        no_eraser=None,
        no_archive=None,
        no_labels=None,
        no_versions=None,
        reads_together=True,
    )

    kind: Literal["azure-blob"] = Field(description="Azure Blob Storage.")
    account_url: AccountUrl = Field(
        description="The account's address. Plain http is accepted on loopback only.",
        examples=["https://myaccount.blob.core.windows.net"],
    )
    credential: Annotated[Sas | SharedKey | Identity, Discriminator("kind")] = Field(
        description="How requests are authorised."
    )
    tls: Tls | None = Field(
        default=None,
        exclude_if=unsaid,
        description="How the account's certificate is checked, by whoever reads, tries the freeze"
        " or deletes there; default: by the system. Where tokens come from is not meant.",
    )

    @property
    def address(self) -> str:
        """Where requests go."""
        return self.account_url

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine, or enter a tunnel here."""
        return is_loopback(self.account_url)

    @property
    def trusts(self) -> Tls | None:
        """What the plan says of the account's certificate."""
        return self.tls

    @property
    def authorised_by(self) -> str | None:
        """The credential's kind."""
        return self.credential.kind
