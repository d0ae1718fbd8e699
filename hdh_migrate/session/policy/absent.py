"""What a plan names and somebody would miss: files that are not there, public keys that are none.

A note and never a refusal: whoever checks a plan in CI has its public keys and none of its secrets.
Nothing private is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy.unshared import named_paths, references
from hdh_migrate.wiring.envelopes import form_of


def absent(loaded: LoadedPlan) -> list[str]:
    """Return a note for each file, and each public key, without which a verb would be refused."""
    found = list(dict.fromkeys(_wrong_keys(loaded)))
    for name in _gone(loaded):
        path = loaded.base / name
        if not any(str(path) in one for one in found):
            found.append(f"{path}: there is no such file")
    return [f"{one}; a verb that needs it would be refused" for one in found]


def told_all(loaded: LoadedPlan, environ: Mapping[str, str], error: KeyUnavailable) -> None:
    """Add to a hint all that the plan names and that is not here, where the error is about one."""
    lacking, gone, said = _unset(loaded, environ), _gone(loaded), str(error)
    if len(lacking) > 1 and any(name in said for name in lacking):
        names = ", ".join(lacking)
        error.hint = f"{error.hint}; the plan names {len(lacking)} that are not set: {names}"
    if any(name in said for name in gone):
        also = "" if len(gone) == 1 else f"; all that is not there: {', '.join(gone)}"
        error.hint = f"{error.hint}; a plan's paths begin at its own folder, {loaded.base}{also}"


def _unset(loaded: LoadedPlan, environ: Mapping[str, str]) -> list[str]:
    """Return the variables that a plan names and that are not set here."""
    named = references(loaded.plan.model_dump(mode="json"), "env:")
    return [name for name in dict.fromkeys(named) if name not in environ]


def _gone(loaded: LoadedPlan) -> list[str]:
    """Return the files that a plan names and that are not there, as it writes them."""
    made = None if loaded.plan.backup is None else loaded.plan.backup.folder  # by the first copy
    return [
        name
        for name in dict.fromkeys(named_paths(loaded.plan))
        if name != made and not (loaded.base / name).exists()
    ]


def _wrong_keys(loaded: LoadedPlan) -> Iterator[str]:
    plan, base = loaded.plan, loaded.base
    signing = [
        *(plan.approvals.keys if plan.approvals is not None else ()),
        *(plan.waivers.keys if plan.waivers is not None else ()),
        *(path for one in plan.cutovers if one.decommission for path in one.decommission.trust),
    ]
    form = form_of(plan)
    loads: list[Callable[[], object]] = [
        *(partial(form.public, base / path) for path in plan.seal.recipients),
        *(partial(_load_signing, base / path) for path in signing),
    ]
    for load in loads:
        try:
            load()
        except KeyUnavailable as error:
            yield str(error)


def _load_signing(path: Path) -> object:
    from hdh_migrate.evidence.signatures.signing import load_trusted_key  # dear to import

    return load_trusted_key(path)
