"""What a process does that lists a place of the source again; it imports no model of plans."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hdh_migrate.model import Place
from hdh_migrate.pipeline.inventory.recounting import going_on, listing_digest
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.ports.stores import GoesOn
from hdh_migrate.software import code_digest
from hdh_migrate.wiring.sources import listed_apart, open_plain
from hdh_migrate.wiring.vault import Vault


def list_again(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """List a place again; named by `wiring.apart` on a command line.

    `asked` is the source as `as_plain` gives it, its secrets by reference, and the place.
    """
    vault, place = Vault.of(Path(asked["base"]), asked["secrets"]), Place(**asked["place"])
    opened = open_plain(asked["source"], vault)
    source = listed_apart(asked["source"]["kind"], opened.thing, place)
    assert source is not None
    briefs = source.recount(place)
    if isinstance(briefs, GoesOn):  # of others, who asked lists again
        halt = threading.Event()
        pause = SharedPause(time.monotonic, halt)
        briefs = going_on(briefs, Retrying(budget=asked["budget"], pause=pause, halt=halt))
    objects, total = listing_digest(briefs)
    return {
        "code_sha256": code_digest(),
        "objects": objects,
        "total": total,
        "besides": source.found_again(place),
        "traffic": [
            [
                side, endpoint, one.requests, one.received, one.sent,
                sorted(one.addresses), sorted(one.tls),
            ]
            for side, reached in opened.contacts
            for endpoint, one in reached.traffic.items()
        ],
    }  # fmt: skip
