"""Whoever signs, alters, copies or removes waivers: those in force are those that a model says.

A waiver counts while its day is not over, if a key of the plan signed it for this very plan, no
byte of it was changed, and its key never signed a report.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.signatures.signing import (
    Signer,
    load_signer,
    load_trusted_key,
    new_report_key,
)
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.policy import waivers
from tests.campaign.lives import quick_folder
from tests.support.examples import many
from tests.unit.session.test_gate import PLAN, UNSEALED

pytestmark = pytest.mark.slow

WHAT = ("finding.vanished", "finding.drifted", "attestation")
DAYS = ("2026-11-24", "2026-11-26", "2026-12-24")
MOMENTS = tuple(f"{day}T13:30:00.000Z" for day in (*DAYS, "2027-01-05"))
NAMES = ("dpo", "ciso", "stranger")


class WaiverFiles(RuleBasedStateMachine):
    """Keeps, beside the files, what each of them was signed for."""

    loaded: LoadedPlan

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="waivers-", dir=quick_folder()))
        keys = self.folder / "keys"
        keys.mkdir()
        self.signers: dict[str, Signer] = {}
        for name in NAMES:
            private, _ = new_report_key(keys, name, None)
            self.signers[name] = load_signer(private, None)
        self.write_plan(("dpo", "ciso"), "first")
        self.valid: dict[Path, tuple[str, str, str, str]] = {}
        """By file: who signed it, for which plan, what, and until when."""
        self.now = MOMENTS[0]
        self.reporters: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def write_plan(self, named: tuple[str, ...], word: str) -> None:
        keys = ", ".join(f"keys/{name}.pub" for name in named)
        text = PLAN.partition("seal:")[0] + UNSEALED
        path = self.folder / "plan.yaml"
        path.write_text(f"{text}waivers: {{keys: [{keys}]}}\n# {word}\n")
        self.loaded, self.named = load(path), named

    @rule(who=st.sampled_from(NAMES), what=st.sampled_from(WHAT), until=st.sampled_from(DAYS))
    def sign(self, who: str, what: str, until: str) -> None:
        try:
            path, accepted = waivers.make(
                self.loaded, self.signers[who], what=what, reason="known", until=until,
                now=Moment.at(self.now), by=who,
            )  # fmt: skip
        except UsageError:
            return
        assert accepted is (who in self.named)
        self.valid[path] = (who, self.loaded.digest, what, until)

    @rule(pick=st.integers(0, 50), at=st.integers(0, 2_000))
    def alter(self, pick: int, at: int) -> None:
        files = sorted(waivers.files(self.folder))
        if files:
            path = files[pick % len(files)]
            data = bytearray(path.read_bytes())
            at %= len(data)
            if not (32 < data[at] < 127):
                return
            data[at] = ord("A") if data[at] != ord("A") else ord("B")
            path.write_bytes(data)
            self.valid.pop(path, None)

    @rule(pick=st.integers(0, 50))
    def remove(self, pick: int) -> None:
        files = sorted(waivers.files(self.folder))
        if files:
            path = files[pick % len(files)]
            path.unlink()
            self.valid.pop(path, None)

    @rule(pick=st.integers(0, 50))
    def rename(self, pick: int) -> None:
        """A name says nothing: what was signed counts."""
        files = sorted(waivers.files(self.folder))
        if files:
            path = files[pick % len(files)]
            other = path.with_name(f"renamed-{len(files)}-{path.name}"[-100:])
            path.rename(other)
            if path in self.valid:
                self.valid[other] = self.valid.pop(path)

    @rule(named=st.sampled_from([("dpo",), ("ciso",), ("dpo", "ciso")]))
    def ask_others(self, named: tuple[str, ...]) -> None:
        self.write_plan(named, "other keys")

    @rule(moment=st.sampled_from(MOMENTS))
    def time_goes_by(self, moment: str) -> None:
        self.now = max(self.now, moment)

    @rule(who=st.sampled_from(NAMES))
    def it_signed_reports(self, who: str) -> None:
        self.reporters.add(who)

    @invariant()
    def those_in_force_are_those_of_the_model(self) -> None:
        if not hasattr(self, "loaded"):
            return
        told = {
            load_trusted_key(self.folder / "keys" / f"{name}.pub").fingerprint
            for name in self.reporters
        }
        counted, refused = waivers.in_force(
            self.loaded.plan, self.folder, Moment.at(self.now), signers=told
        )
        expected = {
            f"{waivers.FOLDER}/{path.name}": what
            for path, (who, plan, what, until) in self.valid.items()
            if who in self.named and who not in self.reporters
            and plan == self.loaded.digest and until >= self.now[:10]
        }  # fmt: skip
        assert {one.file: one.what for one in counted} == expected
        assert len(counted) + len(refused) == len(waivers.files(self.folder))


TestWaiverFiles = WaiverFiles.TestCase
TestWaiverFiles.settings = settings(
    max_examples=many(30),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
