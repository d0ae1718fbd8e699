"""Stamps of a real authority (OpenSSL's) in a bundle: asked for, checked, put in, kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from hdh_migrate.clocks import Moment, later
from hdh_migrate.errors import (
    AccessDenied,
    EvidenceDamaged,
    KeyUnavailable,
    Transient,
    UsageError,
)
from hdh_migrate.evidence.amend import STAMP, STATEMENT, SUMS, amend, held
from hdh_migrate.evidence.signatures.dsse import stamped_bytes
from hdh_migrate.evidence.signatures.envelopes import add_signature
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.evidence.signatures.stamps import add_stamp, load_roots, request, stamp_of
from hdh_migrate.evidence.verifier.stamp import LARGEST_STAMP
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.session.policy.timekeeping import dated_ahead
from hdh_migrate.session.verbs.timestamp import apart, stamp
from tests.support.authority import TIME_STAMPING, YEAR, Authority, Issuer, issue, online
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer

NONCE = (1 << 63) + 7
HTML = b"<html><body>please log in</body></html>"


class Desk:
    """A signed bundle, and an authority with its root."""

    def __init__(self, folder: Path, root: Issuer) -> None:
        self.folder, self.root, self.roots = folder, root, [root.certificate]
        self.key = signer(folder / "keys")
        self.bundle = self.new_bundle("bundle")
        self.tsa = self.authority()

    def new_bundle(self, name: str, *, signed: bool = True, key: str = "a.csv") -> Path:
        return bundle(
            self.folder / name, [record(key)], about=facts(dataset(1)),
            signer=self.key if signed else None,
        ).folder  # fmt: skip

    def authority(self, **changes: Any) -> Authority:
        by = changes.pop("by", self.root)
        made = issue("Stamps", by, **{"uses": [TIME_STAMPING], **changes})
        return Authority(self.folder / f"tsa-{len(list(self.folder.iterdir()))}", made)

    def answer(self, nonce: int = NONCE) -> bytes:
        return self.tsa.answer(request(self.bundle, nonce))


@pytest.fixture(scope="module")
def root() -> Issuer:
    return issue("Root", ca=True)


@pytest.fixture
def desk(tmp_path: Path, root: Issuer) -> Desk:
    return Desk(tmp_path, root)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def sums_hold(folder: Path) -> bool:
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", SUMS], cwd=folder, capture_output=True, check=False
    )
    listed = {line.split("  ")[1] for line in (folder / SUMS).read_text().splitlines()}
    return done.returncode == 0 and listed == {file.name for file in folder.iterdir()} - {SUMS}


# --- asked for -------------------------------------------------------------------------------


def test_the_request_is_one_that_openssl_understands(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "request.tsq").write_bytes(request(desk.bundle, NONCE))

    told = subprocess.run(
        ["openssl", "ts", "-query", "-in", str(tmp_path / "request.tsq"), "-text"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert "Version: 1" in told
    assert "Hash Algorithm: sha256" in told
    assert f"Nonce: 0x{NONCE:016X}" in told
    assert "Certificate required: yes" in told


def test_what_is_stamped_is_what_was_signed_and_the_first_signature(desk: Desk) -> None:
    envelope = json.loads((desk.bundle / STATEMENT).read_bytes())
    witness, _ = new_report_key(desk.folder / "keys", "witness", None)

    said = stamped_bytes(envelope)

    assert said.startswith(b"DSSEv1 28 application/vnd.in-toto+json ")
    assert desk.key.verifier.accepts(said[-64:], said[:-64])
    assert said == stamped_bytes(add_signature(envelope, load_signer(witness, None)))
    assert sha256(said).digest() in request(desk.bundle, NONCE)


def test_a_draft_is_not_stamped(desk: Desk) -> None:
    draft = desk.new_bundle("draft", signed=False)

    with pytest.raises(EvidenceDamaged, match="draft"):
        request(draft, NONCE)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"signatures": []}', "\xff"])
def test_a_statement_that_is_no_envelope_is_not_stamped(desk: Desk, text: str) -> None:
    (desk.bundle / STATEMENT).write_bytes(text.encode("latin-1"))

    with pytest.raises(EvidenceDamaged):
        request(desk.bundle, NONCE)


def test_a_folder_that_is_no_bundle_is_a_mistake(desk: Desk, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        for act in (lambda: request(folder, NONCE), lambda: stamp_of(folder, None)):  # noqa: B023
            with pytest.raises(UsageError, match="no bundle"):
                act()


# --- put in ----------------------------------------------------------------------------------


def test_a_good_answer_stands_in_the_bundle_and_in_its_sums(desk: Desk) -> None:
    before, answer = contents(desk.bundle), desk.answer()

    stamped = add_stamp(desk.bundle, answer, desk.roots, NONCE)

    after = contents(desk.bundle)
    assert after.keys() - before.keys() == {STAMP}
    assert after[STAMP] == answer
    assert [name for name in before if before[name] != after[name]] == [SUMS]
    assert sums_hold(desk.bundle)
    assert stamp_of(desk.bundle, desk.roots) == stamped
    assert stamped.authority == "CN=Stamps"
    assert stamped.trusted
    assert (desk.bundle / STAMP).stat().st_mode & 0o777 == 0o600


def test_a_stamp_outlives_a_witness_who_signs_later(desk: Desk) -> None:
    add_stamp(desk.bundle, desk.answer(), desk.roots)
    witness, _ = new_report_key(desk.folder / "keys", "witness", None)

    with held(desk.bundle):
        envelope = json.loads((desk.bundle / STATEMENT).read_bytes())
        signed = add_signature(envelope, load_signer(witness, None))
        amend(desk.bundle, STATEMENT, canonical_json(signed) + b"\n")

    assert stamp_of(desk.bundle, desk.roots) is not None
    assert sums_hold(desk.bundle)


def test_openssl_finds_the_stamp_good(desk: Desk, tmp_path: Path) -> None:
    add_stamp(desk.bundle, desk.answer(), desk.roots)
    envelope = json.loads((desk.bundle / STATEMENT).read_bytes())
    (tmp_path / "stamped").write_bytes(stamped_bytes(envelope))
    (tmp_path / "root.pem").write_bytes(desk.root.pem())

    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "stamped", "-in", str(desk.bundle / STAMP),
         "-CAfile", "root.pem"], cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "Verification: OK" in done.stdout, done.stderr


def spoiled(answer: bytes) -> bytes:
    return answer[:-1] + bytes([answer[-1] ^ 1])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda d: d.tsa.answer(request(d.new_bundle("b", key="b"), NONCE)), "other bytes"),
        (lambda d: d.answer(NONCE + 1), "nonce"),
        (lambda d: spoiled(d.answer()), "signature"),
        (lambda d: d.answer()[:-7], "not DER"),
        (lambda d: HTML, "not"),
        (lambda d: b"", "not"),
        (lambda d: b"\x30" * (LARGEST_STAMP + 1), "too large"),
        (
            lambda d: d.authority(lasts=(-2 * YEAR, -YEAR)).answer(request(d.bundle, NONCE)),
            "not valid at that time",
        ),
        (
            lambda d: d.authority(uses=[]).sign(d.tsa.info_in(d.answer()), "-cades"),
            "not for time-stamps only",
        ),
        (
            lambda d: d.authority(by=issue("Root", ca=True)).answer(request(d.bundle, NONCE)),
            "no valid chain",
        ),
    ],
    ids=[
        "of another bundle", "another nonce", "tampered", "cut short", "a page", "nothing", "huge",
        "expired authority", "a certificate for other uses", "unknown root",
    ],
)  # fmt: skip
def test_a_bad_answer_leaves_the_bundle_as_it_was(
    desk: Desk, make: Callable[[Desk], bytes], why: str
) -> None:
    answer, before = make(desk), contents(desk.bundle)

    with pytest.raises(EvidenceDamaged, match=f"does not check.*{why}"):
        add_stamp(desk.bundle, answer, desk.roots, NONCE)

    assert contents(desk.bundle) == before


def test_an_answer_that_grants_nothing_is_told_with_its_status(desk: Desk) -> None:
    weak = request(desk.bundle, NONCE).replace(
        bytes.fromhex("608648016503040201"),
        bytes.fromhex("608648016503040204"),  # SHA-224
    )

    with pytest.raises(EvidenceDamaged, match=r"did not grant it \(status 2\)"):
        add_stamp(desk.bundle, desk.tsa.answer(weak), desk.roots, NONCE)


def test_without_trust_the_authority_is_not_judged_and_that_is_said(desk: Desk) -> None:
    assert not add_stamp(desk.bundle, desk.answer(), None).trusted


def test_the_same_answer_again_is_fine_and_another_is_refused(desk: Desk) -> None:
    first, second = desk.answer(), desk.answer()
    add_stamp(desk.bundle, first, desk.roots)

    add_stamp(desk.bundle, first, desk.roots)
    with pytest.raises(UsageError, match="another time-stamp already"):
        add_stamp(desk.bundle, second, desk.roots)

    assert (desk.bundle / STAMP).read_bytes() == first


def test_a_spoiled_stamp_is_found_and_may_be_replaced(desk: Desk) -> None:
    answer = desk.answer()
    add_stamp(desk.bundle, answer, desk.roots)
    (desk.bundle / STAMP).write_bytes(spoiled(answer))
    with pytest.raises(EvidenceDamaged, match="does not check"):
        stamp_of(desk.bundle, desk.roots)

    add_stamp(desk.bundle, desk.answer(), desk.roots)

    assert stamp_of(desk.bundle, desk.roots) is not None
    assert sums_hold(desk.bundle)


def test_sums_that_are_not_of_this_bundle_are_not_carried_on(desk: Desk) -> None:
    answer = desk.answer()
    for text in (b"", b"\xff", b"x  y\n", (desk.bundle / SUMS).read_bytes().replace(b"a", b"b")):
        (desk.bundle / SUMS).write_bytes(text)

        with pytest.raises(EvidenceDamaged, match=SUMS):
            add_stamp(desk.bundle, answer, desk.roots)

        assert (desk.bundle / SUMS).read_bytes() == text
        assert not (desk.bundle / STAMP).exists()


@pytest.mark.parametrize("point", [0, 1, 2])
def test_an_interrupted_stamp_is_finished_or_undone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    answer, before, renames, rename = desk.answer(), contents(desk.bundle), 0, Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames > point:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with suppress(KeyboardInterrupt):
            add_stamp(desk.bundle, answer, desk.roots)

    found = stamp_of(desk.bundle, desk.roots)  # whoever looks next settles it
    assert (found is None) == (point == 0)
    assert sums_hold(desk.bundle)
    assert found is not None or contents(desk.bundle) == before
    add_stamp(desk.bundle, answer, desk.roots)
    assert sums_hold(desk.bundle)


def test_a_full_disk_leaves_the_bundle_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, before = desk.answer(), contents(desk.bundle)
    full = OSError(28, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(full))
        with pytest.raises(Exception, match=r"no room|No space"):
            add_stamp(desk.bundle, answer, desk.roots)

    assert stamp_of(desk.bundle, desk.roots) is None
    assert contents(desk.bundle) == before


def test_two_commands_do_not_change_a_bundle_at_once(desk: Desk) -> None:
    with held(desk.bundle), pytest.raises(UsageError, match="another command"):
        request(desk.bundle, NONCE)


# --- trusted certificates --------------------------------------------------------------------


def test_trusted_certificates_are_read_and_nothing_else_is(desk: Desk, tmp_path: Path) -> None:
    good = tmp_path / "good.pem"
    good.write_bytes(desk.root.pem() + issue("Other", ca=True).pem())
    assert load_roots(good)[0] == desk.root.certificate
    assert len(load_roots(good)) == 2

    for name, data in {
        "der": desk.root.certificate.public_bytes(Encoding.DER),
        "empty": b"",
        "key": (desk.folder / "keys" / "report.pub").read_bytes(),
        "huge": b"x" * (5 << 20),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(KeyUnavailable, match="not certificates in PEM"):
            load_roots(tmp_path / name)
    with pytest.raises(KeyUnavailable, match="cannot be read"):
        load_roots(tmp_path / "absent")


# --- by HTTP ---------------------------------------------------------------------------------


def test_an_authority_is_asked_once_and_its_stamp_is_kept(desk: Desk) -> None:
    with online(desk.tsa.answer) as line:
        first = stamp(desk.bundle, line.url, desk.roots, nonce=NONCE)
        again = stamp(desk.bundle, line.url, desk.roots, nonce=NONCE + 1)

        assert line.requests == [request(desk.bundle, NONCE)]
    assert first == again == stamp_of(desk.bundle, desk.roots)


def test_a_proxy_of_this_machine_is_not_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    with online(desk.tsa.answer) as line:
        stamp(desk.bundle, line.url, desk.roots, nonce=NONCE)


def test_an_old_answer_played_again_is_refused(desk: Desk) -> None:
    old = desk.answer(NONCE)

    with online(lambda _: old) as line, pytest.raises(EvidenceDamaged, match="nonce"):
        stamp(desk.bundle, line.url, desk.roots, nonce=NONCE + 1)

    assert stamp_of(desk.bundle, desk.roots) is None


@pytest.mark.parametrize(
    ("status", "headers", "body", "error", "why"),
    [
        (302, {"Location": "http://127.0.0.1:9/"}, b"", Transient, "sends us elsewhere"),
        (500, {}, b"\x30\x00", Transient, "status 500"),
        (403, {}, b"", AccessDenied, "status 403"),
        (200, {"Content-Type": "text/html"}, HTML, Transient, "not the answer"),
        (200, {}, b"", Transient, "not the answer"),
        (200, {}, b"\x30" * (4 << 20), Transient, "longer than"),
        (200, {"Content-Length": "9999"}, b"\x30\x00", Transient, "ended early"),
    ],
    ids=["redirect", "error", "forbidden", "a page", "nothing", "huge", "cut short"],
)
def test_no_answer_leaves_the_bundle_as_it_was(
    desk: Desk, status: int, headers: dict[str, str], body: bytes, error: type[Exception], why: str
) -> None:
    before = contents(desk.bundle)

    with online(lambda _: body, status, headers) as line, pytest.raises(error, match=why):
        stamp(desk.bundle, line.url, desk.roots, nonce=NONCE)

    assert contents(desk.bundle) == before


def test_an_authority_that_is_down_is_told(desk: Desk) -> None:
    with online(desk.tsa.answer) as line:
        pass

    with pytest.raises(Transient, match=r"127\.0\.0\.1"):
        stamp(desk.bundle, line.url, desk.roots, nonce=NONCE)


def test_a_stamp_moves_with_no_other_bundle(desk: Desk) -> None:
    add_stamp(desk.bundle, desk.answer(), desk.roots)
    other = desk.new_bundle("other", key="b.csv")
    shutil.copy(desk.bundle / STAMP, other / STAMP)

    with pytest.raises(EvidenceDamaged, match="other bytes"):
        stamp_of(other, desk.roots)
    assert sha256_hex((other / STAMP).read_bytes()) not in (other / SUMS).read_text()


def test_a_stamp_that_is_later_than_the_clock_shows_the_clock_to_be_behind(desk: Desk) -> None:
    made = add_stamp(desk.bundle, desk.answer(), desk.roots, NONCE)
    told = {"times": {"written": later(made.at, -30 * 86_400)}}
    assert dated_ahead(desk.bundle, told, Moment.at(later(made.at, 5))) == []
    assert dated_ahead(desk.bundle, told, Moment.at(later(made.at, -59))) == []
    (behind,) = dated_ahead(desk.bundle, told, Moment.at(later(made.at, -61)))
    assert "this machine's clock is behind" in behind
    told = {"times": {"written": later(made.at, 61)}}
    (future,) = dated_ahead(desk.bundle, told, Moment.at(made.at))
    assert "in the future" in future
    (desk.bundle / STAMP).write_bytes(b"0")
    assert "does not check" in dated_ahead(desk.bundle, told, Moment.at(later(made.at, 99)))[0]


def test_a_stamp_tells_of_a_clock_that_is_wrong_when_the_report_is_written() -> None:
    at = "2026-11-25T12:00:00Z"
    assert apart(at, later(at, 59)) is None
    assert "119 s ahead of" in str(apart(at, later(at, 119)))
    assert "45 days behind" in str(apart(at, later(at, -45 * 86_400)))
