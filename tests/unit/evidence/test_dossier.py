"""A dossier of a claim says what its rows add up to, in two languages; nothing can be changed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.dossier.check import (
    ENVELOPE,
    LANGUAGES,
    check_dossier,
    costs_of,
    page_name,
    statement_of,
)
from hdh_migrate.evidence.dossier.facts import (
    BatchSwitch,
    ClaimParties,
    DossierPrice,
    DossierRow,
    EgressDossier,
    JournalReference,
)
from hdh_migrate.evidence.dossier.page import ROWS_SHOWN, render_dossier
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.signing import (
    Signer,
    load_signer,
    load_trusted_key,
    new_report_key,
)
from hdh_migrate.fixity import canonical_json
from hdh_migrate.plan.prices import UnitPrice

SOURCE, TARGET = "https://hdhprod.blob.core.windows.net", "https://s3.fr-par.scw.cloud"
CODE = "c" * 64
PRICES = [
    UnitPrice(purpose="switching", side="source", unit="GB", amount="0.075 EUR",
              valid_from="2026-09-01", source="price list of 2026-09-01, France Central"),
    UnitPrice(purpose="switching", side="source", unit="GB", amount="0 EUR",
              valid_from="2027-01-12", source="regulation (EU) 2023/2854, article 29(1)"),
    UnitPrice(purpose="parallel", side="source", unit="GB", amount="0.075 EUR",
              valid_from="2026-09-01", source="price list of 2026-09-01, France Central"),
    UnitPrice(purpose="re-read", side="target", unit="GB", amount="0.01 EUR",
              valid_from="2026-01-01", source="price list of the target"),
]  # fmt: skip


def row(day: str, purpose: str, read: int, *, side: str = "source", last: str = "") -> DossierRow:
    return DossierRow(
        first_day=day, last_day=last or day, side=side,
        endpoint=SOURCE if side == "source" else TARGET, purpose=purpose,
        requests=read // 1_000_000, bytes_read=read, bytes_written=0,
    )  # fmt: skip


def facts(*rows: DossierRow, prices: list[UnitPrice] = PRICES) -> EgressDossier:
    return EgressDossier(
        migration="emc2-exit", rehearsal=False, written="2027-01-20T09:12:03.000Z",
        tool_version="0.1.0", code_sha256=CODE, plan_sha256="a" * 64,
        journal=JournalReference(events=48_211, head="b" * 64, root="d" * 64),
        parties=ClaimParties(
            provider="Microsoft Ireland Operations Limited",
            customer="Plateforme des données de santé",
            contract="marché 2020-017, inscription 12345678", account="abonnement hdh-prod",
            notice_day="2026-10-01", target_asn="AS12876", contact="direction technique",
        ),
        rows=rows, costs=tuple(costs_of(rows, prices)),
        currency=prices[0].currency if prices else None,
        prices=tuple(map(DossierPrice.of, prices)),
        switches=(BatchSwitch(batch="pilot", at="2027-01-05T18:00:00.000Z"),),
        runs=41, cut_off=2, unended=False,
    )  # fmt: skip


def season(days: int) -> tuple[DossierRow, ...]:
    """Return rows of so many days from 2026-12-20 on."""
    first = date(2026, 12, 20)
    found = []
    for number in range(days):
        day = (first + timedelta(days=number)).isoformat()
        found.append(row(day, "switching", 3_412_000_000_000 + number * 1_234_567))
        found.append(row(day, "re-read", 3_500_000_000_000, side="target"))
        if number > 16:
            found.append(row(day, "parallel", 12_000_000_000))
    return tuple(found)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    private, _ = new_report_key(tmp_path / "keys", "report", None)
    return load_signer(private, None)


def written(folder: Path, signer: Signer, told: EgressDossier) -> Path:
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    pages = {page_name(one): render_dossier(told, by, one) for one in LANGUAGES}
    folder.mkdir()
    for name, page in pages.items():
        (folder / name).write_bytes(page)
    envelope = signer.sign(STATEMENT_TYPE, statement_of(told, pages))
    (folder / ENVELOPE).write_text(json.dumps(envelope))
    return folder


def test_a_dossier_that_was_written_holds(tmp_path: Path, signer: Signer) -> None:
    folder = written(tmp_path / "d", signer, facts(*season(12)))
    keys = [load_trusted_key(tmp_path / "keys" / "report.pub")]
    found = check_dossier(folder, keys, 1, CODE)
    assert (found.signed_by, found.not_compared) == (signer.key_id, ())
    later = check_dossier(folder, keys, 1, "e" * 64)
    assert "another version" in later.not_compared[0]


def test_the_page_says_who_what_when_and_how_much_in_both_languages(signer: Signer) -> None:
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    told = facts(*season(28))
    french, english = (render_dossier(told, by, one).decode() for one in LANGUAGES)
    for page in (french, english):
        for said in ("Plateforme des données de santé", "marché 2020-017", SOURCE, TARGET,
                     "AS12876", "b" * 64, "d" * 64, signer.verifier.fingerprint):  # fmt: skip
            assert said in page
    assert "changement de fournisseur" in french
    assert "zero euro" in english
    assert "By month" in english  # more lines than a page has room for
    total = sum(one.bytes_read for one in told.rows if one.purpose == "switching")
    assert f"{total:,}" in english
    assert f"{total:,}".replace(",", "\u202f") in french
    before = next(one for one in told.costs if one.purpose == "switching")
    assert before.amount is not None
    whole, cents = before.amount.split(".")
    assert f"{int(whole):,}.{cents}\u00a0EUR" in english
    assert f"{int(whole):,}".replace(",", "\u202f") + f",{cents}\u00a0EUR" in french


def test_the_days_of_the_claim_are_those_of_switching_alone(signer: Signer) -> None:
    """What was read in parallel use for months after it stretched the days of the switch."""
    rows = (row("2026-11-03", "switching", 10**9), row("2027-02-20", "parallel", 10**6))
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    page = render_dossier(facts(*rows), by, "en").decode()
    banner = page.partition('<section class="banner')[2].partition("</section>")[0]
    assert "2026" in banner
    assert "2027" not in banner


def test_few_lines_are_shown_day_by_day(signer: Signer) -> None:
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    page = render_dossier(facts(*season(10)), by, "en").decode()
    assert "20\u00a0December\u00a02026" in page
    assert "By month" not in page
    assert ROWS_SHOWN >= 20


def test_on_a_telephone_each_number_stands_beside_the_name_of_its_column(signer: Signer) -> None:
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    page = render_dossier(facts(*season(10)), by, "fr").decode()
    tables = [
        one for one in re.findall("<table[^>]*>.*?</table>", page, re.DOTALL) if "<thead>" in one
    ]
    assert len(tables) == 3
    for one in tables:
        assert re.match('<table class="[a-z ]*stack">', one)
        named = re.findall('<td data-label="([^"]+)"', one)
        assert len(named) == one.count("<td") > 0
        assert set(named) == set(re.findall('<th scope="col"[^>]*>([^<]+)</th>', one))


def test_what_comes_from_a_plan_cannot_become_markup(signer: Signer) -> None:
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    told = facts(row("2026-12-20", "switching", 1))
    told = replace(told, parties=replace(told.parties, provider="<script>alert(1)</script>"))
    page = render_dossier(told, by, "fr").decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_without_prices_or_traffic_the_page_says_so(signer: Signer) -> None:
    by = SignedBy(signer.key_id, signer.verifier.fingerprint)
    page = render_dossier(facts(prices=[]), by, "en").decode()
    assert "Nothing has left the source" in page
    assert "tells bytes, not amounts" in page


Changed = Callable[[dict[str, Any]], object]


def _more(said: dict[str, Any]) -> None:
    said["predicate"]["rows"][0]["bytes_read"] += 1


def _dearer(said: dict[str, Any]) -> None:
    said["predicate"]["costs"][0]["amount"] = "999999.00"


def _twice(said: dict[str, Any]) -> None:
    said["predicate"]["rows"].append(dict(said["predicate"]["rows"][0]))


def _negative(said: dict[str, Any]) -> None:
    said["predicate"]["rows"][0]["requests"] = -1


def _other_kind(said: dict[str, Any]) -> None:
    said["predicateType"] = "urn:hdh-migrate:evidence:v2"


def _other_page(said: dict[str, Any]) -> None:
    said["subject"][0]["digest"]["sha256"] = "0" * 64


@pytest.mark.parametrize("change", [_more, _dearer, _twice, _negative, _other_kind, _other_page])
@pytest.mark.parametrize("signed_again", [False, True])
def test_nothing_of_it_can_be_changed(
    tmp_path: Path, signer: Signer, change: Changed, *, signed_again: bool
) -> None:
    """Whoever has the key cannot make it say what its own rows and pages do not, either."""
    folder = written(tmp_path / "d", signer, facts(*season(3)))
    envelope = json.loads((folder / ENVELOPE).read_text())
    said = json.loads(base64.b64decode(envelope["payload"]))
    change(said)
    payload = canonical_json(said)
    envelope["payload"] = base64.b64encode(payload).decode()
    if signed_again:
        envelope = signer.sign(STATEMENT_TYPE, payload)
    (folder / ENVELOPE).write_text(json.dumps(envelope))
    with pytest.raises(EvidenceDamaged):
        check_dossier(folder, [signer.verifier], 1, CODE)


@pytest.mark.parametrize("payload", [b"null", b'{"a":1e400}', b'{"a":NaN}', b"[" * 9000, b"{}"])
def test_what_was_signed_and_is_no_dossier_is_refused(
    tmp_path: Path, signer: Signer, payload: bytes
) -> None:
    (tmp_path / ENVELOPE).write_text(json.dumps(signer.sign(STATEMENT_TYPE, payload)))
    with pytest.raises(EvidenceDamaged):
        check_dossier(tmp_path, [signer.verifier], 1, CODE)


def test_a_page_that_was_changed_or_is_missing_is_noticed(tmp_path: Path, signer: Signer) -> None:
    folder = written(tmp_path / "d", signer, facts(*season(3)))
    page = folder / page_name("en")
    page.write_bytes(page.read_bytes().replace(b"emc2-exit", b"emc2-exil"))
    with pytest.raises(EvidenceDamaged, match="not the one that was signed"):
        check_dossier(folder, [signer.verifier], 1, CODE)
    page.unlink()
    with pytest.raises(EvidenceDamaged, match=r"dossier\.en\.html"):
        check_dossier(folder, [signer.verifier], 1, CODE)
    (folder / ENVELOPE).write_text("[]")
    with pytest.raises(EvidenceDamaged):
        check_dossier(folder, [signer.verifier], 1, CODE)
