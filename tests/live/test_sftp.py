"""An SFTP source: which server is believed, what a read is worth, what a server may not do."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.demo.watch import wait_for
from hdh_migrate.errors import (
    AuthFailed,
    BytesChanged,
    ConnectionLost,
    Exit,
    HostKeyRefused,
    HostRefused,
    KeyUnavailable,
    ListingBroken,
    ShortRead,
    SourceChanged,
    StorageError,
    Transient,
    Unsupported,
)
from hdh_migrate.model import MIB, ObjectInfo, Place, Span
from hdh_migrate.sources.sftp_sessions import Sessions
from tests.support.sftp import Cutter, OddServer, OpenedSftp, odd_server, section_of, sftp_source
from tests.support.ssh import SshServer, new_key, openssh

pytestmark = pytest.mark.live

BODY = random.Random(11).randbytes(3 * MIB + 7)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("sshd")
    with openssh(folder, folder / "log") as server:
        yield server


@pytest.fixture
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddServer]:
    with odd_server(tmp_path_factory.mktemp("odd")) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "volume").write_bytes(BODY)
    return Place(bucket=str(tmp_path / "data"))


def opened(server: SshServer, **more: Any) -> OpenedSftp:
    return sftp_source(server, section_of(server, **more))


def listed(rig: OpenedSftp, place: Place) -> list[ObjectInfo]:
    return [obj for page in rig.source.pages(place) for obj in page.objects]


def read(rig: OpenedSftp, place: Place, obj: ObjectInfo, span: Span | None = None) -> bytes:
    got = bytearray()
    rig.source.read(place, obj, span or Span(0, obj.size), got.extend)
    return bytes(got)


# --- which server --------------------------------------------------------------------------------


def test_a_server_with_another_key_is_refused_before_any_login(
    odd: OddServer, place: Place, tmp_path: Path
) -> None:
    rig = opened(odd.as_server())
    before = odd.host_key
    odd.host_key = new_key(tmp_path / "changed")

    for act in (lambda: listed(rig, place), lambda: rig.source.check(place)):
        with pytest.raises(HostKeyRefused) as refused:
            act()
        assert before.fingerprint in str(refused.value)
        assert odd.host_key.fingerprint in str(refused.value)
        assert refused.value.exit_code is Exit.REFUSED
        assert isinstance(refused.value, HostRefused)  # so a run stops, and blames no object
    assert odd.logins == 0


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ({"valid_from": "2099-01-01"}, "from 2099-01-01"),
        ({"valid_until": "2020-12-31"}, "until 2020-12-31"),
        ({"valid_from": "2019-01-01", "valid_until": "2020-12-31"}, "from 2019-01-01 until 2020"),
    ],
)
def test_a_key_outside_its_days_is_refused(
    odd: OddServer, place: Place, window: dict[str, str], told: str
) -> None:
    server = odd.as_server()
    pin = {"fingerprint": server.host_key.fingerprint, **window}
    with pytest.raises(HostKeyRefused, match=told):
        listed(opened(server, host_keys=[pin]), place)
    assert odd.logins == 0

    both = [pin, {"fingerprint": server.host_key.fingerprint, "valid_until": "2099-12-31"}]
    rig = opened(server, host_keys=both)
    assert len(listed(rig, place)) == 1


def test_a_known_hosts_file_pins_as_well(odd: OddServer, place: Place, tmp_path: Path) -> None:
    server = odd.as_server()
    (tmp_path / "known").write_text(server.known_hosts)
    rig = opened(server, host_keys=[], known_hosts=str(tmp_path / "known"))
    assert len(listed(rig, place)) == 1
    (tmp_path / "known").write_text("# nobody\n")
    with pytest.raises(HostKeyRefused, match="none for this machine"):
        listed(opened(server, host_keys=[], known_hosts=str(tmp_path / "known")), place)


@pytest.mark.parametrize("which", ["ciphers", "digests"])
def test_old_algorithms_are_not_agreed_on(odd: OddServer, place: Place, which: str) -> None:
    odd.weak = which
    with pytest.raises(Unsupported, match="old algorithms only"):
        listed(opened(odd.as_server()), place)
    assert odd.logins == 0


def test_a_name_that_leads_elsewhere_is_not_contacted(odd: OddServer, place: Place) -> None:
    server = odd.as_server()
    rig = opened(server, account_url=f"sftp://localhost.example:{server.port}")
    (_, contact), *_ = [("source", rig.contact)]
    assert contact.door.objection("127.0.0.1") is not None


# --- who logs in ---------------------------------------------------------------------------------


def test_a_password_logs_in_and_a_wrong_one_does_not(odd: OddServer, place: Place) -> None:
    odd.manner.password = "sesame"
    server = odd.as_server()
    section = section_of(server, credential={"kind": "password", "value": "env:PASSWORD"})
    rig = sftp_source(server, section, environ={"PASSWORD": "sesame"})
    assert len(listed(rig, place)) == 1

    wrong = sftp_source(server, section, environ={"PASSWORD": "other-sesame"})
    with pytest.raises(AuthFailed, match="given password") as refused:
        listed(wrong, place)
    assert refused.value.exit_code is Exit.AUTH
    assert "other-sesame" not in str(refused.value)
    (problem,) = wrong.source.check(place)
    assert problem.auth


def test_another_key_is_not_let_in_and_a_locked_one_needs_its_passphrase(
    odd: OddServer, place: Place, tmp_path: Path
) -> None:
    server = odd.as_server()
    new_key(tmp_path / "stranger")
    key = {"kind": "private-key", "value": f"file:{tmp_path / 'stranger'}"}
    with pytest.raises(AuthFailed, match="does not let"):
        listed(opened(server, credential=key), place)

    new_key(tmp_path / "locked", passphrase="correct horse")
    key = {"kind": "private-key", "value": f"file:{tmp_path / 'locked'}"}
    with pytest.raises(KeyUnavailable, match="passphrase"):
        opened(server, credential=key)


def test_what_was_agreed_is_told_with_what_a_version_is_worth(
    sshd: SshServer, place: Place
) -> None:
    once, twice = opened(sshd), opened(sshd, double_read=True)
    for rig in (once, twice):
        listed(rig, place)
        weak, agreed = rig.source.notes(place)
        assert (weak.code, agreed.code) == (Code.VERSION_BY_TIME, Code.SSH_AGREED)
        kex, host_key, cipher, mac, fingerprint = agreed.detail.split(" ")
        assert fingerprint == sshd.host_key.fingerprint
        assert (host_key, cipher, mac) == ("ssh-ed25519", "aes128-gcm@openssh.com", "aead")
        assert kex != "unknown"
    assert "read once" in once.source.notes(place)[0].detail
    assert "second time" in twice.source.notes(place)[0].detail


# --- what it lists -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..//", "nul\0", "", "x" * 5000])
def test_a_name_that_no_file_can_have_ends_the_listing(
    odd: OddServer, place: Place, name: str
) -> None:
    odd.manner.names = (name,)
    with pytest.raises(ListingBroken, match="no file can have") as broken:
        listed(opened(odd.as_server()), place)
    assert "etc" not in str(broken.value)


def test_preflight_passes_over_a_file_that_was_removed_since_it_was_listed(
    odd: OddServer, place: Place
) -> None:
    odd.manner.names = ["gone"]
    assert list(opened(odd.as_server()).source.check(place)) == []
    (Path(place.bucket) / "volume").unlink()
    assert list(opened(odd.as_server()).source.check(place)) == []


def test_a_name_that_is_listed_twice_ends_the_listing(odd: OddServer, place: Place) -> None:
    odd.manner.names = ("same", "same")
    with pytest.raises(ListingBroken, match="twice"):
        listed(opened(odd.as_server()), place)


def test_links_and_special_files_are_listed_as_what_they_are_and_not_followed(
    sshd: SshServer, place: Place, tmp_path: Path
) -> None:
    folder = Path(place.bucket)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("s")
    (folder / "link").symlink_to(tmp_path / "outside" / "secret")
    (folder / "links").symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "pipe")

    rig = opened(sshd)
    found = {obj.key: obj.kind for obj in listed(rig, place)}

    assert found == {
        "link": "symlink", "links": "symlink", "pipe": "special-file", "volume": "object",
    }  # fmt: skip
    assert {brief.key: brief.kind for brief in rig.source.recount(place)} == found


def test_a_link_is_one_to_both_listings_of_a_server_that_follows_it_when_asked(
    odd: OddServer, place: Place
) -> None:
    odd.manner.follows = True
    (Path(place.bucket) / "link").symlink_to(Path(place.bucket) / "volume")
    rig = opened(odd.as_server())
    found = [(obj.key, obj.size, obj.version, obj.kind) for obj in listed(rig, place)]
    assert [(key, kind) for key, _, _, kind in found] == [("link", "symlink"), ("volume", "object")]
    assert [tuple(brief)[:4] for brief in rig.source.recount(place)] == found


def test_a_folder_that_became_a_link_leads_nowhere(
    sshd: SshServer, place: Place, tmp_path: Path
) -> None:
    folder = Path(place.bucket)
    for where in (folder / "in", tmp_path / "outside"):
        where.mkdir()
        (where / "a").write_bytes(b"12345")
        os.utime(where / "a", (1_700_000_000, 1_700_000_000))
    rig = opened(sshd)
    obj = next(one for one in listed(rig, place) if one.key == "in/a")
    (folder / "in" / "a").unlink()
    (folder / "in").rmdir()
    (folder / "in").symlink_to(tmp_path / "outside")

    with pytest.raises(SourceChanged, match="real path"):
        read(rig, place, obj)
    with pytest.raises(StorageError):
        rig.source.head(place, "in/a")
    assert "in/a" not in {one.key for one in listed(rig, place)}


def test_a_folder_of_many_names_is_listed_in_bounded_memory(
    sshd: SshServer, tmp_path: Path
) -> None:
    keys = sorted(
        [f"{n:04}" for n in range(300)] + [f"deep{n % 3}/{n:04}/x" for n in range(200, 212)]
    )
    for key in keys:
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    place = Place(bucket=str(tmp_path))

    rig = sftp_source(sshd, page_size=100, held=300)

    assert [obj.key for obj in listed(rig, place)] == keys
    for page in rig.source.pages(place):
        if page.marker is not None:
            after = next(iter(rig.source.pages(place, marker=page.marker)))
            assert after.objects == () or after.objects[0].key > page.marker


# --- what it gives -------------------------------------------------------------------------------


def test_a_file_that_ends_early_is_no_whole_file(odd: OddServer, place: Place) -> None:
    rig = opened(odd.as_server())
    (obj,) = listed(rig, place)
    odd.manner.ends_at = 1 * MIB
    with pytest.raises(ShortRead, match="ends a file before"):
        read(rig, place, obj)
    with pytest.raises(ShortRead):
        read(rig, place, obj, Span(2 * MIB, 10))


def test_a_wrong_size_is_not_believed(odd: OddServer, place: Place) -> None:
    rig = opened(odd.as_server())
    odd.manner.size = 2 * MIB
    (obj,) = listed(rig, place)
    assert obj.size == 2 * MIB
    assert len(read(rig, place, obj)) == 2 * MIB  # who lies the same way everywhere is believed
    odd.manner.size = 4 * MIB
    with pytest.raises(SourceChanged):
        read(rig, place, obj)
    (obj,) = listed(rig, place)
    with pytest.raises(ShortRead, match="ends a file before"):
        read(rig, place, obj)


def test_fewer_bytes_than_were_asked_for_are_asked_for_again(odd: OddServer, place: Place) -> None:
    odd.manner.short = 10_000
    rig = opened(odd.as_server())
    (obj,) = listed(rig, place)
    assert read(rig, place, obj, Span(5, MIB)) == BODY[5 : MIB + 5]


@pytest.mark.parametrize("grows", [True, False])
def test_a_file_that_is_written_while_it_is_read_is_drift(
    sshd: SshServer, place: Place, grows: bool
) -> None:
    rig, path = opened(sshd), Path(place.bucket) / "volume"
    (obj,) = listed(rig, place)
    told = []

    def write(data: bytes) -> None:
        if not told:
            path.write_bytes(BODY + b"x" if grows else BODY[:-MIB])
        told.append(len(data))

    with pytest.raises(SourceChanged):
        rig.source.read(place, obj, Span(0, obj.size), write)


def test_a_session_that_is_cut_goes_on_where_it_was(sshd: SshServer, place: Place) -> None:
    cutter = Cutter(sshd, [MIB, 5 * MIB // 2, MIB // 2])
    try:
        rig = opened(cutter.server)
        (obj,) = listed(rig, place)
        assert read(rig, place, obj) == BODY
        assert not cutter.left
    finally:
        cutter.close()


def test_what_was_read_before_a_cut_must_be_the_same_after_it(odd: OddServer, place: Place) -> None:
    rig = opened(odd.as_server())
    (obj,) = listed(rig, place)
    odd.manner.drops, odd.manner.flips = [40], True
    with pytest.raises(BytesChanged, match="before its session was cut"):
        read(rig, place, obj)


def test_a_file_that_changed_between_two_sessions_is_drift(odd: OddServer, place: Place) -> None:
    rig, path = opened(odd.as_server()), Path(place.bucket) / "volume"
    (obj,) = listed(rig, place)
    odd.manner.drops = [40]

    def change() -> None:
        if odd.manner.dropped:
            path.write_bytes(BODY[:-1])

    odd.manner.on_open = change
    with pytest.raises(SourceChanged):
        read(rig, place, obj)


def test_a_session_that_brings_nothing_is_not_tried_for_ever(odd: OddServer, place: Place) -> None:
    rig = opened(odd.as_server())
    (obj,) = listed(rig, place)
    odd.manner.drops = [0] * 50
    with pytest.raises(ConnectionLost):
        read(rig, place, obj)
    assert odd.manner.dropped <= 2


def test_a_server_whose_paths_are_not_its_own_is_told_by_preflight(
    odd: OddServer, place: Place
) -> None:
    rig = opened(odd.as_server())
    assert list(rig.source.check(place)) == []
    odd.manner.real = "/elsewhere"
    (problem,) = rig.source.check(place)
    assert "real path" in problem.what
    assert "REALPATH" in str(problem.hint)


# --- how many sessions ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["login", "connection"])
def test_who_lets_one_session_in_is_read_by_one(odd: OddServer, place: Place, how: str) -> None:
    odd.manner.sessions, odd.manner.refuses = 1, how
    rig = opened(odd.as_server(), sessions=4)
    (obj,) = listed(rig, place)
    got: list[bytes] = []

    def work() -> None:
        while True:
            try:
                got.append(read(rig, place, obj, Span(7, 70_000)))
                break
            except Transient:  # as the retry layer does
                time.sleep(0.05)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [BODY[7:70_007]] * 3


def test_no_more_sessions_than_the_plan_says(odd: OddServer, place: Place) -> None:
    rig = opened(odd.as_server(), sessions=2)
    (obj,) = listed(rig, place)
    wait_for(lambda: not odd.alive, 120)  # the one that listed
    odd.manner.most = 0
    threads = [
        threading.Thread(target=read, args=(rig, place, obj, Span(n, MIB))) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= odd.manner.most <= 2


def test_who_asks_in_the_middle_of_a_listing_does_not_wait_for_himself(
    odd: OddServer, place: Place
) -> None:
    (Path(place.bucket) / "other").write_bytes(b"x")
    rig = sftp_source(odd.as_server(), section_of(odd.as_server(), sessions=1), page_size=1)
    keys = [
        rig.source.head(place, obj.key).key
        for page in rig.source.pages(place)
        for obj in page.objects
    ]
    assert keys == ["other", "volume"]


def test_what_nobody_uses_is_closed(odd: OddServer, place: Place) -> None:
    rig = opened(odd.as_server())
    (obj,) = listed(rig, place)
    read(rig, place, obj, Span(0, 5))
    kept = rig.sessions._free[0][1]
    assert kept.is_sound
    rig.sessions.close()
    assert not kept.is_sound
    assert isinstance(rig.sessions, Sessions)
