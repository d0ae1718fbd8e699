"""A report in which everything stands that a page can show, as long migrations have it.

The words in it are those that people would write; a test looks at the page, not at them.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hdh_migrate.events.adoption import Adopting, AdoptionEnded, JournalSeen, ObjectsAdopted
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.events.event import Event
from hdh_migrate.events.fence import FenceHolder, FenceTaking
from hdh_migrate.events.grants import (
    GrantAsked,
    GrantClosedByHand,
    GrantGiven,
    GrantPolicySet,
    GrantPolicySetting,
    GrantRevoked,
    GrantStale,
    StaleWhy,
)
from hdh_migrate.events.objects import SendingAgain
from hdh_migrate.events.refreshes import (
    PassAmount,
    Refreshed,
    RefreshEnded,
    Refreshing,
    RetryingFailed,
)
from hdh_migrate.events.run import PlanRebound, RunEnded, RunStarted
from hdh_migrate.evidence.bundle import Bundle
from hdh_migrate.evidence.lines.facts import DatasetFacts, Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Place
from tests.unit.evidence.builders import (
    SECURED,
    SOURCE,
    TARGET,
    Told,
    bundle,
    exclusion,
    facts,
    failed,
    finding,
    pending,
    record,
    replanned,
)

AT = "2026-11-23T10:00:00.000Z"
WHO = "claire.martin@exploitation-01"

_DATASETS = (
    ("pmsi-mco", "pilote", "PMSI, séjours de médecine, chirurgie et obstétrique", 160),
    ("pmsi-had", "pilote", "PMSI, hospitalisation à domicile", 1),
    ("imagerie-thorax", "imagerie", "Imagerie thoracique, 2019 à 2023", 90),
    ("genomique", "imagerie", "Génomes de la cohorte « Aurore »", 12),
    ("dcir", "remboursements", "Remboursements de l'assurance maladie (DCIR)", 60),
    ("causes-de-deces", "remboursements", "Causes médicales de décès (CépiDc)", 2),
)
"""Each with its batch, its title and how many objects it has."""

DECLARED: dict[str, Any] = {
    "datasets": [{"name": name, "title": title} for name, _, title, _ in _DATASETS],
    "people": [
        {
            "name": "Claire Martin", "role": "responsable de l'exploitation",
            "organisation": "Plateforme des données de santé", "contact": "+33 1 99 00 47 11",
        },
        {
            "name": "Étienne Le Goff", "role": "délégué à la protection des données",
            "organisation": "Plateforme des données de santé",
        },
    ],
    "keys": [
        {"recipient": "keys/steward.pub", "holder": "Claire Martin", "escrow": False},
        {"recipient": "keys/escrow.pub", "holder": "étude de Me Durand, Paris", "escrow": True},
    ],
    "organisations": [
        {
            "name": "Plateforme des données de santé", "role": "controller",
            "contact": "dpo@plateforme.example",
        },
        {"name": "Scaleway", "role": "processor", "task": "hébergement de la cible",
         "contract": "marché 2026-118"},
        {"name": "Atelier Numérique", "role": "processor", "task": "conduite de la migration"},
    ],
    "places": [
        {"side": "source", "country": "FR"},
        {"side": "target", "country": "FR", "place": "Paris"},
    ],
    "kept": {
        "by": "service des archives", "until": "2037-12-31",
        "place": "coffre numérique, cote 2026/118",
    },
}  # fmt: skip
BASES = [
    {"reference": "CNIL, délibération 2023-146", "valid_until": "2026-12-21"},
    {"reference": "arrêté du 6 mai 2024 relatif au SNDS", "valid_until": "2031-05-05"},
]
ATTESTATION = {
    "service": "Object Storage",
    "secnumcloud": {"reference": "décision ANSSI 2026-1187", "valid_until": "2028-12-31"},
    "hds": {"reference": "certificat LNE 41207", "valid_until": "2027-01-01"},
    "sha256": "ab" * 32,
    "tunnels": [{"local": "http://127.0.0.1:9443", "leads_to": "https://s3.fr-par.scw.cloud"}],
}
PRICES = [
    {
        "purpose": "re-read", "side": "target", "unit": "GB", "amount": "0.01 EUR",
        "valid_from": "2026-01-01", "source": "tarif de l'hébergeur au 1er janvier 2026",
    },
]  # fmt: skip
PROFILE = {
    "name": "scaleway", "as_of": "2026-07-01", "own": None,
    "overrides": [{"name": "max_parts", "value": 900, "was": 1000}],
    "unconfirmed": [{"name": "tags"}, {"name": "max_key"}],
}  # fmt: skip
PROBE = {
    "at": "2026-03-01T20:00:00Z",
    "observations": [
        {
            "name": "max_parts", "observed": 500, "profile": 1000, "how": "part 501 refused",
            "agrees": False, "better": False,
        },
    ],
}  # fmt: skip
WAIVERS = tuple(
    {
        "what": what, "reason": reason, "until": "2026-12-31",
        "made_at": "2026-03-01T08:00:00Z", "by": "etienne.le-goff@siege",
        "key_id": "ed25519:0123456789abcdef", "file": "waivers/a.json", "sha256": "88" * 32,
    }
    for what, reason in (
        ("attestation", "le renouvellement du certificat est en cours, dossier 2026/118"),
        ("bucket-encryption", "l'hébergeur ne la permet pas dans cette région"),
    )
)  # fmt: skip
OPENINGS = tuple(
    {"at": at, "who": WHO, "dataset": name, "object": number, "reason": reason}
    for at, name, number, reason in (
        (AT, "imagerie-thorax", 17, "contrôle de lisibilité, ticket 4711"),
        (AT, "genomique", None, None),
    )
)
MD5_DIFFERS = (
    "the source's Content-MD5 is not that of the bytes it gives, twice the same; if the claim"
    " is known to be wrong, say so in the dataset's `ignore_md5`"
)
_FINDINGS = (
    ("source-md5-differs", MD5_DIFFERS),
    ("history-left", "not moved: 3 snapshots (73400320 bytes), 1 earlier version (2048 bytes)"),
    ("vanished", "the source no longer has the object; the target keeps it"),
    ("target-accepted", "accepted by etienne.le-goff@siege: remplacé par la version corrigée"),
)  # fmt: skip


def cutover(batch: str, stage: str) -> dict[str, Any]:
    return {
        "batch": batch, "track": "cutover", "on_this_machine": False, "stage": stage,
        "since": "2026-03-03T08:00:00Z",
        "times": {
            "frozen": "2026-03-03T07:48:00Z", "open": "2026-03-03T08:00:04Z",
            "requested": "2026-05-01T08:00:00Z", "observed": "2026-05-02T08:00:00Z",
        },
        "waits": None,
        "terms": {"approvers": [{}] * 3, "thresholds": {"cutover": 2, "finalize": 1}},
        "pointer": {
            "kind": "s3-object", "guard": "conditional",
            "old_sha256": "aa" * 32, "new_sha256": "bb" * 32,
        },
        "root": "cc" * 32,
        "approvals": {
            "cutover": ["01234567" * 8, "fedcba98" * 8], "finalize": ["01234567" * 8],
        },
        "freeze": {
            "how": {"kind": "denied-write"}, "interval_seconds": 600,
            "relists": [{"at": "2026-03-03T07:00:00Z", "objects": 3, "digest": "ab"}] * 2,
        },
        "delta": [],
        "smoke": {
            "ok": True, "objects": 20, "bytes": 1, "commands": [{"ok": 1}], "failures": [],
        },
        "window_until": "2026-03-10T08:00:00Z",
        "not_ours_before_the_switch": 0,
        "written_by_consumers": {"new": 1, "changed": 0, "gone": 0},
        "finalized": {"early": False, "reason": None} if stage == "finalized" else None,
        "decommission": {
            "recheck": {
                "level": "full", "reason": None, "objects": 161, "bytes": 3_000_000, "differing": 1,
            },
            "requested": {},
            "observed": {"current": 0, "snapshot": 1, "not_shown": ["version"]},
            "outcomes": {"deleted": 158, "missing": 1, "drifted": 1, "kept": 1},
        },
    }  # fmt: skip


def some(objects: int) -> PassAmount:
    return PassAmount(objects=objects, bytes=objects * 4096)


def later(plan_digest: str, *, bare: bool) -> list[Told]:
    """What the journal of months tells besides."""
    holder = FenceHolder(
        ledger="ab-1", epoch=0, nonce="n", host="exploitation-01.hdh.example", pid=1,
        since="2026-11-01T00:00:00Z",
    )  # fmt: skip
    seen = JournalSeen(ledger="ab-1", events=3, head="0" * 64, statement=None)
    signed = JournalSeen(ledger="ab-1", events=3, head="0" * 64, statement="2" * 64)
    told: list[Event] = [
        _began(WHO, plan_digest),
        RunEnded(traffic=()),
        *_replanned(plan_digest),
        _began("astreinte@exploitation-02", plan_digest),
    ]
    for number in (1, 2, 3):
        told += [
            Refreshing(number=number, batch="pilote", user=WHO),
            Refreshed(
                number=number, batch="pilote", dataset="pmsi-mco", new=some(1204),
                changed=some(17 * number), vanished=some(3), left=some(1),
            ),
        ]  # fmt: skip
        if number != 3:
            told.append(RefreshEnded(number=number, batch="pilote", listed=some(28_113)))
    told += [
        BatchAmending(
            batch="remboursements", revision=2, was="0" * 64, now="1" * 64, user=WHO,
            changes=("datasets[dcir].exclude[0]: added", "seal.recipients[2]: added"),
            reason="fichiers de travail, réf. 21 du comité de suivi",
        ),
        BatchAmended(
            batch="remboursements", revision=2, digest="1" * 64, excluded={"dcir": 4},
            taken_back={"dcir": 1}, moved_before={}, recipients=("0" * 64, "1" * 64),
        ),
        Adopting(number=1, batch="imagerie", journals=(seen, signed), user=WHO),
        ObjectsAdopted(
            batch="imagerie", number=1, ledger="ab-1", statement=None, ids=tuple(range(1_205)),
        ),
        AdoptionEnded(number=1, batch="imagerie", adopted=1_205, unproved=6, foreign=7),
        FenceTaking(
            bucket="hds-imagerie", epoch=2, nonce="m", user=WHO, over=holder,
            reason="la machine a brûlé",
        ),
        SendingAgain(dataset="pmsi-mco", unacknowledged=1, going_on=1),
        RetryingFailed(batch="pilote", asked=(), reasons={"conflict": 1}, user=WHO),
        *_granted(),
        _began(WHO, plan_digest), RunEnded(traffic=()),
    ]  # fmt: skip
    if bare:  # without what would have to follow from rows
        told = [_began(WHO, plan_digest), *_granted(), RunEnded(traffic=())]
    return [(AT, one.kind, one.as_json()) for one in told]


def _replanned(plan_digest: str) -> list[Event]:
    """The plan was changed for a night, and changed back."""
    other = "7" * 64
    return [
        PlanRebound(was=plan_digest, now=other,
                    changes=('limits.bandwidth: "400MiB/s" -> "800MiB/s"',
                             'windows: added ({"open": ["mon-fri 20:00-06:00"], "zone": "UTC"})')),
        PlanRebound(was=other, now=plan_digest, changes=("windows: removed (was [])",)),
    ]  # fmt: skip


def _began(user: str, plan_digest: str) -> RunStarted:
    return RunStarted(
        plan_digest=plan_digest, steps=("transfer",), batches=(), tool="0.1.0", code_sha256=ABSENT,
        user=user, pid=7,
    )  # fmt: skip


def _granted() -> list[Event]:
    def asked(number: int, until: str, *, number_of: int | None = None, **more: Any) -> GrantAsked:
        key = f"{number:064}"
        reader = sha256(bytes.fromhex(key)).hexdigest()
        about: dict[str, Any] = {
            "grant": f"g-2026-11-{number_of or number:02}", "dataset": "imagerie-thorax",
            "batch": "imagerie",
            "permit": f"EHDS-2027-00{number}",
            "purpose": "étude de survie après chirurgie thoracique",
            "reader": f"c4gh:{reader[:16]}", "key": key, "until": until, "selection": None,
            "objects": 90, "bytes": 5_912_003, "manifest": "4" * 64, **more,
        }  # fmt: skip
        request = sha256_hex(canonical_json(about))
        return GrantAsked(**about, request=request, user=WHO)

    def given(number: int) -> GrantGiven:
        return GrantGiven(
            grant=f"g-2026-11-{number:02}", objects=90, bytes=5_912_003, root="6" * 64,
            pack_sha256="7" * 64, statement_sha256="8" * 64, approvals=("9" * 64, "a" * 64),
        )  # fmt: skip

    entry: dict[str, Any] = {"bucket": "hds-imagerie", "principal": "equipe-thorax"}
    return [
        asked(1, "2027-06-30T23:59:59Z"), given(1),
        GrantPolicySetting(grant="g-2026-11-01", allowed=True, **entry),
        GrantPolicySet(grant="g-2026-11-01", allowed=True, sha256="b" * 64, **entry),
        asked(2, "2027-06-30T23:59:59Z"), given(2),
        GrantRevoked(grant="g-2026-11-02", reason="l'étude est terminée", user=WHO),
        GrantClosedByHand(grant="g-2026-11-02", how="clé retirée, ticket 4712", user=WHO),
        GrantStale(grant="g-2026-11-01", why=tuple(StaleWhy)),
        asked(3, "2027-06-30T23:59:59Z"), given(3),
        asked(3, "2027-06-30T23:59:59Z", number_of=4, renews="g-2026-11-03"), given(4),
    ]  # fmt: skip


def rich(
    out: Path, key: Signer | None, *, names: str = "plain", whole: bool = False, bare: bool = False
) -> Bundle:
    """Write the report in both languages; `whole`: nothing failed and nothing is left to do.

    `bare` leaves out what stands on records of others (an attestation, a probe, approvals), which
    are not made here, and most objects: both verifiers take it.
    """
    records: list[dict[str, Any]] = []
    datasets: list[DatasetFacts] = []
    exclusions: list[dict[str, Any]] = []
    for name, batch, _, all_of_it in _DATASETS:
        many = max(1, all_of_it // 8) if bare else all_of_it
        sizes = [(number * 7919 + 13) ** 2 % 90_000_000 + number for number in range(many)]
        keys = [f"annee={2019 + n % 5}/mois={n % 12 + 1:02}/part-{n:05}.parquet"
                for n in range(many)]  # fmt: skip
        lines = [
            record(key, dataset=name, size=size, bucket=f"hds-{batch}",
                   source_md5=None if n % 3 else "0" * 32)
            for n, (key, size) in enumerate(zip(keys, sizes, strict=True))
        ]  # fmt: skip
        if name == "dcir" and not whole:
            lines[1] = failed(keys[1], dataset=name, size=sizes[1], bucket=f"hds-{batch}")
            lines[2] = pending(keys[2], dataset=name, size=sizes[2], bucket=f"hds-{batch}")
        left = [exclusion(f"{n}.tmp", dataset=name) for n in range(all_of_it // 50)]
        records += sorted(lines, key=lambda line: line["key"])
        exclusions += left
        datasets.append(
            DatasetFacts(
                name=name, batch=batch,
                source=Place(bucket=f"emc2-{name}", prefix=""),
                target=Place(bucket=f"hds-{batch}", prefix=f"{name}/"),
                inventoried=ObjectCounts(len(lines) + len(left),
                                         sum(one["size"] for one in [*lines, *left])),
            )
        )  # fmt: skip
    records.sort(key=lambda line: (line["dataset"], line["key"]))
    exclusions.sort(key=lambda line: (line["dataset"], line["key"]))
    slices = [(n * 31 % 11) << 24 if n % 9 else 0 for n in range(60)]
    slices[44] = 3 << 30
    about = facts(
        *datasets,
        operator=WHO,
        previous_statement="66" * 32,
        written_at="2026-11-24T08:30:00Z",
        ended_at=AT,
        names=names,
        attestation=None if bare else ATTESTATION,
        profile=PROFILE,
        capabilities=None if bare else PROBE,
        waivers=() if bare else WAIVERS,
        openings=OPENINGS,
        cutovers=()
        if bare
        else (cutover("pilote", "finalized"), cutover("imagerie", "fallback window")),
        endpoints=(replace(SOURCE, requests=812, tls=SECURED), replace(TARGET, tls=SECURED)),
        clock_offsets={TARGET.url: 0.3},
        proved=({"recipient": "c4gh:" + "4" * 16, "at": AT},),
        files=tuple(
            {"file": file, "recipient": "c4gh:" + digit * 16}
            for file, digit in (("keys/steward.pub", "3"), ("keys/escrow.pub", "4"))
        ),
        losses=()
        if bare
        else tuple(
            Loss(
                dataset=name, what=what, kept=kept,
                objects=many - (0 if whole or name != "dcir" else 2),
            )
            for name, _, _, many in _DATASETS
            for what, kept in (("modified", "manifest"), ("tier", "sidecar"), ("tags", "ledger"),
                               ("dates", "sidecar"), ("encryption", "sidecar"))
            if what != "tags" or many > 50
        ),
        paces=()
        if bare
        else tuple(
            StepPace(
                step=step, started="2026-03-01T22:00:00Z", ended="2026-03-02T04:00:00Z",
                seconds=360.0, bins=tuple(ObjectCounts(1, size) for size in slices),
            )
            for step in ("transfer", "verify")
        ),
        looks=(
            {
                "batch": "pilote", "number": 1, "level": "full", "at": AT, "objects": 161,
                "gone": 0, "damaged": 0, "replaced": 1, "unread": 1, "ended": True,
            },
        ),
    )  # fmt: skip
    about = replanned(about, report={"declared": DECLARED}, legal_basis=BASES, prices=PRICES)
    return bundle(
        out, records, about=about, signer=key, exclusions=exclusions,
        findings=[finding(code, dataset=records[n]["dataset"], key=records[n]["key"], message=said)
                  for n, (code, said) in enumerate(_FINDINGS * (1 if whole else 2))],
        languages=("fr", "en"), telling=lambda told: [*told, *later(about.plan_digest, bare=bare)],
    )  # fmt: skip
