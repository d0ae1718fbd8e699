"""The named queries of the ledger: each that the code names is there, and none lies about."""

from __future__ import annotations

import re
from pathlib import Path

import hdh_migrate.ledger
from hdh_migrate.ledger.database import queries

CODE = [path.read_text() for path in Path(hdh_migrate.ledger.__file__).parent.glob("*.py")]
NAMED = {name for text in CODE for name in re.findall(r'_sql\["(\w+)"\]', text)}


def test_every_query_that_is_named_is_there() -> None:
    assert len(NAMED) > 40
    assert queries().keys() >= NAMED
    assert [name for name in queries() if not name.isidentifier()] == []  # a comment is one line
