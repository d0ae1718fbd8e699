"""Source, time-stamping authority and pointers are held to the address rules of the target."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from hdh_migrate.door import Addresses, Door
from hdh_migrate.errors import HostRefused
from hdh_migrate.pointers.ssh_command import RemoteRun
from hdh_migrate.ssh.connection import Login
from hdh_migrate.ssh.host_keys import Pins
from hdh_migrate.transport import Transport
from tests.support.tls import listener

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "127.0.0.1", "0.0.0.0", "::1", "fe80::1"]
)
def test_a_name_that_leads_into_this_machine_or_its_surroundings_hears_nothing(
    address: str,
) -> None:
    with listener() as heard:
        url = f"http://hdhprod.blob.example.net:{heard.port}"
        door = Door.named(url, local=False)
        door.resolve = lambda _: [address]
        with pytest.raises(HostRefused, match="leads to"):
            Transport(door=door).request("GET", url, {})
        assert heard.connections == 0


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.9", "20.60.1.1", "fd12::1"])
def test_a_private_endpoint_is_a_place_that_a_plan_may_name(address: str) -> None:
    door = Door.named("https://hdhprod.blob.core.windows.net", local=False)
    assert door.objection(address) is None


def test_a_local_place_is_this_machine_alone() -> None:
    door = Door.named("http://127.0.0.1:10000", local=True)
    assert door.objection("127.0.0.1") is None
    assert door.objection("20.60.1.1") == "not this machine"


def test_one_exact_address_and_no_other() -> None:
    rule = Addresses(exactly="169.254.169.254")
    assert rule.objection("169.254.169.254") is None
    assert rule.objection("::ffff:169.254.169.254") is None  # the same packets
    assert rule.objection("169.254.169.253") == "not 169.254.169.254"
    assert rule.objection("20.60.1.1") is not None


@pytest.mark.parametrize("name", ["gateway.example.org", "ip6-localhost"])
def test_an_ssh_pointer_goes_to_no_name_that_leads_to_this_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener() as heard:
        told = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", heard.port))]
        answer: Callable[..., object] = lambda *_, **__: told  # noqa: E731
        monkeypatch.setattr(socket, "getaddrinfo", answer)  # the DNS, which is not ours
        login = Login(host=name, port=heard.port, user="hdh", pins=Pins(name, ()))
        with pytest.raises(HostRefused, match=r"leads to 127\.0\.0\.1"):
            RemoteRun(login, seconds=5)(["true"], {})
        assert heard.connections == 0
