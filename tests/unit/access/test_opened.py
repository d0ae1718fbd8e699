"""A grant opens for its reader, in its time, and when statement and pack are whole and agree."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.access.catalogue import EVERY
from hdh_migrate.access.opened import open_grant, shared
from hdh_migrate.errors import (
    AuthFailed,
    ClocksDiffer,
    KeyUnavailable,
    MigrateError,
    NotAsGranted,
    PackDamaged,
    Refused,
)
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.objects import HostAddress
from hdh_migrate.model import key_bytes
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from tests.support.granted import GrantedSite
from tests.support.strict_s3 import Manner

NAMES = ["Z", "a", "a-b", "a/b", "a/c/d", "a/é", "b", "z/\udcff", "été"]


class _At:
    """A clock that stands still."""

    def __init__(self, moment: str) -> None:
        self._moment = moment

    def now(self) -> str:
        return self._moment

    def monotonic(self) -> float:
        return 0.0


def test_a_grant_says_what_it_is_without_its_host(site: GrantedSite) -> None:
    site.put("a.csv", b"x")
    opened = site.opened(trust=(site.signer_public,))
    assert (opened.given.dataset, opened.given.objects, opened.received) == ("pmsi", 1, 0)
    assert site.asked() == []


def test_every_object_is_found_by_name_and_in_order(site: GrantedSite) -> None:
    for name in NAMES:
        site.put(name, name.encode("utf-8", "surrogateescape"))
    catalogue = site.opened().catalogue
    in_order = sorted(NAMES, key=key_bytes)
    assert [one.of.name for one in catalogue.starting()] == in_order
    for at in (*NAMES, "", "a/", "a0", "b\0", "zzz"):
        rest = [name for name in in_order if key_bytes(name) >= key_bytes(at)]
        assert [one.of.name for one in catalogue.starting(key_bytes(at))] == rest
        found = catalogue.find(at)
        assert (None if found is None else found.of.name) == (at if at in NAMES else None)
    assert [one.of.name for one in catalogue.under("a/")] == ["a/b", "a/c/d", "a/é"]


def test_of_many_names_few_are_kept_and_all_are_found(site: GrantedSite) -> None:
    one = site.put("0", b"x")
    for number in range(3 * EVERY + 7):
        site.objects[f"{number:05d}"] = replace(one, name=f"{number:05d}")
    del site.objects["0"]
    catalogue = site.opened().catalogue
    assert len(catalogue._names) == 4
    drawn = random.Random(3)
    for name in drawn.sample(sorted(site.objects), 60):
        found = catalogue.find(name)
        assert found is not None
        assert found.of.name == name
    assert catalogue.find("00000x") is None
    assert len(list(catalogue.under(""))) == len(site.objects)


def test_a_grant_of_nothing_opens(site: GrantedSite) -> None:
    catalogue = site.opened().catalogue
    assert list(catalogue.starting()) == []
    assert catalogue.find("a") is None


def test_one_grant_is_open_once_in_a_process(site: GrantedSite) -> None:
    settings = site.settings(site.write())
    first = shared(settings)
    assert shared(settings) is first


# --- who may not ---------------------------------------------------------------------------------


def test_another_readers_key_is_refused_before_the_pack_is_touched(site: GrantedSite) -> None:
    grant = site.write()
    _, other = new_pair(site.folder, "other", passphrase=None)
    with pytest.raises(Refused, match=r"this grant is for c4gh:\w{16}, and the identity is c4gh:"):
        site.opened(grant, identity=other)


def test_a_statement_in_my_name_over_anothers_pack_opens_nothing(site: GrantedSite) -> None:
    other = PrivateKey.load(new_pair(site.folder, "other", passphrase=None)[1], None)
    grant = site.write(reader=other, given={"reader": site.reader.public.fingerprint})
    with pytest.raises(KeyUnavailable, match="does not open"):
        site.opened(grant)


def test_a_grant_whose_time_is_over_is_refused(site: GrantedSite) -> None:
    grant = site.write(until="2026-03-01T00:00:00Z")
    with pytest.raises(Refused, match="ended at 2026-03-01T00:00:00Z; nothing more is read"):
        open_grant(site.settings(grant), clock=_At("2026-03-01T00:00:00.000Z"))
    open_grant(site.settings(grant), clock=_At("2026-02-28T23:59:59.000Z"))


def test_a_clock_that_was_set_back_gives_nothing_that_the_hosts_clock_forbids(
    site: GrantedSite,
) -> None:
    site.put("a", b"secret")
    grant = site.write(until="2026-03-01T00:00:00Z")
    opened = open_grant(site.settings(grant), clock=_At("2026-02-28T00:00:00.000Z"))
    with pytest.raises(ClocksDiffer):  # the host's clock is today's
        site.reading("a", opened).read(0, 6)


def test_a_grant_that_ends_while_it_is_open_gives_nothing_more(site: GrantedSite) -> None:
    site.put("a", b"secret")
    now = site.server.store.now()
    until = now.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    grant = site.write(until=until)
    clock = _At("2020-01-01T00:00:00Z")
    opened = open_grant(site.settings(grant), clock=clock)
    clock._moment = now.isoformat().replace("+00:00", "Z")
    with pytest.raises(Refused, match="ended at"):
        site.reading("a", opened).read(0, 6)
    assert site.asked() == []


def _revoke(site: GrantedSite, grant: Path) -> None:
    taken = statement.Revoked(grant="g-1", reason="left", revoked_at="2026-05-01T00:00:00Z")
    envelope = statement.sign(site._signer, taken, statement.read(grant).pack)
    (grant / statement.REVOKED).write_text(json.dumps(envelope))


@pytest.mark.parametrize("with_pack", [True, False])
def test_a_grant_that_was_revoked_is_refused(site: GrantedSite, with_pack: bool) -> None:
    grant = site.write()
    _revoke(site, grant)
    if not with_pack:
        (grant / pack.NAME).unlink()
    with pytest.raises(Refused, match="revoked at 2026-05-01"):
        site.opened(grant)


def test_what_was_read_before_is_not_given_again_after_a_revocation(site: GrantedSite) -> None:
    site.put("a.bin", b"seen")
    grant = site.write()
    reader = site.reading("a.bin", site.opened(grant))
    assert reader.read(0, 4) == b"seen"
    _revoke(site, grant)
    with pytest.raises(Refused, match="revoked at 2026-05-01"):
        reader.read(0, 4)


def test_a_grant_that_is_revoked_while_it_is_open_gives_nothing_more(site: GrantedSite) -> None:
    site.put("a", b"x")
    grant = site.write()
    reader = site.reading("a", site.opened(grant))
    _revoke(site, grant)
    with pytest.raises(Refused, match="revoked at 2026-05-01"):
        reader.read(0, 1)
    assert site.asked() == []


def test_a_signature_is_asked_for_where_a_key_is_trusted(site: GrantedSite) -> None:
    grant = site.write()
    site.opened(grant, trust=(site.signer_public,))
    _, stranger = new_report_key(site.folder, "stranger", None)
    with pytest.raises(PackDamaged, match="no trusted key signed"):
        site.opened(grant, trust=(stranger,))


def test_a_locked_key_asks_for_its_passphrase_without_speaking_of_plans(
    site: GrantedSite, tmp_path: Path
) -> None:
    grant = site.write()
    (tmp_path / "locked").mkdir()
    _, locked = new_pair(tmp_path / "locked", "reader", passphrase="long enough to lock")
    with pytest.raises(KeyUnavailable) as caught:
        site.opened(grant, identity=locked)
    assert "plan" not in (caught.value.hint or "")


# --- packs that are not whole --------------------------------------------------------------------


def _cut(data: bytes) -> bytes:
    return data[: -SEALED_SEGMENT // 2]


def _cut_by_a_segment(data: bytes) -> bytes:
    return data[: 124 + SEALED_SEGMENT]


def _reordered(data: bytes) -> bytes:
    head, first, second = data[:124], data[124 : 124 + SEALED_SEGMENT], data[124 + SEALED_SEGMENT :]
    return head + second[:SEALED_SEGMENT] + first + second[SEALED_SEGMENT:]


def _longer(data: bytes) -> bytes:
    return data + b"\0"


def _empty(data: bytes) -> bytes:
    return data[:0]


@pytest.fixture
def large(site: GrantedSite) -> Path:
    """A grant whose pack has three segments."""
    one = site.put("0", b"x")
    site.objects = {f"{number:05d}": replace(one, name=f"{number:05d}") for number in range(300)}
    return site.write()


@pytest.mark.parametrize(
    "harm", [_cut, _cut_by_a_segment, _reordered, _longer, _empty], ids=lambda harm: harm.__name__
)
@pytest.mark.parametrize("signed", [False, True], ids=["as it was signed", "signed again"])
def test_a_pack_that_was_changed_is_refused_in_one_line(
    site: GrantedSite, large: Path, harm: Callable[[bytes], bytes], signed: bool
) -> None:
    path = large / pack.NAME
    assert path.stat().st_size > 124 + 2 * SEALED_SEGMENT
    path.write_bytes(harm(path.read_bytes()))
    if signed:
        site.sign_again(large)
    with pytest.raises(PackDamaged) as caught:
        site.opened(large)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("member", "other"),
    [("root", "0" * 64), ("dataset", "scans"), ("objects", 2), ("bytes", 7), ("permit", "none"),
     ("until", "2098-01-01T00:00:00Z"), ("migration", "other"), ("purpose", "other")],
)  # fmt: skip
def test_a_pack_of_another_statement_is_refused(
    site: GrantedSite, member: str, other: object
) -> None:
    site.put("a", b"x")
    grant = site.write(given={member: other})
    with pytest.raises(PackDamaged, match=f"contradict each other: {member}"):
        site.opened(grant)


def test_the_pack_of_another_grant_is_refused(site: GrantedSite) -> None:
    site.put("a", b"x")
    grant, other = site.write(), site.write("other", grant="g-2")
    (grant / pack.NAME).write_bytes((other / pack.NAME).read_bytes())
    with pytest.raises(PackDamaged, match="not the one that the statement is about"):
        site.opened(grant)


def test_a_pack_that_is_changed_while_it_is_open_gives_no_object(
    site: GrantedSite, large: Path
) -> None:
    opened = site.opened(large)
    path = large / pack.NAME
    data = bytearray(path.read_bytes())
    data[124 + 20] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    with pytest.raises(PackDamaged):
        opened.catalogue.find("00000")


@pytest.mark.parametrize("change", [{"length": 2}, {"sealed": 5}, {"body": 7}])
def test_sizes_that_contradict_each_other_are_refused(
    site: GrantedSite, change: dict[str, int]
) -> None:
    site.put("a", b"x")
    grant = site.write(edit=lambda one: replace(one, **change))
    with pytest.raises(NotAsGranted, match="a size that it cannot have"):
        site.reading("a", site.opened(grant))


def test_headers_that_were_exchanged_open_nothing(site: GrantedSite) -> None:
    one, other = site.put("a", b"x" * 9), site.put("b", b"y" * 9)
    grant = site.write(
        edit=lambda it: replace(it, header=(other if it.name == "a" else one).header)
    )
    with pytest.raises(NotAsGranted, match="not the one that was granted for its place"):
        site.reading("a", site.opened(grant)).read(0, 9)


def test_a_header_for_another_reader_opens_nothing(site: GrantedSite) -> None:
    site.put("a", b"x" * 9)
    theirs = site.version("a").body[:124]
    grant = site.write(edit=lambda it: replace(it, header=theirs))
    with pytest.raises(NotAsGranted, match="header in the pack does not open"):
        site.reading("a", site.opened(grant))


# --- the host ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        {"url": "http://s3.example.org"},
        {"url": "file:///etc/passwd"},
        {"url": "https://user:pw@s3.example.org"},
        {"addressing": "sideways"},
    ],
    ids=str,
)
def test_a_pack_that_points_to_no_host_is_refused_before_anything_is_sent(
    site: GrantedSite, address: dict[str, str]
) -> None:
    site.put("a", b"x")
    right = {"url": site.url, "region": "us-east-1", "addressing": "path"}
    grant = site.write(endpoint=HostAddress(**right | address))
    with pytest.raises(Refused):
        site.reading("a", site.opened(grant)).read(0, 1)


@pytest.mark.parametrize(
    ("harm", "error", "hint"),
    [
        (lambda site: (site.folder / "secret").write_text("wrong"), AuthFailed, "--credential-id"),
        (lambda site: (site.folder / "secret").unlink(), KeyUnavailable, None),
        (
            lambda site: site.server.behave(Manner(redirects_to="http://127.0.0.1:9")),
            MigrateError,
            None,
        ),
    ],
    ids=["a wrong secret", "no secret", "a redirect"],
)
def test_a_host_that_does_not_let_us_in_is_one_line(
    site: GrantedSite, harm: Callable[[GrantedSite], object], error: type[Exception], hint: str
) -> None:
    site.put("a", b"x")
    opened = site.opened()
    harm(site)
    with pytest.raises(error) as caught:
        site.reading("a", opened).read(0, 1)
    assert "\n" not in str(caught.value)
    told = getattr(caught.value, "hint", None) or ""
    assert "plan" not in told
    assert hint is None or hint in told


def test_a_credential_that_was_renewed_is_used_from_then_on(site: GrantedSite) -> None:
    site.put("a", b"clear")
    opened = site.opened()
    (site.folder / "secret").write_text("over")
    reader = site.reading("a", opened)
    with pytest.raises(AuthFailed):
        reader.read(0, 5)
    (site.folder / "secret").write_text(site.server.secret_key)
    assert reader.read(0, 5) == b"clear"
    assert opened.received > 5
