"""What the target lost is judged by somebody, signed, told in the report, and judged anew later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support import second_verifier
from tests.support.finished import prepared
from tests.support.site import Site, moved

pytestmark = pytest.mark.live


def lose(site: Site) -> None:
    """Let one object disappear from the target, be missed, and be sent again."""
    client, name = site.bucket.client, site.bucket.name
    held = sorted(one["Key"] for one in client.list_objects_v2(Bucket=name)["Contents"])
    kept = [one for one in held if ".hdh-migrate" not in one]
    client.delete_object(Bucket=name, Key=kept[0])
    site.cli("verify", site.plan, "--again", expect=Exit.VERIFICATION_FAILED)
    site.run()


def key_of(site: Site, name: str) -> str:
    return str(site.folder / "keys" / f"{name}.key")


def report(site: Site, name: str, *more: str) -> tuple[Path, str]:
    """Write a report that both verifiers take; return its folder and its French page."""
    out = site.folder / name
    site.cli("report", site.plan, "--out", str(out), *more, expect=0)
    path = site.folder / "keys" / "report.pub"
    key = load_trusted_key(path)
    site.cli("audit", "verify", str(out), "--trust", str(path), expect=0)
    assert second_verifier.verify(out, {key.fingerprint: (key.public, key.until)}, 1) == []
    return out, (out / "report.fr.html").read_text()


def tasks(site: Site) -> list[str]:
    return [one["task"] for one in site.cli("status", site.plan, "--json", expect=0).json["left"]]


@prepared(moved)
def test_a_judgement_ends_its_task_and_a_later_loss_opens_it_anew(site: Site) -> None:
    assert site.cli("judge", site.plan, expect=0).out.strip() == "nothing waits for a judgement"
    lose(site)
    assert "absence" in tasks(site)
    (waits,) = site.cli("judge", site.plan, "--json", expect=Exit.FINDINGS).json["waiting"]
    assert (waits["what"], waits["objects"], waits["code"]) == ("look.all.1", 1, None)
    assert "Faire juger si" in report(site, "before")[1]

    dpo = ("--key", key_of(site, "dpo"))
    why = ("--reason", "the copy was never read; ref. 12")
    made = site.cli("judge", site.plan, "--what", waits["what"], *why, *dpo, "--json", expect=0)
    assert (made.json["kept"], made.json["waiting"]) == (True, [])
    assert "absence" not in tasks(site)
    folder, page = report(site, "judged")
    assert "Faire juger si" not in page
    assert "the copy was never read; ref. 12" in page
    said = site.cli(
        "audit",
        "verify",
        str(folder),
        "--trust",
        str(site.folder / "keys" / "report.pub"),
        expect=0,
    )
    assert "every judgement of losses (1 in all) is signed" in said.out

    lose(site)
    (again,) = site.cli("judge", site.plan, "--json", expect=Exit.FINDINGS).json["waiting"]
    assert again["what"] == "look.all.2"
    assert "absence" in tasks(site)
    page = report(site, "anew")[1]
    assert "Faire juger si" in page
    assert "the copy was never read; ref. 12" in page, "what was judged stays"
    notified = ("--notified", "CNIL-2026-0417", "--on", "2026-11-28")
    site.cli("judge", site.plan, "--all", *notified, *dpo, expect=0)
    page = report(site, "notified")[1]
    assert "CNIL-2026-0417" in page
    assert "Faire juger si" not in page
    keyed = report(site, "outsiders", "--names", "keyed")[1]
    assert "Faire juger si" not in keyed
    assert "CNIL-2026-0417" not in keyed, "who judged, and why, may name people"


@prepared(moved)
def test_a_judgement_is_carried_from_where_its_key_is(site: Site) -> None:
    lose(site)
    why, signed = ("--reason", "no person is concerned"), str(site.folder / "judged.json")
    args = ("judge", site.plan, "--what", "look.all.1", *why)
    site.cli(*args, "--key", key_of(site, "dpo"), "--out", signed, expect=0)
    assert "absence" in tasks(site), "it is not in the journal yet"
    site.cli("judge", site.plan, "--import", signed, expect=0)
    again = site.cli("judge", site.plan, "--import", signed, "--json", expect=0).json
    assert again["kept"] is False, "once is enough"
    report(site, "judged")
    told = (site.folder / "judged" / "journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in told]
    assert [one["kind"] for one in events].count("breach-judged") == 1


def let_two_begin(site: Site) -> None:
    """Prepare a batch whose terms name the two who may approve, and lose one of its objects."""
    two = ["keys/dpo.pub", "keys/ciso.pub"]
    site.change(approvals={"keys": two, "threshold": 2})
    site.run()
    for key in ("dpo", "ciso"):
        site.approve("cutover", key)
    site.cutover("start", expect=0)
    lose(site)


@prepared(let_two_begin)
def test_a_key_that_the_plan_names_and_the_terms_do_not_judges_nothing(site: Site) -> None:
    three = [f"keys/{name}.pub" for name in ("dpo", "ciso", "stranger")]
    site.change(approvals={"keys": three, "threshold": 2})
    why, signed = ("--what", "look.all.1", "--reason", "ref. 12"), str(site.folder / "judged.json")
    by = ("--key", key_of(site, "stranger"))
    for more in ((), ("--out", signed)):
        said = site.cli("judge", site.plan, *why, *by, *more, expect=Exit.REFUSED)
        assert "by the terms that are in force" in said.err
        assert "--stage terms" in said.err
    assert not Path(signed).exists()

    for key in ("dpo", "ciso"):
        site.approve("terms", key)
    site.cutover("start", expect=0)  # takes the terms up, and finds nothing else to do
    site.cli("judge", site.plan, *why, *by, expect=0)
    assert "ref. 12" in report(site, "judged")[1]


@prepared(moved)
def test_who_may_not_judge_or_does_not_say_what_is_refused(site: Site) -> None:
    lose(site)
    what, why = ("--what", "look.all.1"), ("--reason", "ref. 12")
    for key, code in (("report", Exit.REFUSED), ("stranger", Exit.REFUSED)):
        private = ("--key", key_of(site, key))
        site.cli("judge", site.plan, *what, *why, *private, expect=code)
    dpo = ("--key", key_of(site, "dpo"))
    for wrong in (
        (*what, *why), (*what, *dpo), (*why, *dpo), (*what, "--all", *why, *dpo),
        ("--what", "look.all.2", *why, *dpo), (*what, "--on", "2026-11-28", *why, *dpo),
        (*what, "--notified", "CNIL-1", *dpo), (*what, "--reason", "two\nlines", *dpo),
        (*what, "--notified", "CNIL-1", "--on", "today", *dpo),
    ):  # fmt: skip
        site.cli("judge", site.plan, *wrong, expect=Exit.USAGE)
    other = str(site.folder / "a.json")
    site.cli(
        "approve", site.plan, "--batch", "all", "--stage", "cutover", *dpo, "--out", other,
        expect=0,
    )  # fmt: skip
    for wrong_file in (other, str(site.plan)):
        said = site.cli("judge", site.plan, "--import", wrong_file, expect=Exit.USAGE)
        assert "no judgement" in said.err
        assert "hdh-migrate judge --out FILE" in said.err
    assert "absence" in tasks(site)
