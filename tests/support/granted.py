"""A grant over objects of our own on a strict S3 server: what tests of reading begin with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdh_migrate.access.catalogue import CataloguedObject
from hdh_migrate.access.opened import OpenedGrant, open_grant
from hdh_migrate.access.segments import GrantedReader
from hdh_migrate.access.settings import ReaderSettings
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.objects import FORMAT, GrantedObject, HostAddress, PackHead
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.model import key_bytes
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from tests.support.strict_s3 import StrictS3
from tests.support.strict_s3.store import Bucket, Version

BUCKET = "sealed"
UNTIL = "2099-12-31T23:59:59Z"


class GrantedSite:
    """One server, a steward's key, a reader's key, and grants that are written as they are asked.

    `edit` changes an object's line before it goes into a pack; the server's objects are at
    `version(name)`, where a test changes them behind everybody's back.
    """

    def __init__(self, folder: Path, server: StrictS3, *, versioned: bool = False) -> None:
        self.folder, self.server = folder, server
        self.steward = self._key("steward")
        self.reader = self._key("reader")
        private, self.signer_public = new_report_key(folder, "office", passphrase=None)
        self._signer = load_signer(private, None)
        self._envelopes = Crypt4ghEnvelopes([self.steward.public], self.steward)
        self.bucket = Bucket(name=BUCKET, created=server.store.now())
        self.bucket.versioning = "Enabled" if versioned else ""
        server.store.buckets[BUCKET] = self.bucket
        self.objects: dict[str, GrantedObject] = {}
        self.clear: dict[str, bytes] = {}
        self.url = server.endpoint
        self.identity = folder / "reader.sec"
        for name, secret in (("id", server.access_key), ("secret", server.secret_key)):
            (folder / name).write_text(secret)
            (folder / name).chmod(0o600)

    def _key(self, name: str) -> PrivateKey:
        return PrivateKey.load(new_pair(self.folder, name, passphrase=None)[1], None)

    def put(self, name: str, data: bytes) -> GrantedObject:
        """Store an object as a transfer would, sealed for the steward, and grant it."""
        envelope = self._envelopes.new()
        sealed = bytearray(self._envelopes.sealed_size(len(data)))
        head = len(envelope.header)
        sealed[:head] = envelope.header
        if data:
            envelope.seal_into(memoryview(data), 0, final=True, out=memoryview(sealed)[head:])
        stored = Version(
            key=self.key(name), body=bytes(sealed), at=self.server.store.now(),
            id=self.bucket.new_id(), etag=hashlib.md5(sealed).hexdigest(),
        )  # fmt: skip
        self.bucket.add(stored)
        made = GrantedObject(
            name=name, bucket=BUCKET, key=stored.key, etag=stored.etag, body=head,
            version=stored.id if self.bucket.versioning else None,
            length=len(data), sealed=len(sealed), sha256=hashlib.sha256(data).hexdigest(),
            sealed_sha256=hashlib.sha256(sealed).hexdigest(),
            header=Rewrapping.of(self.steward, self.reader.public).header(envelope.header),
        )  # fmt: skip
        self.objects[name], self.clear[name] = made, data
        return made

    @staticmethod
    def key(name: str) -> str:
        """Return an object's key at the server, which takes every name."""
        return f"in/{hashlib.sha256(key_bytes(name)).hexdigest()[:16]}.c4gh"

    def version(self, name: str) -> Version:
        """Return what the server holds of an object, to be changed."""
        found = self.bucket.current(self.key(name))
        assert found is not None
        return found

    def write(
        self,
        out: str = "grant",
        *,
        edit: Callable[[GrantedObject], GrantedObject] = lambda one: one,
        given: Mapping[str, Any] | None = None,
        reader: PrivateKey | None = None,
        **head: Any,
    ) -> Path:
        """Write a grant of everything: pack and statement; `given` changes the statement alone."""
        folder = self.folder / out
        folder.mkdir()
        objects = [edit(self.objects[name]) for name in sorted(self.objects, key=key_bytes)]
        key = (reader or self.reader).public
        told = PackHead(
            **{
                "format": FORMAT, "grant": "g-1", "migration": "m", "dataset": "pmsi",
                "permit": "CESREES 4711", "purpose": "a study", "reader": key.fingerprint,
                "until": UNTIL, "endpoint": HostAddress(
                    url=self.url, region=self.server.region, addressing="path"),
                "objects": len(objects), "bytes": sum(one.length for one in objects), **head,
            }
        )  # fmt: skip
        with (folder / pack.NAME).open("xb") as file:
            written = pack.write(file, key, told, objects)
        same = ("grant", "migration", "dataset", "permit", "purpose", "reader", "until",
                "objects", "bytes")  # fmt: skip
        says = statement.Given(
            **{
                **{name: getattr(told, name) for name in same}, "whole": True,
                "made_at": "2026-01-01T00:00:00Z", "root": written.root,
                "stands_on": statement.StandsOn(
                    plan="0" * 64, batch="b", manifest="0" * 64, journal="0" * 64),
                **(given or {}),
            }
        )  # fmt: skip
        envelope = statement.sign(self._signer, says, written.sha256)
        (folder / statement.GIVEN).write_text(json.dumps(envelope))
        return folder

    def sign_again(self, folder: Path, **changes: Any) -> None:
        """Have the statement be about the pack as it lies in a folder now."""
        signed = statement.read(folder)
        digest = hashlib.sha256((folder / pack.NAME).read_bytes()).hexdigest()
        envelope = statement.sign(self._signer, replace(signed.given, **changes), digest)
        (folder / statement.GIVEN).write_text(json.dumps(envelope))

    def settings(self, grant: Path, **more: Any) -> ReaderSettings:
        """Return how the reader opens a grant."""
        return ReaderSettings(
            **{
                "grant": grant, "identity": self.identity,
                "credential_id": f"file:{self.folder}/id",
                "credential_secret": f"file:{self.folder}/secret", "patience": 0.0, **more,
            }
        )  # fmt: skip

    def options(self, grant: Path, **more: Any) -> dict[str, Any]:
        """Return the same as options of the file system."""
        one = self.settings(grant)
        return {
            "grant": str(one.grant), "identity": str(one.identity),
            "credential_id": one.credential_id, "credential_secret": one.credential_secret,
            "patience": 0.0, **more,
        }  # fmt: skip

    def opened(self, grant: Path | None = None, **more: Any) -> OpenedGrant:
        """Open a grant; without one, a new one of everything."""
        return open_grant(self.settings(grant or self.write(), **more))

    def reading(self, name: str, opened: OpenedGrant | None = None, **more: Any) -> GrantedReader:
        """Return what reads one object."""
        opened = opened or self.opened(**more)
        found = opened.catalogue.find(name)
        assert isinstance(found, CataloguedObject)
        return opened.reader(found)

    def asked(self) -> list[str]:
        """Return the ranges that the server was asked for since the last time."""
        ranges = [seen.headers.get("range", "") for seen in self.server.seen]
        self.server.seen.clear()
        return ranges
