"""One order of each kind, with every field filled."""

from __future__ import annotations

from hdh_migrate.orders import (
    AgainOrder,
    BeginOrder,
    CompleteItem,
    CompleteOrder,
    DigestOrder,
    HeldPart,
    ItemFields,
    Order,
    OrderItem,
    PartItem,
    PartOrder,
    PutOrder,
    RecheckItem,
    RecheckOrder,
    ResumeItem,
    ResumeOrder,
    SentPart,
    VerifyItem,
    VerifyOrder,
)
from tests.support.workshop import wish

ABOUT: ItemFields = {
    "id": 1, "attempt": 2, "key": "{}", "size": 3, "version": "v", "md5": None,
    "kind": "object", "metadata": {"a": "b"}, "tags": {"c": "d"}, "replaces": "f",
    "after": None,
}  # fmt: skip
HELD = (HeldPart(number=1, etag="e", stored_size=9),)
PART = SentPart(size=1, sha256="aa", stored_size=2, sealed_sha256="bb")
VERIFY = VerifyItem(
    **ABOUT, stored_size=1, etag="e", version_id=None, sha256=None, sealed_sha256=None,
    parts=(PART,), header=b"\0h",
)  # fmt: skip
EVERY_KIND: tuple[Order, ...] = (
    PutOrder(dataset="d", objects=(wish(1), wish(2))),
    BeginOrder(dataset="d", objects=(wish(1),)),
    ResumeOrder(dataset="d", objects=(ResumeItem(**ABOUT, upload_id="u", parts=HELD),)),
    PartOrder(
        dataset="d",
        objects=(
            PartItem(
                **ABOUT, number=1, segments=2, count=3, upload_id="u", header=b"\xff",
                sealed=((1, "aa"),),
            ),
        ),
    ),
    CompleteOrder(dataset="d", objects=(CompleteItem(**ABOUT, upload_id="u", parts=HELD),)),
    VerifyOrder(dataset="d", objects=(VERIFY,)),
    AgainOrder(dataset="d", objects=(VERIFY,)),
    RecheckOrder(
        dataset="d",
        objects=(
            RecheckItem(
                **ABOUT, stored_size=1, etag="e", version_id=None, sha256="aa",
                stored_sha256="bb", level="full",
            ),
        ),
    ),
    DigestOrder(dataset="d", objects=(OrderItem(**ABOUT),)),
)  # fmt: skip
