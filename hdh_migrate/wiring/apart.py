"""The second listing in a separate process: what it is sent, and how its answer is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hdh_migrate.engines.errands import answered
from hdh_migrate.engines.free import processors
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Place
from hdh_migrate.ports.stores import ListingDigest
from hdh_migrate.software import code_digest
from hdh_migrate.transport import Traffic
from hdh_migrate.wiring.opened import OpenedAdapter
from hdh_migrate.wiring.services import Services
from hdh_migrate.wiring.sources import SOURCES, as_plain, listed_apart
from hdh_migrate.wiring.workers import source_secrets

log = logging.getLogger(__name__)

FUNCTION = "hdh_migrate.wiring.listing_again:list_again"


@frozen
class _Exchanged:
    """What that process exchanged with one side, by endpoint."""

    traffic: Mapping[str, Traffic]


def list_apart(
    services: Services, place: Place, unwanted: Callable[[], bool]
) -> ListingDigest | None:
    """List a place of the source again in a process of its own.

    What that exchanged is counted with what `services` do. None: it gave no answer, and why is
    logged; or there is no second processor for it, or such a source is not listed so.
    """
    source = listed_apart(services.plan.source.kind, services.source, place, services.sources)
    if source is None or services.sources is not SOURCES or processors() == 1:
        return None
    plan, vault = services.plan, services.vault
    try:
        secrets = source_secrets(plan, vault)
    except KeyUnavailable as error:
        log.info("no process can list again: %s", error)
        return None
    found = answered(
        FUNCTION,
        {
            "base": str(vault.base), "secrets": secrets, "source": as_plain(plan.source),
            "place": {"bucket": place.bucket, "prefix": place.prefix},
            "budget": plan.limits.retry_budget_seconds,
        },
        unwanted=unwanted,
        kept=plan.source.variables,
    )  # fmt: skip
    match found:
        case {
            "code_sha256": str(code), "objects": int(objects), "total": int(total),
            "besides": dict(besides), "traffic": list(traffic),
        }:  # fmt: skip
            pass
        case _:
            return None
    for side, endpoint, *more in traffic:
        exchanged = _Exchanged(traffic={endpoint: _exchanged(more)})
        services.take(OpenedAdapter(thing=None, contacts=((side, exchanged),)))
    if code != code_digest():
        log.info("the process that listed again runs other code than this one")
        return None
    try:
        source.take_again(place, besides)
    except ValueError as error:
        log.info("%s", error)
        return None
    return objects, total


def _exchanged(more: Sequence[Any]) -> Traffic:
    requests, received, sent, addresses, tls = more
    return Traffic(
        requests=requests, received=received, sent=sent, addresses=set(addresses), tls=set(tls)
    )
