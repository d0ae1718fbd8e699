"""Header packs that a host loses, cuts, reorders, or puts another one in the place of."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from hdh_migrate.sealing.hybrid import new_hybrid_pair
from tests.live.test_detached import PACKS, SEAL, pack_opened, seed_of, segments_opened
from tests.live.test_packs_rotated import copied, executed, held, say
from tests.support.finished import Finished, Target
from tests.support.fixtures import upload
from tests.support.rotated import NAME, PLAINLY
from tests.support.site import Site

pytestmark = pytest.mark.live

FILES = 400
"""Objects of one pack: enough for more than one of its segments."""
SEGMENT = 65_564
HEADER = 16 + 3 * 1200 + 60


def with_one_large_pack(site: Site) -> None:
    """Prepare a site with one large pack that is verified and copied."""
    keys = site.folder / "hybrid"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer", "next"):
        new_hybrid_pair(keys, name, passphrase=None)
    upload(site.container, {f"many/{number:04}": b"%d\n" % number for number in range(FILES)})
    site.change(seal=SEAL, **PLAINLY)
    site.run()


@pytest.fixture
def site(finished: Finished) -> Site:
    return finished(with_one_large_pack, Target())


def stored(site: Site) -> dict[str, Any]:
    server: Any = site.bucket.server
    objects = server.store.buckets[NAME].objects
    return {key: some[-1] for key, some in objects.items() if key.startswith(PACKS) and some}


def largest(site: Site) -> str:
    return max(stored(site), key=lambda key: len(stored(site)[key].body))


def put(site: Site, key: str, body: bytes) -> None:
    """Put other bytes in a pack's place, with all that stands beside the ones that are there."""
    stored(site)[key].body = body


def opens(site: Site, packs: list[bytes], key: str = "steward") -> int:
    """Open everything with some packs; return how many objects."""
    seed = seed_of(site.folder / "hybrid" / f"{key}.sec")
    bodies = {one.key: one.body for one in held(site, packs=False)}
    lines = [line for pack in packs for line in pack_opened(pack, seed)]
    for line in lines:
        segments_opened(base64.b64decode(line["data_key"]), bodies[line["target_key"]])
    return len(lines)


def reordered(body: bytes) -> bytes:
    first, second = body[HEADER : HEADER + SEGMENT], body[HEADER + SEGMENT :]
    assert second, "the pack has one segment alone"
    return body[:HEADER] + second + first


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda body: body[:-40],
    "cut at a segment": lambda body: body[: HEADER + SEGMENT],
    "reordered": reordered,
    "repeated": lambda body: body + body[HEADER + SEGMENT :],
    "turned over": lambda body: body[:-1] + bytes([body[-1] ^ 1]),
    "another header": lambda body: body[:40] + bytes([body[40] ^ 1]) + body[41:],
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_pack_that_was_changed_is_found_and_made_again(site: Site, harm: str) -> None:
    key = largest(site)
    put(site, key, HARMS[harm](stored(site)[key].body))

    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.run()

    packs = [one.body for one in stored(site).values()]
    assert opens(site, packs) == FILES + 4
    assert sorted(copied(site)) == sorted(packs)


def test_an_earlier_pack_in_its_place_is_found(site: Site) -> None:
    """It opens, and every line of it is right; it is of another root."""
    key = largest(site)
    before = stored(site)[key].body
    site.container.client.upload_blob("many/0000-more", b"came later")
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)
    changed = [one for one in stored(site) if stored(site)[one].body != before]
    assert changed
    put(site, key, before)

    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.run()

    assert opens(site, [one.body for one in stored(site).values()]) == FILES + 5
    site.container.client.delete_blob("many/0000-more")  # or the site is made anew for the others


@pytest.mark.parametrize("harm", ["turned over", "reordered", "another header"])
def test_a_key_is_not_exchanged_in_a_pack_that_was_changed(site: Site, harm: str) -> None:
    key = largest(site)
    whole = stored(site)[key].body
    put(site, key, HARMS[harm](whole))
    say(site, "steward", "next")

    told = executed(site, "--json", expect=5).json

    assert sum(told["left"].values()) == 1
    assert whole in copied(site)  # the good copy of before was not replaced by what is wrong
    # The headers of the ledger are for the new key: the pack is made again of them.
    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.run()
    packs = [one.body for one in stored(site).values()]
    assert opens(site, packs, "next") == opens(site, copied(site), "next") == FILES + 4
    executed(site, expect=0)
