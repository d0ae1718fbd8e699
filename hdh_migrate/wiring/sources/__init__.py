"""The source of a plan, and what may ask of it: reading, the freeze's trial, erasing.

Everything of one kind lies in one file here, named after it, which is imported when it is used. A
kind that does not answer is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hdh_migrate.errors import AuthFailed, KeyUnavailable, Refused
from hdh_migrate.wiring.sources.kind import Archive, CredentialClaims, SourceKind, transport_to

if TYPE_CHECKING:
    from hdh_migrate.model import ArchiveFacts, Place
    from hdh_migrate.plan.cutover import Decommission
    from hdh_migrate.plan.model import Plan
    from hdh_migrate.plan.rehydration import Rehydration
    from hdh_migrate.plan.sides import SourceSection
    from hdh_migrate.ports.stores import ListsApart, Source, SourceReport
    from hdh_migrate.ports.switching import Eraser, FreezeProbe, Rehydrator
    from hdh_migrate.transport import Transport
    from hdh_migrate.wiring.opened import OpenedAdapter
    from hdh_migrate.wiring.vault import Vault

Sources = Mapping[str, SourceKind[Any]]
"""What there is of each kind of source that a plan may name."""

T = TypeVar("T")


class _ShippedSources(Mapping[str, SourceKind[Any]]):
    """Ours: the kinds of `plan.sides.SOURCES`, each in the file that has its name."""

    def __getitem__(self, kind: str) -> SourceKind[Any]:
        name = f"{__name__}.{kind.replace('-', '_')}"
        if not kind.replace("-", "").isalnum() or find_spec(name) is None:
            raise KeyError(kind)
        found = getattr(import_module(name), "KIND", None)
        if not isinstance(found, SourceKind):
            raise KeyError(kind)
        return found

    def __iter__(self) -> Iterator[str]:
        from hdh_migrate.plan.sides import SOURCES as SECTIONS
        from hdh_migrate.plan.sides import kind_of

        return (kind for kind in map(kind_of, SECTIONS) if kind is not None)

    def __len__(self) -> int:
        return len(list(iter(self)))


SOURCES: Sources = _ShippedSources()


def plan_of(sources: Sources) -> type[Plan]:
    """Return the model of plans that may name these kinds, and no other."""
    from hdh_migrate.plan.model import Plan, knowing

    if sources is SOURCES:
        return Plan
    return knowing(tuple(kind.section() for kind in sources.values()))


def as_plain(section: SourceSection) -> Mapping[str, Any]:
    """Return what a worker needs of the plan's source; `open_plain` opens it.

    The fields of its section and all that it answers, in plain values.
    """
    plain = _plain(section)
    assert isinstance(plain, dict)
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a section
    from hdh_migrate.plan.sides import Section as Model

    if isinstance(value, Model):
        answers = {
            name
            for kind in type(value).__mro__
            if issubclass(kind, Model)
            for name, answer in vars(kind).items()
            if isinstance(answer, property)
        }
        return {
            name: _plain(getattr(value, name)) for name in {*type(value).model_fields, *answers}
        }
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value


def open_plain(
    plain: Mapping[str, Any], vault: Vault, sources: Sources = SOURCES
) -> OpenedAdapter[Source]:
    """Open what `as_plain` made for reading; nothing is contacted yet.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
        Refused: there is no such kind.
    """
    kind = sources.get(plain["kind"])
    if kind is None:
        raise _unable(plain["kind"], "it is not known here")
    from hdh_migrate.wiring.plain import PlainSection

    return _as_missing_key(lambda: kind.read(PlainSection(plain), vault))


def listed_apart(
    kind: str, source: Source, place: Place, sources: Sources = SOURCES
) -> ListsApart | None:
    """Return an opened source as one that another process lists a place again for; None: none."""
    found = sources.get(kind)
    return None if found is None else found.apart(source, place)


def open_source(plan: Plan, vault: Vault, sources: Sources = SOURCES) -> OpenedAdapter[Source]:
    """Open the plan's source for reading; nothing is contacted yet.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
    """
    kind = _of(plan, sources)
    return _as_missing_key(lambda: kind.read(plan.source, vault))


def source_claims(
    plan: Plan, vault: Vault, sources: Sources = SOURCES, credential: object = None
) -> CredentialClaims | None:
    """Return what the credential that reads the source says of itself; None: nothing.

    Or another `credential` that the plan names for something at the source.

    Raises:
        KeyUnavailable: the reference cannot be read, or is no such credential.
    """
    kind = _of(plan, sources)
    return _as_missing_key(lambda: kind.claims(plan.source, credential, vault))


def open_freeze_probe(
    plan: Plan, vault: Vault, sources: Sources = SOURCES
) -> OpenedAdapter[FreezeProbe | None]:
    """Open what the plan's `freeze` section tries; of None when nothing is tried but stated.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
        Refused: no such trial can be made of the plan's source.
    """
    freeze = plan.freeze
    if freeze is None or freeze.kind == "statement":
        from hdh_migrate.wiring.opened import OpenedAdapter

        return OpenedAdapter(thing=None)
    kind = _of(plan, sources)
    if (opens := kind.trial) is None:
        raise _unable(plan.source.kind, "no writer of it can be tried")
    return _as_missing_key(lambda: opens(plan.source, freeze, vault))


def open_eraser(
    plan: Plan, section: Decommission, vault: Vault, sources: Sources = SOURCES
) -> OpenedAdapter[Eraser]:
    """Open the only thing that can delete at the source, with its own credential.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
        Refused: nothing can be deleted at the plan's source.
    """
    kind = _of(plan, sources)
    if (opens := kind.eraser) is None:
        raise _unable(plan.source.kind, "nothing can be deleted there")
    return _as_missing_key(lambda: opens(plan.source, section, vault))


def archive_facts(plan: Plan, sources: Sources = SOURCES) -> ArchiveFacts:
    """Return what is known of the archive tier of the plan's source.

    Raises:
        Refused: it has none.
    """
    return _archive(plan, sources).facts()


def open_rehydrator(
    plan: Plan, section: Rehydration, vault: Vault, sources: Sources = SOURCES
) -> OpenedAdapter[Rehydrator]:
    """Open the only thing that can ask for archived objects, with its own credential.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
        Refused: the plan's source has no archive tier.
    """
    archive = _archive(plan, sources)
    return _as_missing_key(lambda: archive.rehydrator(plan.source, section, vault))


def _archive(plan: Plan, sources: Sources) -> Archive[Any]:
    archive = _of(plan, sources).archive
    if archive is None:
        raise _unable(plan.source.kind, "nothing is ever archived there")
    return archive


def open_report(plan: Plan, folder: Path, sources: Sources = SOURCES) -> SourceReport:
    """Open a report that the plan's source wrote itself; nobody is contacted.

    Raises:
        UsageError: there is no report in the folder.
        Refused: the source writes none, or this one is not of it, or not whole.
    """
    if (opens := _of(plan, sources).report) is None:
        raise _unable(plan.source.kind, "no report of its own is known")
    found: SourceReport = opens(plan.source, folder)
    return found


def source_transport(plan: Plan, base: Path) -> Transport:
    """Return a transport that reaches the plan's source and nothing else."""
    return transport_to(plan.source, base)


def _of(plan: Plan, sources: Sources) -> SourceKind[Any]:
    found = sources.get(plan.source.kind)
    if found is None or type(plan.source) is not found.section():
        raise _unable(plan.source.kind, "it is not known here")
    return found


def _unable(kind: str, why: str) -> Refused:
    return Refused(
        f"the source's kind is {kind}, and {why}",
        hint='nothing was moved or deleted; "hdh-migrate docs plan-reference" describes the kinds',
    )


def _as_missing_key(opens: Callable[[], T]) -> T:
    """Say of a credential that it is none in the words of a key that is not there."""
    try:
        return opens()
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error
