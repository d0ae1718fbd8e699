"""What the row of a kind of source holds: everything of it but its section in the plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from hdh_migrate.door import Addresses, Door
from hdh_migrate.frozen import frozen
from hdh_migrate.model import ArchiveFacts, Place, Problem

if TYPE_CHECKING:
    from hdh_migrate.plan.consent import DeniedWrite
    from hdh_migrate.plan.cutover import Decommission
    from hdh_migrate.plan.rehydration import Rehydration
    from hdh_migrate.plan.sides import SourceSection
    from hdh_migrate.ports.stores import ListsApart, Source, SourceReport
    from hdh_migrate.ports.switching import Eraser, FreezeProbe, Rehydrator
    from hdh_migrate.transport import Transport
    from hdh_migrate.wiring.opened import OpenedAdapter
    from hdh_migrate.wiring.vault import Vault

S = TypeVar("S", bound="SourceSection")


class CredentialClaims(Protocol):
    """What a credential itself says, such as its end, without a request."""

    @property
    def called(self) -> str:
        """The word that messages use for such a credential."""

    @property
    def ends(self) -> datetime | None:
        """When it ends; None when it does not say."""

    def problems(self, now: str) -> list[Problem]:
        """Return why it cannot list and read what a run will."""


class Archive(NamedTuple, Generic[S]):
    """What a kind of source can do about objects that are archived."""

    facts: Callable[[], ArchiveFacts]
    """Says what is known of times and prices."""
    rehydrator: Callable[[S, Rehydration, Vault], OpenedAdapter[Rehydrator]]
    """Opens the only thing that can ask for them, with a credential of its own."""


@frozen
class SourceKind(Generic[S]):
    """One kind of source. Nothing is contacted by any of these; SDKs are imported when called.

    Each raises KeyUnavailable or AuthFailed for a reference that cannot be read or is no
    credential. What a kind cannot do is None, as its section's traits say.
    """

    section: Callable[[], type[S]]
    """Returns its section of the plan, whose module is imported by who reads plans, not before."""
    read: Callable[[S, Vault], OpenedAdapter[Source]]
    """Opens it for reading. Its transport is a contact, even if it is closed for good.

    In a worker process the section is no model: it has its fields and its answers (properties) as
    plain values, and no methods."""
    claims: Callable[[S, object, Vault], CredentialClaims | None]
    """Says what a credential of the plan for this source says of itself; None: nothing. Of the
    credential that reads for None."""
    trial: Callable[[S, DeniedWrite, Vault], OpenedAdapter[FreezeProbe]] | None
    """Opens what tries, with a writer's credential, whether writers are shut out."""
    eraser: Callable[[S, Decommission, Vault], OpenedAdapter[Eraser]] | None
    """Opens the only thing that can delete there, with a credential of its own."""
    archive: Archive[S] | None
    """What its archive tier is; None: it has none."""
    report: Callable[[S, Path], SourceReport] | None
    """Opens a report in a folder that it wrote itself; None: it writes none."""
    apart: Callable[[Source, Place], ListsApart | None] = lambda *_: None
    """Returns a source that `read` opened as one of which a process of its own lists a place again
    for the coordinator; None: none does."""


def transport_to(section: SourceSection, base: Path) -> Transport:
    """Return a transport that reaches this source and nothing else; `base` is the plan's folder."""
    from hdh_migrate.transport import Transport
    from hdh_migrate.wiring.trust import trust_of

    if section.is_contacted:
        door = Door.named(section.address, local=section.is_local)
        return Transport(door=door, tls=trust_of(section.trusts, base))
    # Nothing to reach: closed for good.
    return Transport(door=Door(endpoint=section.address, addresses=Addresses(exactly="")))
