"""What mends a bucket's settings, rule by rule, and what is asked for before it is removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from hdh_migrate.frozen import frozen
from hdh_migrate.targets.lifecycles import EVERYWHERE, LIFECYCLES, Judges, MovedTo
from hdh_migrate.targets.profiles.nouns import HealthRule

POLICY: Final = "bucket-policy"
"""What is looked at where a policy of the customer's own is wanted."""


@frozen
class Wish:
    """What one bucket is to be: object lock only if a dataset wants retention or legal hold."""

    bucket: str
    region: str
    lock: bool
    lock_later: bool
    """Whether object lock may be turned on for a bucket that is there, as far as it is known."""
    rules: Sequence[HealthRule]
    policy: str | None
    places: Sequence[MovedTo] = EVERYWHERE
    """Where the plan puts objects."""


class BucketSettings(Protocol):
    """So much of boto3's client as mends a bucket, asked by its names; it raises ClientError."""

    def put_bucket_encryption(self, **asked: object) -> object:
        """Have the host encrypt what is stored from now on."""

    def put_bucket_versioning(self, **asked: object) -> object:
        """Keep or no longer keep versions."""

    def put_bucket_acl(self, **asked: object) -> object:
        """Say who may read, by one of the host's own names."""

    def get_bucket_acl(self, **asked: object) -> Mapping[str, object]:
        """Return who may read or write."""

    def get_bucket_lifecycle_configuration(self, **asked: object) -> Mapping[str, object]:
        """Return what is removed or moved by its age."""

    def put_bucket_lifecycle_configuration(self, **asked: object) -> object:
        """Say what is removed or moved by its age."""

    def delete_bucket_lifecycle(self, **asked: object) -> object:
        """Have nothing removed or moved by its age."""

    def put_bucket_policy(self, **asked: object) -> object:
        """Say in JSON who may do what."""


def _encrypt(client: BucketSettings, wish: Wish, _: Mapping[str, object]) -> None:
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client.put_bucket_encryption(
        Bucket=wish.bucket, ServerSideEncryptionConfiguration={"Rules": [default]}
    )


def turn_versioning_on(client: BucketSettings, wish: Wish, _: Mapping[str, object]) -> None:
    """Have the bucket keep versions from now on."""
    client.put_bucket_versioning(Bucket=wish.bucket, VersioningConfiguration={"Status": "Enabled"})


def _close(client: BucketSettings, wish: Wish, _: Mapping[str, object]) -> None:
    client.put_bucket_acl(Bucket=wish.bucket, ACL="private")


def _no_lifecycle(client: BucketSettings, wish: Wish, _: Mapping[str, object]) -> None:
    client.delete_bucket_lifecycle(Bucket=wish.bucket)


def _without(
    judges: Judges, client: BucketSettings, wish: Wish, there: Mapping[str, object]
) -> None:
    """Take away the rules that do so to what the plan puts there, and no other."""
    rules = there["Rules"]
    assert isinstance(rules, list)
    left = [rule for rule in rules if not judges(rule, wish.places)]
    if left:
        client.put_bucket_lifecycle_configuration(
            Bucket=wish.bucket, LifecycleConfiguration={"Rules": left}
        )
    else:
        _no_lifecycle(client, wish, there)


def _restrict(client: BucketSettings, wish: Wish, _: Mapping[str, object]) -> None:
    client.put_bucket_policy(Bucket=wish.bucket, Policy=wish.policy)


Mend = Callable[[BucketSettings, Wish, Mapping[str, object]], None]
"""Mends a bucket of which this is what is to be removed, or less of it."""

MENDS: Mapping[str, Mend] = {
    "default-encryption": _encrypt,
    "versioning": turn_versioning_on,
    "public-access": _close,
    "seen-public": _close,
    "lifecycle-rules": _no_lifecycle,
    **{see: partial(_without, judges) for see, (judges, _) in LIFECYCLES.items()},
    POLICY: _restrict,
}
"""By what is looked at, in the order of doing; the rest is not for a bucket's settings to mend."""


def _acl(client: BucketSettings, wish: Wish) -> Mapping[str, object]:
    found = client.get_bucket_acl(Bucket=wish.bucket)
    return {name: found[name] for name in ("Owner", "Grants") if name in found}


def _lifecycle(client: BucketSettings, wish: Wish) -> Mapping[str, object]:
    return {"Rules": client.get_bucket_lifecycle_configuration(Bucket=wish.bucket)["Rules"]}


REMOVED: Mapping[str, Callable[[BucketSettings, Wish], Mapping[str, object]]] = {
    "public-access": _acl,
    "seen-public": _acl,
    "lifecycle-rules": _lifecycle,
    **dict.fromkeys(LIFECYCLES, _lifecycle),
}
"""What is asked for before it is removed: in the form in which the host takes it again."""
