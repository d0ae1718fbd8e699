"""A site on a strict S3 server, with everything that it serves opened by one key at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from tests.support.fixtures import Bucket, upload
from tests.support.site import Said, Site
from tests.support.strict_s3 import StrictS3
from tests.support.strict_s3.store import Bucket as StrictBucket
from tests.support.strict_s3.store import Version

NAME = "rotated"
BIG = bytes(range(251)) * 50_000
"""More than is put again whole: 12.5 MB."""
PLAINLY = {"approvals": None, "cutovers": None, "freeze": None}
"""Sections that a plan without a cutover does not have."""


def strict_bucket(server: StrictS3, *, versions: bool, lock: bool = False) -> Bucket:
    made = StrictBucket(name=NAME, created=server.store.now(), lock=lock)
    made.versioning = "Enabled" if versions or lock else ""
    server.store.buckets[NAME] = made
    return Bucket(server=server, name=NAME, client=None)


def with_keys(site: Site, **more: Any) -> Site:
    """Let a site have a large object and two more keys, and nobody who approves."""
    upload(site.container, {"scans/large.raw": BIG})
    for name in ("next", "later"):
        new_pair(site.folder / "keys", name, passphrase=None)
    site.change(**{**PLAINLY, **more})
    return site


def verified(site: Site) -> None:
    """Prepare a site with these keys whose objects are all verified."""
    with_keys(site).run()


def versions(site: Site) -> Iterator[Version]:
    """Yield every sealed version that the host still has."""
    server: Any = site.bucket.server
    for held in server.store.buckets[NAME].objects.values():
        yield from (one for one in held if one.key.endswith(".c4gh") and not one.marker)


def opened(site: Site, name: str) -> dict[str, bytes]:
    """Open every version that the host still serves with one key alone; what does not is left out.

    Two versions of one key that both open have both of their bytes.
    """
    key = PrivateKey.load(site.folder / "keys" / f"{name}.sec", None)
    envelopes, found = Crypt4ghEnvelopes([key.public], key), dict[str, bytes]()
    for one in versions(site):
        plain, body = bytearray(), one.body
        if not body.startswith(b"crypt4gh"):
            continue
        sealed = len(body) - 16 - 108 * int.from_bytes(body[12:16], "little")
        unsealer = envelopes.unsealer(size=sealed - 28 * -(-sealed // 65564), write=plain.extend)
        try:
            unsealer.write(body)
            unsealer.close()
        except UnsealFailed:
            continue
        found[one.key] = found.get(one.key, b"") + bytes(plain)
    return found


def say_next(site: Site, old: str = "steward", new: str = "next") -> None:
    """Change the plan: one key in another one's place."""
    seal = dict(site.section("seal"))
    seal["recipients"] = [one.replace(f"/{old}.pub", f"/{new}.pub") for one in seal["recipients"]]
    seal["identity"] = seal["identity"].replace(f"/{old}.sec", f"/{new}.sec")
    site.change(seal=seal)


def rotate(
    site: Site, *more: str, old: str = "steward", new: str = "next", expect: int | None = None
) -> Said:
    keys = site.folder / "keys"
    return site.cli(
        "keys", "rotate", site.plan, "--from", str(keys / f"{old}.pub"),
        "--to", str(keys / f"{new}.pub"), "--no-progress", *more, expect=expect,
    )  # fmt: skip


def executed(site: Site, *more: str, opens: str = "steward", **named: Any) -> Said:
    key = str(site.folder / "keys" / f"{opens}.sec")
    return rotate(site, "--identity", key, "--execute", *more, **named)


def behaving(site: Site, **knobs: Any) -> None:
    server: Any = site.bucket.server
    server.behave(replace(server.manner, **knobs))
