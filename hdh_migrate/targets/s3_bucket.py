"""One S3 bucket, request by request, for what is smaller than a target."""

from __future__ import annotations

from collections.abc import Mapping

from hdh_migrate.errors import StorageError
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.targets.s3_endpoint import S3Endpoint, from_reply
from hdh_migrate.transport import Reply


class S3Bucket:
    """Signed requests about a bucket and its objects; every reply is returned as it is."""

    def __init__(self, endpoint: S3Endpoint, name: str) -> None:
        self._endpoint = endpoint
        self._name = name

    def send(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = 1 << 20,
    ) -> Reply:
        """Make one request about a key, or about the bucket itself when the key is empty."""
        signed = {"x-amz-content-sha256": sha256_hex(body or b""), **headers}
        content = None if body is None else memoryview(body)
        return self._endpoint.send(
            method, self._name, key, signed, query=query, body=content, limit=limit
        )

    def failure(self, reply: Reply, what: str) -> StorageError:
        """Return the error that a reply means."""
        return from_reply(reply, what)
