"""Multipart uploads: how many parts, how small, how listed, and what a completion says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hdh_migrate.markup import text_in
from hdh_migrate.targets.probing.bench import Bench, CannotBegin, HostAnswer, Unclear
from hdh_migrate.targets.probing.record import Observation, seen, unknown

_TRIED_MAX = 10_000
_FIVE_MIB = 5 << 20


def whole(bench: Bench) -> Iterator[Observation]:
    """Send an object in two parts, the first of the claimed smallest size, and complete twice."""
    key, size = bench.key(), int(bench.claims["min_part"])
    try:
        upload = bench.begin(key)
    except CannotBegin as refusal:
        yield seen("multipart", False, str(refusal))
        raise
    bodies = {1: b"\0" * size, 2: b"p"}
    etags = {}
    for number, body in bodies.items():
        answer = bench.part(key, upload, number, body)
        if not answer.took() or not answer.etag:
            raise Unclear(f"part {number} of {len(body)} bytes: {answer}")
        etags[number] = answer.etag
    md5s = {n: hashlib.md5(b, usedforsecurity=False) for n, b in bodies.items()}
    same = all(etags[n] == md5s[n].hexdigest() for n in bodies)
    yield seen("etag_part", "md5" if same else "opaque", "ETags of two parts compared with MD5")
    yield from _listings(bench, key, upload, {n: len(b) for n, b in bodies.items()})
    done = bench.complete(key, upload, etags)
    stored = bench.head(key)
    there = stored.good and stored.headers.get("content-length") == str(size + 1)
    how = f"completion of {size} + 1 bytes: {done}"
    yield from _smallest(bench, size, accepted=done.good and there, how=how)
    yield seen("multipart", there, f"{how}, and HEAD: {stored}")
    if not there:
        raise Unclear(how)
    yield seen("complete_reply", "etag" if done.etag else "empty", f"{how}, ETag in the reply?")
    joined = b"".join(md5s[n].digest() for n in sorted(md5s))
    wanted = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(bodies)}"
    shown = "md5-of-md5s" if stored.etag == wanted else "opaque"
    yield seen("etag_multipart", shown, "HEAD's ETag compared with the MD5 of the parts' MD5s")
    again = bench.complete(key, upload, etags)
    yield seen("repeated_complete", _repeated(again, stored), f"the same completion again: {again}")


def _repeated(again: HostAnswer, stored: HostAnswer) -> str:
    if again.good:
        return "same" if again.etag in {stored.etag, ""} else "error"
    return "no-such-upload" if again.code == "NoSuchUpload" else "error"


def _listings(bench: Bench, key: str, upload: str, sizes: dict[int, int]) -> Iterator[Observation]:
    answer = bench.call("list_parts", key=key, UploadId=upload)
    if answer.took():
        found = {int(p["PartNumber"]): int(p["Size"]) for p in answer.data.get("Parts", ())}
        yield seen("list_parts", found == sizes, f"ListParts: {answer}, {len(found)} of 2 parts")
        page = bench.call("list_parts", key=key, UploadId=upload, MaxParts=1)
        paged = len(page.data.get("Parts", ())) == 1 and bool(page.data.get("IsTruncated"))
        yield seen("list_parts_pages", paged, f"ListParts with MaxParts=1: {page}")
    else:
        yield seen("list_parts", False, f"ListParts: {answer}")
    answer = bench.call("list_multipart_uploads", Prefix=bench.prefix)
    if answer.took():
        ids = {(one.get("Key"), one.get("UploadId")) for one in answer.data.get("Uploads", ())}
        shown = (key, upload) in ids
        yield seen("list_uploads", shown, f"ListMultipartUploads: {answer}, ours in it: {shown}")
    else:
        yield seen("list_uploads", False, f"ListMultipartUploads: {answer}")


def _smallest(bench: Bench, claimed: int, *, accepted: bool, how: str) -> Iterator[Observation]:
    """Tell the smallest part; a host that takes one byte has no smallest part."""
    tiny, said = _two_parts(bench, 1)
    if tiny:
        yield seen("min_part", 1, "two parts of one byte each were completed")
    elif accepted:
        yield seen("min_part", claimed, f"{how}; of 1 + 1 bytes: {said}")
    elif claimed < _FIVE_MIB and _two_parts(bench, _FIVE_MIB)[0]:
        yield seen("min_part", _FIVE_MIB, f"{how}; a first part of 5 MiB was taken")
    else:
        yield unknown("min_part", f"{how}; of 1 + 1 bytes: {said}")


def _two_parts(bench: Bench, size: int) -> tuple[bool, HostAnswer]:
    key = bench.key()
    upload, etags = bench.begin(key), {}
    for number, body in ((1, b"\0" * size), (2, b"p")):
        answer = bench.part(key, upload, number, body)
        if not answer.good:
            return False, answer
        etags[number] = answer.etag
    done = bench.complete(key, upload, etags)
    return done.good and bench.head(key).good, done


def cap(bench: Bench) -> Iterator[Observation]:
    """Find the largest part number, by tiny parts: the claimed one and the next, then by halves."""
    key, claimed = bench.key(), int(bench.claims["max_parts"])
    upload = bench.begin(key)
    etags: dict[int, str] = {}

    def takes(number: int) -> bool:
        answer = bench.part(key, upload, number)
        if answer.took():
            etags[number] = answer.etag
            return True
        return False

    if not takes(1):
        raise Unclear("not even part 1 was taken")
    if takes(claimed):
        low, high = claimed, claimed + 1
        if takes(high):
            low, high = high, _TRIED_MAX + 1
            if low < high and takes(high):
                low = high
    else:
        low, high = 1, claimed
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) else (low, middle)
    done = bench.complete(key, upload, {low: etags[low]})
    if low > _TRIED_MAX:
        how = f"part number {low} was taken: the number of a part is not limited"
        yield unknown("max_parts", f"{how} ({done} to its completion)")
        return
    how = f"part number {low} was taken, {low + 1} refused; completed with part {low} alone: {done}"
    yield seen("max_parts", low, how)


def abort(bench: Bench) -> Iterator[Observation]:
    """Abort an upload, and see that it takes no part any more."""
    key = bench.key()
    upload = bench.begin(key)
    gone = bench.call("abort_multipart_upload", key=key, UploadId=upload)
    how = f"AbortMultipartUpload: {gone}"
    if gone.took():
        late = bench.part(key, upload, 1)
        yield seen("abort_uploads", not late.took(), f"{how}, a part after it: {late}")
    else:
        yield seen("abort_uploads", False, how)


def conditional_complete(bench: Bench) -> Iterator[Observation]:
    """Complete create-only on a new key, and where an object has appeared meanwhile."""
    answers = []
    for occupied in (False, True):
        key = bench.key()
        upload = bench.begin(key)
        etag = bench.part(key, upload, 1).etag
        there = bench.put(key).etag if occupied else ""
        answers.append(bench.complete(key, upload, {1: etag}, IfNoneMatch="*"))
    free, taken = answers
    stays = bench.head(key).etag == there
    how = f"completion with If-None-Match: * on a new key: {free}; on an existing one: {taken}"
    kept = free.took() and not taken.took() and taken.status in {409, 412} and stays
    yield seen("conditional_complete", kept, how)


def part_copy(bench: Bench) -> Iterator[Observation]:
    """Make a part of a span of another object, pinned to its ETag, and read what came of it."""
    from_key, key = bench.key(), bench.key()
    put = bench.put(from_key, _SPANNED)
    upload = bench.begin(key)
    source = {
        "x-amz-copy-source": f"/{bench.bucket}/{from_key}",
        "x-amz-copy-source-range": f"bytes={_SPAN.start}-{_SPAN.stop - 1}",
    }
    query = {"partNumber": "1", "uploadId": upload}
    for etag in (f'"{put.etag}"', put.etag):
        pinned = {**source, "x-amz-copy-source-if-match": etag}
        copied = bench.send("PUT", key, b"", query=query, headers=pinned)
        if copied.status != 412:
            break
    how = f"UploadPartCopy of a span: {copied}"
    etag = text_in(copied.body, "{*}ETag").strip('"') if copied.good else ""
    if not copied.took() or not etag:
        yield seen("part_copy", False, how)
        return
    done = bench.complete(key, upload, {1: etag})
    same = done.good and bench.get(key).body == _SPANNED[_SPAN.start : _SPAN.stop]
    yield seen("part_copy", same, f"{how}; completed ({done}) and read back, the same: {same}")


_SPANNED = b"hdh-migrate probe of copied parts"
_SPAN = range(4, 21)
