"""A shared access signature that cannot do its work says itself why; the signature stays hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import AuthFailed, KeyUnavailable
from hdh_migrate.session.policy import lasting
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.azure_sas import SasToken
from hdh_migrate.wiring import Vault, source_claims
from tests.unit.plan.builders import GOOD as GOOD_PLAN
from tests.unit.plan.builders import loaded

NOW = "2026-11-25T12:00:00.000Z"
SIG = "cAnArYsIgNaTuRe%2B%2F%3D"
GOOD = f"sv=2024-11-04&sr=c&sp=rl&st=2026-11-01&se=2027-02-01T00:00:00Z&spr=https&sig={SIG}"
ACCOUNT = f"sv=2024-11-04&ss=b&srt=co&sp=rlt&se=2027-02-01T00:00:00Z&sig={SIG}"


def told(token: str, *, secure: bool = True) -> list[str]:
    found = SasToken.read(token).problems(NOW, secure=secure)
    assert all(problem.auth for problem in found)
    assert SIG not in str(found)
    return [problem.what.removeprefix("the source's SAS ") for problem in found]


@pytest.mark.parametrize("token", [GOOD, f"?{GOOD}", ACCOUNT, f"sv=x&sr=c&si=readers&sig={SIG}"])
def test_a_token_that_can_do_it_is_not_spoken_of(token: str) -> None:
    assert told(token) == []
    assert SasAuthorizer(token).apply("a=b", {}) == f"a=b&{token.lstrip('?')}"


@pytest.mark.parametrize(
    ("was", "now", "what"),
    [
        ("se=2027-02-01T00:00:00Z", "se=2026-11-25T11:59Z", "ended at 2026-11-25T11:59:00Z (se)"),
        ("se=2027-02-01T00:00:00Z", "se=2026-11-25", "ended at 2026-11-25T00:00:00Z (se)"),
        ("se=2027-02-01T00:00:00Z", "se=tomorrow", "has an end (se) that is no time"),
        ("st=2026-11-01", "st=2026-11-25T12:00Z", None),
        ("st=2026-11-01", "st=2026-12-01", "is not valid before 2026-12-01T00:00:00Z (st)"),
        ("sp=rl", "sp=r", "gives no right to list (sp)"),
        ("sp=rl", "sp=lw", "gives no right to read (sp)"),
        ("sp=rl", "sp=w", "gives no right to read or to list (sp)"),
        ("sp=rl&", "", "gives no right to read or to list (sp)"),
        ("sr=c", "sr=b", "is for one blob only (sr), not for a container"),
    ],
)  # fmt: skip
def test_what_keeps_a_token_from_listing_is_named(was: str, now: str, what: str | None) -> None:
    """All of these read "no right to list"."""
    assert was in GOOD
    assert told(GOOD.replace(was, now)) == ([what] if what else [])


@pytest.mark.parametrize(
    ("was", "now", "what"),
    [
        ("ss=b", "ss=fqt", "is not for the Blob service (ss)"),
        ("srt=co", "srt=o", "is not for containers, so nothing can be listed (srt)"),
        ("srt=co", "srt=sc", "is not for objects, so none can be read (srt)"),
    ],
)
def test_what_an_account_token_is_not_for_is_named(was: str, now: str, what: str) -> None:
    assert told(ACCOUNT.replace(was, now)) == [what]


def test_a_token_for_https_alone_is_of_no_use_on_http() -> None:
    assert told(GOOD, secure=False) == ["is for https only (spr), and account_url is http"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"https://hdh.blob.core.windows.net/emc2?{GOOD}", "is a whole address"),
        (f'"{GOOD}"', "is in quotes"),
        (f"'{GOOD}'", "is in quotes"),
        (GOOD + "\n" + GOOD, "has a space or a line break in it"),
        (GOOD.replace("&", "&amp;"), "was copied from a web page"),
        (GOOD.replace("%", "%25"), "is encoded twice"),
        (GOOD.partition("&sig")[0], "has no signature"),
        ("AccountKey=abc", "has no signature"),
    ],
)
def test_what_is_not_the_token_alone_is_named(text: str, what: str) -> None:
    for take in (SasToken.read, SasAuthorizer):
        with pytest.raises(AuthFailed, match=what) as refused:
            take(text)
        assert "cAnArY" not in f"{refused.value} {refused.value.hint}"


def test_no_field_of_a_token_is_shown() -> None:
    assert "cAnArY" not in repr(SasToken.read(GOOD))
    odd = GOOD.replace("sr=c", "sr=%1b%5b31m").replace("sp=rl", "sp=%00cAnArY")
    assert "cAnArY" not in str(told(odd))


# --- beside a plan ---------------------------------------------------------------------------


def vault(token: str) -> Vault:
    return Vault.open(Path(), {"HDH_SOURCE_SAS": token})


def batch(name: str, seconds: float) -> dict[str, Any]:
    return {"batch": name, "seconds": {"high": seconds}}


def test_a_run_that_may_outlast_the_signature_is_told_before(tmp_path: Path) -> None:
    plan = loaded(tmp_path, GOOD_PLAN).plan
    soon = GOOD.replace("2027-02-01T00:00:00Z", "2026-11-25T15:00:00Z")
    batches = [batch("pilot", 7000), batch("rest", 7000)]

    short = lasting.too_short(source_claims(plan, vault(soon)), NOW, batches)

    assert list(short) == ["rest"]
    assert "ends at 2026-11-25T15:00:00Z" in short["rest"]
    assert lasting.too_short(source_claims(plan, vault(GOOD)), NOW, batches) == {}
    (check,) = lasting.checks(source_claims(plan, vault(soon)), NOW)
    assert check["ok"]
    assert check["notes"] == ["it ends at 2026-11-25T15:00:00Z, within a day"]


def test_preflight_says_what_is_wrong_with_the_signature(tmp_path: Path) -> None:
    plan = loaded(tmp_path, GOOD_PLAN).plan
    (check,) = lasting.checks(source_claims(plan, vault(GOOD.replace("sp=rl", "sp=r"))), NOW)
    assert not check["ok"]
    assert check["auth"]
    with pytest.raises(KeyUnavailable, match="whole address"):
        lasting.problems(source_claims(plan, vault(f"https://x/?{GOOD}")), NOW)
