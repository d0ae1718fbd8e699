"""What opens a dataset is erased: recorded before anything goes, and when it is seen to be gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.jsonform import ABSENT, Absent, json_form


@json_form
class HeadersErasing(Event):
    """The header packs of a dataset are about to go, at both places: nobody opens it from here on.

    Told before the first of them goes; no verb opens anything of the dataset after it.
    """

    kind: ClassVar[str] = "headers-erasing"
    dataset: str
    batch: str
    request: str
    """Digest of what is erased and in spite of what: what an approval of it is bound to."""
    objects: int
    """That are verified: nobody will open them again."""
    bytes: int
    packs: int
    """Verified ones; each was at both places as it was verified."""
    pack_bytes: int
    root: str
    """Over what they were at the target, as in `headers-copied`."""
    versions: int
    """Of them at the target, with earlier ones and markers."""
    copies: int
    """Files at the place of the second copy."""
    headers: int
    """In the ledger."""
    although: tuple[str, ...]
    """What stood against it and was agreed to: `only-copy`, `grants`."""
    reason: str
    approvals: tuple[str, ...]
    """Fingerprints of the keys that approved it."""
    user: str
    signed: SignedEnvelopes | Absent = ABSENT


@json_form
class HeadersErased(Event):
    """They are gone, as far as both places and the ledger show; recorded again when tried again."""

    kind: ClassVar[str] = "headers-erased"
    dataset: str
    request: str
    remaining: Mapping[str, int]
    """What is still there, by why."""


ErasureEvent = HeadersErasing | HeadersErased
