"""Names replaced by keyed digests, for a bundle that outsiders may read.

From one 32-byte secret, which stays with the operator, each object gets a key of its own, and
everything that would name the object is replaced by an HMAC-SHA-256 under that key:

    object key  = HMAC(secret,     frame("object", dataset, key))
    key         = "k:" HMAC(object key, frame("key", dataset, key))
    target_key  = "k:" HMAC(object key, frame("target_key", bucket, target key))
    sha256      =      HMAC(object key, frame("sha256", the 32 bytes))
    version     = "sidecar:k:" and the same, where a version is "sidecar:" and the SHA-256

frame(x, y, ...) is DOMAIN and then each item, all with their length before them as eight bytes,
big-endian. Giving away one object key opens this object: anybody can then compute its names
again, and nobody can find two names for one line. It says nothing of any other object: without
the secret no guess can be tried.

The digest of the plaintext is replaced too, because whoever has a copy of a file, or guesses one,
would find it by its digest: so is the version of a sidecar's file, which is that digest, and the
source's MD5 is left out. `docs/exports.md` says what a keyed
bundle still tells.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from hdh_migrate.evidence.verifier.members import ExclusionRecord, FindingRecord, ManifestRecord
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import SIDECAR_VERSION, key_bytes

DOMAIN = b"hdh-migrate keyed names v1"
PREFIX = "k:"
SECRET_BYTES = 32

_SIDECAR = re.compile(re.escape(SIDECAR_VERSION) + "([0-9a-f]{64})")

Event = tuple[int, str, str, str, bytes]

_SAID = frozenset((
    "alone", "attempt", "batch", "batches", "clock_offsets", "code_sha256", "dataset", "objects",
    "occupied", "pid", "plan_digest", "stage", "steps", "tool", "traffic", "user",
))  # fmt: skip
"""What an event of the journal may say to outsiders. Digests over rows and roots over names are
not among it: whoever knows the rest of a row could try names against them. Neither are ids, which
count the objects in the order of their names."""


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value


def _sums(value: Mapping[str, object]) -> dict[str, object]:
    return {name: value[name] for name in ("objects", "bytes")}


HYBRID_DIGITS = 2432
"""Of a hybrid public key in hexadecimal; a Crypt4GH one has 64."""


def _fingerprint(key: str) -> str:
    """Return what a public key in hexadecimal is named by, also in the statement."""
    kind = "hybrid:" if len(key) == HYBRID_DIGITS else "c4gh:"
    return kind + hashlib.sha256(bytes.fromhex(key)).hexdigest()[:16]


def _without_objects(findings: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    return [
        {name: value for name, value in finding.items() if name != "object"} for finding in findings
    ]


_COUNTED: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "object-opened": {"number": _as_it_is},
    "fidelity-chosen": {"ways": _as_it_is},
    # A root over what is sealed: nobody who knows a name can try it against that.
    "headers-copied": dict.fromkeys(("packs", "bytes", "root"), _as_it_is),
    "inventoried": {"bytes": _as_it_is, "excluded": _sums},
    "inventory-changed": dict.fromkeys(
        ("joined", "joined_excluded", "changed", "changed_excluded", "changed_included"), len
    ),
    "findings": {"opened": _without_objects, "closed": _as_it_is},
    "verified": {"datasets": _as_it_is},
    "superseded": {"dropped_datasets": _as_it_is},
    "looking-again": dict.fromkeys(("number", "level"), _as_it_is),
    "looked-again": {
        **dict.fromkeys(("number", "level", "at"), _as_it_is),
        **dict.fromkeys(("gone", "damaged", "replaced", "unread", "lost", "beside"), len),
    },
    "look-ended": {"number": _as_it_is},
    "breach-judged": dict.fromkeys(("looks", "findings", "notified"), _as_it_is),
    "refreshing": {"number": _as_it_is},
    "under-way": {"step": _as_it_is, "bytes": sum},
    "sending-again": dict.fromkeys(("unacknowledged", "going_on"), _as_it_is),
    "adopted-batch": dict.fromkeys(("number", "adopted", "unproved", "foreign"), _as_it_is),
    "refreshed": dict.fromkeys(("number", "new", "changed", "vanished", "left"), _as_it_is),
    "refresh-ended": dict.fromkeys(("number", "listed"), _as_it_is),
    "exchanged": dict.fromkeys(("since", "step"), _as_it_is),
    "retrying": {"reasons": _as_it_is},
    "failed": {"datasets": _as_it_is},
    "retried": {"datasets": _as_it_is},
    "bound": {"recipients": len},
    "keys-rotating": {
        "number": _as_it_is,
        "recipients": len,
        "old": _fingerprint,
        "new": _fingerprint,
    },
    "headers-rewrapped": dict.fromkeys(("number", "headers", "left"), _as_it_is),
    "data-keys-rotating": {"number": _as_it_is, "recipients": len},
    "headers-erasing": dict.fromkeys(
        (
            "request",
            "objects",
            "bytes",
            "packs",
            "pack_bytes",
            "root",
            "versions",
            "copies",
            "headers",
            "although",
            "approvals",
        ),
        _as_it_is,
    ),
    "headers-erased": {"remaining": _as_it_is},
    "headers-exchanging": {"number": _as_it_is, "left": len},
    "headers-exchanged": {
        **dict.fromkeys(("number", "datasets"), _as_it_is),
        "left": len,
        "lost": len,
    },
    "keys-rotated": dict.fromkeys(("number", "left", "lost", "removed", "remaining"), _as_it_is),
    "ages-counted": {"moment": _as_it_is},
    "batch-bound": dict.fromkeys(("revision", "digest"), _as_it_is),
    "batch-amended": {
        **dict.fromkeys(("revision", "digest", "moved_before"), _as_it_is),
        "recipients": len,
    },
    "plan-changed": {"was": _as_it_is, "now": _as_it_is},
    "probed": {"record_sha256": _as_it_is},
    "ledger-upgraded": {"schema": _as_it_is, "verified": _as_it_is},
}
"""What an event of one kind says besides, as the rules of docs/evidence-format.md need it."""


@frozen_row
class ObjectKey:
    """The key of one object: what an opening gives away."""

    raw: bytes = field(repr=False)

    def name(self, dataset: str, key: str) -> str:
        """Return what stands for a key in manifest, exclusions and findings."""
        return PREFIX + self._digest(b"key", dataset.encode(), key_bytes(key)).hex()

    def target_name(self, bucket: str, target_key: str) -> str:
        """Return what stands for the key at the target."""
        return PREFIX + self._digest(b"target_key", bucket.encode(), key_bytes(target_key)).hex()

    def content(self, sha256: str) -> str:
        """Return what stands for the digest of the plaintext."""
        return self._digest(b"sha256", bytes.fromhex(sha256)).hex()

    def version(self, text: str) -> str:
        """Return what stands for a version that is the digest of the plaintext; others stay."""
        digest = _SIDECAR.fullmatch(text)
        return text if digest is None else f"{SIDECAR_VERSION}{PREFIX}{self.content(digest[1])}"

    def _digest(self, *items: bytes) -> bytes:
        return _hmac(self.raw, *items)


class KeyedNames:
    """Replaces names under one secret; the same secret gives the same names in every bundle."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError("the secret has another length")
        self._secret = secret

    def object_key(self, dataset: str, key: str) -> ObjectKey:
        """Return the key of one object."""
        return ObjectKey(_hmac(self._secret, b"object", dataset.encode(), key_bytes(key)))

    def record(self, record: ManifestRecord) -> ManifestRecord:
        """Return a record of the manifest with its names and plaintext digests replaced."""
        made = self.object_key(record["dataset"], record["key"])
        sha256 = record["sha256"]
        return {
            **record,
            "key": made.name(record["dataset"], record["key"]),
            "target_key": made.target_name(record["bucket"], record["target_key"]),
            "sha256": None if sha256 is None else made.content(sha256),
            "source_md5": None,
            "source_version": made.version(record["source_version"]),
        }

    def exclusion(self, exclusion: ExclusionRecord) -> ExclusionRecord:
        """Return an exclusion with its name, and what is a digest of its bytes, replaced."""
        made = self.object_key(exclusion["dataset"], exclusion["key"])
        return {
            **exclusion,
            "key": made.name(exclusion["dataset"], exclusion["key"]),
            "source_version": made.version(exclusion["source_version"]),
        }

    def finding(self, finding: FindingRecord) -> FindingRecord:
        """Return a finding with its name, if it has one, replaced; messages hold no names."""
        if finding["key"] is None:
            return finding
        return {**finding, "key": self._name(finding["dataset"] or "", finding["key"])}

    def _name(self, dataset: str, key: str) -> str:
        return self.object_key(dataset, key).name(dataset, key)


def journal(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the journal as outsiders may read it, in a chain of its own.

    Every event keeps its number, time and kind; of its body only what `_SAID` and `_COUNTED` list
    is kept, and `left_out` names the rest. A list of ids becomes the number of `objects`, lists of
    leaves become their lengths: so the counts of the lines can still be made from it. The journal
    of a later bundle still begins with the one of an earlier bundle.
    """
    head = bytes(32)
    for seq, at, kind, text, _ in events:
        body = json.loads(text)
        counted = _COUNTED.get(kind, {})
        said = {name: value for name, value in body.items() if name in _SAID}
        said |= {name: write(body[name]) for name, write in counted.items() if name in body}
        if isinstance(body.get("ids"), list):
            said["objects"] = len(body["ids"])
        if left := sorted(body.keys() - _SAID - counted.keys()):
            said["left_out"] = left
        payload = canonical_json(said).decode()
        head = hashlib.sha256(head + canonical_json([seq, at, kind, payload])).digest()
        yield seq, at, kind, payload, head


def _hmac(key: bytes, *items: bytes) -> bytes:
    framed = b"".join(len(item).to_bytes(8, "big") + item for item in (DOMAIN, *items))
    return hmac.digest(key, framed, "sha256")
