"""Make a bucket what a profile's rules want it to be: each step seen, wanted, done, seen again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    HostRefused,
    Missing,
    Permanent,
    StorageError,
    Transient,
)
from hdh_migrate.frozen import frozen
from hdh_migrate.results.hosts import BucketStep
from hdh_migrate.targets.conditions import Condition, conditions
from hdh_migrate.targets.mends import MENDS, POLICY, REMOVED, Wish, turn_versioning_on
from hdh_migrate.targets.profiles.nouns import HealthRule
from hdh_migrate.targets.s3_beside import object_lock_of
from hdh_migrate.targets.s3_endpoint import S3Endpoint, translated

NOTHING = "nothing to do"
WOULD = "would be done"
DONE = "done"


@frozen
class ProvisionStep:
    """One step at one bucket; `ok` says whether it is as wanted, now or after an execution."""

    bucket: str
    step: str
    seen: str
    wanted: str
    done: str
    ok: bool
    kept: str | None = None
    """Where what was there before is kept, if there was something that somebody may want back."""

    def as_json(self) -> BucketStep:
        """Return it as JSON."""
        kept = "" if self.kept is None else f"; what was there before is kept in {self.kept}"
        return {
            "bucket": self.bucket,
            "step": self.step,
            "seen": self.seen,
            "wanted": self.wanted,
            "done": self.done + kept,
            "ok": self.ok,
        }


Before = Callable[[str, str], None]
"""Called with bucket and step before anything is changed."""

Keep = Callable[[str, str, Mapping[str, object]], str]
"""Keeps what a step is about to remove from a bucket's settings; returns where."""


def provision(
    endpoint: S3Endpoint, wish: Wish, *, execute: bool, before: Before, keep: Keep
) -> Iterator[ProvisionStep]:
    """Go through the steps in order; without `execute` only questions are asked.

    Doing it again changes nothing more. The policy comes last: where it denies what it does not
    allow, it may deny the other steps too.
    """
    made = yield from _bucket(endpoint, wish, execute=execute, before=before)
    if wish.lock:
        yield _lock(endpoint, wish, will_be_made=not made, execute=execute, before=before)
    order = {see: at for at, see in enumerate(MENDS)}
    for rule in sorted(wish.rules, key=lambda rule: order.get(rule.see, -1)):
        if not made:
            done = WOULD if rule.see in MENDS else f"not done here: {_fix(endpoint, rule, wish)}"
            yield ProvisionStep(
                bucket=wish.bucket, step=rule.name, seen="no bucket yet", wanted=rule.rule,
                done=done, ok=False,
            )  # fmt: skip
        else:
            yield _mended(endpoint, wish, rule, execute=execute, before=before, keep=keep)


def _bucket(
    endpoint: S3Endpoint, wish: Wish, *, execute: bool, before: Before
) -> Generator[ProvisionStep, None, bool]:
    """Say what is done about the bucket itself; return whether it is there."""
    wanted = "a bucket with object lock" if wish.lock else "a bucket"

    def step(seen: str, done: str, *, ok: bool) -> ProvisionStep:
        return ProvisionStep(
            bucket=wish.bucket, step="bucket", seen=seen, wanted=wanted, done=done, ok=ok
        )

    try:
        with translated("the bucket"):
            endpoint.client.head_bucket(Bucket=wish.bucket)
    except Missing:
        if not execute:
            yield step("there is none", WOULD, ok=False)
            return False
        before(wish.bucket, "bucket")
        refused: StorageError | None = None
        try:
            _create(endpoint, wish)
        except StorageError as error:
            if not _is_there(endpoint, wish.bucket):
                raise
            refused = error
        yield step("there was none", _came_of(refused, "", "", ok=True), ok=True)
        return True
    except HostRefused:
        raise
    except Permanent as error:
        _demand_credential(endpoint, wish.bucket)
        if not isinstance(error, AccessDenied):
            raise
        raise AccessDenied(
            f"bucket {wish.bucket}: it may belong to somebody else",
            hint="bucket names are taken by whoever comes first: choose another name; if it is"
            " yours, the credential needs s3:ListBucket",
        ) from error
    yield step("it is there", NOTHING, ok=True)
    return True


def _is_there(endpoint: S3Endpoint, bucket: str) -> bool:
    try:
        with translated("the bucket"):
            endpoint.client.head_bucket(Bucket=bucket)
    except StorageError:
        return False
    return True


def _demand_credential(endpoint: S3Endpoint, bucket: str) -> None:
    """Ask again with a request whose reply has words: to HEAD a wrong secret looks like no right.

    Raises:
        AuthFailed: the credential itself is refused.
    """
    with suppress(AccessDenied), translated("the bucket"):
        endpoint.client.list_objects_v2(Bucket=bucket, MaxKeys=1)


def _create(endpoint: S3Endpoint, wish: Wish) -> None:
    more: dict[str, object] = {"ObjectLockEnabledForBucket": True} if wish.lock else {}
    try:
        with translated("making the bucket"):
            endpoint.client.create_bucket(Bucket=wish.bucket, **more)
    except Permanent as error:
        if "LocationConstraint" not in error.code:
            raise
        # Some hosts want the region said once more, others refuse it: so only when asked for.
        more["CreateBucketConfiguration"] = {"LocationConstraint": wish.region}
        with translated("making the bucket"):
            endpoint.client.create_bucket(Bucket=wish.bucket, **more)


def _lock(
    endpoint: S3Endpoint, wish: Wish, *, will_be_made: bool, execute: bool, before: Before
) -> ProvisionStep:
    wanted = "object lock" if wish.lock_later else "object lock, which only a new bucket can get"

    def step(seen: str, done: str, *, ok: bool = False) -> ProvisionStep:
        return ProvisionStep(
            bucket=wish.bucket, step=_LOCK, seen=seen, wanted=wanted, done=done, ok=ok
        )

    if will_be_made:
        return step("no bucket yet", WOULD)
    on, seen = _locked(endpoint, wish)
    if on is not False:
        return step(seen, NOTHING if on else _UNSEEN, ok=bool(on))
    if not wish.lock_later:
        return step(seen, _CANNOT)
    if not execute:
        return step(seen, f"{WOULD}, with versioning, if the host lets it be done later")
    before(wish.bucket, _LOCK)
    refused: StorageError | None = None
    try:
        with translated("the bucket's object lock"):
            turn_versioning_on(endpoint.client, wish, {})  # without it no bucket gets a lock
            endpoint.client.put_object_lock_configuration(
                Bucket=wish.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )
    except StorageError as error:
        refused = error
    on, after = _locked(endpoint, wish)
    failed = f"tried, with versioning first, and refused: {refused}; {_CANNOT}"
    return step(seen, _came_of(refused, after, failed, ok=bool(on)), ok=bool(on))


def _came_of(refused: StorageError | None, seen: str, failed: str, *, ok: bool) -> str:
    """Say what came of a step: what is seen after it counts, not what the host answered to it."""
    if ok:
        return DONE if refused is None else f"{DONE}, as is seen, though the host said: {refused}"
    return f"done, but seen after it: {seen}" if refused is None else failed


_LOCK = "object-lock"
_CANNOT = "cannot be mended: name another bucket"
_UNSEEN = "not done: nothing is changed that is not shown; give the credential the right to see it"


def _locked(endpoint: S3Endpoint, wish: Wish) -> tuple[bool | None, str]:
    """Return whether a bucket has object lock, None when it is not shown; and in which words."""
    try:
        on = object_lock_of(endpoint, wish.bucket)
    except (AccessDenied, AuthFailed) as error:
        return None, f"not shown: {error}"
    return on, "object lock is on" if on else "none"


def _mended(
    endpoint: S3Endpoint,
    wish: Wish,
    rule: HealthRule,
    *,
    execute: bool,
    before: Before,
    keep: Keep,
) -> ProvisionStep:
    found = _seen(endpoint, wish, rule)

    kept: str | None = None

    def step(done: str, *, ok: bool) -> ProvisionStep:
        return ProvisionStep(bucket=wish.bucket, step=rule.name, seen=found.seen, wanted=rule.rule,
                    done=done, ok=ok, kept=kept)  # fmt: skip

    if found.holds:
        return step(NOTHING, ok=True)
    if not found.shown:
        return step(_UNSEEN, ok=False)
    mend = MENDS.get(rule.see)
    if mend is None or (rule.see == POLICY and wish.policy is None):
        more = "give one with --policy FILE, or " if rule.see == POLICY else ""
        return step(f"not done here: {more}{found.fix}", ok=False)
    if not execute:
        return step(WOULD, ok=False)
    before(wish.bucket, rule.name)
    refused: StorageError | None = None
    try:
        with translated(rule.name):
            there: Mapping[str, object] = {}
            if (look := REMOVED.get(rule.see)) is not None:
                there, kept = _all_kept(
                    lambda: look(endpoint.client, wish), partial(keep, wish.bucket, rule.name)
                )
            mend(endpoint.client, wish, there)
    except StorageError as error:
        refused = error
    again = _seen(endpoint, wish, rule)
    done = _came_of(refused, again.seen, f"failed: {refused}", ok=again.holds)
    return step(done, ok=again.holds)


def _all_kept(
    look: Callable[[], Mapping[str, object]], keep: Callable[[Mapping[str, object]], str]
) -> tuple[Mapping[str, object], str]:
    """Keep what is there until a look right after that shows nothing else; return it, and where.

    Hosts take no condition on it: what somebody sets after that last look is gone with the rest.

    Raises:
        Transient: somebody changes it each time.
    """
    there, places = look(), list[str]()
    for _ in range(LOOKS_MAX):
        places.append(keep(there))
        now = look()
        if now == there:
            return there, ", ".join(places)
        there = now
    raise Transient("somebody else changes it at this moment; nothing was removed")


LOOKS_MAX = 5
"""How often what is about to be removed may be found another one."""


def _seen(endpoint: S3Endpoint, wish: Wish, rule: HealthRule) -> Condition:
    return conditions(endpoint, [rule], wish.bucket, wish.region, places=wish.places)[0]


def _fix(endpoint: S3Endpoint, rule: HealthRule, wish: Wish) -> str:
    return rule.mended_by(bucket=wish.bucket, endpoint=endpoint.url, region=wish.region)
