"""The rules across a plan's fields about headers that are detached from their objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hdh_migrate.plan.shapes import Broken, mapping, mappings


def _packs_have_a_copy(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`header: detached` needs `second_copy`, and nothing else may have one."""
    seal = mapping(plan, "seal")
    detached, copy = seal.get("header") == "detached", seal.get("second_copy")
    if detached and copy is None:
        yield Broken(
            ("seal", "second_copy"),
            "missing: without its header pack nobody can open an object, so `header: detached`"
            " needs a second copy of the packs",
        )
    if not detached and copy is not None:
        yield Broken(("seal", "second_copy"), "is for `header: detached` alone")


def _bodies_are_not_called_files(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`header: detached` needs a `suffix` other than .c4gh."""
    seal = mapping(plan, "seal")
    if seal.get("header") == "detached" and seal.get("suffix", ".c4gh") == ".c4gh":
        yield Broken(
            ("seal", "suffix"),
            "give another one than .c4gh, such as .segments: without its header an object is no"
            " Crypt4GH file",
        )


def _packs_are_opened(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`header: detached` needs `verify.level: full`: a pack that nobody opened may open nothing."""
    detached = mapping(plan, "seal").get("header") == "detached"
    if detached and mapping(plan, "verify").get("level", "full") != "full":
        yield Broken(("verify", "level"), "`seal.header: detached` needs level full")


def _versions_have_their_headers(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`header: detached` is not for datasets of which all versions are moved."""
    if mapping(plan, "seal").get("header") != "detached":
        return
    for index, dataset in mappings(plan, "datasets"):
        if mapping(dataset, "source").get("versions") == "all":
            yield Broken(
                ("datasets", index, "source", "versions"),
                "all versions are not moved with `seal.header: detached` yet",
            )


RULES: tuple[Callable[[Mapping[str, object]], Iterator[Broken]], ...] = (
    _packs_have_a_copy,
    _bodies_are_not_called_files,
    _packs_are_opened,
    _versions_have_their_headers,
)
