"""Single objects: are digests checked, are conditions kept, is a range what was asked for?"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from hdh_migrate.targets.probing.bench import Bench, HostAnswer, Unclear
from hdh_migrate.targets.probing.checksums import CHECKSUMS, header_value, md5_value
from hdh_migrate.targets.probing.record import Observation, seen, unknown

BODY = b"hdh-migrate probe"
OTHER = b"hdh-migrate PROBE"
READS = 5


def plain(bench: Bench) -> Iterator[Observation]:
    """Write one object as the main job does, and read it back.

    Raises:
        Unclear: not even that works.
    """
    key, reads = bench.key(), 0
    put = bench.put(key, BODY)
    if not put.took():
        raise Unclear(f"a plain PUT: {put}")
    for _ in range(READS):
        reads += bench.head(key).good
    got = bench.get(key)
    if got.body != BODY:
        raise Unclear(f"a plain GET: {got}, and not the bytes that were written")
    yield seen("read_after_write", reads == READS, f"{reads} of {READS} HEADs after a PUT saw it")
    md5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    shown = "md5" if put.etag == md5 else "opaque"
    if not put.etag:
        yield unknown("etag_single", f"PUT: {put} without an ETag")
    else:
        yield seen("etag_single", shown, "ETag of a PUT compared with the MD5 of its body")
    same = got.etag == put.etag == bench.head(key).etag
    yield seen("etag_stable", same, "ETag of PUT, HEAD and GET compared")
    empty = bench.key()
    put, got = bench.put(empty, b""), bench.get(empty)
    kept = put.good and got.good and got.body == b""
    yield seen("empty_objects", kept, f"PUT and GET of an empty object: {put}, {got}")


def signed_payload(bench: Bench) -> Iterator[Observation]:
    """Send another body than the one that was signed."""
    key = bench.key()
    put = bench.put(key, BODY, sha256=hashlib.sha256(OTHER).hexdigest())
    how = f"PUT with the SHA-256 of other bytes in x-amz-content-sha256: {put}"
    yield seen("signed_payload", _refused(bench, key, put), how)


def unsigned_payload(bench: Bench) -> Iterator[Observation]:
    """Send a body whose digest is not in the signature, as very large parts are."""
    put = bench.put(bench.key(), BODY, sha256="UNSIGNED-PAYLOAD")
    yield seen("unsigned_payload", put.took(), f"PUT with UNSIGNED-PAYLOAD: {put}")


def content_md5(bench: Bench) -> Iterator[Observation]:
    """Send a right and a wrong Content-MD5."""
    right = bench.put(bench.key(), BODY, content_md5=md5_value(BODY))
    if not right.took():
        yield unknown("content_md5", f"PUT with the right Content-MD5: {right}")
        return
    key = bench.key()
    wrong = bench.put(key, BODY, content_md5=md5_value(OTHER))
    how = f"PUT with a wrong Content-MD5: {wrong}"
    yield seen("content_md5", _refused(bench, key, wrong), how)


def checksums(bench: Bench) -> Iterator[Observation]:
    """Send each checksum by value, right and wrong; only one that is checked is worth sending."""
    for name, digest in CHECKSUMS.items():
        header = f"x-amz-checksum-{name}"
        key = bench.key()
        right, wrong = (
            bench.send("PUT", where, BODY, headers={header: header_value(digest(of))})
            for where, of in ((bench.key(), BODY), (key, OTHER))
        )
        how = f"x-amz-checksum-{name} by value: right {right}, wrong {wrong}"
        try:
            yield seen(f"checksum_{name}", right.took() and _refused(bench, key, wrong), how)
        except Unclear:
            yield unknown(f"checksum_{name}", how)


def trailers(bench: Bench) -> Iterator[Observation]:
    """Send an aws-chunked body with a CRC32 trailer, as current SDKs do by default."""
    key = bench.key()
    crc = header_value(zlib.crc32(BODY).to_bytes(4, "big"))
    body = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (len(BODY), BODY, crc.encode())
    put = bench.put(
        key, body, sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER", content_encoding="aws-chunked",
        x_amz_decoded_content_length=str(len(BODY)), x_amz_trailer="x-amz-checksum-crc32",
    )  # fmt: skip
    how = f"PUT of an aws-chunked body with a CRC32 trailer: {put}"
    if put.took():
        stored = bench.get(key)
        if stored.good and stored.body != BODY:
            how += "; what is stored is not the content: the framing was kept"
        yield seen("trailers", stored.body == BODY, how)
    else:
        yield seen("trailers", False, how)


def conditional_put(bench: Bench) -> Iterator[Observation]:
    """Write create-only to a new and to an existing key, and replace only a known ETag."""
    key = bench.key()
    first = bench.put(key, BODY, if_none_match="*")
    again = bench.put(key, OTHER, if_none_match="*")
    how = f"PUT If-None-Match: * on a new key: {first}; on an existing one: {again}"
    create = _kept(first, again) and bench.get(key).body == BODY  # as it says, and as it does
    bench.put(key, BODY)
    stale = bench.put(key, OTHER, if_match=f'"{"0" * 32}"')
    there, form = bench.get(key), "quoted"
    fresh = bench.put(key, OTHER, if_match=f'"{there.etag}"')
    more = f"; If-Match with another ETag: {stale}, with the right one: {fresh}"
    if fresh.status == 412:
        form, stale = "bare", bench.put(key, OTHER, if_match="0" * 32)
        there = bench.get(key)
        fresh = bench.put(key, OTHER, if_match=there.etag)
        more += f"; both without quotes: {stale}, {fresh}"
    replace = _kept(fresh, stale) and there.body == BODY
    yield seen("conditional_put", create and replace, how + more)
    yield seen("create_only", create, how)
    yield seen("if_match_form", form if replace else "none", more.removeprefix("; "))


def reads(bench: Bench) -> Iterator[Observation]:
    """Read a range, and read only a known ETag."""
    key = bench.key()
    bench.put(key, BODY)
    part = bench.get(key, range="bytes=4-10")
    content_range = part.headers.get("content-range", "none")
    right = part.body == BODY[4:11] and content_range == f"bytes 4-10/{len(BODY)}"
    how = f"GET with a Range: {part}, Content-Range: {content_range}"
    how += "" if part.body == BODY[4:11] else f", {len(part.body)} bytes instead of 7"
    yield seen("range_reads", right and part.status == 206, how)
    yield seen("ranges_exact", right, how)
    other = bench.get(key, if_match=f'"{"0" * 32}"')
    same = bench.get(key, if_match=f'"{bench.head(key).etag}"')
    how = f"GET If-Match with another ETag: {other}, with the right one: {same}"
    yield seen("if_match_reads", same.good and not other.took(), how)


def _refused(bench: Bench, key: str, answer: HostAnswer) -> bool:
    """Say whether wrong bytes were refused and not stored; a 403 that names the digest is one."""
    return not answer.took() and not bench.head(key).good


def _kept(allowed: HostAnswer, forbidden: HostAnswer) -> bool:
    """Return whether a condition lets through what it should and holds back the rest."""
    return allowed.took() and not forbidden.took() and forbidden.status in {404, 409, 412}
