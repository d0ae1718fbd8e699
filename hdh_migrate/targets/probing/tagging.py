"""Tags of objects: whether a host has them, and with which requests it takes them.

Hosts were seen that take tags with a PUT and drop them from a multipart upload, so the two are
tried apart; what is dropped may still be set afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from hdh_migrate.targets.probing.bench import Bench, CannotBegin, Unclear
from hdh_migrate.targets.probing.naming import largest
from hdh_migrate.targets.probing.record import Observation, seen, unknown
from hdh_migrate.telemetry import counted


def tags(bench: Bench) -> Iterator[Observation]:
    """Write tags with a PUT, with an upload, and afterwards, and read them back; then how many."""
    with_put, said = _with_put(bench, 1)
    later, more = (False, "") if with_put else _afterwards(bench)
    yield seen("tags", with_put or later, said + more)
    if not (with_put or later):
        return
    yield seen("tags_with_put", with_put, said)
    try:
        yield seen("tags_with_upload", *_with_upload(bench))
    except CannotBegin as refusal:
        yield unknown("tags_with_upload", str(refusal))
    yield _most(bench) if with_put else unknown("max_tags", "tags with a PUT were not kept")


def _most(bench: Bench) -> Observation:
    claimed = int(bench.claims["max_tags"]) or 1
    if _with_put(bench, claimed)[0]:
        more = _with_put(bench, claimed + 1)[0]
        then = "too" if more else "were refused"
        how = f"{counted(claimed, 'tag')} came back, {claimed + 1} {then}"
        return seen("max_tags", claimed + more, how)
    fewest = largest(lambda count: _with_put(bench, count)[0], 1, claimed)
    return seen("max_tags", fewest, f"{counted(fewest or 0, 'tag')} came back, {claimed} did not")


def _with_put(bench: Bench, count: int) -> tuple[bool, str]:
    key, wanted = bench.key(), _some(count)
    put = bench.put(key, x_amz_tagging=urlencode(wanted, quote_via=quote))
    how = f"PUT with x-amz-tagging: {put}"
    return _kept(bench, key, wanted, how) if put.took() else (False, how)


def _with_upload(bench: Bench) -> tuple[bool, str]:
    key, wanted = bench.key(), _some(2)
    upload = bench.begin(key, Tagging=urlencode(wanted, quote_via=quote))
    done = bench.complete(key, upload, {1: bench.part(key, upload, 1).etag})
    if not done.took():
        raise Unclear(f"completion of an upload with tags: {done}")
    return _kept(bench, key, wanted, f"CreateMultipartUpload with x-amz-tagging, then: {done}")


def _afterwards(bench: Bench) -> tuple[bool, str]:
    key, wanted = bench.key(), _some(2)
    bench.put(key)
    given = [{"Key": name, "Value": value} for name, value in wanted.items()]
    answer = bench.call("put_object_tagging", key=key, Tagging={"TagSet": given})
    how = f"; PutObjectTagging: {answer}"
    return _kept(bench, key, wanted, how) if answer.took() else (False, how)


def _kept(bench: Bench, key: str, wanted: dict[str, str], how: str) -> tuple[bool, str]:
    answer = bench.call("get_object_tagging", key=key)
    found = {one["Key"]: one["Value"] for one in answer.data.get("TagSet", ())}
    how = f"{how}; GetObjectTagging: {answer}"
    try:
        if not answer.took():
            return False, how
    except Unclear as error:
        raise Unclear(how) from error
    return found == wanted, how if found == wanted else f"{how}, but not the tags that were set"


def _some(count: int) -> dict[str, str]:
    return {f"name-{number}": f"value {number}" for number in range(count)}
