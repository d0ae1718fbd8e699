"""Where a migration stands: what the report's page and `status` know of it, each from what it has.

What is left to do and what ends follow from it, in `left` and `endings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from hdh_migrate.evidence.lines.granted import GrantAccounts
from hdh_migrate.evidence.lines.harm import HarmInTurn
from hdh_migrate.frozen import frozen


@frozen
class BatchStanding:
    """Where one batch stands."""

    name: str
    listed: str | None
    """When its source was last listed whole; None: it is not known."""
    closed: bool
    pending: int
    verified: int
    stage: str | None
    """Of its cutover, None without one."""
    switches: bool
    """Whether the plan has a cutover for it."""
    deletes: bool = True
    """Whether the plan says how its source is deleted."""
    window_until: str | None = None
    traces: int = 0
    """What the source still showed after the deletion, without the next."""
    changed: int = 0
    """So many objects were kept at the source because they had changed since they were moved."""
    late: int = 0
    """So many were new or changed there when its switch was made final: nobody moved them."""
    unlisted: bool = False
    """Its source could not be listed then."""
    let_go: int = 0
    """So many verified objects the target did not hold so then; no whole look was taken since."""
    let_go_at: str | None = None
    """When its switch was made final in spite of such objects, whatever was looked at since."""
    relisting: bool = False
    """A listing anew was begun and not ended."""
    looking: bool = False
    read_back: str | None = None
    """When the target was last looked at; None: not since it was verified."""
    missed: bool = False
    """Then something was gone, damaged, replaced or lost."""
    absences: tuple[tuple[str, int], ...] = ()
    """When looks found objects gone or damaged, and of how many nobody judged what that is."""
    whole: bool = True
    """Nothing of it waits or failed, so what was gone or damaged is verified again."""
    recheck_seconds: int | None = None
    """How old that may be, where the plan says it."""
    lacks_copy: bool = False


@frozen
class MigrationStanding:
    """Where a migration stands."""

    at: str
    batches: tuple[BatchStanding, ...]
    findings: Mapping[str, int]
    """Those that are no notes and that no waiver lets go, by code."""
    waivers: tuple[tuple[str, str], ...] = ()
    """Each with its last day."""
    bases: tuple[tuple[str, str], ...] = ()
    attested: tuple[tuple[str, str], ...] = ()
    untried: tuple[str, ...] = ()
    """Recipients of whose private key the journal has no trial (`keys drill`)."""
    unstored: tuple[str, ...] = ()
    """Recipients whose private key opened a test envelope, and nothing that the target holds."""
    rotations: tuple[tuple[str, str | None, int, str], ...] = ()
    """When each began, when it ended, what it left behind, and the verb that goes on with it."""
    erasures: tuple[tuple[str, str, str | None, int], ...] = ()
    """The dataset, when its erasure began, when it ended, what it left behind."""
    copied: bool = False
    """Headers are kept apart, so copies of the ledger hold what opens objects."""
    copies_until: str | None = None
    """Up to the end of which day somebody states what became of such copies."""
    originals: tuple[tuple[str, int, str], ...] = ()
    """Erased datasets of whose originals no deletion was seen at the source, how many, batch."""
    grants: GrantAccounts | None = None
    relied: tuple[tuple[str, str], ...] = ()
    """Credentials and keys of which the machine that runs the tool knows an end, each with it."""
    kept_until: str | None = None
    """Until when evidence is to be kept, as people declare it: a day."""
    unheld: tuple[str, ...] = ()
    """Recipients' keys, by file, of which nobody is declared to hold the private one."""
    former: tuple[str, ...] = ()
    """Keys that were exchanged, and of which nobody declared what became of the private one."""
    beside: tuple[str, ...] = ()
    """Approvers' keys, by id, of which the private one lay beside the plan, and nobody states what
    was done about that."""
    strangers: tuple[str, ...] = ()
    """Logins under which the tool was run and that the plan gives to none of its people."""
    done: tuple[tuple[str, str], ...] = ()
    """What was done, by the stages that approvals are for, or `run`, and when."""
    clashes: tuple[str, ...] = ()
    """Permits that an erasure's reason names and by which somebody reads still."""
    plain: tuple[str, ...] = ()
    """Addresses on other machines that were reached without TLS."""
    harm: HarmInTurn = field(default_factory=HarmInTurn)
    """What was lost or replaced, and what of it was judged."""
    signed: bool = True
    witnessed: bool = False
