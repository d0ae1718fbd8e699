"""Multipart uploads: begun, filled in any order, listed, completed or aborted."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from tests.support.strict_s3.objects import (
    demand_digest,
    etag_of,
    held,
    instant,
    matches,
    shown,
    template,
)
from tests.support.strict_s3.store import Bucket, Part, Store, Upload
from tests.support.strict_s3.words import Reply, Request, S3Error, xml

OPAQUE = 16


def create_upload(store: Store, request: Request) -> Reply:
    bucket, most = store.bucket(request.bucket), store.manner.max_open_uploads
    if most is not None and len(bucket.uploads) >= most:
        raise S3Error("InvalidRequest", f"at most {most} uploads may be open")
    upload = store.new_upload(bucket, template(store, bucket, request))
    if store.manner.loses_upload_tags:
        upload.template.tags = {}
    if store.manner.loses_upload_locks:
        upload.template.retention, upload.template.hold = store.retention_of(bucket), False
    told = {"Bucket": bucket.name, "Key": upload.template.key, "UploadId": upload.id}
    return xml("InitiateMultipartUploadResult", told)


def upload_part(store: Store, request: Request) -> Reply:
    source = request.headers.get("x-amz-copy-source")
    if source is not None and store.manner.part_copy != "ignored":
        return copy_part(store, request, source)
    bucket, upload = _upload(store, request)
    manner, text = store.manner, request.params["partNumber"]
    top = 10_000 if manner.ignores_max_parts else manner.max_parts
    if not text.isdigit() or not 1 <= int(text) <= top:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {top}")
    if len(request.body) > manner.max_part:
        raise S3Error("EntityTooLarge")
    locked = upload.template.retention is not None or upload.template.hold
    demand_digest(store, bucket, request, locked=locked)
    digest = hashlib.md5(request.body).digest()
    tag = digest.hex() if manner.part_etag == "md5" else secrets.token_hex(OPAQUE)
    upload.parts[int(text)] = Part(
        number=int(text), body=request.body, etag=tag, md5=digest, at=store.now()
    )
    return Reply(200, {"ETag": shown(manner, tag)})


def copy_part(store: Store, request: Request, source: str) -> Reply:
    """Make a part of what another object of the host holds: UploadPartCopy."""
    manner = store.manner
    if manner.part_copy == "refused":
        raise S3Error("NotImplemented", "x-amz-copy-source")
    bucket, upload = _upload(store, request)
    path, _, version_id = source.partition("?versionId=")
    name, _, key = unquote(path).removeprefix("/").partition("/")
    found = store.bucket(name).version(store.key(key), version_id or None)
    match = request.headers.get("x-amz-copy-source-if-match")
    if match is not None and not matches(manner, match, found.etag):
        raise S3Error("PreconditionFailed")
    wanted = request.headers["x-amz-copy-source-range"]
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    if not 0 <= int(first) <= int(last) < len(found.body):
        raise S3Error("InvalidArgument", "the range is not of the object")
    body = found.body[int(first) : int(last) + 1]
    if manner.part_copy == "swapped":
        body = body[1:] + body[:1]
    if len(body) > manner.max_part:
        raise S3Error("InvalidRequest", "a copied part that is too large")
    digest = hashlib.md5(body).digest()
    tag = digest.hex() if manner.part_etag == "md5" else secrets.token_hex(OPAQUE)
    number = int(request.params["partNumber"])
    upload.parts[number] = Part(number=number, body=body, etag=tag, md5=digest, at=store.now())
    del bucket
    return xml("CopyPartResult", {"ETag": shown(manner, tag), "LastModified": instant(store.now())})


def list_parts(store: Store, request: Request) -> Reply:
    if not store.manner.list_parts:
        raise S3Error("NotImplemented", "ListParts")
    bucket, upload = _upload(store, request)
    after = int(request.params.get("part-number-marker") or 0)
    size = min(int(request.params.get("max-parts") or 1000), store.manner.parts_page)
    left = sorted(number for number in upload.parts if number > after)
    listed, more = left[:size], len(left) > size
    return xml(
        "ListPartsResult",
        {
            "Bucket": bucket.name, "Key": upload.template.key, "UploadId": upload.id,
            "PartNumberMarker": after, "NextPartNumberMarker": listed[-1] if more else None,
            "MaxParts": size, "IsTruncated": more,
            "Part": [_part(store, upload.parts[number]) for number in listed],
        },
    )  # fmt: skip


def _part(store: Store, part: Part) -> dict[str, Any]:
    return {
        "PartNumber": part.number, "LastModified": instant(part.at),
        "ETag": shown(store.manner, part.etag), "Size": len(part.body),
    }  # fmt: skip


def list_uploads(store: Store, request: Request) -> Reply:
    if not store.manner.list_uploads:
        raise S3Error("NotImplemented", "ListMultipartUploads")
    bucket, params = store.bucket(request.bucket), request.params
    prefix, size = params.get("prefix", ""), min(int(params.get("max-uploads") or 1000), 1000)
    size = min(size, store.manner.page)
    after = (params.get("key-marker", ""), params.get("upload-id-marker", "\U0010ffff"))
    if not params.get("key-marker"):
        after = ("", "")
    found = sorted(
        (upload.template.key, upload.id)
        for upload in bucket.uploads.values()
        if upload.template.key.startswith(prefix)
    )
    left = [one for one in found if one > after]
    listed, more = left[:size], len(left) > size
    marked = more or (bool(listed) and store.manner.marker_at_the_end)
    return xml(
        "ListMultipartUploadsResult",
        {
            "Bucket": bucket.name, "KeyMarker": params.get("key-marker", ""), "Prefix": prefix,
            "NextKeyMarker": listed[-1][0] if marked else None,
            "NextUploadIdMarker": listed[-1][1] if marked else None,
            "MaxUploads": size, "IsTruncated": more and not store.manner.marker_at_the_end,
            "Upload": [
                {"Key": key, "UploadId": name, "Initiated": _begun(bucket.uploads[name])}
                for key, name in listed
            ],
        },
    )  # fmt: skip


def _begun(upload: Upload) -> str:
    return instant(upload.template.at)


def abort_upload(store: Store, request: Request) -> Reply:
    bucket, upload = _upload(store, request)
    del bucket.uploads[upload.id]
    return Reply(204)


def complete_upload(store: Store, request: Request) -> Reply:
    bucket, manner = store.bucket(request.bucket), store.manner
    upload_id = request.params["uploadId"]
    if upload_id in store.completed and manner.repeated_complete == "repeated":
        key, etag = store.completed[upload_id]
        return _completed(store, bucket.name, key, etag)
    _, upload = _upload(store, request)
    conditional = request.headers.keys() & {"if-match", "if-none-match"}
    if upload.id in store.conflicted:
        raise S3Error("ConditionalRequestConflict")
    if conditional and manner.complete_conflicts > store.conflicts:
        store.conflicts += 1
        if manner.conflict_stays:
            store.conflicted.add(upload.id)
        else:
            del bucket.uploads[upload.id]
        raise S3Error("ConditionalRequestConflict")
    if manner.error_in_complete > store.errors:
        store.errors += 1
        return Reply(200, {"Content-Type": "application/xml"}, S3Error("InternalError").reply.body)
    current = bucket.current(upload.template.key)
    refused = held(store, manner.conditional_complete, request.headers, current)
    parts = _listed(store, upload, request.xml("CompleteMultipartUpload"))
    body = b"".join(part.body for part in parts)
    if len(body) > manner.max_object:
        raise S3Error("EntityTooLarge")
    if manner.feigned_complete:
        return _completed(store, bucket.name, upload.template.key, "0" * 32)
    version = upload.template
    version.body, version.at, version.id = body, store.now(), bucket.new_id()
    version.parts = tuple(len(part.body) for part in parts)
    version.etag = f"{etag_of(b''.join(part.md5 for part in parts))}-{len(parts)}"
    if manner.etag == "opaque":
        version.etag = secrets.token_hex(OPAQUE)
    bucket.add(version)
    del bucket.uploads[upload.id]
    if refused is not None:
        raise refused
    store.completed[upload.id] = (version.key, version.etag)
    if manner.empty_complete:
        return Reply(200)
    reply = _completed(store, bucket.name, version.key, version.etag)
    if bucket.versioning:
        reply.headers["x-amz-version-id"] = version.id
    return reply


def _completed(store: Store, bucket: str, key: str, etag: str) -> Reply:
    tag = shown(store.manner, etag)
    told = {"Location": f"/{bucket}/{key}", "Bucket": bucket, "Key": key, "ETag": tag}
    reply = xml("CompleteMultipartUploadResult", told)
    if store.manner.spaced_complete:
        head, _, rest = bytes(reply.body).partition(b"\n")
        reply.body = head + b"\n" + b" " * 3000 + b"\n" + rest
    return reply


def _listed(store: Store, upload: Upload, told: ET.Element) -> list[Part]:
    parts: list[Part] = []
    allowed = {"PartNumber", "ETag"}
    for one in told:
        if one.tag != "Part" or (store.manner.minimal_xml and {f.tag for f in one} - allowed):
            raise S3Error("MalformedXML")
        number, tag = int(one.findtext("PartNumber", "0")), one.findtext("ETag", "").strip('"')
        part = upload.parts.get(number)
        if part is None or part.etag != tag:
            raise S3Error("InvalidPart")
        if parts and number <= parts[-1].number:
            raise S3Error("InvalidPartOrder")
        parts.append(part)
    if not parts:
        raise S3Error("MalformedXML", "no parts")
    if any(len(part.body) < store.manner.min_part for part in parts[:-1]):
        raise S3Error("EntityTooSmall")
    return parts


def _upload(store: Store, request: Request) -> tuple[Bucket, Upload]:
    bucket = store.bucket(request.bucket)
    upload = bucket.uploads.get(request.params["uploadId"])
    if upload is None or upload.template.key != store.key(request.key):
        raise S3Error("NoSuchUpload")
    return bucket, upload
