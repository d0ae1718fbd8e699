"""Open every key that a plan names before anything moves: not when its turn comes, weeks later.

The keys that seal are opened by whoever opens the services; here are those of the evidence. What
belongs to consumers and to the writers of the source may be on another machine, and is opened by
the verbs that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import KeyUnavailable, Refused
from hdh_migrate.evidence.signatures.signing import (
    Signer,
    load_signer,
    load_trusted_key,
    signs_until,
)
from hdh_migrate.model import Problem
from hdh_migrate.plan.model import Plan
from hdh_migrate.wiring import Vault, identity_path


def problems(plan: Plan, vault: Vault, *, later: bool) -> list[Problem]:
    """Return a problem for each key of the plan that cannot be opened; reads files only.

    With `later`, those too that no run uses, but the cutover and decommission after it.
    """
    found = []
    for where, load in [*_of_a_run(plan, vault), *(_of_later(plan, vault) if later else ())]:
        try:
            load()
        except KeyUnavailable as error:
            found.append(Problem(where=where, what=str(error), hint=error.hint))
    return found


def ended(plan: Plan, vault: Vault, now: Moment) -> list[Problem]:
    """Return why what the plan's signer signs now would count for nothing: its last day is over.

    A report that it signs all the same is no evidence for anybody, which somebody else finds out.
    A key that cannot be read is left to `problems`.
    """
    if plan.report.signer is None:
        return []
    try:
        until = signs_until(identity_path(plan.report.signer, vault))
    except KeyUnavailable:
        return []
    if until is None or now.first_day <= until:
        return []
    return [
        Problem(
            where="report.signer",
            what=f"its key was to sign until {until}, so nothing counts that it signs now",
            hint='make another one, "hdh-migrate keys new NAME --purpose report", name it in the'
            " plan, and hand out its public half; what was signed until then counts on",
        )
    ]


def demand_in_force(plan: Plan, vault: Vault, now: Moment) -> None:
    """Demand that a report which the plan's signer signs now counts.

    Raises:
        Refused: it would not; nothing was written.
    """
    if found := ended(plan, vault, now):
        raise Refused(
            "the report would be signed by a key whose last day is over",
            blockers=[str(one) for one in found], hint="nothing was written",
        )  # fmt: skip


def signer_of(plan: Plan, vault: Vault) -> Signer | None:
    """Return the plan's signer, None when it names none.

    Raises:
        KeyUnavailable: the key or its passphrase cannot be read.
    """
    report = plan.report
    if report.signer is None:
        return None
    phrase = report.signer_passphrase
    return load_signer(
        identity_path(report.signer, vault),
        vault.reveal(phrase).encode() if phrase is not None else None,
    )


def _of_a_run(plan: Plan, vault: Vault) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "report.signer", partial(signer_of, plan, vault)
    if plan.report.tsa is not None:
        from hdh_migrate.evidence.signatures.stamps import load_roots

        yield "report.tsa.trust", partial(load_roots, vault.base / plan.report.tsa.trust)
    if plan.waivers is not None:
        yield from _public("waivers.keys", plan.waivers.keys, vault)


def _of_later(plan: Plan, vault: Vault) -> Iterator[tuple[str, Callable[[], object]]]:
    lists = {
        "approvals.keys": () if plan.approvals is None else plan.approvals.keys,
        **{
            f"cutovers[{index}].decommission.trust": entry.decommission.trust
            for index, entry in enumerate(plan.cutovers)
            if entry.decommission is not None
        },
    }
    for where, paths in lists.items():
        yield from _public(where, paths, vault)


def _public(
    where: str, paths: Sequence[str], vault: Vault
) -> Iterator[tuple[str, Callable[[], object]]]:
    for index, path in enumerate(paths):
        yield f"{where}[{index}]", partial(load_trusted_key, vault.base / path)
