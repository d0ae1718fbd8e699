"""What consumers follow to find a batch's data, and what it becomes at cutover."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import (
    Bucket,
    Duration,
    Endpoint,
    FilePath,
    Ref,
    Region,
    matching,
    unsaid,
)
from hdh_migrate.plan.sides import AccessKey, Section, Tls
from hdh_migrate.plan.ssh import Fingerprint, Host, User

MAX_VALUE = 4096

_STEP = r"[^.\"\s]{1,200}|\"[^\"\r\n]{1,200}\""
_KEY_PATH = rf"(?:{_STEP})(?:\.(?:{_STEP})){{0,31}}"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,127}"


def _value(text: str) -> str:
    if not text or len(text) > MAX_VALUE or text != text.strip() or not text.isprintable():
        raise fields.refusal(
            "must be one line of 1 to 4,096 printable characters, without spaces at its ends"
        )
    return text


def _object_key(text: str) -> str:
    if not text or len(text.encode()) > 1024 or not text.isprintable():
        raise fields.refusal("must be a key of 1 to 1,024 bytes, without control characters")
    return text


def _argument(text: str) -> str:
    if "\0" in text or len(text) > MAX_VALUE:
        raise fields.refusal("an argument has at most 4,096 characters and no null byte")
    return text


def _command(arguments: tuple[str, ...]) -> tuple[str, ...]:
    if not arguments[0].strip():
        raise fields.refusal("must begin with the program: a list such as [bin/flip, --to, new]")
    return arguments


def _variable(name: str) -> str:
    if not re.fullmatch(_VARIABLE, name) or name.startswith("HDH_"):
        raise fields.refusal("must be the name of a variable; HDH_ names are given by the tool")
    return name


def _titled(title: str) -> object:
    return Field(json_schema_extra={"title": title})


Value = Annotated[str, AfterValidator(_value), _titled("value")]
KeyPath = Annotated[
    str,
    matching(_KEY_PATH, 'must be names joined by dots, such as pmsi.url; quote a name: a."b.c"'),
    _titled("key path"),
]
Argument = Annotated[str, AfterValidator(_argument), _titled("argument")]
Command = Annotated[
    tuple[Argument, ...], Field(min_length=1, max_length=256), AfterValidator(_command)
]
ObjectKey = Annotated[str, AfterValidator(_object_key), _titled("object key")]
Variable = Annotated[str, AfterValidator(_variable)]

_NEW = "What the pointer becomes; what it was is recorded before."


class PointerSection(Section):
    """What consumers follow. A kind that has more to answer for overrides it here."""

    @property
    def trusts(self) -> Tls | None:
        """What the certificate of an address of its own is checked against."""
        return None

    @property
    def programs(self) -> Mapping[str, tuple[str, ...]]:
        """The command lines of programs on this machine, by field."""
        return {}


class FilePointer(PointerSection):
    """A file on this machine (or a share): the whole of it, or one value inside."""

    kind: Literal["file"] = Field(description="A file, replaced as a whole by an atomic rename.")
    path: FilePath = Field(description="The file; it must exist.", examples=["/srv/hdh/data.yaml"])
    key: KeyPath | None = Field(
        default=None,
        description="Where the value stands inside YAML or JSON: names joined by dots, numbers"
        " for list entries; only this value changes. Without it the whole file is the value.",
        examples=["datasets.pmsi.url"],
    )
    format: Literal["yaml", "json"] | None = Field(
        default=None, description="What the file is, when its suffix does not say so."
    )
    value: Value = Field(description=_NEW, examples=["s3://hds-emc2/pmsi/"])


class S3ObjectPointer(PointerSection):
    """A small S3 object whose whole content is the value."""

    kind: Literal["s3-object"] = Field(description="A small S3 object.")
    bucket: Bucket = Field(description="The bucket's name.", examples=["hds-catalogue"])
    key: ObjectKey = Field(
        description="The object's key; it must exist.", examples=["pmsi/CURRENT"]
    )
    endpoint: Endpoint | None = Field(
        default=None, description="Its S3 address; default: the target's.",
        examples=["https://s3.example.org"],
    )  # fmt: skip
    region: Region = Field(
        default="us-east-1", description="Its region, when it has an `endpoint` of its own."
    )
    credential: AccessKey | None = Field(
        default=None,
        description="The key that may read and write it; default: the target's. Needed with"
        " `endpoint`.",
    )
    conditional: bool | None = Field(
        default=None,
        description="Whether the host is asked for conditional writes (If-Match); default: as its"
        " profile says. A host that turns out to ignore them is recognised.",
    )
    tls: Tls | None = Field(
        default=None,
        exclude_if=unsaid,
        description="How the certificate of its own `endpoint` is checked; default: by the system."
        " Without an `endpoint` the target's counts.",
    )
    value: Value = Field(description=_NEW, examples=["s3://hds-emc2/pmsi/"])

    @property
    def trusts(self) -> Tls | None:
        """What the plan says of its own endpoint's certificate."""
        return self.tls


class CommandPointer(PointerSection):
    """Anything that programs on this machine can read and set; never through a shell."""

    kind: Literal["command"] = Field(description="Programs on this machine.")
    check: Command = Field(
        description="Prints the value as it is now and ends with status 0; changes nothing.",
        examples=[["bin/alias", "show", "pmsi"]],
    )
    apply: Command = Field(
        description="Sets the new value, HDH_NEW, if it is HDH_EXPECTED now.",
        examples=[["bin/alias", "set", "pmsi"]],
    )
    revert: Command = Field(
        description="Sets the old value back: HDH_NEW, if it is HDH_EXPECTED now.",
        examples=[["bin/alias", "set", "pmsi"]],
    )
    timeout: Duration = Field(
        default="60s", description="After this a program and all it started are ended."
    )
    environment: dict[Variable, Ref] = Field(
        default={},
        description="The programs' whole environment besides HDH_EXPECTED and HDH_NEW: names of"
        " variables and references.",
        examples=[{"PATH": "env:PATH", "API_TOKEN": "file:secrets/api.token"}],
    )
    value: Value = Field(description=_NEW, examples=["s3://hds-emc2/pmsi/"])

    @property
    def programs(self) -> Mapping[str, tuple[str, ...]]:
        """The three of them."""
        return {"check": self.check, "apply": self.apply, "revert": self.revert}

    @property
    def timeout_seconds(self) -> int:
        """The time limit in seconds."""
        return fields.period_seconds(self.timeout)


class SshCommandPointer(PointerSection):
    """The same on another machine, whose host key is pinned.

    Only HDH_EXPECTED and HDH_NEW are handed over: whatever stands on a remote command line can
    be read by that machine's other users, so no secret can be.
    """

    kind: Literal["ssh-command"] = Field(description="Programs on another machine, over SSH.")
    host: Host = Field(description="The machine.", examples=["gateway.example.org"])
    port: int = Field(default=22, ge=1, le=65_535, description="Its SSH port.")
    user: User = Field(description="Who logs in.", examples=["hdh-cutover"])
    host_keys: tuple[Fingerprint, ...] = Field(
        default=(),
        description="Fingerprints of the machine's keys, as `ssh-keygen -lf` prints them; any"
        " other key is refused.",
        examples=[["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]],
    )
    known_hosts: FilePath | None = Field(
        default=None, description="Or a file as ssh keeps it; nothing is ever added to it.",
        examples=["keys/known_hosts"],
    )  # fmt: skip
    key: Ref | None = Field(
        default=None, description="The private key file that logs in.",
        examples=["file:keys/cutover"],
    )  # fmt: skip
    key_passphrase: Ref | None = Field(
        default=None, description="Where the passphrase of `key` stands, if it has one."
    )
    agent: bool = Field(default=False, description="Use the keys of the SSH agent instead.")
    check: Command = Field(
        description="Prints the value as it is now and ends with status 0; changes nothing.",
        examples=[["/opt/alias", "show", "pmsi"]],
    )
    apply: Command = Field(
        description="Sets the new value, HDH_NEW, if it is HDH_EXPECTED now.",
        examples=[["/opt/alias", "set", "pmsi"]],
    )
    revert: Command = Field(
        description="Sets the old value back: HDH_NEW, if it is HDH_EXPECTED now.",
        examples=[["/opt/alias", "set", "pmsi"]],
    )
    timeout: Duration = Field(default="60s", description="After this the connection is cut.")
    value: Value = Field(description=_NEW, examples=["s3://hds-emc2/pmsi/"])

    @property
    def timeout_seconds(self) -> int:
        """The time limit in seconds."""
        return fields.period_seconds(self.timeout)


Pointer = Annotated[
    FilePointer | S3ObjectPointer | CommandPointer | SshCommandPointer, Discriminator("kind")
]
