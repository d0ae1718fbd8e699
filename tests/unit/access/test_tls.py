"""The host that a grant names is spoken to over TLS, and only where it is the right one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hdh_migrate.errors import HostRefused
from hdh_migrate.grants.objects import HostAddress
from tests.support.granted import GrantedSite
from tests.support.strict_s3 import Manner
from tests.support.tls import Authority, Heard, https


@contextmanager
def _behind_tls(site: GrantedSite, *, pin: str | None = None) -> Iterator[tuple[Path, Heard, Path]]:
    """Give a grant whose host is the site's server behind TLS, what arrives, and its authority."""
    site.server.behave(Manner(checks_signature=False))  # the port is another one behind
    authority = Authority(site.folder)
    identity = authority.issue("localhost")
    with https(identity, before=site.server.endpoint) as heard:
        pins = {} if pin is None else {"pins": (identity.pin if pin == "right" else pin,)}
        address = HostAddress(
            url=f"https://localhost:{heard.port}", region="us-east-1", addressing="path", **pins
        )
        yield site.write(endpoint=address), heard, authority.bundle


@pytest.mark.parametrize("pin", [None, "right"])
def test_a_host_with_a_certificate_of_the_named_authority_is_read(
    site: GrantedSite, pin: str | None
) -> None:
    site.put("a", b"clear")
    with _behind_tls(site, pin=pin) as (grant, heard, bundle):
        assert site.reading("a", site.opened(grant, ca_file=bundle)).read(0, 5) == b"clear"
    assert len(heard.requests) == 1


def test_a_host_of_another_authority_hears_nothing(site: GrantedSite) -> None:
    site.put("a", b"clear")
    with _behind_tls(site) as (grant, heard, _):
        with pytest.raises(HostRefused) as caught:
            site.reading("a", site.opened(grant)).read(0, 5)
        assert "plan" not in (caught.value.hint or "")
    assert heard.requests == []


def test_a_host_with_another_key_than_the_pinned_one_hears_nothing(site: GrantedSite) -> None:
    site.put("a", b"clear")
    with _behind_tls(site, pin=f"sha256//{'A' * 43}=") as (grant, heard, bundle):
        reader = site.reading("a", site.opened(grant, ca_file=bundle))
        with pytest.raises(HostRefused):
            reader.read(0, 5)
    assert heard.requests == []


def test_a_name_that_leads_to_this_machine_is_no_host_elsewhere(site: GrantedSite) -> None:
    site.put("a", b"clear")
    address = HostAddress(url="https://127.0.0.1.nip.example", region="r", addressing="path")
    opened = site.opened(site.write(endpoint=address))
    door = opened.host.endpoint.transport.door
    assert door.objection("127.0.0.1") is not None
    assert door.objection("169.254.169.254") is not None
    assert not door.buckets_in_front


def test_a_bucket_stands_before_the_host_where_the_pack_says_so(site: GrantedSite) -> None:
    address = HostAddress(url="https://s3.example.org", region="r", addressing="virtual")
    endpoint = site.opened(site.write(endpoint=address)).host.endpoint
    assert endpoint.object_url("sealed", "in/a") == "https://sealed.s3.example.org/in/a"
    endpoint.transport.door.demand("https://sealed.s3.example.org/in/a")
    with pytest.raises(HostRefused):
        endpoint.transport.door.demand("https://sealed.s3.example.com/in/a")
