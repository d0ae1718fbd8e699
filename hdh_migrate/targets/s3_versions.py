"""What is done with versions that are there: parts copied from one, and one of them removed.

A part that is copied never leaves the host. Which bytes it is made of is pinned three times: by the
version, by its ETag, and by the span; whether the host kept to that only reading shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from hdh_migrate.errors import Missing, Transient, Unsupported
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.markup import text_in
from hdh_migrate.model import Span, Stored, Upload, key_bytes
from hdh_migrate.targets.s3_endpoint import (
    CONTROL_BODY_MAX,
    CONTROL_SECONDS,
    S3Endpoint,
    classified,
    from_reply,
    xml_code,
)
from hdh_migrate.targets.s3_matching import COPY_IF_MATCH
from hdh_migrate.transport import Reply

_SIGNED = {"x-amz-content-sha256": EMPTY_SHA256}


def copy_part(endpoint: S3Endpoint, upload: Upload, number: int, stored: Stored, span: Span) -> str:
    """Make a part of a span of an object in the same bucket; see `ports.TargetWriter.copy_part`."""
    source = f"/{quote(upload.bucket)}/{quote(key_bytes(stored.key), safe='/-_.~')}"
    if stored.version_id is not None or stored.exact:
        source += f"?versionId={quote(stored.version_id or 'null', safe='')}"
    headers = {
        **_SIGNED,
        "x-amz-copy-source": source,
        "x-amz-copy-source-range": f"bytes={span.start}-{span.end - 1}",
    }
    query = {"partNumber": str(number), "uploadId": upload.upload_id}

    def ask(condition: Mapping[str, str]) -> Reply:
        return endpoint.send(
            "PUT", upload.bucket, upload.key, {**headers, **condition}, query=query,
            body=memoryview(b""), limit=CONTROL_BODY_MAX, stall=CONTROL_SECONDS,
        )  # fmt: skip

    def shows() -> bool:
        version = {"versionId": stored.version_id} if stored.version_id else None
        there = endpoint.send("HEAD", upload.bucket, stored.key, _SIGNED, query=version)
        return there.status == 200 and there.etag == stored.etag

    reply = endpoint.matching.write(ask, stored.etag, shows, name=COPY_IF_MATCH)
    code = xml_code(reply.body)
    if reply.status != 200 or code:
        # S3 answers before it knows the end, so an error may come under a 200.
        status = 500 if reply.status == 200 else reply.status
        raise classified(code, status, "copying a part", reply.retry_after)
    etag = text_in(reply.body, "{*}ETag").strip('"')
    if etag:
        return etag
    if reply.etag:  # it was taken for a part without bytes
        raise Unsupported("the host copies no parts: it does not look at x-amz-copy-source")
    raise Transient("the target acknowledged a copied part without an ETag")


def remove_version(endpoint: S3Endpoint, bucket: str, key: str, version_id: str) -> None:
    """Remove one version; see `ports.TargetWriter.remove_version`."""
    reply = endpoint.send("DELETE", bucket, key, _SIGNED, query={"versionId": version_id})
    if 200 <= reply.status < 300:
        return
    error = from_reply(reply, "removing a version")
    if not isinstance(error, Missing) or error.code == "NoSuchBucket":
        raise error
