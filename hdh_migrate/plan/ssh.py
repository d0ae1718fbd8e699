"""What a plan says of a machine that is reached over SSH: its name, its user, its pinned keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hdh_migrate.plan.fields import matching

_FINGERPRINT = r"SHA256:[A-Za-z0-9+/]{43}"
_HOST = r"[A-Za-z0-9:](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?"
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}"
_LOGIN = r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,159}"

Fingerprint = Annotated[
    str,
    matching(_FINGERPRINT, "must be as ssh-keygen -lf prints it: SHA256: and 43 characters"),
    Field(json_schema_extra={"title": "fingerprint"}),
]
Host = Annotated[
    str,
    matching(_HOST, "must be a host name or address"),
    Field(json_schema_extra={"title": "host"}),
]
User = Annotated[
    str, matching(_USER, "must be a user name"), Field(json_schema_extra={"title": "user name"})
]
LongUser = Annotated[
    str,
    matching(_LOGIN, "must be a user name, such as account.container.localuser"),
    Field(json_schema_extra={"title": "user name"}),
]
"""A user name that holds an account, a container and a local user: 24 + 63 + 64 characters."""
