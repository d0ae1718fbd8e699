"""What the journal's digest of receipts covers has the form that it has had from the first."""

from __future__ import annotations

from hdh_migrate.ledger import chain
from hdh_migrate.ledger.rows import sent_row
from hdh_migrate.receipts import Sent

WHOLE = {
    "kind": "sent", "id": 7, "attempt": 2, "sha256": "aa", "sealed_sha256": "bb",
    "stored_size": 9, "etag": '"e"', "version_id": None,
}  # fmt: skip
MULTIPART = {
    "kind": "sent", "id": 7, "attempt": 2, "stored_size": 9, "etag": '"e"', "version_id": "v",
}  # fmt: skip


def test_a_receipt_is_covered_in_the_form_of_earlier_versions() -> None:
    whole = Sent(
        id=7, attempt=2, stored_size=9, etag='"e"', version_id=None, sha256="aa",
        sealed_sha256="bb",
    )  # fmt: skip
    multipart = Sent(id=7, attempt=2, stored_size=9, etag='"e"', version_id="v")

    assert sent_row(whole) == WHOLE
    assert sent_row(multipart) == MULTIPART
    assert chain.rows_digest(map(sent_row, [whole, multipart])) == chain.rows_digest(
        [WHOLE, MULTIPART]
    )
