"""`providers list|show` and `waive`, as people and machines see them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.targets import profiles
from tests.support.command import command as started
from tests.unit.plan.builders import GOOD

OWN = "{value: 500, as_of: 2026-11-02, source: ticket 4711, confirmed: yes}"


def called(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return started(*arguments, cwd=cwd)


def told(*arguments: str, cwd: Path | None = None, code: int = 0) -> Any:
    done = called(*arguments, "--json", cwd=cwd)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_the_list_names_every_profile_and_how_much_of_it_is_confirmed() -> None:
    rows = told("providers", "list")["providers"]
    assert tuple(row["name"] for row in rows) == profiles.names()
    assert all(0 <= row["confirmed"] <= row["claims"] for row in rows)
    text = called("providers", "list").stdout
    for name in profiles.names():
        assert name in text


def test_show_gives_each_claim_with_date_source_and_confirmation() -> None:
    claims = told("providers", "show", "scaleway")["claims"]
    assert claims["max_parts"] == {
        "value": 1000, "as_of": "2026-11-23", "confirmed": True, "origin": "profile scaleway",
        "source": "Scaleway documentation, Multipart uploads",
    }  # fmt: skip
    text = called("providers", "show", "scaleway").stdout
    (line,) = [line for line in text.splitlines() if line.startswith("max_parts ")]
    assert line.split()[:4] == ["max_parts", "1,000", "2026-11-23", "Scaleway"]
    (doubted,) = [line for line in text.splitlines() if line.startswith("max_key ")]
    assert "not confirmed: Amazon S3" in doubted
    assert "no-lifecycle: no lifecycle rule at all" in text
    assert "SecNumCloud" in text


def test_show_lays_an_own_profile_over_it(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(f"claims: {{max_parts: {OWN}}}\n")
    shown = told("providers", "show", "scaleway", "--own", "own.yaml", cwd=tmp_path)
    assert shown["claims"]["max_parts"]["value"] == 500
    assert shown["claims"]["max_parts"]["origin"] == "the plan's own profile"
    text = called("providers", "show", "scaleway", "--own", "own.yaml", cwd=tmp_path).stdout
    assert "ticket 4711 [the plan's own profile]" in text


def test_an_unknown_provider_is_a_usage_error() -> None:
    done = called("providers", "show", "nowhere")
    assert done.returncode == Exit.USAGE
    assert "no provider nowhere; there are ceph-rgw, " in done.stderr


def test_validate_tells_what_the_target_takes(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(f"claims: {{max_parts: {OWN}}}\n")
    (tmp_path / "plan.yaml").write_text(
        GOOD.replace("fr-par\n", "fr-par\n  profile: own.yaml\n", 1)
    )
    target = told("validate", "plan.yaml", cwd=tmp_path)["target"]
    assert (target["provider"], target["max_parts"]) == ("scaleway", 500)
    assert target["overrides"] == ["max_parts"]
    assert 2 << 40 < target["largest_object"] < 3 << 40
    text = called("validate", "plan.yaml", cwd=tmp_path).stdout
    assert "objects up to 2.2 TiB in 500 parts of up to 4.6 GiB" in text
    assert "the plan's own profile replaces max_parts" in text


def test_validate_refuses_a_pace_that_no_part_can_keep(tmp_path: Path) -> None:
    slow = GOOD.replace("scaleway\n  region: fr-par", "outscale\n  region: eu-west-2").replace(
        "bandwidth: 800MiB/s", "bandwidth: 100KiB/s"
    )
    (tmp_path / "plan.yaml").write_text(slow)
    done = called("validate", "plan.yaml", cwd=tmp_path)
    assert done.returncode == Exit.REFUSED
    assert "is not sent within 180 s at 6400 bytes/s" in done.stderr
    assert "plan.yaml:28:9: limits: " in done.stderr


# --- waivers ------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    new_report_key(tmp_path, "dpo", None)
    (tmp_path / "plan.yaml").write_text(GOOD + "waivers: {keys: [dpo.pub]}\n")
    return tmp_path


WAIVE = ("waive", "plan.yaml", "--reason", "visa renewal, ref. 12", "--key", "dpo.key")


def test_a_waiver_is_signed_for_the_plan_as_it_is(site: Path) -> None:
    made = told(*WAIVE, "--what", "attestation", "--until", "2999-12-31", cwd=site)
    assert made["counts"]
    assert made["plan_digest"] == told("validate", "plan.yaml", cwd=site)["plan_digest"]
    assert Path(made["made"]).parent == site / "waivers"
    envelope = json.loads(Path(made["made"]).read_text())
    assert envelope["signatures"][0]["keyid"] == made["key"]


def test_a_health_rule_of_the_profile_can_be_waived(site: Path) -> None:
    made = told(*WAIVE, "--what", "health.no-lifecycle", "--until", "2999-12-31", cwd=site)
    assert made["what"] == "health.no-lifecycle"


def test_a_key_that_the_plan_does_not_list_is_warned_of(site: Path) -> None:
    new_report_key(site, "other", None)
    done = called(*WAIVE[:-1], "other.key", "--what", "attestation", "--until", "2999-12-31",
                  cwd=site)  # fmt: skip
    assert done.returncode == Exit.OK
    assert "does not list this key in waivers.keys" in done.stderr


def test_a_waiver_of_a_finding_without_a_ledger_says_that_nobody_looked(site: Path) -> None:
    done = called(*WAIVE, "--what", "finding.conflict", "--until", "2999-12-31", cwd=site)
    assert done.returncode == Exit.OK
    assert "nobody looked whether such a finding is open" in done.stderr


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        (("--what", "everything", "--until", "2999-12-31"), "everything cannot be waived; there"),
        (("--what", "finding.vanish", "--until", "2999-12-31"), "finding.vanish cannot be waived"),
        (("--what", "finding.batch-held-back", "--until", "2999-12-31"), "held-back is a note"),
        (("--what", "attestation", "--until", "soon"), "--until must be a day"),
        (("--what", "attestation", "--until", "2999-02-30"), "--until must be a day"),
        (("--what", "attestation", "--until", "2020-01-01"), "2020-01-01 has passed"),
        (("--what", "attestation", "--until", "2999-12-31", "--reason", " "), "--reason must be"),
    ],
)
def test_a_waiver_that_makes_no_sense_is_not_written(
    more: tuple[str, ...], wrong: str, site: Path
) -> None:
    done = called(*WAIVE, *more, cwd=site)
    assert done.returncode == Exit.USAGE
    assert wrong in done.stderr
    assert not (site / "waivers").exists()
