"""One S3 bucket, request by request, for what is smaller than a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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

    def put_matching(
        self,
        key: str,
        headers: Mapping[str, str],
        body: bytes,
        etag: str,
        shows: Callable[[], bool],
    ) -> Reply:
        """Write a key under If-Match, in the form that the host hears: see `s3_matching`.

        `shows`: whether it shows that ETag at this moment, and hears the other form.
        """
        return self._endpoint.matching.write(
            lambda condition: self.send("PUT", key, {**headers, **condition}, body=body),
            etag,
            shows,
        )

    def failure(self, reply: Reply, what: str) -> StorageError:
        """Return the error that a reply means."""
        return from_reply(reply, what)
