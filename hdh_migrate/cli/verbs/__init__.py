"""The verbs: which there are, in what order, each in a line; the code of each is a file here.

A verb NAME is the one of the module NAME, a verb of a group that of GROUP.NAME, with `_` for `-`
(and behind a word that Python keeps for itself: `import_`). A group is a folder. The lines fit a
terminal of 80 columns; a test counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hdh_migrate.frozen import frozen

PROGRAM: Final = "hdh-migrate"

Lines = Mapping[str, str]
"""What each verb does, in a line, in the order of use."""


@frozen
class Group:
    """A verb that has verbs of its own."""

    help: str
    verbs: Lines
    default: str = ""
    """The verb that is meant when none is named; no listing shows it."""


SECTIONS: Final[Mapping[str, Lines]] = {
    "Plan": {
        "demo": "Run the whole job on this machine: move, kill, resume, report.",
        "init": "Make a commented plan, keys and a .gitignore to start from.",
        "validate": "Check a plan offline; all wrong fields at once, with places.",
        "plan": "Compare a plan with what was begun by it.",
        "docs": "Read the pages and schemas that belong to this version.",
    },
    "Move": {
        "preflight": "Check online, changing nothing, what a run needs.",
        "run": "Inventory, transfer, verify, report; after any stop, run again.",
        "inventory": "List what there is to move and freeze the list; moves nothing.",
        "transfer": "Encrypt and send what inventory listed.",
        "rehydrate": "Bring archived objects back and move them; first a dry run.",
        "verify": "Read back what was sent, compare it with what was read.",
        "amend": "Apply a changed plan to a batch that has begun; first a dry run.",
        "pause": "Pause the run under way, or the next one.",
        "resume": "Let a paused run go on.",
        "limit": "Limit the bandwidth of the run under way, and of later ones.",
    },
    "Look": {
        "status": "Show where each batch stands, also while a run is under way.",
        "history": "List the runs so far: when, how each ended, what it moved.",
        "forecast": "Estimate when each batch ends, what expires first, the cost.",
        "notify": "Send the notices that are due, or a test notice.",
        "ls": "List objects, each with its state and open findings.",
        "errors": "Group open findings by cause; say what is safe and what to do.",
        "explain": "Say which rule applies to an object, and what becomes of it.",
        "fetch": "Read one object back from the target, decrypted and checked.",
        "restore-view": "Rebuild the source's listing from target and sidecar; compare.",
    },
    "Share": {
        "grant": "Let one more reader open verified objects where they are.",
        "grants": "List who may read what, on which permit, until when.",
        "revoke": "Take a grant back, and say what cannot be taken back.",
        "open": "As the reader of a grant: list and download; needs no plan.",
    },
    "Switch": {
        "rehearse": "Try the whole cutover on a pointer that nobody follows.",
        "approve": "Sign that a stage of a batch's cutover may go on.",
        "cutover": "Switch a batch to the target, go back, or make it final.",
        "hold": "Stop every switch and deletion of a plan, or let them go on.",
        "decommission": "Delete a finalized batch at the source; first a dry run.",
        "erase": "Destroy what opens a dataset, for good; first a dry run.",
    },
    "Prove": {
        "report": "Write the evidence of a plan; sign or time-stamp it later.",
        "audit": "Check evidence offline: no plan, no ledger, no cloud.",
        "waive": "Sign a waiver: set one condition aside until a given day.",
        "judge": "Judge a loss: whether it is a breach to be notified, signed.",
        "ledger": "Copy or check the ledger, the only memory of a migration.",
        "adopt": "Take over what was moved already when a ledger is lost.",
    },
    "Host": {
        "providers": "Show what is known of each host.",
        "probe": "Find out what the target really does.",
        "provision": "Make buckets that obey health-data rules; first a dry run.",
        "worker": "Work for a run on another machine, as part of a cluster.",
        "fence": "Show which ledger may write at the target, or take over.",
        "cleanup": "Abort stale uploads of this plan's own; first a dry run.",
    },
    "Keys": {
        "keys": "Make, show, import, test and replace keys.",
        "reseal": "Encrypt every object anew after a leak; first a dry run.",
    },
}

GROUPS: Final[Mapping[str, Group]] = {
    "plan": Group(
        help="Compare a plan with what was begun by it.",
        verbs={
            "diff": "Show each change since it was bound, and which verb can do it.",
        },
    ),
    "cutover": Group(
        help="Switch a batch's pointer to the target, go back, or give going back up.",
        verbs={
            "start": "Check, prove the freeze, move the rest, switch, test.",
            "rollback": "Give the pointer its old value back.",
            "finalize": "THE POINT OF NO RETURN: no rollback from then on.",
        },
    ),
    "report": Group(
        help="Write the evidence of a plan; sign or time-stamp a bundle later.",
        verbs={
            "sign": "Check a bundle and add a witness's signature to it.",
            "timestamp": "Have an authority (RFC 3161) time-stamp a bundle.",
        },
        default="write",
    ),
    "audit": Group(
        help="Check evidence offline: no plan, no ledger, no access to either cloud.",
        verbs={
            "verify": "Compute all of a bundle's sums again, check its signatures.",
            "show": "Show a report's first screen in the terminal.",
            "verifier": "Write the verifier that needs no trust in a bundle's own.",
            "dossier": "Check the dossier of a claim for egress.",
            "compare": "Check that a later bundle takes nothing back.",
            "export": "Give a bundle as CSV, JUnit XML or Markdown.",
            "prove": "Print the proof that one object stands in the manifest.",
            "check-proof": "Check such a proof, against a root or against keys.",
            "open": "Open one name of a report with keyed names, with proof.",
            "check-opening": "Check such a name against a manifest's root.",
            "journal": "Print a ledger's or bundle's journal, its chain checked.",
        },
    ),
    "ledger": Group(
        help="Look after the ledger, the only memory of a migration.",
        verbs={
            "backup": "Copy it as it is now, also while a run is under way.",
            "check": "Check all of it: every page, the journal, every row.",
        },
    ),
    "providers": Group(
        help="Look at the provider profiles: what is known of each host.",
        verbs={
            "list": "List the profiles and how much of each is confirmed.",
            "show": "Show every claim of a profile, with date and source.",
        },
    ),
    "keys": Group(
        help="Make, show, import, test and replace keys.",
        verbs={
            "new": "Make a key pair; nothing is ever overwritten.",
            "show": "Say what a key file is, and its fingerprint.",
            "relock": "Give a private key another passphrase.",
            "import": "Use an SSH key whose private half stays in its agent.",
            "drill": "Prove that a private key opens what a plan seals.",
            "rotate": "Replace a recipient's key for all objects; first a dry run.",
        },
    ),
}
