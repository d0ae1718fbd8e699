"""A dossier for people: two pages of A4 in each language, from its facts and its signer alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from hdh_migrate.evidence.dossier.facts import DossierRow, EgressDossier
from hdh_migrate.evidence.dossier.words import DOSSIER
from hdh_migrate.evidence.page.compiled import environment
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.fixity import canonical_json, sha256_hex

ROWS_SHOWN: Final = 22
"""More lines by day are shown by month: the claim is two pages."""


class ShownRow(NamedTuple):
    """A line of the table by day: a day, some days, or a month."""

    first: str
    last: str
    endpoint: str
    purpose: str
    bytes: int
    requests: int


class DossierWords(PageWords):
    """Sentences and quantities of a dossier in one language."""

    def __init__(self, language: str) -> None:
        super().__init__(language, DOSSIER)

    def gb(self, value: int) -> Markup:
        """Return bytes in units of 10^9, with three decimals."""
        return escape(self.decimals(Decimal(value) / 10**9, 3))


def render_dossier(facts: EgressDossier, signer: SignedBy, language: str) -> bytes:
    """Return the page in UTF-8; the same arguments give the same bytes."""
    words = DossierWords(language)
    source = [row for row in facts.rows if row.side == "source"]
    switching = [row for row in source if row.purpose == "switching"]
    claimed = switching or source  # whose days the claim names
    shown, by_month = _shown(source)
    page = (
        environment()
        .get_template("dossier.html")
        .render(
            language=language,
            t=words.say,
            number=words.number,
            gb=words.gb,
            money=words.money,
            moment=words.moment,
            day=words.day,
            p=facts,
            facts_sha256=sha256_hex(canonical_json(facts.as_json())),
            out=sum(row.bytes_read for row in switching),
            asked=sum(row.requests for row in switching),
            amount=_claimed(facts),
            first=min((row.first_day for row in claimed), default=None),
            last=max((row.last_day for row in claimed), default=None),
            endpoints=_endpoints(facts),
            sums=[one for one in facts.costs if one.bytes or one.requests],
            spans=any(row.first_day != row.last_day for row in source),
            rows=shown,
            by_month=by_month,
            all_rows=len(source),
            signer=signer,
        )
    )
    return page.encode()


def _claimed(facts: EgressDossier) -> str | None:
    """Return what switching cost at the source; None: a day of it has no price."""
    mine = [one for one in facts.costs if (one.side, one.purpose) == ("source", "switching")]
    amounts = [one.amount for one in mine]
    if not amounts or None in amounts:
        return None
    return str(sum((Decimal(one) for one in amounts if one is not None), Decimal()))


def _endpoints(facts: EgressDossier) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {"source": [], "target": []}
    for row in facts.rows:
        if row.endpoint not in found.setdefault(row.side, []):
            found[row.side].append(row.endpoint)
    return found


def _shown(rows: Sequence[DossierRow]) -> tuple[list[ShownRow], bool]:
    """Return the lines by day or, when there are too many, by month, and which of both."""
    listed = [
        ShownRow(
            row.first_day, row.last_day, row.endpoint, row.purpose, row.bytes_read, row.requests
        )
        for row in rows
    ]
    if len(listed) <= ROWS_SHOWN:
        return listed, False
    months: dict[tuple[str, str, str], list[ShownRow]] = defaultdict(list)
    for one in listed:
        months[one.last[:7], one.endpoint, one.purpose].append(one)
    return [
        ShownRow(
            min(one.first for one in some), max(one.last for one in some), endpoint, purpose,
            sum(one.bytes for one in some), sum(one.requests for one in some),
        )
        for (_, endpoint, purpose), some in sorted(months.items())
    ], True  # fmt: skip
