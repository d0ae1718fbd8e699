"""What keeps objects: versions, object lock; how they are listed and deleted; the host's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from hdh_migrate.clocks import http_date, text_of
from hdh_migrate.markup import escaped
from hdh_migrate.targets.probing.bench import Bench, HostAnswer, Unclear
from hdh_migrate.targets.probing.checksums import md5_value
from hdh_migrate.targets.probing.record import Observation, seen, unknown
from hdh_migrate.telemetry import counted

LOCK_SECONDS = 4
"""How long the probe's own retention lasts: long enough to try a deletion, then it ends."""

NO_LOCK = frozenset((
    "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidRequest",
    "InvalidBucketState",
))  # fmt: skip
"""What hosts say of a bucket that was made without object lock."""


def versioning(bench: Bench) -> Iterator[Observation]:
    """Ask for the bucket's versioning; it is not changed."""
    answer = bench.call("get_bucket_versioning")
    if not answer.took():
        yield seen("versioning", False, f"GetBucketVersioning: {answer}")
        return
    status = str(answer.data.get("Status") or "off")
    yield seen("bucket_versioning", status, f"GetBucketVersioning: {answer}")
    if status != "Enabled":
        how = f"GetBucketVersioning: {answer}, {status}; it is not turned on for a probe"
        yield unknown("versioning", how)
        return
    key = bench.key()
    bench.put(key, b"one")
    bench.put(key, b"two")
    listed = bench.call("list_object_versions", Prefix=key)
    found = [one for one in listed.data.get("Versions", ()) if one.get("Key") == key]
    yield seen(
        "versioning", len(found) == 2, f"{counted(len(found), 'version')} listed after two PUTs"
    )


def object_lock(bench: Bench) -> Iterator[Observation]:
    """Where the bucket has a lock, keep an object for a few seconds and try to delete it.

    Each mode is tried that the profile claims: `governance` first, whose lock this probe can lift
    again; `compliance` only with consent, for nobody can.
    """
    answer = bench.call("get_object_lock_configuration")
    configured = answer.data.get("ObjectLockConfiguration", {})
    if not answer.good or configured.get("ObjectLockEnabled") != "Enabled":
        if answer.good or answer.code in NO_LOCK:
            how = f"GetObjectLockConfiguration: {answer}; this bucket has no lock"
            yield seen("bucket_object_lock", False, how)
            for name in ("object_lock", *map(lock_trait, LOCK_MODES)):
                yield unknown(name, f"{how}, so it was not tried")
        else:
            answer.took()
            yield seen("bucket_object_lock", False, f"GetObjectLockConfiguration: {answer}")
            yield seen("object_lock", False, f"GetObjectLockConfiguration: {answer}")
        return
    yield seen("bucket_object_lock", True, f"GetObjectLockConfiguration: {answer}")
    kept: list[bool] = []
    for mode in LOCK_MODES:
        observation = _mode(bench, mode)
        yield observation
        if observation.observed is not None:
            kept.append(observation.observed)
    held, how = _held(bench)
    if held and not kept:
        yield unknown("object_lock", f"no mode of retention was tried; {how}")
    else:
        yield seen("object_lock", held and any(kept), how)


NOT_FOUND, UNFIT = 404, 400
DAY_SECONDS = 86_400 + 60
"""A day, and a minute for the request."""

LOCK_MODES = ("governance", "compliance")
"""In the order in which they are tried."""


def lock_trait(mode: str) -> str:
    """Return what the observation of one mode of retention is called."""
    return f"lock_{mode}"


def lock_claims(claims: Mapping[str, object]) -> dict[str, bool]:
    """Return what a profile claims of each mode of retention."""
    modes = claims["lock_modes"]
    assert isinstance(modes, tuple)
    return {lock_trait(mode): mode in modes for mode in LOCK_MODES}


def _mode(bench: Bench, mode: str) -> Observation:
    name = lock_trait(mode)
    if not bench.claims[name]:
        return unknown(name, "not tried: the profile does not claim this mode")
    if mode == "compliance" and not bench.consents_to_compliance:
        how = "not tried: nobody can lift such a lock before it ends; --compliance-trial tries it"
        return unknown(name, how)
    try:
        kept, how = _retained(bench, mode.upper(), LOCK_SECONDS)
    except Unclear as error:
        return unknown(name, str(error))
    return seen(name, kept, how)


def _retained(bench: Bench, mode: str, seconds: int) -> tuple[bool, str]:
    """Keep an object so long by the host's own clock, and try to delete that version.

    Hosts' pages speak of a day at least: one that takes no seconds is asked for a day.
    """
    key, body = bench.key(), b"kept"
    date = http_date(bench.head(key).headers.get("date", ""))
    shown_until = None if date is None else datetime.fromtimestamp(date, UTC)
    now = shown_until or datetime.now(UTC)  # noqa: TID251 - the host's clock, as far as it tells
    ends = now + timedelta(seconds=seconds)
    until = text_of(ends)
    put = bench.put(
        key, body, content_md5=md5_value(body), x_amz_object_lock_mode=mode,
        x_amz_object_lock_retain_until_date=until,
    )  # fmt: skip
    if not put.took():
        _demand_before(ends, put)
        how = f"PUT with {mode} retention of {seconds} s: {put}"
        if put.status != UNFIT or seconds > LOCK_SECONDS:
            return False, how
        kept, more = _retained(bench, mode, DAY_SECONDS)
        return kept, f"{how}; {more}"
    shown = bench.head(key).headers.get("x-amz-object-lock-mode", "none")
    gone, there = _delete_version(bench, key, put)
    if gone.good:
        _demand_before(ends, gone)
    if seconds == LOCK_SECONDS:
        bench.pause(LOCK_SECONDS + 1)
    how = f"PUT with {mode} retention of {seconds} s: {put}, HEAD shows {shown},"
    how += f" deletion of that version: {gone}"
    return not gone.good and there and shown in {mode, "none"}, how


def _demand_before(ends: datetime, answer: HostAnswer) -> None:
    """Demand that a host which let something go did so while it was still locked.

    Raises:
        Unclear: by its own clock the lock had ended, for the host took so long.
    """
    date = http_date(answer.headers.get("date", ""))
    if date is not None and datetime.fromtimestamp(date, UTC) >= ends:
        raise Unclear(f"the lock of {LOCK_SECONDS} s had ended before the host answered {answer}")


def _held(bench: Bench) -> tuple[bool, str]:
    """Put an object under legal hold, try to delete that version, and lift the hold."""
    key, body = bench.key(), b"held"
    put = bench.put(key, body, content_md5=md5_value(body), x_amz_object_lock_legal_hold="ON")
    if not put.took():
        return False, f"PUT with legal hold: {put}"
    gone, there = _delete_version(bench, key, put)
    lifted = bench.send(
        "PUT", key, b"<LegalHold><Status>OFF</Status></LegalHold>", query={"legal-hold": ""},
        headers={"content-md5": md5_value(b"<LegalHold><Status>OFF</Status></LegalHold>")},
    )  # fmt: skip
    how = f"PUT with legal hold: {put}, deletion of that version: {gone}, lifted: {lifted}"
    return not gone.good and there, how


def _delete_version(bench: Bench, key: str, put: HostAnswer) -> tuple[HostAnswer, bool]:
    """Ask for a version's deletion; return the answer, and whether the version is still there."""
    version_id = put.headers.get("x-amz-version-id")
    if not version_id:
        raise Unclear(f"{put} without a version id under a lock")
    gone = bench.send("DELETE", key, query={"versionId": version_id})
    return gone, bench.send("HEAD", key, query={"versionId": version_id}).status != NOT_FOUND


def listing(bench: Bench) -> Iterator[Observation]:
    """List three keys one by one."""
    folder = bench.key("")
    wanted = [f"{folder}{name}" for name in ("a", "b", "c")]
    for key in wanted:
        bench.put(key)
    found: list[str] = []
    token: Mapping[str, str] = {}
    for _ in range(len(wanted) + 1):
        answer = bench.call("list_objects_v2", Prefix=folder, MaxKeys=1, **token)
        if not answer.took():
            yield seen("list_v2", False, f"ListObjectsV2: {answer}")
            return
        found += [str(one["Key"]) for one in answer.data.get("Contents", ())]
        following = str(answer.data.get("NextContinuationToken") or "")
        if not answer.data.get("IsTruncated") or not following:
            break
        token = {"ContinuationToken": following}
    how = f"three keys in pages of one: {len(found)} found, in order: {found == sorted(found)}"
    yield seen("list_v2", found == wanted, how)


def deletion(bench: Bench) -> Iterator[Observation]:
    """Delete several keys in one request, without and with Content-MD5.

    Raises:
        Unclear: the credential may not, or the host failed.
    """
    operation = "DeleteObjects"
    without, with_md5 = (_delete_two(bench, md5=md5) for md5 in (False, True))
    how = f"{operation} without Content-MD5: {without[0]}, with: {with_md5[0]}"
    worked = without[1] or with_md5[1]
    if not worked:
        with_md5[0].took()  # a missing right says nothing of the host
    yield seen("delete_objects", worked, how)
    if not worked:
        yield unknown("content_md5_required", how)
        return
    needed = [operation] if with_md5[1] and not without[1] else []
    yield seen("content_md5_required", needed, how, tried=[operation])


def _delete_two(bench: Bench, *, md5: bool) -> tuple[HostAnswer, bool]:
    """Return the answer, and whether both keys are gone: errors may hide inside a 200."""
    folder = bench.key("")
    keys = [f"{folder}{name}" for name in ("a", "b")]
    for key in keys:
        bench.put(key)
    objects = "".join(f"<Object><Key>{escaped(key)}</Key></Object>" for key in keys)
    body = f"<Delete>{objects}</Delete>".encode()
    more = {"content-md5": md5_value(body)} if md5 else {}
    answer = bench.send("POST", "", body, query={"delete": ""}, headers=more)
    return answer, answer.good and not any(bench.head(key).good for key in keys)


def ahead(offset: float | None) -> Observation:
    """Tell how far this machine's clock is ahead of the host's, from the replies' Date headers."""
    if offset is None:
        return unknown("clock_offset", "no reply had a Date header")
    return seen("clock_offset", offset, "seconds that this machine is ahead of the replies' Date")
