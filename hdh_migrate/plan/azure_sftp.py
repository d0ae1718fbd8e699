"""Where objects are read over SFTP: the section of a plan, its login and its pinned keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, model_validator

from hdh_migrate.plan.fields import Day, FilePath, Ref, SftpUrl, is_loopback, refusal, unsaid
from hdh_migrate.plan.origins import Section, SourceSection, Tls, Traits
from hdh_migrate.plan.ssh import Fingerprint, LongUser

SSH_PORT = 22
SESSIONS = 8


class SshPrivateKey(Section):
    """A private key file."""

    kind: Literal["private-key"] = Field(description="A private key, as ssh-keygen writes it.")
    value: Ref = Field(description="Where the key stands.", examples=["file:secrets/mover"])
    passphrase: Ref | None = Field(
        default=None, exclude_if=unsaid, description="Where its passphrase stands, if it has one."
    )


class Password(Section):
    """A password."""

    kind: Literal["password"] = Field(description="A password; a key is safer.")
    value: Ref = Field(description="Where it stands.", examples=["env:HDH_SFTP_PASSWORD"])


class SshAgent(Section):
    """The keys of the SSH agent."""

    kind: Literal["ssh-agent"] = Field(
        description="The keys of the SSH agent (SSH_AUTH_SOCK), which it never gives away."
    )


class PinnedKey(Section):
    """A host key, and when it counts."""

    fingerprint: Fingerprint = Field(
        description="As `ssh-keygen -lf` prints it.",
        examples=["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"],
    )
    valid_from: Day | None = Field(
        default=None, exclude_if=unsaid, description="The first day on which it counts.",
        examples=["2026-11-01"],
    )  # fmt: skip
    valid_until: Day | None = Field(
        default=None, exclude_if=unsaid, description="The last day on which it counts.",
        examples=["2027-03-31"],
    )  # fmt: skip

    @model_validator(mode="after")
    def _begins_first(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise refusal("ends before it begins (`valid_from`, `valid_until`)")
        return self


class AzureSftp(SourceSection):
    """Directories of an SFTP server: Azure Blob's SFTP endpoint, or any other."""

    traits = Traits(
        datasets="path",
        address="account_url",
        no_range_digests="SFTP has no digest of a range; use again, or source.double_read",
        no_trial="over SFTP nothing is written, not even to try: use kind statement instead",
        no_eraser="over SFTP nothing is deleted: leave this out, and delete there by other means",
        no_archive="over SFTP no tier can be set: leave this out, and set it by other means",
        no_labels="SFTP knows no tiers and no tags: leave this out",
        no_versions="SFTP knows no versions: leave this out",
        reads_together=False,
    )

    kind: Literal["azure-sftp"] = Field(
        description="An SFTP server: Azure Blob's endpoint, or any other."
    )
    account_url: SftpUrl = Field(
        description="The server's address; port 22 unless it says another.",
        examples=["sftp://myaccount.blob.core.windows.net"],
    )
    user: LongUser = Field(
        description="Who logs in. On Azure `account.container.localuser` (or `account.localuser`,"
        " with the user's home container).",
        examples=["myaccount.emc2.mover"],
    )
    credential: Annotated[SshPrivateKey | Password | SshAgent, Discriminator("kind")] = Field(
        description="How the login is proved."
    )
    host_keys: tuple[PinnedKey, ...] = Field(
        default=(),
        exclude_if=unsaid,
        description="The server's own keys; any other key, and one outside its days, is refused."
        " Name the next key too, with the day from which it counts.",
    )
    known_hosts: FilePath | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Or a file as ssh keeps it; nothing is ever added to it.",
        examples=["keys/known_hosts"],
    )
    sessions: int = Field(
        default=SESSIONS,
        ge=1,
        le=256,
        description="Connections at once, of all worker processes together. Lower it for a server"
        " that lets in fewer; 1 reads with one process.",
    )
    double_read: bool = Field(
        default=False,
        exclude_if=unsaid,
        description="Read every object a second time when it is verified, and compare: the same as"
        " `verify.source: again`. SFTP tells no version of a file, so this alone finds what was"
        " rewritten within a second, or given wrongly once.",
    )

    @model_validator(mode="after")
    def _is_pinned(self) -> Self:
        if not self.host_keys and self.known_hosts is None:
            raise refusal(
                "no host key is pinned: give `host_keys` (ssh-keygen -lf prints fingerprints; Azure"
                " publishes its own), or `known_hosts`"
            )
        return self

    @property
    def address(self) -> str:
        """Where connections go."""
        return self.account_url

    @property
    def pinned_until(self) -> str | None:
        """The last day of the host key that counts longest; None: one has no last day."""
        days = [one.valid_until for one in self.host_keys]
        last = [day for day in days if day is not None]
        return max(last) if last and len(last) == len(days) and not self.known_hosts else None

    @property
    def host(self) -> str:
        """The server's name or address."""
        return urlsplit(self.account_url).hostname or ""

    @property
    def port(self) -> int:
        """Its SSH port."""
        return urlsplit(self.account_url).port or SSH_PORT

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, or entered by a tunnel that begins here."""
        return is_loopback(self.account_url)

    @property
    def trusts(self) -> Tls | None:
        """None: it has no certificate, but pinned keys."""
        return None

    @property
    def authorised_by(self) -> str | None:
        """The credential's kind."""
        return self.credential.kind

    @property
    def reads_twice(self) -> bool:
        """Whether the plan says so."""
        return self.double_read

    @property
    def sessions_at_most(self) -> int | None:
        """What the plan says."""
        return self.sessions

    @property
    def variables(self) -> tuple[str, ...]:
        """The agent's socket, where it is the agent that logs in."""
        return ("SSH_AUTH_SOCK",) if isinstance(self.credential, SshAgent) else ()

    @property
    def files(self) -> Mapping[str, str]:
        """The known_hosts file."""
        return {} if self.known_hosts is None else {"known_hosts": self.known_hosts}

    def shared(self, processes: int) -> Self:
        """Return it with the sessions of one of so many processes."""
        return self.model_copy(update={"sessions": max(1, self.sessions // processes)})
