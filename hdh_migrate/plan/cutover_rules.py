"""The rules of pointers, approvals, freezes and cutovers; see `rules`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hdh_migrate.plan.shapes import (
    Broken,
    Loc,
    Unnamed,
    mapping,
    mappings,
    names,
    place_text,
    repeated,
)


def _enough_approvers(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Each approval key is listed once; `threshold` and `grant` ask for no more than there are."""
    approvals = mapping(plan, "approvals")
    keys = approvals.get("keys")
    for index, again in repeated(keys):
        where = place_text(("approvals", "keys", again))
        yield Broken(("approvals", "keys", index), f"the same key file as {where}")
    for name in ("threshold", "grant"):
        many = approvals.get(name, 1)
        if isinstance(keys, list) and keys and type(many) is int and many > len(keys):
            yield Broken(
                ("approvals", name), f"more than the {len(keys)} that may approve: nobody could"
            )


def _pointer_has_its_key(plan: Mapping[str, object]) -> Iterator[Broken]:
    """An `s3-object` pointer with an `endpoint` of its own has its own `credential` too."""
    for loc, pointer in pointers(plan):
        if pointer.get("endpoint") is not None and pointer.get("credential") is None:
            yield Broken(
                (*loc, "credential"), "missing: the target's key is not sent to another endpoint"
            )


def _ssh_is_pinned(plan: Mapping[str, object]) -> Iterator[Broken]:
    """An `ssh-command` pointer has `host_keys` or `known_hosts`, and a `key` or `agent: true`."""
    for loc, pointer in pointers(plan):
        if pointer.get("kind") != "ssh-command":
            continue
        if not pointer.get("host_keys") and pointer.get("known_hosts") is None:
            yield Broken(
                (*loc, "host_keys"),
                "missing: name the machine's key (ssh-keygen -lf), or known_hosts",
            )
        if (pointer.get("key") is not None) == (pointer.get("agent") is True):
            yield Broken((*loc, "key"), "give a key file, or `agent: true`, not both")


def _pointers_are_apart(plan: Mapping[str, object]) -> Iterator[Broken]:
    """No two pointers, canaries among them, are the same file or object."""
    first: dict[tuple[object, ...], Loc] = {}
    for loc, pointer in pointers(plan):
        kind = pointer.get("kind")
        fields = {"file": ("path", "key"), "s3-object": ("endpoint", "bucket", "key")}
        if not isinstance(kind, str) or kind not in fields:
            continue
        place = (kind, *(pointer.get(field) for field in fields[kind]))
        if (
            all(isinstance(part, str | None) for part in place)
            and first.setdefault(place, loc) != loc
        ):
            yield Broken(loc, f"the same place as {place_text(first[place])}")


def pointers(plan: Mapping[str, object]) -> Iterator[tuple[Loc, Mapping[str, object]]]:
    """Yield each pointer, canaries among them, with its place."""
    for section, field in (("batches", "pointer"), ("cutovers", "canary")):
        for index, entry in mappings(plan, section):
            if pointer := mapping(entry, field):
                yield (section, index, field), pointer


def _cutovers_are_of_batches(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Each cutover is of a known batch that has a `pointer`, and no batch has two."""
    batches = {name: index for index, name in names(plan, "batches")}
    first: dict[str, int] = {}
    unnamed = Unnamed(plan, "batches")
    for index, cutover in mappings(plan, "cutovers"):
        name = cutover.get("batch")
        loc: Loc = ("cutovers", index, "batch")
        if not isinstance(name, str):
            continue
        if name not in batches:
            yield Broken(loc, unnamed.why(name))
        elif first.setdefault(name, index) != index:
            where = place_text(("cutovers", first[name]))
            yield Broken(loc, f"the same batch as {where}")
        elif not mapping(dict(mappings(plan, "batches"))[batches[name]], "pointer"):
            yield Broken(("batches", batches[name], "pointer"), "missing: its cutover needs one")


def _cutovers_are_agreed(plan: Mapping[str, object]) -> Iterator[Broken]:
    """A cutover needs `approvals` and `freeze`, and level `full`."""
    if not any(True for _ in mappings(plan, "cutovers")):
        return
    for section in ("approvals", "freeze"):
        if plan.get(section) is None:
            yield Broken((section,), "missing: a cutover needs it")
    if mapping(plan, "verify").get("level", "full") != "full":
        yield Broken(("verify", "level"), "a cutover needs level full")


def _enough_signers(plan: Mapping[str, object]) -> Iterator[Broken]:
    """No stage of a cutover needs more keys than there are."""
    keys = mapping(plan, "approvals").get("keys")
    for index, cutover in mappings(plan, "cutovers"):
        for stage, threshold in mapping(cutover, "approvals").items():
            if isinstance(keys, list) and type(threshold) is int and threshold > len(keys):
                loc: Loc = ("cutovers", index, "approvals", stage)
                yield Broken(loc, f"more than the {len(keys)} that may approve: nobody could")
        decommission = mapping(cutover, "decommission")
        trust, needed = decommission.get("trust"), decommission.get("signatures", 1)
        if isinstance(trust, list) and trust and type(needed) is int and needed > len(trust):
            loc = ("cutovers", index, "decommission", "signatures")
            yield Broken(loc, f"more than the {len(trust)} that are trusted: nobody could")


def _consumers_can_open(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Smoke tests of sealed objects need the consumer's `identity`."""
    if mapping(plan, "seal").get("format") != "crypt4gh":
        return
    for index, cutover in mappings(plan, "cutovers"):
        smoke = mapping(cutover, "smoke")
        if smoke and smoke.get("identity") is None:
            loc = ("cutovers", index, "smoke", "identity")
            yield Broken(loc, "missing: the objects are sealed, and a consumer must open them")


def _looking_alone_has_a_reason(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`decommission.recheck: head` needs `recheck_reason`."""
    for index, cutover in mappings(plan, "cutovers"):
        decommission = mapping(cutover, "decommission")
        if decommission.get("recheck") == "head" and decommission.get("recheck_reason") is None:
            loc = ("cutovers", index, "decommission", "recheck_reason")
            yield Broken(
                loc, "missing: level head reads no byte again before the source is deleted"
            )


RULES: tuple[Callable[[Mapping[str, object]], Iterator[Broken]], ...] = (
    _enough_approvers,
    _pointer_has_its_key,
    _ssh_is_pinned,
    _pointers_are_apart,
    _cutovers_are_of_batches,
    _cutovers_are_agreed,
    _enough_signers,
    _consumers_can_open,
    _looking_alone_has_a_reason,
)
