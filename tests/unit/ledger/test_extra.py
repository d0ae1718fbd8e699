"""What an object has beyond its columns is written as JSON is, whatever it is."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.ledger.rows import extra_of
from hdh_migrate.model import ObjectInfo

TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
MAYBE = st.none() | st.text(max_size=8)


@given(TEXTS, TEXTS, TEXTS, TEXTS, MAYBE, MAYBE, st.sampled_from(("object", "page-blob")))
def test_it_is_written_as_json_writes_it(
    headers: dict[str, str], metadata: dict[str, str], tags: dict[str, str],
    facts: dict[str, str], tier: str | None, lease: str | None, kind: str,
) -> None:  # fmt: skip
    obj = ObjectInfo(
        key="a", size=1, version="v", headers=headers, metadata=metadata, tags=tags,
        facts=facts, tier=tier, lease=lease, kind=kind,
    )  # fmt: skip
    told = {
        "headers": headers, "metadata": metadata, "tags": tags, "tier": tier, "lease": lease,
        "kind": None if kind == "object" else kind, "facts": facts,
    }  # fmt: skip
    kept = {name: value for name, value in told.items() if value}
    assert extra_of(obj) == (json.dumps(kept) if kept else None)
