"""The rules that hang on the kind of the source: each asks it for its traits; see `rules`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.shapes import Broken, Loc, mapping, mappings, texts, uncertified
from hdh_migrate.plan.sides import SourceSection, kind_of

FORMS = ("container", "path")
"""The fields by which datasets say where they are."""

Kind = type[SourceSection]


def named(plan: Mapping[str, object], kinds: Sequence[Kind]) -> Kind | None:
    """Return the kind of source that a plan names; None when it is none of these."""
    word = mapping(plan, "source").get("kind")
    return next((kind for kind in kinds if kind_of(kind) == word), None)


def _ranges_have_digests(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """`verify.source: range-md5` needs a source that has digests of a range: `azure-blob`."""
    wanted = mapping(plan, "verify").get("source") == "range-md5"
    if wanted and (why := source.traits.no_range_digests) is not None:
        yield Broken(("verify", "source"), why)


def _origin_fits_source(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """Datasets of an `azure-blob` source have a `container`, those of a `folder` a `path`."""
    right = source.traits.datasets
    for index, dataset in mappings(plan, "datasets"):
        for wrong in FORMS:
            if wrong != right and wrong in mapping(dataset, "source"):
                yield Broken(
                    ("datasets", index, "source", wrong),
                    f"the source's kind is {kind_of(source)}: give `{right}`, not `{wrong}`",
                )


def _tokens_come_from_where_they_count(
    plan: Mapping[str, object], source: Kind
) -> Iterator[Broken]:
    """An `endpoint` for tokens is on this machine, and so is the source that they are for."""
    section = mapping(plan, "source")
    here = is_loopback(str(section.get(source.traits.address or "", "")))
    found: list[tuple[Loc, Mapping[str, object]]] = [
        (("source", "credential"), mapping(section, "credential")),
        (("freeze", "credential"), mapping(mapping(plan, "freeze"), "credential")),
        (("rehydrate", "credential"), mapping(mapping(plan, "rehydrate"), "credential")),
    ]
    for index, entry in mappings(plan, "cutovers"):
        where = ("cutovers", index, "decommission", "credential")
        found.append((where, mapping(mapping(entry, "decommission"), "credential")))
    for loc, credential in found:
        endpoint = credential.get("endpoint")
        if isinstance(endpoint, str) and not (here and is_loopback(endpoint)):
            yield Broken(
                (*loc, "endpoint"),
                "tokens are asked for elsewhere in a rehearsal only: leave this out",
            )


def _its_certificate_is_asked_for(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """`tls` of a source is of an address of its own, in https."""
    if source.traits.address is not None:
        yield from uncertified(("source",), mapping(plan, "source"), source.traits.address)


def _trial_fits_source(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """Freeze kind `denied-write` needs a source whose writers can be tried: `azure-blob`."""
    tries = mapping(plan, "freeze").get("kind") == "denied-write"
    if tries and (why := source.traits.no_trial) is not None:
        yield Broken(("freeze", "kind"), why)


def _nothing_else_is_erased(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """`decommission` needs a source where we may delete: `azure-blob`."""
    if (why := source.traits.no_eraser) is None:
        return
    for index, cutover in mappings(plan, "cutovers"):
        if cutover.get("decommission") is not None:
            yield Broken(("cutovers", index, "decommission"), why)


def _only_what_is_archived_is_asked_for(
    plan: Mapping[str, object], source: Kind
) -> Iterator[Broken]:
    """`rehydrate` needs a source with an archive tier: `azure-blob`."""
    if (why := source.traits.no_archive) is not None and plan.get("rehydrate") is not None:
        yield Broken(("rehydrate",), why)


def _its_listing_tells_what_rules_ask(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """Rules ask for `tier` and `tags` of a source whose listing tells them: `azure-blob`."""
    if (why := source.traits.no_labels) is None:
        return
    for index, dataset in mappings(plan, "datasets"):
        for field in ("include", "exclude"):
            for at, rule in mappings(dataset, field):
                for name in ("tier", "tags"):
                    if name in rule:
                        yield Broken(("datasets", index, field, at, name), why)


def _its_versions_are_kept(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """`versions` of a dataset's source needs a source that keeps some: `azure-blob`."""
    if (why := source.traits.no_versions) is None:
        return
    for index, dataset in mappings(plan, "datasets"):
        if "versions" in mapping(dataset, "source"):
            yield Broken(("datasets", index, "source", "versions"), why)


def _chosen_versions(plan: Mapping[str, object]) -> dict[str, str]:
    """Return how evidence says it of each dataset that is not moved as it is now, by its name."""
    found = {}
    for _, dataset in mappings(plan, "datasets"):
        versions = mapping(dataset, "source").get("versions")
        if isinstance(versions, Mapping):
            found[str(dataset.get("name"))] = "as of a moment"
        elif versions == "all":
            found[str(dataset.get("name"))] = "with all versions"
    return found


def _what_was_then_is_only_read(plan: Mapping[str, object], source: Kind) -> Iterator[Broken]:
    """What is moved as of a moment, or with all versions, is neither deleted nor brought back."""
    del source
    chosen = _chosen_versions(plan)
    moved = {
        str(batch.get("name")): chosen[name]
        for _, batch in mappings(plan, "batches")
        for _, name in texts(batch.get("datasets"))
        if name in chosen
    }
    for index, cutover in mappings(plan, "cutovers"):
        if cutover.get("decommission") is not None and str(cutover.get("batch")) in moved:
            how = moved[str(cutover.get("batch"))]
            stay = "other versions of it stay" if how == "as of a moment" else "a delete is of one"
            yield Broken(
                ("cutovers", index, "decommission"),
                f"a dataset of this batch is moved {how}, and {stay}:"
                " leave this out, and delete at the source by other means",
            )
    if chosen and plan.get("rehydrate") is not None:
        yield Broken(
            ("rehydrate",),
            f"a dataset is moved {next(iter(chosen.values()))}, and no tier of a version is set:"
            " leave this out, and move that dataset by a plan of its own",
        )


RULES: tuple[Callable[[Mapping[str, object], Kind], Iterator[Broken]], ...] = (
    _ranges_have_digests,
    _origin_fits_source,
    _tokens_come_from_where_they_count,
    _its_certificate_is_asked_for,
    _trial_fits_source,
    _nothing_else_is_erased,
    _only_what_is_archived_is_asked_for,
    _its_listing_tells_what_rules_ask,
    _its_versions_are_kept,
    _what_was_then_is_only_read,
)
