"""An endpoint that takes each document by POST, signed as Standard Webhooks 1.0 has it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import KeyUnavailable, Transient
from hdh_migrate.plan.secrets import Secret
from hdh_migrate.ports.run import Clock
from hdh_migrate.transport import Transport

_PREFIX: Final = "whsec_"
_KEY_MIN, _KEY_MAX = 24, 64
"""Bytes of a key, as the specification has them."""

STALL_SECONDS: Final = 15
REPLY_MAX: Final = 65_536


def key_of(text: str) -> bytes:
    """Return the key that a secret's text holds.

    Raises:
        KeyUnavailable: it is not of the form.
    """
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or not _KEY_MIN <= len(key) <= _KEY_MAX:
        raise KeyUnavailable(
            "a webhook's secret must be whsec_ and the base64 of 24 to 64 bytes",
            hint='make one: echo "whsec_$(openssl rand -base64 32)" > secrets/webhook.secret',
        )
    return key


def signature(key: bytes, notice: str, stamp: int, document: bytes) -> str:
    """Return what the header `webhook-signature` says of a document."""
    signed = b".".join((notice.encode(), str(stamp).encode(), document))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


class WebhookChannel:
    """See `ports.Channel`. Any 2xx says that a document was taken; no redirect is followed."""

    def __init__(
        self,
        name: str,
        endpoint: str,
        path: Secret,
        secret: Secret,
        transport: Transport,
        clock: Clock,
    ) -> None:
        """`path` may be a secret too: it is in no message.

        Raises:
            KeyUnavailable: the secret, or the path, is not of its form.
        """
        key_of(secret.reveal())
        if not path.reveal().startswith("/"):
            raise KeyUnavailable(f"notify {name}: the path of the webhook must begin with /")
        self._name, self._endpoint, self._path = name, endpoint.rstrip("/"), path
        self._secret, self._transport, self._clock = secret, transport, clock

    def deliver(self, notice: str, document: bytes) -> None:
        """Post the document once; see `ports.Channel`."""
        stamp = int(seconds_of(self._clock.now()))
        reply = self._transport.request(
            "POST",
            f"{self._endpoint}{self._path.reveal()}",
            {
                "Content-Type": "application/json",
                "User-Agent": "hdh-migrate",
                "webhook-id": notice,
                "webhook-timestamp": str(stamp),
                "webhook-signature": signature(
                    key_of(self._secret.reveal()), notice, stamp, document
                ),
            },
            body=memoryview(document),
            limit=REPLY_MAX,
            stall=STALL_SECONDS,
        )
        if not 200 <= reply.status <= 299:
            raise Transient(f"notify {self._name}: the endpoint answered {reply.status}")

    def close(self) -> None:
        """Nothing goes on of it without the run."""
