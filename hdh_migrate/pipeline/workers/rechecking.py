"""Read verified objects again and say whether the target still holds what it held in verify.

Nothing is compared with the source here: what verify proved of the bytes is in the ledger, and the
question is only whether those bytes are still there, under the same key, as the current version;
and, where that is asked for, whether what was sent beside them is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from hdh_migrate.codes import Code
from hdh_migrate.errors import Conflict, Missing, Refused, UnsealFailed
from hdh_migrate.model import Stored
from hdh_migrate.orders import RecheckItem
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.workers.beside import sent_beside
from hdh_migrate.pipeline.workers.checking import Checking, asked_version
from hdh_migrate.pipeline.workers.digests import taken
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.receipts import Rechecked

GONE, DIFFERS = "target-gone", "target-differs"
UNREAD, UNPROVEN = str(Code.TARGET_UNREAD), str(Code.TARGET_UNPROVEN)
"""What may keep an object at the source; with `decommission-` before it, a finding's code."""

BESIDE = str(Code.TARGET_BESIDE)
"""What is wrong with an object whose bytes are right, where what is beside them was compared."""

LOST = "target-lost"
"""The same, seen after its source object had been deleted: there is nothing left to keep."""

WORDS: Mapping[str, str] = {
    LOST: "the target does not hold it as verified, and the source has it no more as it was",
    GONE: "the target does not hold the object any more",
    DIFFERS: "the target holds something else than what was verified",
    UNREAD: "the target's object could not be read again",
    UNPROVEN: "the ledger has no digest of all stored bytes to compare with",
}

CHANGED = frozenset((Code.METADATA_DIFFERS, Code.TAGS_LOST))
"""What a comparison finds that is not as it was sent; the rest could not be seen, or is known."""

Held = tuple[int | None, str | None, str | None]
"""Size, ETag and version id of what the target holds under a key."""


class Rechecking(Checking):
    """Performs the orders of a recheck, each at the level that it names."""

    def recheck(self, route: Route, one: RecheckItem) -> Rechecked:
        """Read one object as closely as its order says."""
        read: Callable[[Route, RecheckItem], str | Stored] = {
            "full": self._unsealed, "stored": self._again, "head": self._looked_at,
        }[one.level]  # fmt: skip
        found = self._box.retry(lambda: _judged(read, route, one))
        if isinstance(found, str):  # read again before blaming the store
            found = self._box.retry(lambda: _judged(read, route, one))
        wrong = found if isinstance(found, str) else self._beside(route, one, found)
        return Rechecked(id=one.id, attempt=one.attempt, wrong=wrong)

    def _beside(self, route: Route, one: RecheckItem, seen: Stored) -> str | None:
        """Compare what stands beside the bytes with what was sent, where that is asked for."""
        if not one.beside:
            return None
        tag, box = Tag.of(seen), self._box
        if tag is None or (tag.ledger != box.run_tag and tag.ledger not in box.adopted):
            return BESIDE
        found = (code for code, _ in sent_beside(box, self._reader, route, one, seen))
        return BESIDE if any(code in CHANGED for code in found) else None

    def _unsealed(self, route: Route, one: RecheckItem) -> str | Stored:
        plain, stored = hashlib.sha256(), hashlib.sha256()
        unsealer = self._box.envelopes.unsealer(
            size=one.size, write=plain.update, header=one.header
        )

        def write(data: bytes | memoryview) -> None:
            taken(self._box.helpers, data, stored.update, unsealer.write)

        try:
            seen = self._read(route, one, write)
            unsealer.close()
        except UnsealFailed:
            return DIFFERS
        digests = (plain.hexdigest(), stored.hexdigest())
        same = digests == (one.sha256, one.stored_sha256)
        return seen if same and seen.version_id == one.version_id else DIFFERS

    def _again(self, route: Route, one: RecheckItem) -> str | Stored:
        digest = hashlib.sha256()
        seen = self._read(route, one, digest.update)
        same = digest.hexdigest() == one.stored_sha256
        return seen if same and seen.version_id == one.version_id else DIFFERS

    def _looked_at(self, route: Route, one: RecheckItem) -> str | Stored:
        seen = self._reader.head(
            route.target.bucket, route.target_key(one.key), version_id=asked_version(one)
        )
        wrong = compared(seen, (one.stored_size, one.etag, one.version_id))
        if wrong is not None or seen is None:
            return wrong or GONE
        return UNREAD if seen.archived else seen


def compared(seen: Stored | None, held: Held) -> str | None:
    """Return what is wrong with the current object under a key, None when it is the one."""
    if seen is None:
        return GONE
    return None if (seen.size, seen.etag, seen.version_id) == held else DIFFERS


def demand_lasting(seen: Stored | None) -> None:
    """Demand that the target does not announce to delete an object by itself.

    Raises:
        Refused: it does: with the source gone nothing would be left then.
    """
    if seen is None or seen.expires is None:
        return
    when = f"on {seen.expires[:10]}" if seen.expires else "on a day that it does not tell"
    raise Refused(
        f"the target announces that a rule of its bucket will delete objects, one of them {when}",
        hint="nothing more is deleted at the source, which would be the only copy then. Take the"
        " lifecycle rule away, and give the same command again; what is to end later can be told"
        " the host afterwards",
    )


def _judged(
    read: Callable[[Route, RecheckItem], str | Stored], route: Route, one: RecheckItem
) -> str | Stored:
    try:
        return read(route, one)
    except Missing:
        return GONE
    except Conflict:
        return DIFFERS
