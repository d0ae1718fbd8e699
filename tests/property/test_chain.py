"""The chain's short way to write an event is the canonical one, whatever the event's texts are."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.fixity import canonical_json
from hdh_migrate.ledger.chain import GENESIS, link

TEXTS = st.text(st.characters())  # surrogates that stand alone, too


@given(st.integers(min_value=1), TEXTS, TEXTS, TEXTS)
@example(7, "\ud800", '"\\', "\x00\x7f\u2028é\U0001f600")
def test_a_link_covers_the_canonical_form(seq: int, at: str, kind: str, body: str) -> None:
    canonical = canonical_json([seq, at, kind, body])
    assert link(GENESIS, seq, at, kind, body) == sha256(GENESIS + canonical).digest()
