"""Who is notified of what happens: programs of this machine, and endpoints that a plan names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Discriminator, Field

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import Duration, Endpoint, Name, Period, Ref, matching, unsaid
from hdh_migrate.plan.pointers import Command, Variable
from hdh_migrate.plan.sides import Section, Tls

NoticeKind: TypeAlias = Literal[
    "batch-done", "blocked", "findings", "ends-soon", "date-missed", "run-ended"
]
"""What somebody may be notified of."""

EVERY_KIND: Final[tuple[NoticeKind, ...]] = (
    "batch-done", "blocked", "findings", "ends-soon", "date-missed", "run-ended",
)  # fmt: skip

_PATH = r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,500}"
_PLACE = rf"{_PATH}|env:[A-Za-z_][A-Za-z0-9_]{{0,127}}|file:[^~\s].*"
UrlPath = Annotated[
    str,
    matching(
        _PLACE, "must be a path such as /hooks/hdh, or a reference to one: env:NAME, file:PATH"
    ),
]


class NoticeSection(Section):
    """Somebody who gets notices; each kind says how."""

    name: Name = Field(description="What it is called in messages.", examples=["on-call"])
    on: tuple[NoticeKind, ...] = Field(
        default=EVERY_KIND,
        min_length=1,
        description="What it gets notices of; default: everything.",
        examples=[["blocked", "findings", "run-ended"]],
    )
    ahead: Period = Field(
        default="14d",
        description="How long before a credential or an attested period ends a notice is sent, and"
        " once more a day before.",
    )
    keep_trying: Period = Field(
        default="3d", description="How long what did not arrive is sent again; then it is given up."
    )

    @property
    def ahead_seconds(self) -> int:
        """Seconds before an end."""
        return fields.period_seconds(self.ahead)

    @property
    def patience_seconds(self) -> int:
        """Seconds for which what did not arrive is sent again."""
        return fields.period_seconds(self.keep_trying)

    @property
    def trusts(self) -> Tls | None:
        """What the certificate of an address is checked against."""
        return None

    @property
    def programs(self) -> Mapping[str, tuple[str, ...]]:
        """The command lines of programs on this machine, by field."""
        return {}

    @property
    def is_signed(self) -> bool:
        """Whether what it is sent is signed with a secret that both know."""
        return False


class NoticeCommand(NoticeSection):
    """A program on this machine; never through a shell."""

    kind: Literal["command"] = Field(description="A program on this machine.")
    run: Command = Field(
        description="Is given the document on its standard input; status 0: it has taken it.",
        examples=[["bin/tell", "--room", "hdh"]],
    )
    timeout: Duration = Field(
        default="30s", description="After this the program and all it started are ended."
    )
    environment: dict[Variable, Ref] = Field(
        default={},
        description="The program's whole environment: names of variables and references.",
        examples=[{"PATH": "env:PATH", "ROOM_TOKEN": "file:secrets/room.token"}],
    )

    @property
    def timeout_seconds(self) -> int:
        """The time limit in seconds."""
        return fields.period_seconds(self.timeout)

    @property
    def programs(self) -> Mapping[str, tuple[str, ...]]:
        """The one of it."""
        return {"run": self.run}


class NoticeWebhook(NoticeSection):
    """An endpoint that takes signed documents by POST (Standard Webhooks 1.0)."""

    kind: Literal["webhook"] = Field(description="An endpoint that takes documents by POST.")
    endpoint: Endpoint = Field(
        description="Its address; no redirect is followed. http for this machine only.",
        examples=["https://hooks.example.org"],
    )
    path: UrlPath = Field(
        default="/",
        description="Its path, or a reference to it where it is a secret.",
        examples=["/hdh", "file:secrets/hook.path"],
    )
    secret: Ref = Field(
        description="The key that signs (HMAC-SHA256): `whsec_` and the base64 of 24 to 64 bytes.",
        examples=["file:secrets/webhook.secret"],
    )
    tls: Tls | None = Field(
        default=None,
        exclude_if=unsaid,
        description="How the endpoint's certificate is checked; default: by the system.",
    )

    @property
    def trusts(self) -> Tls | None:
        """What the plan says of the endpoint's certificate."""
        return self.tls

    @property
    def is_signed(self) -> bool:
        """It is: see `secret`."""
        return True


NotifyChannel: TypeAlias = Annotated[NoticeCommand | NoticeWebhook, Discriminator("kind")]
"""One channel that notices go to."""
