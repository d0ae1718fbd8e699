from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

import hdh_migrate
from hdh_migrate.codes import Code, Severity
from hdh_migrate.events.cutover import (
    CutoverBegun,
    CutoverFinalized,
    PointerDescription,
    Track,
)
from hdh_migrate.events.decommission import CutoverAgreed, CutoverRequested, PresentedEvidence
from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.events.event import Event
from hdh_migrate.events.grants import GrantClosedByHand, GrantRevoked, PackWithdrawn
from hdh_migrate.events.inventory import InventoryChanged
from hdh_migrate.events.looks import (
    LookedAgain,
    LookEnded,
    LookingAgain,
    ObjectAccepted,
    ObjectRestored,
    ObjectRestoring,
)
from hdh_migrate.events.objects import ObjectsSuperseded, ObjectsVerified
from hdh_migrate.events.refreshes import PassAmount, Refreshed, RefreshEnded, Refreshing
from hdh_migrate.events.rotation import HeadersExchanged
from hdh_migrate.events.run import ContentsRecorded, ExchangeTotal, RunEnded, RunStarted
from hdh_migrate.evidence.lines.facts import Endpoint, Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.lines.left import LeftTask, LeftToDo
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.ahead import ahead
from hdh_migrate.evidence.page.catalogue import CATALOGUE, LANGUAGES, text
from hdh_migrate.evidence.page.charts import pace_bars
from hdh_migrate.evidence.page.held import HELD
from hdh_migrate.evidence.page.holders import HeldKey
from hdh_migrate.evidence.page.left_words import LEFT
from hdh_migrate.evidence.page.owners import owned
from hdh_migrate.evidence.page.page_words import PageWords, unbroken
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.sides import side_of
from hdh_migrate.evidence.signatures.dsse import pre_authentication_encoding
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.members import SigningFile
from hdh_migrate.evidence.verifier.selection import LOST, VANISHED
from hdh_migrate.fidelity import FEATURES
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Place, key_text
from hdh_migrate.pipeline.projections.readings import LEVELS
from hdh_migrate.software import code_digest
from tests.unit.evidence import passing
from tests.unit.evidence.builders import (
    LOOK,
    SECURED,
    SOURCE,
    TARGET,
    at_level,
    bundle,
    dataset,
    exclusion,
    facts,
    failed,
    finding,
    pending,
    record,
    replanned,
    signer,
)
from tests.unit.evidence.test_approved import agreed
from tests.unit.evidence.test_chronicle import asked, given, months
from tests.unit.evidence.test_messages import APART, english_among
from tests.unit.evidence.test_page_waived import as_built as waived_over_time
from tests.unit.evidence.test_page_waived import done_without, one_waiver_over, waived_again

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>*{display:none}</style>",
    "{{ 7*7 }}{% raw %}",
    "${7*7}&lt;b&gt;",
    "=cmd|' /C calc'!A0",
    "\u202egpj.exe\u2066",
    "\x1b[2J\x1b]0;owned\x07",
    "line\nfeed\r\ttab\x00",
    "a\u200b\u00ad\ufeffb",
    "a" + "\u0301" * 40,
    key_text(b"\xff\xfe\x80"),
    "שלום.txt",
)


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its attributes and its visible text.

    It is read when something of it is first asked for: most tests ask in one language only.
    """

    tags: list[str]
    attributes: list[tuple[str, str | None]]
    blocks: list[str]
    title: str
    text: str
    plain: str
    words: list[str]
    """What a reader takes for its words: without code, styles and examples."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source

    def __getattr__(self, name: str) -> Any:
        if name not in Page.__annotations__ or "tags" in vars(self):
            raise AttributeError(name)
        self.tags, self.attributes, self.blocks, self.words = [], [], [], []
        self.title = ""
        self._text: list[str] = []
        self._open: list[str] = []
        self._apart = 0
        self.feed(self.source)
        self.text = squeezed("".join(self._text)).strip()
        self.plain = re.sub("[\u00a0\u202f]", " ", self.text)
        return vars(self)[name]

    def updatepos(self, i: int, j: int) -> int:
        """Nobody asks for lines and columns, which cost a tenth of the reading."""
        return j

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        self._open.append(tag)
        self._apart += tag in APART
        if tag == "pre":
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        self._apart -= tag in APART
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            self.blocks[-1] += data
        if "title" in self._open:
            self.title += data
        elif "style" not in self._open:
            self._text.append(data)
        if not self._apart and data.strip():
            self.words.append(" ".join(data.split()))


ATTESTATION = {
    "service": "Object <Storage>",
    "secnumcloud": {"reference": "decision 12", "valid_until": "2028-12-31"},
    "hds": {"reference": "certificate 7", "valid_until": "2027-01-01"},
    "sha256": "ab" * 32,
    "tunnels": [{"local": "http://127.0.0.1:9443", "leads_to": "https://s3.fr-par.scw.cloud"}],
}

PROFILE = {
    "name": "scaleway",
    "as_of": "2026-07-01",
    "own": None,
    "overrides": [{"name": "max_parts", "value": 900, "was": 1000}],
    "unconfirmed": [{"name": "tags"}, {"name": "max_key"}],
}
PROBE = {
    "at": "2026-03-01T20:00:00Z",
    "observations": [
        {
            "name": "max_parts", "observed": 500, "profile": 1000, "how": "part 501 refused",
            "agrees": False, "better": False,
        },
        {
            "name": "tags", "observed": True, "profile": True, "how": "read back",
            "agrees": True, "better": False,
        },
        {
            "name": "versioning", "observed": False, "profile": True, "how": "asked",
            "agrees": False, "better": False,
        },
        {
            "name": "region", "observed": None, "profile": "fr-par", "how": "asked",
            "agrees": False, "better": False,
        },
    ],
}  # fmt: skip
WAIVER = {
    "what": "attestation", "reason": "the certificate <renewal> is under way",
    "until": "2026-04-01", "made_at": "2026-03-01T08:00:00Z", "by": "claire@ops",
    "key_id": "ed25519:00ff", "file": "waivers/a.json", "sha256": "88" * 32,
}  # fmt: skip
WAIVED = [
    {**WAIVER, "what": what}
    for what in ("attestation", "legal-basis", "health.encryption", "finding.conflict")
]
PROVED = {"recipient": facts().recipients[0], "at": "2026-03-01T10:00:00Z"}
DRILL = {"at": PROVED["at"], "objects": 1, "opened": 1, "whole": 0, "bytes": 9}
OBSERVED = {
    "current": 1, "version": 2, "snapshot": 1, "soft-deleted": 1, "uncommitted": 1, "not_ours": 1,
    "until": "2026-06-01T08:00:00Z",
    "not_shown": ["version", "snapshot", "soft-deleted", "uncommitted"],
}  # fmt: skip
OBSERVED_MORE = {
    "current": 2, "version": 1, "snapshot": 2, "soft-deleted": 2, "uncommitted": 2, "not_ours": 2,
    "until": None, "not_shown": [],
}  # fmt: skip
STAGES = (
    *("not started", "preparing", "switching", "switched", "fallback window", "rolling back"),
    *("rolled back", "finalized", "decommission under way", "decommission requested"),
    "decommission observed",
)


RELIST = {"at": "2026-03-03T07:00:00Z", "objects": 3, "digest": "ab"}


ROTATION = {
    "number": 1, "old": "c4gh:0011223344556677", "new": "c4gh:8899aabbccddeeff",
    "began": "2026-03-01T10:00:00Z", "ended": "2026-03-01T11:00:00Z", "objects": 5, "left": 0,
    "lost": 0, "removed": 0, "remaining": {},
}  # fmt: skip


ERASURE = {
    "dataset": "emc2", "batch": "all", "began": "2026-03-01T10:00:00Z",
    "ended": "2026-03-01T11:00:00Z", "objects": 5, "bytes": 9, "packs": 1, "root": "11" * 32,
    "versions": 2, "copies": 1, "headers": 5, "although": [], "approvals": ["22" * 32],
    "remaining": {},
}  # fmt: skip


UNHELD = ("gone", "differs", "unread", "unproven", "lost")
"""Why a deletion leaves an object there, for the target's sake."""


def terms_change(approvals: list[str]) -> dict[str, Any]:
    return {
        "at": "2026-03-04T08:00:00Z",
        "was": "11" * 32,
        "now": "22" * 32,
        "difference": ["window_seconds: 604800 -> <1>"],
        "approvals": approvals,
        "terms_before": {},
    }


def cutover(
    *,
    stage: str = "finalized",
    freeze: str = "statement",
    track: str = "cutover",
    relists: int = 2,
    level: str | None = None,
    many: int = 1,
) -> dict[str, Any]:
    reading = (
        None
        if level is None
        else {
            "level": level,
            "reason": "too much <to read>" if level == "head" else None,
            "objects": 1 if level == "full" else 20,
            "bytes": 3_000,
            "differing": 1,
        }
    )
    return {
        "batch": "pilot",
        "track": track,
        "on_this_machine": True,
        "stage": stage,
        "since": "2026-03-03T08:00:00Z",
        "times": {
            "frozen": "2026-03-03T07:00:00Z", "open": "2026-03-03T08:00:30Z",
            "requested": "2026-05-01T08:00:00Z", "observed": "2026-05-02T08:00:00Z",
        },
        "waits": None,
        "pointer": {
            "kind": "file", "guard": "checked", "old_sha256": "aa" * 32, "new_sha256": "bb" * 32,
        },
        "root": "cc" * 32,
        "approvals": {"cutover": ["ed25519:0011", "ed25519:0022"]},
        "freeze": {"how": {"kind": freeze}, "relists": [RELIST] * relists, "interval_seconds": 600},
        "delta": [],
        "smoke": {
            "ok": True, "objects": many, "bytes": 1, "commands": [{"ok": 1}] * many, "failures": [],
        },
        "window_until": "2026-03-10T08:00:00Z",
        "not_ours_before_the_switch": 0,
        "written_by_consumers": {"new": many, "changed": many, "gone": many},
        "finalized": {"early": False, "reason": None},
        "decommission": {
            "recheck": reading, "requested": {},
            "observed": OBSERVED if many == 1 else OBSERVED_MORE,
            "outcomes": {"deleted": many, "missing": many, "drifted": many, "kept": many},
        },
    }  # fmt: skip


def gone_from_the_source() -> dict[str, Any]:
    """A cutover whose source shows nothing of it any more."""
    one = cutover(stage="decommission observed")
    clean = {"current": 0, "version": 0, "not_ours": 0, "until": None, "not_shown": []}
    return one | {"decommission": {**one["decommission"], "observed": clean}}


def unseen_at_the_source() -> dict[str, Any]:
    """A cutover whose source was not asked again after the deletion."""
    one = cutover()
    times = {"requested": "2026-05-01T08:00:00Z"}
    return one | {"times": times, "decommission": {**one["decommission"], "observed": None}}


def kept_at_the_source(changed: int = 0, unheld: int = 0, traces: int = 0) -> dict[str, Any]:
    """A cutover whose source kept what changed, and what the target did not show any more."""
    one = cutover(stage="decommission observed")
    shows = {"current": changed + unheld, "version": traces, "not_ours": 7, "until": None}
    outcomes = {"deleted": 2, "missing": 1, "drifted": changed, "target-gone": unheld}
    return one | {
        "decommission": {
            **one["decommission"],
            "observed": shows | {"not_shown": []},
            "outcomes": {what: n for what, n in outcomes.items() if n},
        }
    }


def answered(many: int) -> dict[str, Any]:
    """A cutover with every answer there is to a deletion."""
    one = cutover()
    outcomes = ("gone", *(f"target-{what}" for what in UNHELD))
    return one | {
        "decommission": {**one["decommission"], "outcomes": dict.fromkeys(outcomes, many)}
    }


def asking(keys: int) -> dict[str, Any]:
    """A cutover whose terms ask for approvals of so many keys."""
    terms = {"approvers": [{}] * keys, "thresholds": {"cutover": keys, "finalize": 1, "freeze": 1}}
    return cutover(freeze="denied-write") | {"terms": terms}


PACES = [
    StepPace(
        step=step,
        started="2026-03-01T22:00:00Z",
        ended="2026-03-01T23:00:00Z",
        seconds=60.0,
        bins=(ObjectCounts(1, 6_000), ObjectCounts(), ObjectCounts(2, 12_000)),
    )
    for step in ("transfer", "verify")
]


def squeezed(said: str) -> str:
    return re.sub(r"[ \t\n]+", " ", said)


def written(out: Path, records: list[dict[str, Any]], **changes: Any) -> dict[str, Page]:
    inventoried, closed = changes.pop("inventoried", None), changes.pop("closed", True)
    streams = {name: changes.pop(name, []) for name in ("findings", "exclusions")}
    key, asked = changes.pop("signer", None), changes.pop("asked", None)
    months, declared = changes.pop("months", ()), changes.pop("declared", None)
    copied_to, every_version = changes.pop("copied_to", None), changes.pop("every_version", False)
    more, keys = changes.pop("more", 0), changes.pop("keys", None)
    asked_level, bases = changes.pop("asked_level", None), changes.pop("bases", None)
    last_day, approving = changes.pop("last_day", None), changes.pop("approving", None)
    prices, retained = changes.pop("prices", None), changes.pop("retained", None)
    leased, named = changes.pop("leased", None), changes.pop("named", None)
    switches = changes.pop("switches", False)
    objects = len(records) + len(streams["exclusions"])
    size = sum(each["size"] for each in [*records, *streams["exclusions"]])
    about = facts(
        dataset(0, inventoried=inventoried or ObjectCounts(objects, size), closed=closed),
        *(dataset(0, name=f"more-{number}") for number in range(more)),
        **changes,
    )
    if keys is not None:
        about = replanned(
            about, seal={**about.plan["seal"], "recipients": keys, "identity": "file:a.sec"}
        )
    if asked is not None:
        about = replanned(about, verify={"source": asked})
    if asked_level is not None:
        about = at_level(about, asked_level)
    if copied_to is not None:
        about = replanned(about, seal={**about.plan["seal"], "second_copy": {"path": copied_to}})
    if retained is not None:
        kept = [{**one, "retention": retained} for one in about.plan["datasets"]]
        about = replanned(about, datasets=kept)
    if last_day is not None:
        due = [{**one, "done_by": last_day} for one in about.plan["batches"]]
        planned = {"first_day": "2026-01-01", "last_day": last_day}
        about = replanned(about, planned=planned, batches=due)
    if leased is not None:
        held = [{**one, "allow_leased": leased} for one in about.plan["datasets"]]
        about = replanned(about, datasets=held)
    if named is not None:
        about = replanned(about, target={**about.plan["target"], "attestation": named})
    if approving is not None:
        about = replanned(about, approvals={"keys": approving, "threshold": len(approving)})
    if prices is not None:
        about = replanned(about, prices=prices)
    if every_version:
        whole = [
            {**one, "source": {**one["source"], "versions": "all"}}
            for one in about.plan["datasets"]
        ]
        about = replanned(about, datasets=whole)
    if switches:
        about = replanned(about, cutovers=[{"batch": "pilot"}])
    if bases is not None:
        about = replanned(about, legal_basis=bases)
    if declared is not None:
        about = replanned(about, report={"declared": declared, "tsa": {"trust": "trust/tsa.pem"}})
    bundle(
        out, records, about=about, signer=key, languages=LANGUAGES,
        telling=lambda told: [*told, *months], **streams,
    )  # fmt: skip
    return {
        language: Page((out / f"report.{language}.html").read_text("utf-8"))
        for language in LANGUAGES
    }


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key") / "keys")


DECLARED: dict[str, Any] = {
    "datasets": [{"name": "pmsi", "title": "PMSI, <séjours>"}],
    "people": [{"name": "Claire Martin", "role": "responsable", "organisation": "Plateforme"}],
    "keys": [{"recipient": "keys/escrow.pub", "holder": "étude Durand", "escrow": True}],
    "kept": {"by": "archives", "until": "2037-12-31"},
}
KEYS_HELD: dict[str, Any] = {
    **DECLARED,
    "people": [{**DECLARED["people"][0], "keys": ["keys/dpo.pub", "keys/report.pub", "r.pub"]}],
}
NAMED: dict[str, Any] = {
    **DECLARED,
    "organisations": [
        {"name": "Plateforme", "role": "controller", "contact": "dpo@plateforme.example"},
        {"name": "Hôpital", "role": "joint-controller"},
        {"name": "Atelier", "role": "processor", "task": "conduite de la migration",
         "contract": "marché 2026-118"},
        {"name": "Hébergeur", "role": "sub-processor"},
    ],
    "people": [{**DECLARED["people"][0], "contact": "+33 1 99 00 47 11"}],
    "places": [
        {"side": "source", "country": "US"}, {"side": "target", "country": "FR", "place": "Paris"},
    ],
    "kept": {**DECLARED["kept"], "place": "coffre 12"},
    "tool": {"publisher": "Plateforme", "sources": "coffre 12, cote 7"},
}  # fmt: skip
PEOPLE: dict[str, Any] = {
    **NAMED,
    "people": [
        {**NAMED["people"][0], "logins": ["claire@ops"]},
        {
            "name": "Dr Durand",
            "role": "investigatrice",
            "organisation": "CHU de Lille",
            "reads": ["c4gh:0123456789abcdef"],
        },
    ],
    "former_keys": [
        {"key": "c4gh:" + "9" * 16, "became": "détruite"},
        {"key": "ed25519:" + "cd" * 8, "became": "remplacée, a signé elle-même"},
    ],
    "former_copies": [{"until": "2026-11-30", "became": "détruites, procès-verbal 13"}],
}
ESCROWS: dict[str, Any] = {
    **DECLARED,
    "keys": [{"recipient": name, "holder": "nobody", "escrow": True} for name in ("a", "b")],
}


def holding(*names: str | None) -> dict[str, Any]:
    """Return a declaration of who holds the keys a, b, c; None: nobody is declared to."""
    told = zip("abc", names, strict=False)
    return {
        "keys": [{"recipient": key, "holder": name, "escrow": False} for key, name in told if name]
    }


def files() -> tuple[dict[str, str], ...]:
    """Return which of the builder's recipients each file of its plan holds."""
    about = facts()
    told = zip(about.plan["seal"]["recipients"], about.recipients, strict=True)
    return tuple({"file": file, "recipient": key} for file, key in told)


def own(number: int) -> dict[str, Any]:
    """Return a line of a file of the tool's own."""
    return record(f".hdh-migrate-sidecar/{number}", source_version="sidecar:" + "0" * 64)


BEGUN = RunStarted(
    plan_digest="11" * 32, steps=("transfer",), batches=(), tool="0.1.0", code_sha256="22" * 32,
    user="claire@ops", pid=1,
)  # fmt: skip


def ran(user: str, count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return runs as a bundle's builder tells events."""
    began = replace(BEGUN, user=user)
    return [("2026-03-01T22:00:00Z", began.kind, began.as_json())] * count


def beside(requests: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return a run that asked somebody else, too."""
    asked = ExchangeTotal(
        side="identity", endpoint="https://login.example", requests=requests, bytes_read=0,
        bytes_written=0, addresses=("192.0.2.7",), tls=ABSENT, ssh=ABSENT, clock_offset=ABSENT,
    )  # fmt: skip
    ended = RunEnded(traffic=(asked,))
    return [*ran("claire@ops", 1), ("2026-03-01T23:00:00Z", ended.kind, ended.as_json())]


LOCAL = tuple(
    Endpoint(side=side, kind="generic", url="http://127.0.0.1:5000")
    for side in ("source", "target")
)


DWARFED = replace(
    PACES[1],
    bins=tuple(ObjectCounts(1, size) for size in (700, 800, 1 << 20, 900, 1 << 30)),
)

VAST = replace(PACES[0], bins=(ObjectCounts(1, 10**14), ObjectCounts(2, 10**14)))
"""More than a page reckons the time of."""

STOPPED = replace(PACES[0], bins=(ObjectCounts(1, 10**12), ObjectCounts(), ObjectCounts(1, 1)))
"""Enough to reckon from, with a stop in it."""
STEADY = replace(PACES[0], bins=(ObjectCounts(1, 10**12), ObjectCounts(1, 1)))

DWARFED_ONCE = replace(PACES[0], bins=tuple(ObjectCounts(1, size) for size in (7, 8, 1 << 30)))

PRICES = [
    {"purpose": purpose, "side": "target", "unit": unit, "amount": "0.01 EUR",
     "valid_from": "2026-01-01", "source": "price <list>"}
    for purpose, unit in (("switching", "GB"), ("re-read", "GiB"), ("parallel", "TB"))
] + [
    {"purpose": "parallel", "side": "target", "unit": "TiB", "amount": "3 EUR",
     "valid_from": "2099-01-01", "source": "price <list>"},
]  # fmt: skip

OPENING = {
    "at": "2026-03-02T10:00:00Z", "who": "claire@ops", "dataset": "pmsi", "object": 7,
    "reason": "ticket 4711",
}  # fmt: skip


Pages = dict[str, list[Page]]


@pytest.fixture(scope="module")
def every_page(tmp_path_factory: pytest.TempPathFactory, key: Signer) -> Pages:
    """The report in every situation that it has words for."""
    folder = tmp_path_factory.mktemp("pages")
    good = [record("a"), record("b")]
    situations: list[dict[str, Any]] = [
        {"records": good, "operator": "claire@ops", "sha256_in_transfer": 2},
        {"records": good, "attestation": ATTESTATION, "names": "keyed"},
        {"records": good, "profile": PROFILE, "capabilities": PROBE, "waivers": WAIVED},
        {
            "records": good,
            "cutovers": [
                cutover(stage=stage, freeze=freeze)
                for stage in STAGES
                for freeze in ("denied-write", "statement")
            ],
        },
        {"records": good, "cutovers": [cutover(track="rehearsal", relists=1)]},
        *({"records": good, "fences": {"ours": 0, "unknown": many}} for many in (1, 2)),
        {"records": good, "cutovers": [cutover(many=many) for many in (1, 2)]},
        {"records": good, "cutovers": [asking(keys) for keys in (1, 2)]},
        *({"records": good, "cutovers": [gone_from_the_source()] * many} for many in (1, 2)),
        *(
            {"records": good, "cutovers": [kept_at_the_source(many, many, many)] * many}
            for many in (1, 2)
        ),
        *({"records": good, "cutovers": [answered(many)]} for many in (1, 2)),
        *({"records": good, **one} for one in passing.situations()),
        {
            "records": [record("a"), record("b")],
            "looks": [{**LOOK, "number": 2, "objects": 1, "replaced": 0, "unread": 0}],
            "months": [*looked_whole(LOOK["batch"], 1), *drawn(LOOK["batch"], 2)],
        },
        {
            "records": [record("a"), pending("b")],
            "looks": [{**LOOK, "gone": 1, "replaced": 0, "unread": 0}],
            "cutovers": [passing.story(passing.LET_GO)],
        },
        {"records": [record("a")], "closed": False},
        {"records": good, "closed": False},
        {"records": good, "months": signed_deletion(), "approving": ["keys/dpo.pub"],
         "cutovers": [cutover()]},
        {"records": good, "months": signed_deletion(), "approving": ["a.pub", "b.pub"]},
        {"records": good, "months": signed_deletion("terms", made_at="2026-03-02T07:00:00Z")},
        {"records": good, "waivers": [{**WAIVER, "key_id": f"ed25519:{'ab' * 8}"}],
         "declared": KEYS_HELD, "cutovers": [cutover() | {"keys_beside": ["cd" * 32]}],
         "signing_keys": (SigningFile(file="keys/dpo.pub", fingerprint="ab" * 32),)},
        {"records": good, "months": signed_deletion("freeze", root=None)},
        {"records": good, "months": signed_deletion(), "declared": KEYS_HELD,
         "signing_keys": (SigningFile(file="keys/dpo.pub", fingerprint="ab" * 32),
                          SigningFile(file="r.pub", fingerprint=key.verifier.fingerprint))},
        {"records": [pending("a")], "last_day": "2026-12-20"},
        {"records": good, "last_day": "2026-12-20", "cutovers": [kept_at_the_source(1, 1, 1)]},
        *({"records": good, "cutovers": [unseen_at_the_source()] * many} for many in (1, 2)),
        {"records": good, "cutovers": [kept_at_the_source()]},
        {"records": good, "bases": [{"reference": "CNIL 2020-1", "valid_until": "2020-12-21"}]},
        {"records": good, "bases": [{"reference": "CNIL 2023-146", "valid_until": "2026-12-21"}]},
        {
            "records": good,
            "bases": [{"reference": "CNIL", "valid_until": "2026-03-02"}],
            "ended_at": "2026-03-04T08:00:00Z",
        },
        *(
            {
                "records": [own(0), record("a"), record("b")],
                "months": [*months(many), *revoked(many)],
                "headers": packed(many, many),
                "erasures": [{**ERASURE, "dataset": "pmsi", "objects": many, "packs": many}],
                "findings": [finding("leased")] * (many - 1),
            }
            for many in (1, 2)
        ),
        {"records": good, "cutovers": [cutover(level=level) for level in LEVELS]},
        {"records": good, "cutovers": [cutover(stage="not started")], "switches": True},
        {"records": good, "switches": True},
        {
            "records": good,
            "cutovers": [
                cutover() | {"terms_changes": [terms_change(by) for by in ([], ["ab" * 32])]},
                cutover(track="rehearsal") | {"terms_changes": []},
                cutover() | {"keys_beside": ["cd" * 32, "ef" * 32]},
            ],
        },
        {"records": good, "months": months()},
        *({"records": good, "findings": [finding("vanished")] * many} for many in (1, 2)),
        *({"records": good, "months": closed_by_hand(*also)} for also in ((), ("y",))),
        {"records": good, "previous_statement": "66" * 32, "prices": PRICES},
        *(
            {
                "records": good,
                "cutovers": [cutover() | {"approvals": {"cutover": by}}],
                "waivers": [{**WAIVER, "key_id": "ed25519:" + "0" * 16}],
            }
            for by in ([key.verifier.fingerprint], ["0" * 64])
        ),
        *(
            {
                "records": [record("a", level="head")] * 1,
                "findings": [finding("conflict")] * many,
                "waivers": [
                    {**WAIVER, "what": "finding.conflict", "made_at": "2026-03-02T10:00:00Z"}
                ],
            }
            for many in (1, 2)
        ),
        {"records": [pending("a"), record("b", level="head"), record("c", level="head")]},
        {"records": [pending("a"), record("b", level="head")]},
        *(
            {
                "records": [
                    *(failed(name) for name in "ab"[:many]), pending("x"), record("y"), record("z"),
                ],
                "looks": [{**LOOK, "objects": 1, "gone": 1, "replaced": 0, "unread": 0}],
                "months": drawn(LOOK["batch"], LOOK["number"]),
                "cutovers": [dated()],
            }
            for many in (1, 2)
        ),
        *(
            {
                "records": [pending("a"), pending("b")],
                "looks": [{**LOOK, "gone": many, "replaced": 0, "unread": 0}],
            }
            for many in (1, 2)
        ),
        *(
            {
                "records": good,
                "exclusions": [exclusion(name, rule="vanished", reason=reason) for name in names],
            }
            for names in ("x", "xy")
            for _, reason in (LOST, VANISHED)
        ),
        {"records": good, "months": agreed(), "cutovers": [cutover()], "erasures": [ERASURE]},
        {
            "records": good,
            "cutovers": [
                cutover() | {"finalized": {"early": True, "reason": "agreed"}},
                cutover(stage="fallback window") | {"finalized": None},
                *(cutover() | {"batch": batch, "keys_beside": ["cd" * 32]} for batch in ("a", "b")),
            ],
        },
        {"records": good, "months": months(1)},
        {"records": good, "months": judged_losses()},
        {"records": good, "months": waived_over_time()},
        {"records": good, "months": waived_over_time(*done_without())},
        {"records": good, "months": months(1), "names": "keyed"},
        {"records": good, "months": months(60)},
        {"records": good, "erasures": [{**ERASURE, "ended": None, "objects": 1}]},
        {
            "records": [record(name) for name in "abc"],
            "erasures": [{**ERASURE, "dataset": "pmsi", "objects": 1}],
        },
        *(
            {"records": good, "findings": [finding("conflict"), *[finding("leased")] * many]}
            for many in (1, 2)
        ),
        {"records": good, "months": [*ran("claire@ops", 1), *acted()], "waivers": [WAIVER]},
        {"records": good, "openings": [OPENING]},
        {"records": good, "openings": [OPENING, {**OPENING, "object": None, "reason": None}]},
        {
            "records": good,
            "looks": [
                LOOK,
                {
                    **LOOK,
                    "batch": "x",
                    "ended": False,
                    "gone": 2,
                    "damaged": 2,
                    "replaced": 2,
                    "unread": 2,
                },
            ],
        },
        {
            "records": good,
            "erasures": [
                {**ERASURE, "although": ["grants", "only-copy"], "objects": 1},
                {**ERASURE, "ended": None},
                {**ERASURE, "ended": None, "objects": 1},
                {**ERASURE, "packs": 2, "versions": 1, "copies": 2, "headers": 1},
                *(
                    {
                        **ERASURE,
                        "remaining": dict.fromkeys(
                            ("kept", "not-ours", "copies", "earlier-places"), many
                        ),
                    }
                    for many in (1, 2)
                ),
            ],
        },
        {"records": good, "looks": [{**LOOK, "objects": 1, "unread": 0}]},
        {"records": good, "looks": [{**LOOK, "gone": 1, "replaced": 0, "unread": 0}]},
        {"records": good, "looks": [{**LOOK, "replaced": 0, "lost": 1}, {**LOOK, "lost": 2}]},
        {"records": good, "looks": [{**LOOK, "beside": 1}, {**LOOK, "beside": 2}]},
        {
            "records": good,
            "rotations": [
                ROTATION,
                *(
                    {
                        **ROTATION,
                        "number": 2,
                        "ended": None,
                        "objects": 1,
                        "left": 2,
                        "lost": 2,
                        "remaining": dict.fromkeys(
                            ("kept", "locked", "needed", "unadopted", "unlisted", "unverified"),
                            many,
                        ),
                    }
                    for many in (1, 2)
                ),
                {**ROTATION, "number": 3, "headers": 1, "objects": 1},
                {**ROTATION, "number": 4, "headers": 2, "remaining": {"unverified": 1}},
                {**ROTATION, "number": 5, "headers": 2, "remaining": {"unverified": 2, "kept": 1}},
            ],
        },
        *(
            {
                "records": good,
                "rotations": [
                    {**ROTATION, "old": None, "new": None, "objects": count, "remaining": left},
                ],
            }
            for count, left in ((1, {}), (2, {"kept": 1}))
        ),
        *(
            {"records": good, "findings": [finding(code)] * count}
            for code in (
                "decommission-target-lost",
                "target-replaced",
                "target-accepted",
                "attestation-other",
                "taken-over",
                "adopted",
            )
            for count in (1, 2)
        ),
        {"records": good, "findings": [finding("denied")]},
        {
            "records": good,
            "profile": {**PROFILE, "name": "generic", "unconfirmed": [{"name": "tags"}]},
        },
        {
            "records": good,
            "capabilities": {**PROBE, "observations": PROBE["observations"][:1]},
        },
        {"records": good, "endpoints": (replace(SOURCE, requests=3, tls=SECURED), TARGET)},
        {"records": good, "proved": ({"recipient": "c4gh:" + "3" * 16, "at": OPENING["at"]},)},
        {"records": good, "paces": PACES, "clock_offsets": {"https://s3.fr-par.scw.cloud": 0.3}},
        {
            "records": [record("a", size=1 << 40)],
            "losses": [
                Loss(dataset="pmsi", what=what, objects=1, kept=kept)
                for what in ("modified", *FEATURES)
                for kept in ("manifest", "ledger", "sidecar")
            ],
        },
        {
            "records": [
                record(verdict, verdict=verdict)
                for verdict in ("drifted", "match", "mismatch", "missing", "unverifiable", "waived")
            ]
        },
        {"records": [record("a")]},
        {"records": good, "signer": None, "endpoints": LOCAL, "previous_statement": "66" * 32},
        {"records": [record("a")], "findings": [finding()], "sha256_in_verify": 1},
        {"records": good, "sha256_in_verify": 2},
        {"records": good, "findings": [finding()] * 201, "exclusions": [exclusion("x")]},
        {
            "records": [record("a", level="stored")],
            "sha256_in_transfer": 1,
            "asked_level": "stored",
        },
        {"records": [record("a", level="head")], "asked_level": "head"},
        {"records": [record("a", level="head"), record("b", level="stored"), record("c")]},
        {"records": [pending("a")], "exclusions": [exclusion("x"), exclusion("y")]},
        {"records": [pending("a"), pending("b"), record("c")], "sha256_in_verify": 2},
        {"records": [failed("a")]},
        {"records": [failed("a"), failed("b"), record("c"), record("d")]},
        {"records": [record("a")], "inventoried": ObjectCounts(2, 1)},
        {"records": [record("a")], "closed": False},
        {"records": []},
        {"records": [], "exclusions": [exclusion("x")], "inventoried": ObjectCounts(1, 10)},
        {"records": good, "declared": DECLARED, "months": ran("claire@ops", 1)},
        {"records": [*good, pending("zz")], "declared": NAMED, "paces": [VAST]},
        {"records": [*good, pending("zz")], "paces": [STEADY]},
        *({"records": good, "months": beside(many)} for many in (1, 2)),
        {"records": good, "paces": [STOPPED, STOPPED], "endpoints": LOCAL},
        {"records": [record("a")], "headers": packed(1, 1), "copied_to": "/mnt/escrow"},
        {"records": [record("a")], "keys": ["a"]},
        {"records": [record("a")], "keys": ["a"], "months": run_with("c4gh:" + "3" * 16)},
        *({"records": good, "retained": {"mode": "governance", "days": n}} for n in (1, 2)),
        {"records": [own(0), pending("b"), record("c")], "headers": packed(1, 1)},
        {
            "records": good,
            "endpoints": tuple(
                replace(one, url="http://127.0.0.1:1", requests=1) for one in (SOURCE, TARGET)
            ),
        },
        {"records": good, "declared": ESCROWS, "months": ran("claire@ops", 2)},
        *({"records": good, "more": many} for many in (6, 7)),
        *(
            {"records": good, "declared": holding(*names), "keys": list("abc")[: len(names)]}
            for names in (("x", "x"), ("x", "x", "y"), ("x", None), ("x", None, None))
        ),
        *(
            {"records": good, "files": files(), "proved": ({**PROVED, **drill},)}
            for drill in ({}, *({"stored": {**DRILL, "objects": many}} for many in (1, 2)))
        ),
        *(
            {
                "records": [own(number) for number in range(many)],
                "headers": packed(many, many),
                "more": 1,
                "losses": [Loss(dataset="pmsi", what="modified", objects=1, kept="manifest")],
            }
            for many in (1, 2)
        ),
        *(
            {
                "records": good,
                "endpoints": (
                    replace(SOURCE, url="http://a.example"),
                    replace(TARGET, url="http://b.example"),
                ),
                "cutovers": [
                    cutover()
                    | {"smoke": {**cutover()["smoke"], "ok": False, "failures": ["x"] * many}}
                ],
                "looks": [
                    {
                        **LOOK,
                        "objects": 9,
                        "gone": 9 - many,
                        "damaged": 0,
                        "replaced": 0,
                        "unread": 0,
                    }
                ],
                "findings": [finding("target-replaced")] * many,
            }
            for many in (1, 2)
        ),
        {"records": good, "endpoints": LOCAL, "started_at": None, "ended_at": None},
        {"records": good, "seal": "none", "recipients": ()},
        {"records": [record("a", size=5_000)], "recipients": ("c4gh:" + "3" * 16,)},
        *(
            {"records": good, "endpoints": (replace(SOURCE, kind=kind), replace(TARGET, kind=host))}
            for kind, host in (
                ("azure-blob", "scaleway"),
                ("azure-sftp", "ovhcloud"),
                ("folder", "outscale"),
            )
        ),
        {"records": good, "paces": [DWARFED_ONCE, DWARFED]},
        *(
            {
                "records": good,
                "cutovers": [
                    cutover()
                    | {
                        "approvals": {stage: ["ed25519:0011"]},
                        "pointer": {**cutover()["pointer"], "kind": kind, "guard": guard},
                    }
                ]
                * count,
            }
            for stage, kind, guard, count in (
                ("freeze", "file", "checked", 1),
                ("finalize", "command", "conditional", 1),
                ("decommission", "s3-object", "checked", 2),
                ("terms", "file", "checked", 1),
            )
        ),
        {
            "records": [],
            "exclusions": [exclusion("x"), exclusion("y")],
            "inventoried": ObjectCounts(2, 20),
        },
        *(
            {
                "records": [record("a", source_md5="00" * 16), *others],
                "asked": how,
            }
            for how in ("once", "again", "range-md5")
            for others in ([record("b")], [record("b"), record("c")])
        ),
        {"records": [record(key, source_md5="00" * 16) for key in ("a", "b")]},
        *(
            {"records": [record("a")], "headers": packed(packs, copies)}
            for packs, copies in ((1, 1), (2, 2), (2, 0))
        ),
        {
            "records": [record("a")],
            "headers": packed(1, 1),
            "rotations": [{**ROTATION, "old": None, "new": None}],
        },
        *({"records": good, "months": taken_back(many)} for many in (1, 2)),
        {
            "records": good,
            "rotations": [ROTATION, {**ROTATION, "number": 2, "old": "c4gh:" + "9" * 16}],
            "declared": PEOPLE,
            "erasures": [ERASURE],
            "cutovers": [cutover() | {"keys_beside": ["cd" * 32]}],
            "months": [*ran("claire@ops", 1), *revoked(1)],
        },
        *(
            {
                "records": [own(0), record("a", source_md5="00" * 16)][:many],
                "headers": packed(1, 1),
                "sha256_in_transfer": many,
                "losses": [Loss(dataset="pmsi", what="modified", objects=1, kept="manifest")],
            }
            for many in (1, 2)
        ),
        {
            "records": good,
            "looks": [{**LOOK, "gone": 1, "damaged": 0, "replaced": 0, "unread": 0}],
            "months": [*missed(), *missed(2, 12), *verified_again(4711)],
        },
        {
            "records": good,
            "cutovers": [
                cutover()
                | {
                    "batch": "pilot",
                    "times": {"requested": OPENING["at"]},
                    "decommission": {**cutover()["decommission"], "observed": None},
                }
            ],
        },
        *({"records": good, "months": shut_out(many)} for many in (1, 2)),
        *(
            {"records": good, "looks": [{**LOOK, "gone": many, "replaced": 0, "unread": 0}]}
            for many in (1, 2)
        ),
        {
            "records": good,
            "erasures": [{**ERASURE, "dataset": "pmsi", "objects": 1}],
            "months": [*months(1), *erased_for_permit()],
            "headers": packed(1, 1),
        },
        {"records": good, "erasures": [{**ERASURE, "dataset": "pmsi", "objects": 0}]},
        {"records": [], "closed": False},
        {"records": good, "leased": WAIVER["reason"], "named": "a.yaml", "endpoints": LOCAL},
        {"records": good, "closed": False, "more": 1},
        *(
            {
                "records": [record("a"), *[pending(name) for name in names]],
                "cutovers": [at_stage],
            }
            for names in ("b", "bc")
            for at_stage in (cutover(), gone_from_the_source())
        ),
        {
            "records": good,
            "cutovers": [
                cutover()
                | {
                    "times": {"requested": OPENING["at"]},
                    "decommission": {**cutover()["decommission"], "observed": None},
                }
            ],
        },
        {"records": [record("a")], "every_version": True},
        {
            "records": good,
            "cutovers": [
                cutover()
                | {
                    "times": dict.fromkeys(("frozen", "open"), OPENING["at"]),
                    "approvals": {"cutover": ["cd" * 32]},
                    "keys_beside": ["cd" * 32],
                }
            ],
        },
        {"records": good, "cutovers": [cutover() | {"keys_beside": ["cd" * 32]}],
         "months": agreed()},
        *(
            {
                "records": good,
                "cutovers": [gone_from_the_source()],
                "findings": [finding("target-replaced")] * many,
                "waivers": [{**WAIVER, "key_id": key.verifier.key_id}],
            }
            for many in (1, 2)
        ),
        *(
            {
                "records": [own(0), record("a")],
                "headers": packed(1, 1),
                "months": listed_again(many),
                "exclusions": [
                    exclusion(name, rule="vanished", reason=LOST[1]) for name in "xy"[:many]
                ],
            }
            for many in (1, 2)
        ),
        *(
            {
                "records": [failed(name) for name in "ab"[:many]],
                "findings": [finding("conflict")] * many,
            }
            for many in (1, 2)
        ),
        *({"records": good, "months": waived_again(many)} for many in (1, 2)),
        {"records": good, "months": one_waiver_over()},
        {"records": good, "months": one_waiver_over("taken")},
        *(
            {
                "records": good,
                "looks": [
                    {**LOOK, "objects": many, "gone": 0, "damaged": 0, "replaced": 0, "unread": 0}
                ],
            }
            for many in (1, 2)
        ),
        {"records": good, "months": one_waiver_over(), "waivers": WAIVED[1:2]},
        *(
            {
                "records": good,
                "findings": [finding("leased")],
                "erasures": [
                    {**ERASURE, "dataset": "pmsi", "batch": "pilot", "objects": many,
                     "ended": ended},
                ],
            }
            for many in (1, 2)
            for ended in (ERASURE["ended"], None)
        ),
    ]  # fmt: skip
    pages: dict[str, list[Page]] = {language: [] for language in LANGUAGES}
    for number, situation in enumerate(situations):
        made = written(folder / str(number), **{"signer": key, **situation})
        for language, page in made.items():
            pages[language].append(page)
    return pages


def missed(number: int = 1, *damaged: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return a look of two portions that misses one object."""
    look = LookedAgain(
        number=number, batch="pilot", level="full", at="2026-03-02T10:00:00Z", spans=(), objects=9,
        bytes=9, gone=(4711,), damaged=(), replaced=(), unread=(), lost=ABSENT, beside=ABSENT,
    )  # fmt: skip
    told = (look, replace(look, gone=(), damaged=damaged))
    return [("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in told]


def verified_again(*numbers: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return a run that verified these objects again."""
    event = ObjectsVerified(
        ids=numbers, datasets={"pmsi": len(numbers)}, rows_sha256="0" * 64, extras_sha256="0" * 64
    )
    return [*ran("claire@ops", 1), ("2026-03-02T11:00:00Z", event.kind, event.as_json())]


def listed_again(gone: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return a pass that shows one object, and so many no more."""
    none, some, one = (PassAmount(objects=n, bytes=9 * n) for n in (0, gone, 1))
    told: list[Event] = [
        Refreshing(number=1, batch="pilot", user="claire@ops"),
        Refreshed(
            number=1, batch="pilot", dataset="pmsi", new=none, changed=none, vanished=some,
            left=none,
        ),
        RefreshEnded(number=1, batch="pilot", listed=one),
    ]  # fmt: skip
    return [("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in told]


def acted() -> list[tuple[str, str, dict[str, Any]]]:
    """Return what people do beside runs and what other tests tell of."""
    story: dict[str, Any] = {"batch": "pilot", "track": Track.CUTOVER, "user": "dpo@ops"}
    seen: dict[str, Any] = {"batch": "pilot", "user": "dpo@ops"}
    told: list[Event] = [
        CutoverBegun(
            **story, pointer=PointerDescription(kind="file", guard="checked"),
            old_sha256="1" * 64, new_sha256="2" * 64, rehearsing=False,
        ),
        CutoverFinalized(
            **story, approvals=(), approved_stage="finalize", terms=ABSENT, early=False,
            reason=None, root="3" * 64, target=ABSENT,
        ),
        CutoverRequested(**story, outcomes={}, keep_going=ABSENT),
        LookingAgain(
            **seen, number=1, level="full", objects=1, sampled=False, older_than=None
        ),
        ObjectRestoring(**seen, id=1, etag="e", version_id=None, kept=None),
        ObjectAccepted(**seen, id=1, etag="e", version_id=None, reason="it is gone"),
    ]  # fmt: skip
    return [("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in told]


def drawn(batch: str, number: int) -> list[tuple[str, str, dict[str, Any]]]:
    """A look at objects that were drawn by chance."""
    began = LookingAgain(
        number=number, batch=batch, level="full", objects=9, sampled=True, older_than=None,
        user="x",
    )  # fmt: skip
    read = LookedAgain(
        number=number, batch=batch, level="full", at="2026-03-02T10:00:00Z", spans=(), objects=9,
        bytes=9, gone=(), damaged=(), replaced=(), unread=(), lost=ABSENT, beside=ABSENT,
    )  # fmt: skip
    return [("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in (began, read)]


def looked_whole(batch: str, number: int) -> list[tuple[str, str, dict[str, Any]]]:
    """A look at all that was verified, the day before."""
    day = "2026-03-01T10:00:00Z"
    (_, _, began), (_, kind, read) = drawn(batch, number)
    ended = LookEnded(number=number, batch=batch)
    return [
        (day, LookingAgain.kind, {**began, "sampled": False}),
        (day, kind, {**read, "at": day}),
        (day, ended.kind, ended.as_json()),
    ]


def run_with(identity: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The journal tells with which private key a run works."""
    told = ContentsRecorded(files={"seal.identity": identity}, changed=())
    return [("2026-03-02T10:00:00Z", told.kind, told.as_json())]


def dated() -> dict[str, Any]:
    """A cutover of which each step came, with a time for it."""
    steps = ("frozen", "switched", "rolled-back", "finalized", "requested", "observed")
    times = {name: f"2026-03-0{day}T08:00:00Z" for day, name in enumerate(steps, start=1)}
    return cutover() | {"times": {**times, "open": "2026-03-02T09:00:00Z"}}


def signed_deletion(
    stage: str = "decommission", **more: Any
) -> list[tuple[str, str, dict[str, Any]]]:
    """A deletion that was approved the day before, with a comment; or another stage."""
    said = {"made_at": "2026-03-01T08:00:00Z", "comment": "vu en comité",
            "expires": "2026-04-01T08:00:00Z", "root": "cc" * 32, "plan_digest": "dd" * 32,
            "journal": {"events": 1204, "head": "ee" * 32}, **more}  # fmt: skip
    payload = base64.b64encode(json.dumps(said).encode()).decode()
    agreed_on = CutoverAgreed(
        batch="pilot", track=Track.CUTOVER, approvals=("ab" * 32,), approved_stage=stage,
        terms=None, signed=({"payload": payload},), root="cc" * 32,
        evidence=PresentedEvidence(
            statement="a5" * 32, written="2026-03-01T07:00:00Z", events=9, head="cc" * 32
        ),
    )  # fmt: skip
    return [("2026-03-02T08:00:00Z", agreed_on.kind, agreed_on.as_json())]


def revoked(count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return so many grants that were revoked, of which no host was told anything."""
    told: list[Event] = []
    for number in range(91, 91 + count):
        name = f"g-{number}-gone"
        told += [asked(name), given(name), GrantRevoked(grant=name, reason="it is gone", user="x")]
        told.append(PackWithdrawn(grant=name, found=False))
    return [("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in told]


def judged_losses() -> list[tuple[str, str, dict[str, Any]]]:
    """Return what somebody judged of losses; the last time with nothing of what was signed."""
    said: dict[str, Any] = {
        "version": 1, "ledger": "emc2", "by": "dpo@ops", "made_at": "2026-03-02T10:00:00Z",
        "journal": {"events": 0, "head": "0" * 64}, "reason": "it is gone", "notified": None,
        "looks": [{"batch": "pilot", "number": 1, "objects": 1},
                  {"batch": "pilot", "number": 2, "objects": 2}],
        "findings": [[1, 1], [3, 5]],
    }  # fmt: skip
    told = {"on": "2026-03-02", "reference": "EHDS-2027"}
    made = [said, {**said, "notified": told}]
    events: list[dict[str, Any]] = [
        {
            "looks": one["looks"], "findings": one["findings"],
            "notified": one["notified"] is not None,
            "signed": [{
                "payloadType": "application/vnd.hdh-migrate.judgement+json",
                "payload": base64.b64encode(canonical_json(one)).decode(),
                "signatures": [{"keyid": "ed25519:0123456789abcdef", "sig": ""}],
            }],
        }
        for one in made
    ]  # fmt: skip
    unsaid = [{**one, "left_out": ["key", "signed"]} for one in events]
    for one in unsaid:
        del one["signed"]
    return [("2026-03-02T10:00:00Z", "breach-judged", one) for one in (*events, *unsaid)]


def closed_by_hand(*also: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return a grant that was revoked, and whose access some say was closed at the host."""
    told = GrantClosedByHand(grant="g-91-gone", how="key removed", user="x")
    others = (replace(told, how="vu dans la console", user=one) for one in also)
    said = ((f"2026-03-02T10:0{n}:00Z", one) for n, one in enumerate((told, *others)))
    return [*revoked(1), *((at, one.kind, one.as_json()) for at, one in said)]


def shut_out(count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return so many readers of whom somebody says that their access was closed at the host."""
    told = [
        GrantClosedByHand(grant=f"g-{number}-gone", how="key removed", user="x")
        for number in range(91, 91 + count)
    ]
    return [
        *revoked(count), *(("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in told),
    ]  # fmt: skip


def erased_for_permit() -> list[tuple[str, str, dict[str, Any]]]:
    """Return an erasure whose reason is a permit under which somebody reads."""
    begun = HeadersErasing(
        dataset="pmsi", batch="pilot", request="22" * 32, objects=1, bytes=9, packs=1,
        pack_bytes=9, root="11" * 32, versions=1, copies=1, headers=1, although=(),
        approvals=(), user="x", reason=f"end of {asked('g-1').permit}",
    )  # fmt: skip
    return [("2026-03-02T10:00:00Z", begun.kind, begun.as_json())]


def taken_back(count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return so many verdicts taken back for each reason that there is."""
    numbers = iter(range(1, 100))
    told: list[Event] = []

    def superseded() -> tuple[int, ...]:
        ids = tuple(next(numbers) for _ in range(count))
        told.append(
            ObjectsSuperseded(
                event=1, dropped=ids, dropped_datasets={"pmsi": count}, ids=(),
                rows_sha256="0" * 64, extras_sha256="0" * 64,
            )
        )  # fmt: skip
        return ids

    def look(gone: tuple[int, ...], damaged: tuple[int, ...]) -> LookedAgain:
        return LookedAgain(
            number=1, batch="pilot", level="full", at="2026-03-02T10:00:00Z", spans=(),
            objects=9, bytes=9, gone=gone, damaged=damaged, replaced=(), unread=(), lost=ABSENT,
            beside=ABSENT,
        )  # fmt: skip

    told.append(look(superseded(), ()))
    told.append(look((), superseded()))
    rewritten, lost = superseded(), superseded()
    told.append(
        HeadersExchanged(
            number=1, batch="pilot", last=99, ids=rewritten, datasets={"pmsi": count},
            rows_sha256="0" * 64, extras_sha256="0" * 64, left=(), lost=lost,
        )
    )  # fmt: skip
    told += [ObjectRestored(batch="pilot", id=one, etag="x") for one in superseded()]
    superseded()
    none, some = PassAmount(objects=0, bytes=0), PassAmount(objects=count, bytes=9)
    told.append(
        Refreshed(
            number=1, batch="pilot", dataset="pmsi", new=none, changed=some, vanished=none,
            left=none,
        )
    )  # fmt: skip
    superseded()
    told.append(
        InventoryChanged(
            dataset="pmsi", joined=("0" * 64,), joined_excluded=ABSENT, changed=ABSENT,
            changed_excluded=ABSENT, changed_included=ABSENT,
        )
    )  # fmt: skip
    superseded()
    return [("2026-03-02T10:00:00Z", one.kind, one.as_json()) for one in told]


def test_the_reason_of_each_verdict_that_was_taken_back_is_told(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key, months=taken_back(1))["fr"].plain

    assert "7 verdicts favorables ont été retirés : 1 objet absent de la cible" in page
    assert "1 fichier de l\u2019outil, écrit de nouveau, 1 objet dont le journal ne" in page
    assert "Par jeu de données : pmsi : 7." in page, "an exchange of keys takes none back"


def packed(packs: int, copies: int) -> dict[str, Any]:
    """Return what a statement says of header packs and of so many copies of them."""
    sums = {"packs": packs, "bytes": 4_096, "root": "0a" * 32}
    copy = {"batch": "b", **sums, "at": "2026-03-02T10:15:30Z"}
    return {**sums, "copies": [copy] * copies}


def test_every_entry_says_something_in_both_languages_with_the_same_values() -> None:
    for name, entry in CATALOGUE.items():
        assert entry.fr.strip(), name
        assert entry.en.strip(), name
        said = [set(re.findall(r"\{(\w+)\}", each)) for each in entry]
        assert said[0] == said[1], name
        assert entry.fr.count("|") == entry.en.count("|") <= 1, name


@pytest.mark.slow
def test_no_french_page_has_english_but_what_people_wrote(every_page: Pages) -> None:
    theirs = ("certificate 7", WAIVER["reason"], "too much <to read>", "the machine burned",
              "it is gone", "nobody", "the study ended", "par To", "EHDS-2027")  # fmt: skip
    for page in every_page["fr"]:
        left = [
            words for words in english_among(page.words) if not any(one in words for one in theirs)
        ]
        assert left == []


@pytest.mark.slow
def test_every_sentence_of_both_languages_is_used_on_some_page(every_page: Pages) -> None:
    missing = []
    for language in LANGUAGES:
        labels = {value for page in every_page[language] for _, value in page.attributes if value}
        seen = " ".join([*(page.text for page in every_page[language]), *labels])
        for name in CATALOGUE.keys() - LEFT.keys():  # those: test_left.py
            for singular in (True, False):
                said = text(name, language, singular=singular)
                missing += [
                    (language, name, piece)
                    for piece in re.split(r"\{\w+\}", said)
                    if squeezed(piece) not in seen
                ]
    assert not missing, "\n".join(map(str, missing))


@pytest.mark.slow
def test_a_french_page_has_no_plain_space_before_its_high_punctuation(
    every_page: Pages,
) -> None:
    assert text("q.complete", "fr").endswith("complet\u202f?")
    for page in every_page["fr"]:
        assert not re.search("[a-zé] [:?!;»]( |$)|« ", page.text), (
            "punctuation and units belong into the sentence (`Text`), which makes these spaces;"
            " a template has none"
        )


def test_a_short_reference_is_not_cut_at_its_hyphen_and_stays_harmless() -> None:
    assert unbroken("CNIL 2023-146 <b>") == 'CNIL <span class="whole">2023-146</span> &lt;b&gt;'
    assert unbroken("1-2" * 9) == "1-2" * 9, "too long for a line"


def test_a_number_stands_on_the_line_of_what_it_counts() -> None:
    words = PageWords("fr")
    assert words.say("n.pending", 3) == "3\u00a0en\u00a0attente"
    assert words.say("n.objects", 1_200) == "1\u202f200\u00a0objets"
    for name, entry in CATALOGUE.items():
        assert "{n} " not in re.sub(r"\{n\} \W", "", entry.said("fr")), name


@pytest.mark.slow
def test_a_page_loads_nothing_and_runs_nothing(every_page: Pages) -> None:
    for language, pages in every_page.items():
        for page in pages:
            names = {name for name, _ in page.attributes}
            assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
            assert not {"src", "srcset", "data", "action"} & names
            assert {name for name, _ in page.attributes if "href" in name} <= {"href"}
            led = [value for name, value in page.attributes if name == "href"]
            headings = [value for name, value in page.attributes if name == "id"]
            assert set(led) == {f"#{one}" for one in headings}  # to each, and nowhere else
            assert len(set(headings)) == len(headings) >= 11
            assert not [name for name in names if name.startswith("on")]
            assert ("lang", language) in page.attributes
            assert (
                "content",
                "default-src 'none'; style-src 'unsafe-inline'",
            ) in page.attributes
    source = every_page["fr"][0].source
    assert "url(" not in source
    assert "@import" not in source


@pytest.mark.slow
def test_hostile_text_is_shown_harmlessly_wherever_it_comes_from(
    tmp_path: Path, key: Signer
) -> None:
    plain = written(tmp_path / "plain", [record("a")], **everywhere("plain"), signer=key)
    for number, hostile in enumerate(HOSTILE):
        pages = written(tmp_path / str(number), [record("a")], **everywhere(hostile), signer=key)
        for language in LANGUAGES:
            source = (tmp_path / str(number) / f"report.{language}.html").read_bytes().decode()
            body = source.split("<style>")[0] + source.split("</style>", 1)[1]

            assert pages[language].tags == plain[language].tags
            assert {name for name, _ in pages[language].attributes} == {
                name for name, _ in plain[language].attributes
            }
            assert pages[language].text.count(visible(hostile)) >= (8 if is_text(hostile) else 1)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", body)
            assert not re.search("[\u2060-\u2069\u00ad\ufeff\ud800-\udfff]", body)


def everywhere(name: str) -> dict[str, Any]:
    """The same text in every place where text comes from outside."""
    said = name if is_text(name) else "only keys may be no text"
    return {
        "findings": [finding(said, key=name, message=said)],
        "exclusions": [exclusion("x", rule=said, reason=said)],
        "migration": said,
        "operator": said,
        "tool_version": said,
        "endpoints": (
            replace(LOCAL[0], kind=said, region=said),
            replace(LOCAL[1], kind=said),
        ),
        "seal": said,
    }


def is_text(name: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in name)


def test_hostile_places_and_dataset_names_are_shown_harmlessly_too(
    tmp_path: Path, key: Signer
) -> None:
    hostile = "<b>\u202e"
    odd = dataset(
        1,
        name=hostile,
        batch=hostile,
        source=Place(bucket=hostile, prefix=hostile),
        target=Place(bucket=hostile, prefix=hostile),
    )
    bundle(
        tmp_path / "out",
        [record("a", dataset=hostile)],
        about=facts(odd),
        signer=key,
        languages=["en"],
    )
    page = Page((tmp_path / "out" / "report.en.html").read_text("utf-8"))

    assert "b" not in page.tags
    assert page.text.count("<b>\\u{202e}") == 12, "a section that shows such names adds to these"


def test_an_unsigned_page_is_marked_as_no_evidence_and_a_signed_one_is_not(
    tmp_path: Path, key: Signer
) -> None:
    drafts = written(tmp_path / "draft", [record("a")])
    signed = written(tmp_path / "signed", [record("a")], signer=key)

    for language, mark in {
        "fr": "Brouillon, sans valeur de preuve",
        "en": "Draft, not evidence",
    }.items():
        assert drafts[language].text.count(mark) == 2
        assert drafts[language].title.startswith(mark)
        assert ("class", "banner draft") in drafts[language].attributes
        assert ("class", "watermark") in drafts[language].attributes
        assert mark not in signed[language].text
        assert ("class", "watermark") not in signed[language].attributes
        assert ("class", "banner good") in signed[language].attributes
        assert key.verifier.fingerprint in signed[language].text


def test_who_did_not_learn_that_the_ledger_is_the_newest_says_so(
    tmp_path: Path, key: Signer
) -> None:
    for name, fences, said in (
        ("unseen", {"ours": 0, "unknown": 1}, True),
        ("seen", {"ours": 1, "unknown": 0}, False),
        ("earlier", None, False),
    ):
        pages = written(tmp_path / name, [record("a")], signer=key, fences=fences)
        assert ("Que ce registre est le dernier" in pages["fr"].text) is said
        assert ("That this ledger is the newest" in pages["en"].text) is said


def test_a_rehearsal_says_so_on_its_first_line(tmp_path: Path, key: Signer) -> None:
    pages = written(tmp_path / "out", [record("a")], signer=key, endpoints=LOCAL)

    assert pages["fr"].text.startswith("Répétition\u00a0: tout s\u2019est passé")
    assert pages["en"].text.startswith("Rehearsal: everything happened on one machine")


@pytest.mark.parametrize(
    ("situation", "verdict", "tone"),
    [
        ({"records": [record("a")]}, "Complete and intact", "good"),
        ({"records": [record("a")], "findings": [finding()]}, "with findings", "good"),
        ({"records": [record("a", level="head")]}, "Complete, but not proven", "unsure"),
        (
            {"records": [record("a")], "findings": [finding(code="decommission-target-lost")]},
            "A verified object is missing on both sides",
            "bad",
        ),
        (
            {"records": [record("a")], "findings": [finding(code="target-replaced")]},
            "A verified object was replaced at the target",
            "bad",
        ),
        (
            {"records": [record("a")], "findings": [finding(code="target-accepted")]},
            "then replaced and accepted",
            "unsure",
        ),
        ({"records": [pending("a")]}, "Not finished", "unsure"),
        ({"records": [failed("a"), pending("b")]}, "An object failed", "bad"),
        ({"records": [], "closed": False}, "The inventory is not closed", "unsure"),
        ({"records": []}, "Nothing was inventoried", "unsure"),
        (
            {"records": [], "exclusions": [exclusion("x")], "inventoried": ObjectCounts(1, 10)},
            "Nothing was moved",
            "unsure",
        ),
        (
            {"records": [failed("a")], "inventoried": ObjectCounts(9, 9)},
            "The counts do not close",
            "bad",
        ),
    ],
)
def test_the_banner_says_the_gravest_thing(
    tmp_path: Path, key: Signer, situation: dict[str, Any], verdict: str, tone: str
) -> None:
    page = written(tmp_path / "out", signer=key, **situation)["en"]

    assert verdict in page.text.split("What moved?")[0]
    assert ("class", f"banner {tone}") in page.attributes


def test_a_single_failure_among_many_is_still_seen_in_the_bar(tmp_path: Path, key: Signer) -> None:
    records = [record(f"{number:05}") for number in range(3000)] + [failed("z")]
    page = written(tmp_path / "out", records, signer=key)["en"]

    widths = [float(value or 0) for name, value in page.attributes if name == "width" and value]
    bar = [float(width) for width in widths if width != 10.0][:4]

    assert sum(bar) == pytest.approx(1000, abs=0.1)
    assert bar[3] > 5
    assert "1\u00a0failed <\u00a00.1%" in page.text


def test_quantities_are_written_for_their_reader(tmp_path: Path, key: Signer) -> None:
    records = [record(f"{number:05}", size=1536) for number in range(1234)]
    written(tmp_path / "out", records, signer=key)

    french = (tmp_path / "out" / "report.fr.html").read_text("utf-8")
    english = (tmp_path / "out" / "report.en.html").read_text("utf-8")
    assert "1\u202f234\u00a0objets vérifiés (1,8\u00a0Mio)" in french
    assert "1,234 objects verified (1.8\u00a0MiB)" in english


def test_only_the_first_findings_are_on_the_page_and_it_says_where_all_are(
    tmp_path: Path, key: Signer
) -> None:
    findings = [finding(key=f"key-{number:03}") for number in range(250)]
    page = written(tmp_path / "out", [record("a")], findings=findings, signer=key)["en"]

    assert "The first 200 of 250; all of them are in findings.jsonl." in page.text
    assert "key-199" in page.text
    assert "key-200" not in page.text


@pytest.mark.slow
def test_the_commands_that_the_page_prints_do_what_it_says(tmp_path: Path) -> None:
    key = signer(tmp_path / "keys")
    page = written(tmp_path / "out", [record("a")], signer=key)["en"]
    sums, fingerprint, signature, alone, prove, opening, this, code = page.blocks
    statement, openssl = signature.rsplit("\n", 1)
    assert fingerprint.startswith("openssl pkey ")
    assert openssl.startswith("openssl pkeyutl -verify ")

    for command in (sums, statement):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path / "out",
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.count(": OK") >= 6
    done = subprocess.run(
        ["bash", "-c", this], cwd=tmp_path / "out", check=True, capture_output=True, text=True
    )
    envelope = json.loads((tmp_path / "out" / "statement.json").read_bytes())
    assert done.stdout.split() == [
        hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest()
    ]

    beside = Path(hdh_migrate.__file__).parents[1]
    done = subprocess.run(
        ["bash", "-c", code], cwd=beside, check=True, capture_output=True, text=True
    )
    assert done.stdout.split()[0] == code_digest()

    # What the two files hold is what openssl is asked to verify.
    envelope = json.loads((tmp_path / "out" / "statement.json").read_bytes())
    said = pre_authentication_encoding(
        envelope["payloadType"], base64.b64decode(envelope["payload"])
    )
    assert (tmp_path / "signed").read_bytes() == said
    assert key.verifier.accepts((tmp_path / "signature").read_bytes(), said)
    pem = (tmp_path / "keys" / "report.pub").read_text()
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    assert hashlib.sha256(der[-32:]).hexdigest() == key.verifier.fingerprint
    shutil.copy(tmp_path / "keys" / "report.pub", tmp_path)
    program, *arguments = alone.split()
    assert program == "python3"
    subprocess.run([sys.executable, *arguments], cwd=tmp_path / "out", check=True)

    tool = f"{sys.executable} -m hdh_migrate"
    done = subprocess.run(
        ["bash", "-ec", prove.replace("hdh-migrate", tool)], cwd=tmp_path / "out", check=True,
        input="a\n", capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads((tmp_path / "proof.json").read_bytes())
    assert opening.startswith("crypt4gh decrypt --sk ")


def test_the_customers_attestation_and_the_addresses_are_on_the_page(
    tmp_path: Path, key: Signer
) -> None:
    target = replace(TARGET, addresses=("51.159.1.1",), tls=SECURED)
    made = bundle(
        tmp_path / "out",
        [record("a")],
        about=facts(dataset(1, 1000), attestation=ATTESTATION, endpoints=(SOURCE, target)),
        signer=key,
        languages=("fr", "en"),
    )

    english = (made.folder / "report.en.html").read_text("utf-8")
    assert "decision 12, until 31\u00a0December\u00a02028" in english
    assert "Object &lt;Storage&gt;" in english
    assert "51.159.1.1" in english
    assert english.count(SECURED[0]) == english.count(SECURED[1]) == 1
    assert "decision 12, jusqu" in (made.folder / "report.fr.html").read_text("utf-8")


def test_a_pace_shows_its_mean_and_its_highest_bar(tmp_path: Path, key: Signer) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key, paces=PACES)["en"].text.replace(
        "\u00a0", " "
    )

    assert "100 B/s on average" in page
    assert "highest bar: 11.7 KiB in 60.0 s" in page
    assert "cut off" not in page


def test_a_bar_that_dwarfs_the_others_is_cut_off_and_says_so() -> None:
    drawn = pace_bars({
        "seconds": 60.0,
        "bins": [{"objects": 1, "bytes": size} for size in (700, 800, 1 << 20, 900, 1 << 30)],
    })  # fmt: skip

    assert [(bar["cut"], bar["height"]) for bar in drawn["bars"]] == [
        (False, 155), (False, 177), (True, 200), (False, 200), (True, 200),
    ]  # fmt: skip
    assert drawn["cut"] == 2
    assert drawn["highest"] == 1 << 30


def test_objects_fall_into_classes_of_size(tmp_path: Path, key: Signer) -> None:
    records = [record("a", size=5), record("b", size=5000), record("c", size=1 << 37)]

    page = written(tmp_path / "out", records, signer=key)["en"].plain

    assert "below 4 KiB15 B" in page  # one object, 5 B
    assert "from 4 KiB to below 64 KiB14.8 KiB" in page
    assert "64 GiB and more1128.0 GiB" in page


def test_what_people_declare_stands_on_the_page_as_declared(tmp_path: Path, key: Signer) -> None:
    page = written(
        tmp_path / "out", [record("a")], signer=key, declared=DECLARED, months=ran("claire@ops", 2)
    )["fr"].plain

    assert "PMSI, <séjours>. Les comptes" in page
    assert "Selon le plan (déclaré, non prouvé) :" in page
    assert "Claire Martin, responsable, Plateforme" in page
    assert re.search("keys/escrow.pub ?étude Durand ?clé de secours", page)
    assert "archives, jusqu\u2019au 31 décembre 2037 (déclaré)" in page
    assert "claire@ops, que le plan n\u2019attribue à personne2 exécu" in page
    assert "elles est une clé de secours, selon la déclaration." in page


def test_who_is_controller_and_whom_to_call_stands_on_the_first_screen(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key, declared=NAMED)["fr"]
    first = page.plain.partition("Dans ce rapport")[0]

    assert "Responsable de traitement : Plateforme ; à joindre : dpo@plateforme.example" in first
    assert "Sous-traitant : Atelier, conduite de la migration" in first
    assert "Claire Martin, responsable, Plateforme ; à joindre : +33 1 99 00 47 11" in first
    assert "Lieu : États-Unis, hors de l\u2019Union européenne (déclaré dans le plan)." in first
    assert "Lieu : Paris, France, dans l\u2019Union européenne (déclaré dans le plan)." in first
    assert "Lieu : coffre 12 (déclaré)" in page.plain
    assert "son éditeur : Plateforme ; où d\u2019autres trouvent ses sources : coffre 12" in (
        page.plain
    )


def test_a_plan_that_names_nobody_is_said_to_name_nobody(tmp_path: Path, key: Signer) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key)["en"]

    assert "The plan names neither a controller nor a processor." in page.text
    assert "The plan gives nobody to call." in page.text
    assert "says who publishes it, nor where others find its sources; ask" in page.text
    assert page.text.count("country not declared") == 2


def test_how_many_requests_were_sent_is_in_the_table_of_endpoints(
    tmp_path: Path, key: Signer
) -> None:
    both = (replace(SOURCE, requests=1234), replace(TARGET, requests=5678))
    page = written(tmp_path / "out", [record("a")], signer=key, endpoints=both)["fr"]

    assert "RequêtesLusÉcrits" in page.text
    assert "pays non déclaré1\u202f234" in page.text
    assert "pays non déclaré5\u202f678" in page.text


def test_how_many_had_to_approve_stands_beside_who_did(tmp_path: Path, key: Signer) -> None:
    page = written(tmp_path / "a", [record("a")], signer=key, cutovers=[asking(2)])["fr"]
    said = (
        "demandéesgel de la source (plus personne n\u2019y écrit) : 1 (sans objet ici : le gel a "
        "été constaté) ; bascule : 2 ; fin du retour possible : 12 clés pouvaient en donner pour "
        "ce lot."
    )
    assert said in page.plain


def test_who_else_was_contacted_is_said_and_that_nobody_was(tmp_path: Path, key: Signer) -> None:
    good = [record("a")]
    page = written(tmp_path / "a", good, signer=key, months=beside(2))["en"]
    assert "to log in or for the cutover: https://login.example (2\u00a0requests)." in page.text
    page = written(tmp_path / "b", good, signer=key)["en"]
    assert "The journal shows no other address." in page.text


def test_what_100_tb_would_take_says_from_how_little_it_is_reckoned() -> None:
    pace = {
        "step": "transfer", "seconds": 3_600.0,
        "bins": [{"objects": 1, "bytes": 10**12}, {"objects": 0, "bytes": 0}],
    }  # fmt: skip

    found = ahead([pace])  # type: ignore[list-item] # as much of a pace as it needs

    assert found is not None
    assert (found.low, found.high) == (4 * 86_400 + 4 * 3_600, 8 * 86_400 + 8 * 3_600)
    assert (found.measured, found.times, found.mean_size) == (10**12, 100, 10**12)
    assert ahead([{**pace, "bins": [{"objects": 3, "bytes": 0}]}]) is None  # type: ignore[list-item]


def test_a_page_says_for_whom_a_readers_key_is_where_the_plan_does(
    tmp_path: Path, key: Signer
) -> None:
    words = (
        "pour Dr Durand, investigatrice (CHU de Lille), déclaré",
        "Là où aucune personne n\u2019est nommée",
    )
    for number, (more, told) in enumerate((({}, (0, 1)), ({"declared": PEOPLE}, (1, 0)))):
        page = written(
            tmp_path / str(number), [record("a")], signer=key, months=revoked(1), **more
        )["fr"].plain  # fmt: skip
        assert tuple(page.count(one) for one in words) == told


def test_a_page_says_when_and_in_which_run_what_a_look_missed_was_mended(
    tmp_path: Path, key: Signer
) -> None:
    looks = [{**LOOK, "gone": 1, "damaged": 1, "replaced": 0, "unread": 0}]
    for number, (again, there) in enumerate((((4711, 12), True), ((4711,), False), ((), False))):
        months = [*missed(1, 12), *(verified_again(*again) if again else ())]
        page = written(
            tmp_path / str(number), [record("a")], signer=key, looks=looks, months=months
        )["fr"].plain  # fmt: skip
        said = "tout y est de nouveau vérifié depuis le 2 mars 2026 à 11:00:00 UTC, par l\u2019exé"
        assert (said in page) is there
        assert ("sous le nom de session claire@ops." in page) is there


def test_once_everything_is_moved_nothing_is_forecast(tmp_path: Path, key: Signer) -> None:
    for number, (more, there) in enumerate((([pending("b")], True), ([], False))):
        records = [record("a"), *more]
        page = written(tmp_path / str(number), records, signer=key, paces=[VAST])["fr"].plain
        assert ("À ce rythme" in page) is there


def test_what_people_say_of_copies_and_of_keys_that_lay_with_the_plan_ends_two_tasks(
    tmp_path: Path, key: Signer
) -> None:
    about: dict[str, Any] = {
        "erasures": [ERASURE], "cutovers": [cutover() | {"keys_beside": ["cd" * 32]}]
    }  # fmt: skip
    told = ("Détruire les copies du registre", "Remplacer la clé privée d\u2019une personne")
    for number, (more, there) in enumerate((({}, True), ({"declared": PEOPLE}, False))):
        page = written(tmp_path / str(number), [record("a")], signer=key, **about, **more)["fr"]
        assert [one in page.plain for one in told] == [there] * 2
        assert ("détruites, procès-verbal 13" in page.plain) is not there
        assert ("remplacée, a signé elle-même" in page.plain) is not there
        assert "ne prouvent une décision indépendante" in page.plain, "a word proves nothing"


def test_every_code_that_is_no_note_has_one_side() -> None:
    found = {code: side_of(code) for code in Code if code.severity is not Severity.NOTE}

    assert "other" not in found.values()
    assert side_of("vanished") == "source"
    assert side_of("verify-missing") == "target"
    assert side_of("missing") == "either"
    assert side_of("worker-lost") == "own"
    assert side_of("no-such-code") == "other"


def test_losses_are_one_row_for_each_dataset(tmp_path: Path, key: Signer) -> None:
    losses = [
        Loss(dataset="pmsi", what=what, objects=1, kept=kept)
        for what, kept in (("modified", "manifest"), ("tags", "sidecar"), ("tags", "ledger"))
    ]

    written(tmp_path / "out", [record("a", size=1 << 40)], signer=key, losses=losses)

    source = (tmp_path / "out" / "report.en.html").read_text("utf-8")
    table = source.partition('class="losses stack">')[2].partition("</table>")[0]
    assert table.count("<tr>") == 2  # its head, and pmsi


def test_every_reference_has_a_day_and_says_what_was_read() -> None:
    found = references()
    asked_for = set[str]()

    assert len({one.name.fr for one in found}) == len(found)
    for one in found:
        assert date.fromisoformat(one.dated)
        assert one.read.fr
        assert one.read.en
        assert one.points
        for point in one.points:
            for part in point.parts:
                asked_for |= part.holding | part.lacking
                assert part.at is None or part.at in CATALOGUE, "a heading of the page"
            for held in (HELD, frozenset[str](), *(HELD - {name} for name in HELD)):
                assert point.gives(held), (one.name, point.number)
            for held in combinations(sorted(HELD), 2):
                assert point.gives(frozenset(held)), (one.name, point.number)
    assert asked_for == HELD


def test_the_table_of_references_claims_only_what_this_bundle_has(
    tmp_path: Path, key: Signer
) -> None:
    plain = tuple(replace(one, url=one.url.replace("https:", "http:")) for one in (SOURCE, TARGET))
    bare = written(tmp_path / "bare", [record("a", level="head")], signer=key, endpoints=plain)[
        "fr"
    ].plain
    for said in (
        "rien : aucune attestation jointe", "qui ne sont pas toutes en https",
        "aucune approbation", "aucune suppression constatée", "aucun objet remis en clair",
        "relecture en entier d\u2019une partie des objets, ou d\u2019aucun",
    ):  # fmt: skip
        assert said in bare, said
    for claimed in ("les deux références", "toutes en https", "échantillon"):
        assert claimed not in bare.replace("qui ne sont pas toutes en https", ""), claimed

    full = written(
        tmp_path / "full", [record("a")], signer=key, attestation=ATTESTATION, months=agreed(),
        cutovers=[gone_from_the_source()], openings=[OPENING],
    )["fr"].plain  # fmt: skip
    for said in (
        "les deux références de l\u2019attestation du client",
        "adresses contactées, toutes en https",
        "suppressions demandées puis constatées", "objets remis en clair, par qui et pourquoi",
        "relecture en entier de chaque objet vérifié", "manifest.jsonl ; approbations",
    ):  # fmt: skip
        assert said in full, said


@pytest.mark.parametrize(
    ("until", "ended", "said"),
    [
        ("2026-02-26", "2026-03-04T08:00:00Z",
         " avant le début de l\u2019opération (1er mars 2026)"),
        ("2026-03-02", "2026-03-04T08:00:00Z",
         " pendant l\u2019opération (commencée le 1er mars"),
        ("2026-03-04", "2026-03-04T08:00:00Z", None),
    ],
)  # fmt: skip
def test_a_legal_basis_that_ended_is_said_in_the_banner_and_to_be_examined_first(
    tmp_path: Path, key: Signer, until: str, ended: str, said: str | None
) -> None:
    page = written(
        tmp_path / "out", [record("a")], signer=key, ended_at=ended,
        written_at="2026-03-05T08:00:00Z", started_at="2026-03-01T08:00:00Z",
        bases=[{"reference": "CNIL 7", "valid_until": until}],
    )["fr"]  # fmt: skip
    text_ = page.plain

    assert ("class", "banner good") in page.attributes
    if said is None:
        assert "échue" not in text_.partition("Que reste-t-il à faire ?")[0]
        return
    ended_on = f"CNIL 7, jusqu\u2019au {PageWords('fr').day(until)} : échue{said}"
    assert ended_on.replace("\u00a0", " ") in text_
    assert "L\u2019autorisation « CNIL 7 » " in text_.partition("Qu\u2019est-ce qui a été")[0]
    tasks = tasks_of(text_)
    done, examined = (
        f"autorisation « CNIL 7 » (le {PageWords('fr').day(until)})",
        "« CNIL 7 », échue",
    )
    assert tasks.startswith("Faire juger ce qui a été fait depuis")
    assert 0 < tasks.find(done.replace("\u00a0", " ")) < tasks.find(examined)


def test_what_was_erased_is_intact_when_verified_only_and_who_still_reads_it_is_said(
    tmp_path: Path, key: Signer
) -> None:
    erased = {**ERASURE, "dataset": "pmsi", "objects": 2}
    told = written(
        tmp_path / "out", [record("a"), record("b")], signer=key, erasures=[erased],
        months=months(1), headers=packed(1, 1),
    )["fr"]  # fmt: skip
    page = told.plain

    assert ("class", "banner good") not in told.attributes
    assert "Vérifié complet ; depuis, sur décision, 2 objets ne s\u2019ouvrent plus" in page
    assert "2 objets ne s\u2019ouvrent plus avec les clés des destinataires" in page
    assert "1 lecteur peut encore ouvrir ce qui lui en a été accordé" in page
    assert "Est-ce intact ? Oui, au moment de la vérification. Chaque objet" in page
    assert "Depuis l\u2019effacement, 2 objets" in page
    assert "plus rien n\u2019ouvre" not in page
    assert page.count("2 objets rendus indéchiffrables ne s\u2019ouvrent plus avec aucune") == 2
    assert "d\u2019avant un effacement : 1 paquet a été effacé" in page

    going = {**erased, "ended": None}
    page = written(tmp_path / "b", [record("a")], signer=key, erasures=[going])["en"].text
    assert "The erasure of what opens 2 objects was decided and begun" in page
    assert "no longer open" not in page


def test_a_lost_object_is_not_counted_among_those_that_a_rule_left(
    tmp_path: Path, key: Signer
) -> None:
    left = [
        exclusion("x", rule="exclude *.tmp", reason="scratch"),
        exclusion("y", rule="vanished", reason=LOST[1]),
    ]
    page = written(tmp_path / "out", [record("a")], signer=key, exclusions=left, more=1)["fr"]
    said = page.plain

    assert re.search(
        r"3 inventoriés \(.*?\) = 1 vérifié \(.*?\) \+ 1 exclu .*? \+ 1 perdu \(.*?\)\. ", said
    )
    assert "aucune règle" in said
    assert "aucune règle ne l\u2019a laissé" in said
    assert "(1 perdu)" in said  # what is not well with a dataset
    assert "ExclusPerdus" in said  # the table's columns
    assert "1 exclu 33," in said  # the legend
    assert "1 perdu 33," in said
    pending_ = written(
        tmp_path / "b", [record("a"), pending("b")], signer=key, exclusions=left
    )["fr"].plain  # fmt: skip
    assert "pour 1 objet sur les 3 attendus sur la cible" in pending_


def test_waivers_that_counted_are_said_first_with_who_signed_and_what_was_done(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "out", [record("a")], signer=key,
        months=[*ran("dpo@ops", 1), *waived_over_time(*done_without())],
    )["fr"].plain  # fmt: skip
    banner = page.partition("Qu\u2019est-ce qui a été déplacé ?")[0]
    assert "5 contrôles ont été écartés sur simple signature (5 dérogations, dont 4" in banner
    assert "dpo@ops, que le plan n\u2019attribue à personne" in banner
    assert "fin du retour possible" not in banner, "the section tells it, with the days"
    assert "Fait pendant qu\u2019elle comptait" in page
    assert re.search(r"comptait :\W*fin du retour possible \(lot pilot\), \d", page)
    assert "signée le 1er mars 2026 à 07:00:00 UTC" in page
    assert "5 dérogations ont pourtant été signées" in page  # and nobody approved


def test_what_left_and_what_arrived_are_one_sum_without_the_tools_own_files(
    tmp_path: Path, key: Signer
) -> None:
    records = [own(0), record("a"), record("b"), record("c"), failed("d"), pending("e")]
    page = written(
        tmp_path / "a", records, signer=key, headers=packed(1, 1), exclusions=[exclusion("x")],
        findings=[finding("target-replaced", key="a")],
    )["fr"].plain  # fmt: skip
    assert "Départ : 6 objets" in page
    assert "en sait : 2. Écart : 4 = 1 exclu + 1 en attente + 1 en échec + 1 remplacé." in page
    alone = "4 objets ne sont que là (1 exclu, 1 en échec, 1 en attente, 1 remplacé sur la cible)"
    assert alone in page

    told_of_own = [finding("target-replaced", key=".hdh-migrate-sidecar/0")]
    page = written(
        tmp_path / "b", records, signer=key, headers=packed(1, 1), findings=told_of_own
    )["fr"].plain  # fmt: skip
    assert "Départ" not in page, "a file of the tool never left the source"
    assert "2 objets ne sont que là (1 en échec, 1 en attente)" in page
    assert "si elle l\u2019a encore" in page


def test_a_batch_and_the_manifest_are_led_back_to_what_was_listed(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "out", [own(0), record("a"), record("b")], signer=key, headers=packed(1, 1),
        exclusions=[exclusion("x", rule="vanished", reason=LOST[1])], months=listed_again(2),
    )["fr"].plain  # fmt: skip
    assert (
        "Lot pilot : 4 inventoriés = 1 listés à la passe 1 + 2 disparus de la source + 1 fichier"
        in page
    )
    assert "3 = 4 attendus sur la cible, moins 1 perdu, à lire dans exclusions.jsonl" in page
    assert page.count("Non compté : 1 objet, perdu depuis sa vérification.") == 1


def test_what_opens_no_more_at_the_target_is_said_to_be_in_the_clear_at_the_source_alone(
    tmp_path: Path, key: Signer
) -> None:
    erased = {**ERASURE, "dataset": "pmsi", "objects": 2}
    page = written(tmp_path / "a", [record("a"), record("b")], signer=key, erasures=[erased])["fr"]
    assert "la source en a les seuls originaux en clair" in page.plain
    task = "les originaux du jeu effacé « pmsi », ou dire pourquoi ils y restent : 2 objets y sont"
    assert task in page.plain
    page = written(
        tmp_path / "b", [record("a"), record("b")], signer=key, erasures=[erased],
        cutovers=[gone_from_the_source()],
    )["fr"]  # fmt: skip
    assert "originaux en clair" not in page.plain
    assert "originaux du jeu" not in page.plain


def test_what_arrived_and_opens_no_more_is_not_passed_over_in_the_sum(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "out", [own(0), record("a"), record("b")], signer=key, headers=packed(1, 1),
        erasures=[{**ERASURE, "dataset": "pmsi", "batch": "pilot", "objects": 2}],
    )["fr"].plain  # fmt: skip

    assert "en sait : 2. Écart : aucun. Parmi les arrivés, 2 ne s\u2019ouvrent plus avec" in page
    assert "jeu « pmsi » rendu indéchiffrable" in page.partition("Lots et jeux de données Lot")[2]


def test_what_opens_for_nobody_without_its_header_is_not_said_to_open_with_an_old_key(
    tmp_path: Path, key: Signer
) -> None:
    apart = {**ROTATION, "headers": 2, "remaining": {"unverified": 2}}
    page = written(tmp_path / "a", [record("a")], signer=key, rotations=[apart])["fr"].plain
    assert "2 objets non vérifiés n\u2019avaient rien à échanger" in page
    assert "peut encore ouvrir, chez l\u2019hébergeur" not in page
    assert "reprendre le remplacement de clés" not in page
    inside = {**ROTATION, "remaining": {"unverified": 2}}
    page = written(tmp_path / "b", [record("a")], signer=key, rotations=[inside])["fr"].plain
    assert "peut encore ouvrir, chez l\u2019hébergeur : 2 objets non vérifiés, si la" in page
    assert "puis reprendre le remplacement de clés" in page


def test_runs_of_all_verbs_are_counted_without_the_name_of_one(tmp_path: Path, key: Signer) -> None:
    looked = replace(BEGUN, steps=("look-again",))
    months = [*ran("claire@ops", 1), ("2026-03-01T23:00:00Z", looked.kind, looked.as_json())]
    page = written(tmp_path / "out", [record("a")], signer=key, months=months)["fr"].plain

    assert "2 exécutions, la première commencée le" in page
    assert "« run »" not in page.partition("Qui a fait quoi")[2]


def test_a_key_in_escrow_is_told_right_after_the_keys_it_is_one_of(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key, declared=DECLARED)["fr"].plain

    assert re.search(r"voir « Qui détient les clés »\. 1 d\u2019entre elles est une clé de", page)


def test_what_a_conflict_left_unsent_is_not_said_to_have_been_compared(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [failed("a", verdict="mismatch")], signer=key)["fr"].plain

    assert re.search("différent, ou place prise par un autre objet ?1", page)


def test_a_batch_that_nobody_listed_has_no_number(tmp_path: Path, key: Signer) -> None:
    pages = written(tmp_path / "a", [], signer=key, closed=False)
    assert "Lot pilot : pas encore listé ; ce que la source en contient" in pages["fr"].plain
    assert "Batch pilot: not listed yet" in pages["en"].plain
    assert "pilot : 0 objet" not in pages["fr"].plain
    some = written(tmp_path / "b", [record("a"), pending("b")], signer=key, closed=False, more=1)
    assert "Au moins 1 objet n\u2019est que là" in some["fr"].plain
    assert "more-0 (pas encore listé)" in some["fr"].plain
    whole = written(tmp_path / "c", [record("a"), pending("b")], signer=key, more=1)["fr"].plain
    assert "1 objet n\u2019est que là" in whole
    assert "Au moins" not in whole.partition("Que reste-t-il chez")[2].partition("<dt>")[0]
    assert "more-0 (aucun objet)" in whole


def test_what_a_look_missed_and_is_verified_again_is_named_by_its_number(
    tmp_path: Path, key: Signer
) -> None:
    look = {**LOOK, "gone": 1, "damaged": 0, "replaced": 0, "unread": 0}
    page = written(
        tmp_path / "a", [record("a")], signer=key, looks=[look], months=missed()
    )["fr"].plain  # fmt: skip
    assert "Numéro : 4 711." in page
    page = written(
        tmp_path / "c", [record("a")], signer=key, looks=[{**look, "damaged": 1}],
        months=missed(1, 12),
    )["fr"].plain  # fmt: skip
    assert "Numéros : 4 711 (absent), 12 (altéré)." in page
    assert "obtient le nom par hdh-migrate ls PLAN --batch pilot --show-names" in page
    page = written(
        tmp_path / "b", [record("a")], signer=key, looks=[{**look, "gone": 2}]
    )["fr"].plain  # fmt: skip
    assert "Numéro" not in page, "the journal does not have them"


def test_what_the_host_answered_to_a_deletion_that_nobody_saw_is_on_the_first_screen(
    tmp_path: Path, key: Signer
) -> None:
    asked_for = cutover() | {
        "times": {"requested": OPENING["at"]},
        "decommission": {**cutover()["decommission"], "observed": None},
    }
    page = written(tmp_path / "a", [record("a")], signer=key, cutovers=[asked_for])["fr"].plain
    assert "pas constatée. Réponse de l\u2019hébergeur : « supprimé » pour 1, 1 gardé" in page


def test_what_no_migration_carries_is_said(tmp_path: Path, key: Signer) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key)["fr"].text
    assert "ne recrée sur la cible ni rôles, ni listes d\u2019accès" in page
    assert "n\u2019est pas supprimé de la cible s\u2019il y est déjà" in page


def test_own_files_are_not_said_to_be_compared_with_the_source(tmp_path: Path, key: Signer) -> None:
    records = [own(0), record("a", source_md5="00" * 16)]
    page = written(tmp_path / "a", records, signer=key, headers=packed(1, 1))["fr"].text
    assert "Les 2\u00a0objets attendus sur la cible" in page
    assert "1 à ce qui avait été lu à la source, 1\u00a0fichier de l\u2019outil à ce que" in page
    assert "n\u2019en a pas, ou elle n\u2019a pas été comparée" not in page  # none of the source


@pytest.mark.parametrize("local", [True, False])
def test_a_source_read_without_tls_is_said_first_and_what_it_means(
    tmp_path: Path, key: Signer, *, local: bool
) -> None:
    source = replace(SOURCE, url="http://127.0.0.1:1" if local else "http://a.example")
    page = written(
        tmp_path / "out", [record("a")], signer=key, endpoints=(source, TARGET)
    )["fr"].plain  # fmt: skip
    banner = page.partition("Qu\u2019est-ce qui a été déplacé ?")[0]
    assert "La source a été lue sans TLS (http)" in banner
    assert ("rien n\u2019a quitté cette machine" in banner) is local
    tasks = page.partition("Que reste-t-il à faire ?")[2].partition("Qui est responsable")[0]
    assert ("n\u2019employer que https désormais : http://a.example" in tasks) is not local
    assert page.count("mais source lue sans TLS") == (0 if local else 2)


def test_a_source_without_an_address_is_named_by_what_it_is(tmp_path: Path, key: Signer) -> None:
    source = replace(SOURCE, kind="folder", url="folder:")
    pages = written(tmp_path / "out", [record("a")], signer=key, endpoints=(source, TARGET))
    assert "De\u00a0: dossier de cette machine. Cet outil" in pages["fr"].text
    assert "ancien hébergeur" not in pages["fr"].plain.partition("Où trouver quoi")[0]
    assert "former host" not in pages["en"].plain.partition("Where to find what")[0]
    assert "From: folder of this machine. This tool" in pages["en"].text
    waits = written(tmp_path / "b", [pending("a")], signer=key, endpoints=(source, TARGET))["fr"]
    assert "1 objet n\u2019est que là (1 en attente) : le supprimer le perd." in waits.plain


def test_a_rehearsal_is_enough_said_of_what_did_not_leave_this_machine(
    tmp_path: Path, key: Signer
) -> None:
    here = tuple(replace(one, url="http://127.0.0.1:1") for one in (SOURCE, TARGET))
    page = written(tmp_path / "out", [record("a")], signer=key, endpoints=here)["fr"].text
    banner, _, rest = page.partition("Qu\u2019est-ce qui a été déplacé")
    assert "tout s\u2019est passé sur une seule machine" in banner
    assert "sans TLS" not in banner
    assert "sans TLS" in rest


def test_keys_within_reach_are_said_to_prove_no_decision_also_beside_separated_duties(
    tmp_path: Path, key: Signer
) -> None:
    one = cutover() | {"keys_beside": ["cd" * 32]}
    page = written(
        tmp_path / "out", [record("a")], signer=key, cutovers=[one],
        months=[*ran("claire@ops", 1), *acted()], waivers=[WAIVER],
    )["fr"].plain  # fmt: skip

    assert page.count("ni ces approbations ni ces dérogations ne prouvent") == 2
    assert "Des clés privées se trouvaient dans le dossier du plan : voir « Qui a fait" in page
    assert "c\u2019est sous ce nom de session que l\u2019outil a été lancé" in page
    assert re.search("dpo@ops, que le .*?Actes au journal : bascule, fin du retour possible", page)


def test_what_opened_objects_for_verification_is_said_where_it_was_so(
    tmp_path: Path, key: Signer
) -> None:
    said = "l\u2019opérateur disposait donc d\u2019une clé"
    of_all = written(tmp_path / "a", [record("a")], signer=key)["fr"].text
    assert said in of_all
    of_none = written(tmp_path / "b", [record("a", level="head")], signer=key)["fr"].text
    assert said not in of_none


def tasks_of(page: str) -> str:
    """Return what a French page lists as left to do, without for whom the first of it is."""
    return re.split(r"Que reste-t-il à faire \?(?! »)", page)[1].partition(" : ")[2]


def test_a_loss_is_to_be_judged_first_with_when_it_was_known(tmp_path: Path, key: Signer) -> None:
    page = written(
        tmp_path / "out", [record("a")], signer=key,
        findings=[finding("target-replaced", at="2026-11-20T10:00:00Z")],
        looks=[{**LOOK, "number": 2, "replaced": 1}],
    )["fr"].plain  # fmt: skip
    tasks = tasks_of(page)
    assert tasks.startswith("Faire juger si la perte ou le remplacement d\u2019un objet")
    assert "constaté le 20 novembre 2026 à 10:00:00 UTC" in tasks, "not by look 2"


def test_an_access_that_a_second_person_saw_closed_is_left_to_do_no_more(
    tmp_path: Path, key: Signer
) -> None:
    task, one = (
        "par une seconde personne, que l\u2019accès d\u2019un lecteur",
        "par une seule personne",
    )
    page = written(tmp_path / "a", [record("a")], signer=key, months=closed_by_hand("x@b"))["fr"]
    assert task in page.plain
    assert one in page.plain
    page = written(tmp_path / "b", [record("a")], signer=key, months=closed_by_hand("y"))["fr"]
    assert task not in page.plain
    assert one not in page.plain
    assert "est déclarée, non constatée" not in page.plain
    said = "une seconde personne déclare l\u2019y avoir vu fermé"
    told = r"\s*2\smars\s2026 à 10:01:00\sUTC, y\s*vu dans la console"
    assert re.search(said + told, page.plain)


def test_a_revoked_grant_of_which_no_host_was_told_is_left_to_be_closed(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key, months=revoked(2))["fr"]
    assert "Pour 2 lecteurs dont l\u2019accès a pris fin, rien ne dit que" in page.plain
    assert "L\u2019hébergeur voit les noms et tailles des objets" in page.plain
    said = page.plain

    assert "2 lecteurs ont reçu depuis, pour leur clé, de quoi ouvrir" in said
    assert "2 de ces accès sont révoqués." in said
    assert "n\u2019a pas été fermé par cet outil" in said
    assert "où cet outil n\u2019a rien réglé, l\u2019accès de 2 autorisations" in said
    assert "2 autorisations révoquées ou échues : g-91-gone" in said


def test_a_finding_is_explained_in_the_readers_language(tmp_path: Path, key: Signer) -> None:
    found = [finding("verify-mismatch"), finding("made-up-code")]

    pages = written(tmp_path / "out", [record("a")], signer=key, findings=found)

    assert "les octets relus diffèrent" in pages["fr"].text
    assert "the bytes read back differ" in pages["en"].text
    assert "made-up-code" in pages["fr"].text


def test_no_certification_is_claimed(tmp_path: Path, key: Signer) -> None:
    pages = written(tmp_path / "out", [record("a")], signer=key)

    assert "ne vaut ni qualification ni certification" in pages["fr"].text
    assert "neither a qualification nor a certification" in pages["en"].text
    assert pages["fr"].text.count("Référentiel de sécurité du SNDS") == 1


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({}, "Cet outil n\u2019y a rien supprimé."),
        ({"open": "2026-03-03T08:00:30Z"}, "Cet outil n\u2019y a rien supprimé."),
        # What was begun and stopped has deleted something, perhaps.
        (
            {"erasing": "2026-05-01T08:00:00Z"},
            "La suppression d\u2019un lot y a été demandée, et n\u2019est pas constatée",
        ),
        (
            {"requested": "2026-05-01T08:00:00Z"},
            "La suppression d\u2019un lot y a été demandée, et n\u2019est pas constatée",
        ),
    ],
)
def test_the_first_screen_says_what_became_of_the_source(
    tmp_path: Path, key: Signer, times: dict[str, str], said: str
) -> None:
    unseen = {**cutover()["decommission"], "observed": None}
    one = cutover() | {"times": times, "decommission": unseen}
    page = written(tmp_path / "out", [record("a")], signer=key, cutovers=[one])["fr"]
    assert said in page.plain


@pytest.mark.slow
def test_a_key_for_signatures_is_told_with_its_file_and_whose_it_is(
    tmp_path: Path, key: Signer
) -> None:
    keys = (
        SigningFile(file="keys/dpo.pub", fingerprint="ab" * 32),
        SigningFile(file="keys/report.pub", fingerprint=key.verifier.fingerprint),
    )
    about: dict[str, Any] = {
        "records": [record("a")], "signer": key, "months": signed_deletion(),
        "approving": ["keys/dpo.pub", "keys/rssi.pub"],
    }  # fmt: skip
    page = written(tmp_path / "a", **about, signing_keys=keys, declared=KEYS_HELD)["fr"]
    assert f"{'ab' * 32} (keys/dpo.pub, de Claire Martin (déclaré))" in page.plain
    erased = {**ERASURE, "approvals": ["ab" * 32]}
    agreed_to = cutover() | {"approvals": {"decommission": ["ab" * 32]}}
    told = written(
        tmp_path / "d", **about, signing_keys=keys, erasures=[erased], cutovers=[agreed_to]
    )["fr"].plain
    assert told.count("ed25519:abababababababab (keys/dpo.pub)") == 2, "wherever it approved"
    held = "Clés que le plan admet : keys/dpo.pub (ed25519:abababababababab), keys/rssi.pub ; il"
    assert held in page.plain
    assert "À comparer avec celle que donne Claire Martin, à qui le plan attribue" in page.plain
    page = written(tmp_path / "b", **about, signing_keys=keys)["fr"]
    assert f"{'ab' * 32} (keys/dpo.pub)" in page.plain
    assert "Le plan ne dit pas de qui la recevoir" in page.plain
    assert "à quel fichier va quelle empreinte" not in page.plain
    page = written(tmp_path / "c", **about)["fr"]
    assert "Ce dossier ne dit pas à quel fichier va quelle empreinte." in page.plain


def test_what_happened_is_one_list_by_date(tmp_path: Path, key: Signer) -> None:
    about: dict[str, Any] = {"signer": key, "cutovers": [dated()]}
    page = written(tmp_path / "a", [record("a")], **about, months=signed_deletion())["fr"]
    said = page.plain.split("Chronologie")[-1].split("Lots et jeux de données")[0]
    lines = (
        "1er mars 2026 à 08:00:00 UTCaccord signé (suppression à la source) : lot pilot",
        "1er mars 2026 à 08:00:00 UTCsource gelée, lot pilot",
        "2 mars 2026 à 08:00:00 UTCbascule, lot pilot",
        "3 mars 2026 à 08:00:00 UTCretour en arrière, lot pilot",
        "4 mars 2026 à 08:00:00 UTCbascule définitive, lot pilot",
        "6 mars 2026 à 08:00:00 UTCsuppression constatée en partie à la source, lot pilot",
    )
    places = [said.find(one) for one in lines]
    assert -1 not in places, said
    assert places == sorted(places)


def test_the_list_by_date_has_what_ended_who_was_let_read_and_what_was_seen_in_part(
    tmp_path: Path, key: Signer
) -> None:
    partly = kept_at_the_source(1) | {"times": {"observed": "2026-03-06T08:00:00Z"}}
    page = written(
        tmp_path / "a", [record("a")], signer=key, cutovers=[partly], months=revoked(1),
        rotations=[ROTATION], erasures=[ERASURE],
    )["fr"]  # fmt: skip
    said = page.plain.split("Chronologie")[-1].split("Lots et jeux de données")[0]

    assert "11:00:00 UTCremplacement de clés terminé" in said
    assert "11:00:00 UTCeffacement du jeu « emc2 » terminé" in said
    assert "accès d\u2019un lecteur accordé : autorisation g-91-gone" in said
    assert "accès d\u2019un lecteur révoqué : autorisation g-91-gone" in said
    assert "suppression constatée en partie à la source, lot pilot" in said
    assert "suppression constatée à la source" not in said
    whole = gone_from_the_source() | {"times": {"observed": "2026-03-06T08:00:00Z"}}
    going = [{**ROTATION, "ended": None}]
    page = written(
        tmp_path / "b", [record("a")], signer=key, cutovers=[whole], rotations=going
    )["fr"]  # fmt: skip
    assert "suppression constatée à la source, lot pilot" in page.plain
    assert "remplacement de clés terminé" not in page.plain


def test_whose_the_private_key_is_that_runs_use_is_told_by_the_journal(
    tmp_path: Path, key: Signer
) -> None:
    about: dict[str, Any] = {"records": [record("a")], "signer": key, "keys": ["a.pub", "b.pub"]}
    page = written(
        tmp_path / "a",
        **about,
        months=[*run_with("c4gh:" + "3" * 16), *run_with("c4gh:" + "5" * 16)],
    )
    assert "le journal ne le dit pas" in page["fr"].plain, "the last one is none of them"
    page = written(
        tmp_path / "b",
        **about,
        months=[*run_with("c4gh:" + "5" * 16), *run_with("c4gh:" + "4" * 16)],
    )
    assert f"D\u2019après le journal, c\u2019est celle de c4gh:{'4' * 16}." in page["fr"].plain


def test_what_a_look_read_is_said_to_be_drawn_where_it_was(tmp_path: Path, key: Signer) -> None:
    looks = [{**LOOK, "objects": 1, "replaced": 0, "unread": 0}]
    told = drawn(LOOK["batch"], LOOK["number"])
    some, every = [record("a"), record("b")], [record("a")]
    cases = (("a", some, told, 1, 1), ("b", some, told[1:], 0, 0), ("c", every, told, 0, 1))
    for folder, records, events, first, below in cases:
        out = tmp_path / folder
        page = written(out, records, signer=key, looks=looks, months=events)["fr"]
        assert page.plain.count("Tirés au sort parmi ceux d\u2019alors ;") == first
        assert page.plain.count("aucun contrôle achevé n\u2019avait relu tous") == first
        assert page.plain.count(", tirés au sort") == below


def test_of_a_sample_it_is_said_when_the_others_were_read_last(tmp_path: Path, key: Signer) -> None:
    looks = [{**LOOK, "number": 2, "objects": 1, "replaced": 0, "unread": 0}]
    page = written(
        tmp_path / "out", [record("a"), record("b")], signer=key, looks=looks,
        months=[*looked_whole(LOOK["batch"], 1), *drawn(LOOK["batch"], 2)],
    )["fr"].plain  # fmt: skip
    assert re.search(
        r"les autres ont été relus le 1er\smars\s2026 à 10:00:00\sUTC, ou vérifiés", page
    )


@pytest.mark.parametrize(
    ("place", "change"),
    [(0, {"older_than": 86_400.0}), (0, {"sampled": True}), (1, {"level": "head"}),
     (1, {"unread": [1]})],
    ids=str,
)  # fmt: skip
def test_what_did_not_read_all_dates_no_reading_of_the_others(
    tmp_path: Path, key: Signer, place: int, change: dict[str, Any]
) -> None:
    looks = [{**LOOK, "number": 2, "objects": 1, "replaced": 0, "unread": 0}]
    first = looked_whole(LOOK["batch"], 1)
    day, kind, body = first[place]
    first[place] = (day, kind, {**body, **change})
    page = written(
        tmp_path / "out", [record("a"), record("b")], signer=key, looks=looks,
        months=[*first, *drawn(LOOK["batch"], 2)],
    )["fr"].plain  # fmt: skip
    assert "aucun contrôle achevé n\u2019avait relu tous les autres" in page
    assert "ont été relus le" not in page


def test_a_deletion_names_the_report_that_was_presented(tmp_path: Path, key: Signer) -> None:
    """Or says that the journal does not: an earlier version told of none."""
    deletion = {"records": [record("a")], "signer": key, "cutovers": [cutover()]}
    page = written(tmp_path / "a", **deletion, months=signed_deletion())["fr"]
    shown = "sur présentation du rapport signé du 1er mars 2026 à 07:00:00 UTC, dont la déclaration"
    assert f"{shown} a l\u2019empreinte {'a5' * 32}" in page.plain
    page = written(tmp_path / "b", **deletion)["fr"]
    assert "sur quel rapport, ce journal ne le dit pas" in page.plain


def test_a_deletion_that_was_seen_to_be_done_is_said_so(tmp_path: Path, key: Signer) -> None:
    cases = [gone_from_the_source(), cutover()]
    page = written(tmp_path / "out", [record("a")], signer=key, cutovers=cases)["fr"]
    said = page.plain
    in_part = "La suppression d\u2019un lot y est constatée en partie"
    assert in_part in said, "of the other one traces are seen"
    assert "1 lot y a été supprimé, et la source n\u2019en montre plus rien" in said
    assert said.count("la source ne montre plus rien de ce lot") == 1


def test_what_changed_at_the_source_since_it_was_moved_is_never_to_be_made_to_disappear(
    tmp_path: Path, key: Signer
) -> None:
    """Nobody holds what it is now but the source: it is counted there, and not as a trace."""
    pages = written(
        tmp_path / "a", [record(name) for name in "abcd"], signer=key,
        findings=[finding("decommission-drifted")], cutovers=[kept_at_the_source(changed=1)],
    )  # fmt: skip
    page = pages["fr"].plain
    assert "Lot pilot : 2 objets supprimés, 1 déjà absent. 1 objet y a été modifié" in page
    assert "1 objet (au moins 0 o), tant qu\u2019une suppression n\u2019est pas" in page
    assert "1 objet n\u2019est que là (1 modifié depuis son déplacement)" in page
    assert "Décider d\u2019un objet modifié à la source depuis son déplacement" in page
    assert "Faire disparaître" not in page
    assert "suppressions demandées, constatées en partie" in page
    assert "aucune suppression constatée" not in page
    assert "constatée en partie le" in page
    assert re.search(r"Lot pilot\s*suppression constatée en partie", page)
    assert "Decide about 1 object that changed at the source" in pages["en"].plain


def test_what_the_target_does_not_hold_is_kept_at_the_source_and_said_to_be_there_alone(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "a", [record(name) for name in "abcd"], signer=key,
        cutovers=[kept_at_the_source(unheld=1)],
    )["fr"].plain  # fmt: skip
    assert "1 objet y est gardé : la cible ne l\u2019a pas montré tel" in page
    assert "1 objet n\u2019est que là (1 que la cible ne montre plus tel quel)" in page
    assert "1 gardé (absent de la cible)" in page
    assert "Faire disparaître" not in page


def test_what_a_look_missed_and_nothing_mended_is_never_called_mended(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "a", [pending("a"), pending("b")], signer=key, months=missed(),
        looks=[{**LOOK, "gone": 1, "replaced": 0, "unread": 0}],
    )["fr"].plain  # fmt: skip
    assert "Faire juger si l\u2019absence ou l\u2019altération d\u2019un objet" in page
    assert "Avant le 5 mars 2026" in page
    assert "absence ou altération constatée à un contrôle, non réparée" in page
    assert "réparée depuis" not in page
    assert "1 objet absent ou altéré à un contrôle, et non revérifié depuis" in page
    assert re.search(r"Numéro : 4\s?711", page)


@pytest.mark.parametrize(
    ("missed", "findings", "there"),
    [
        ({"gone": 1}, (), True),
        ({"replaced": 1}, (), True),
        ({"gone": 1, "replaced": 1}, (), True),
        ({"gone": 1, "unread": 1}, (), False),
        ({}, (), False),
        ({"replaced": 1}, (Code.TARGET_REPLACED,), False),
        ({"replaced": 1}, (Code.TARGET_ACCEPTED,), False),
    ],
    ids=str,
)
def test_what_a_look_found_is_said_to_be_mended_once_all_of_it_is(
    tmp_path: Path, key: Signer, missed: dict[str, int], findings: Sequence[Code], *, there: bool
) -> None:
    """Of somebody's object that was kept aside, and ours sent again, it said nothing."""
    none = dict.fromkeys(("gone", "damaged", "replaced", "unread"), 0)
    page = written(
        tmp_path / "out", [record("a")], signer=key, looks=[{**LOOK, **none, **missed}],
        findings=[finding(code) for code in findings],
    )["fr"].plain  # fmt: skip
    assert ("absent, altéré ou remplacé est de nouveau vérifié" in page) is there


def test_a_later_look_does_not_undo_what_an_earlier_one_missed(tmp_path: Path, key: Signer) -> None:
    last = LookedAgain(
        number=2, batch="pilot", level="full", at="2026-03-02T10:10:00Z", spans=(), objects=1,
        bytes=9, gone=(), damaged=(), replaced=(), unread=(), lost=ABSENT, beside=ABSENT,
    )  # fmt: skip
    told = [*missed(), ("2026-03-02T10:10:00Z", last.kind, last.as_json())]
    page = written(tmp_path / "a", [record("a")], signer=key, months=told)["fr"].plain
    assert "Faire juger si l\u2019absence ou l\u2019altération d\u2019un objet à la cible" in page
    assert "absence ou altération constatée à un contrôle, réparée depuis" in page
    assert "Contrôles de la cible" in page
    assert (
        "1 objet vérifié manquait sur la cible, ou n\u2019y était plus intact, au contrôle" in page
    )
    assert "1 objet absent ou altéré, de nouveau vérifié" in page
    assert re.search(r"lot pilot : 1 absent ; tout y est .* Numéro : 4\s?711", page)


def test_without_names_it_is_still_told_that_looks_missed_objects(
    tmp_path: Path, key: Signer
) -> None:
    """The journal of such a bundle does not have the looks; the statement has the last alone."""
    found_all = {**LOOK, **dict.fromkeys(("gone", "damaged", "replaced", "unread"), 0)}
    look = {**found_all, "absent": {"objects": 2, "back": 2, "missing": 0}}
    page = written(tmp_path / "a", [record("a")], signer=key, looks=[look], names="keyed")["fr"]
    assert "2 objets vérifiés manquaient sur la cible" in page.plain
    assert "plus intacts, à un contrôle ; ils y sont de nouveau vérifiés." in page.plain
    assert "absence ou altération constatée à un contrôle, réparée depuis" in page.plain
    first = page.plain.partition("Qu\u2019est-ce qui a été déplacé ?")[0]
    assert "Rapport sans noms d\u2019objets" in first
    assert "ne sont que dans le rapport avec noms" in first


def test_a_batch_that_was_never_listed_is_not_said_to_hold_nothing(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "a", [record("a")], signer=key, closed=False)["fr"].plain
    assert "Lot pilot : pas listé jusqu\u2019au bout" in page
    assert "Au moins 1 objet" in page


def test_a_run_that_never_said_its_end_is_told_with_what_is_missing_for_it(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "a", [record("a")], signer=key, months=ran("claire@ops", 1))["fr"]
    assert "Une exécution, commencée le 1er mars 2026" in page.plain
    assert "Lu à la source jusqu\u2019ici : au moins" in page.plain
    assert "sans ce qu\u2019a lu une exécution qui n\u2019a pas dit sa fin." in page.plain
    assert "Ces nombres sont des minimums" in page.plain


def test_the_days_of_the_plan_are_told_where_it_has_some(tmp_path: Path, key: Signer) -> None:
    page = written(tmp_path / "a", [pending("a")], signer=key, last_day="2026-12-20")["fr"].plain
    assert "jusqu\u2019au 20 décembre 2026, lot pilot à vérifier pour le 20 décembre 2026" in page
    assert "ni le plan ni le journal" not in page


def test_objects_with_headers_apart_are_not_said_to_open_with_any_software(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "a", [record("a")], signer=key, headers=packed(1, 1))["fr"].plain
    assert "objets au format ouvert Crypt4GH" not in page
    assert "Un format ouvert : avec" not in page
    assert "hdh-migrate docs header-packs" in page


def test_when_an_approval_was_signed_and_what_was_said_with_it_is_told(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "a", [record("a")], signer=key, months=signed_deletion(),
        approving=["keys/dpo.pub", "keys/rssi.pub"],
    )["fr"].plain  # fmt: skip
    assert "signée le 1" in page
    assert "vu en comité" in page
    assert f", manifeste {'c' * 16}" in page
    assert "Clés que le plan admet : keys/dpo.pub, keys/rssi.pub ; il en demande 2" in page
    other = signed_deletion(root="<b>", journal={"events": "7"})
    page = written(tmp_path / "b", [record("a")], signer=key, months=other)["fr"].plain
    assert "vu en comité" in page
    assert ", manifeste" not in page


@pytest.mark.slow
def test_how_each_batch_stands_is_one_phrase(tmp_path: Path, key: Signer) -> None:
    def phrase(name: str, records: list[dict[str, Any]], **changes: Any) -> str:
        page = written(tmp_path / name, records, signer=key, **changes)["fr"].plain
        return page.partition("Lots et jeux de données Lot")[2].partition(". ")[0]

    assert " pilot : non terminé (1 en échec, 1 en attente)" in phrase(
        "a", [record("a"), failed("b"), pending("c")]
    )
    assert "pilot : source non listée jusqu\u2019au bout" in phrase("b", [], closed=False)
    unplanned = phrase("u", [record("a")], cutovers=[cutover(stage="not started")])
    assert "est vérifié" in unplanned
    assert "bascule" not in unplanned, "the plan has none"
    page = (tmp_path / "u" / "report.fr.html").read_text()
    assert page.count("Pas de bascule au plan\u00a0: pilot.") == 1
    assert "non commencée" not in page
    planned = phrase("p", [record("a")], cutovers=[cutover(stage="not started")], switches=True)
    assert "est vérifié ; bascule : non commencée" in planned
    quiet = phrase("q", [record("a")], cutovers=[], switches=True)
    assert "est vérifié ; bascule : non commencée" in quiet, "nothing of it is in the journal yet"
    page = (tmp_path / "q" / "report.fr.html").read_text()
    assert "Bascule prévue, non commencée\u00a0: pilot." in page
    done = phrase("c", [record("a")], cutovers=[gone_from_the_source()])
    assert "est vérifié ; bascule : suppression constatée" in done
    assert "en partie" not in done
    tried = written(
        tmp_path / "t", [record("a")], signer=key, cutovers=[cutover(track="rehearsal")]
    )
    assert " (essai à blanc)" in tried["fr"].plain
    assert "Pas de bascule au plan : pilot." in tried["fr"].plain
    part = phrase("d", [record("a")], cutovers=[kept_at_the_source(1, 1, 1)])
    assert "est vérifié ; bascule : suppression constatée en partie" in part


def test_how_long_writing_stopped_stands_beside_its_two_moments(
    tmp_path: Path, key: Signer
) -> None:
    pages = written(tmp_path / "out", [record("a")], signer=key, cutovers=[cutover()])
    assert "au moins 1\u00a0h\u00a0: du 3\u00a0mars" in pages["fr"].text
    assert "for at least 1\u00a0h: from 3" in pages["en"].text
    without = cutover() | {"times": {"frozen": "2026-03-03T07:00:00Z"}}
    page = written(tmp_path / "b", [record("a")], signer=key, cutovers=[without])["fr"]
    assert "Interruption des écritures" not in page.text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "datasets[a].exclude[0]: added",
            "Règles d\u2019exclusion <code>datasets[a].exclude[0]</code>\u00a0: ajouté",
        ),
        ('seal.reason: added ("x")', "Chiffrement <code>seal.reason</code>\u00a0: ajouté (x)"),
        ("other.reason: removed", "<code>other.reason</code>\u00a0: retiré"),
        ("verify.b: removed (was 1)", "Vérification <code>verify.b</code>\u00a0: retiré (1)"),
        ("x: order is now x, y", "<code>x</code>\u00a0: nouvel ordre\u00a0: x, y"),
        (
            'batches[a: 1].level: "full" -> null',
            "Lots <code>batches[a: 1].level</code>\u00a0: full → rien",
        ),
        (
            'report.kept: [{"escrow": true}, 1] -> [1]',
            "Rapport <code>report.kept</code>\u00a0: retiré (de secours\u00a0: oui)",
        ),
        ('a: "A -> B" -> ""', "<code>a</code>\u00a0: A -> B → "),
        ("a: [1, 2] -> [2, 1]", "<code>a</code>\u00a0: nouvel ordre\u00a0: 2, 1"),
        (
            'limits.bandwidth: "1.5MiB/s" -> "800KB/s"',
            "Débit maximal <code>limits.bandwidth</code>\u00a0: 1,5\u00a0Mio/s → 800\u00a0ko/s",
        ),
        (
            'windows: added ({"open": ["mon-fri 19:00-07:00", "daily"]})',
            (
                "Horaires <code>windows</code>\u00a0: ajouté"
                " (heures ouvertes\u00a0: lun.\u2013ven. 19:00\u201307:00, tous les jours)"
            ),
        ),
        (
            'a.within: "90m" -> "2d"',
            "<code>a.within</code>\u00a0: 1\u00a0h\u00a030\u00a0min → 2\u00a0j",
        ),
        ('b: ["3d"] -> []', "<code>b</code>\u00a0: retiré (3d)"),
        ('c.name: "3d" -> "4MB"', "<code>c.name</code>\u00a0: 3d → 4MB"),
        ("a: <b>", "a: <b>"),
        ("\u202eabc", "\\u{202e}abc"),
    ],
)
def test_how_two_plans_differ_is_said_without_json(line: str, said: str) -> None:
    shown = PageWords("fr").difference(line)
    assert shown.replace('<span class="name">', "").replace("</span>", "") == (
        said if "<code>" in said else escape(said)
    ).replace("A -> B", "A -&gt; B")
    assert "\u00a0:" not in PageWords("en").difference(line)


def test_errors_name_the_sides_that_have_some_and_say_where_there_are_none(
    tmp_path: Path, key: Signer
) -> None:
    none = written(tmp_path / "a", [record("a")], signer=key)["en"].text
    some = written(
        tmp_path / "b", [record("a")], signer=key, findings=[finding("denied")]
    )["en"].text  # fmt: skip

    assert "None, at the source, at the target or in the tool" in none
    assert "Open findings" not in none
    assert "Open findings" in some
    assert "A side that has nothing to show is not named." in some
    assert "Tool, machine and plan" not in some


def test_what_keeps_a_migration_going_is_named_beside_it_by_its_number(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [record("a"), pending("b")], signer=key)["en"]

    going = r"Under way \(points ([\w, ]+) of (\d+), see “What is left to do\?”\)"
    points, many = re.findall(going, page.plain)[0]
    left = (tmp_path / "out" / "report.en.html").read_text().partition('<dd class="left">')[2]
    listed = re.findall("<li>(.*?)</li>", left.partition("</dd>")[0])
    assert "Move or verify 1\u00a0object" in listed[0]
    assert (points, int(many)) == ("1 to 3", len(listed))


def test_a_reason_that_several_rules_give_is_said_once(tmp_path: Path, key: Signer) -> None:
    left = [exclusion("x"), exclusion("y", rule="exclude *.tmp")]
    page = written(tmp_path / "out", [record("a")], signer=key, exclusions=left)["en"]

    assert "Reasons: scratch (2)." in page.plain


def test_a_login_of_nobody_stands_alone_before_what_is_to_be_done(
    tmp_path: Path, key: Signer
) -> None:
    page = written(tmp_path / "out", [record("a")], signer=key, months=months(1))["en"].plain

    assert re.search(r"The operator of the tool \([^,)]+\):", page)


def test_a_finding_to_be_settled_is_said_in_words_not_by_its_code(
    tmp_path: Path, key: Signer
) -> None:
    written(tmp_path / "out", [failed("a")], signer=key, findings=[finding("conflict")])
    for language, words in (("fr", "la cible contient déjà"), ("en", "the target holds another")):
        page = (tmp_path / "out" / f"report.{language}.html").read_text("utf-8")
        left = page.partition('<dd class="left">')[2].partition("</dd>")[0]

        assert words in left
        assert "conflict" not in left


def test_what_the_plan_lets_pass_or_names_is_told_where_it_is_missed(
    tmp_path: Path, key: Signer
) -> None:
    page = written(
        tmp_path / "a", [record("a")], signer=key, leased="l\u2019agent tient un bail",
        named="a.yaml", endpoints=LOCAL,
    )["fr"].plain  # fmt: skip
    assert "Motif du plan : l\u2019agent tient un bail" in page
    assert "le plan en nomme une (a.yaml)" in page
    assert "aucune n\u2019est jointe" not in page
    page = written(tmp_path / "b", [record("a")], signer=key, named="a.yaml")["fr"].plain
    assert "aucune n\u2019a été jointe" in page
    assert "Motif du plan" not in page


def test_a_title_in_quotes_leads_to_its_heading(tmp_path: Path, key: Signer) -> None:
    pages = written(tmp_path / "out", [record("a")], signer=key, months=revoked(1))

    assert '«\u00a0<a href="#readers">Qui peut lire</a>\u00a0»' in pages["fr"].source
    assert '“<a href="#readers">Who may read</a>”' in pages["en"].source


def test_what_was_written_after_the_freeze_is_told_beside_it(tmp_path: Path, key: Signer) -> None:
    story = kept_at_the_source(1, 0, 0)
    assert story["freeze"]

    page = written(tmp_path / "out", [record("a")], signer=key, cutovers=[story])["fr"].plain

    frozen = page.partition("Gel de la source")[2][:400]
    assert "Depuis, 1 objet y a été modifié" in frozen


def test_a_trial_run_stands_before_the_cutover_of_its_batch(tmp_path: Path, key: Signer) -> None:
    stories = [cutover(), cutover(track="rehearsal", relists=1)]

    page = written(tmp_path / "out", [record("a")], signer=key, cutovers=stories)["fr"].plain

    section = page.partition("Pointeur")[0].rpartition("Lot ")[2]
    assert "(essai à blanc)" in section


def test_who_signed_that_nobody_writes_any_more_is_named_and_has_approved(
    tmp_path: Path, key: Signer
) -> None:
    story = cutover()
    story["freeze"]["how"]["keys"] = ["de" * 32]

    page = written(tmp_path / "out", [record("a")], signer=key, cutovers=[story])["fr"]

    row = page.plain.partition("Approuvé par")[2].partition("Essais après")[0]
    assert row.index("gel de la source") < row.index("ed25519:dededededededede")
    assert page.plain.count("Approuvé par") == 1
    assert "de" * 32 in page.plain.partition("Qui a fait quoi")[2], "among those who approved"


def test_the_code_that_wrote_a_report_is_not_taken_for_that_of_its_runs(
    tmp_path: Path, key: Signer
) -> None:
    first = replace(BEGUN, tool="0.0.9", code_sha256=ABSENT)
    months = [*ran("a@b", 2), ("2026-03-01T22:00:00Z", first.kind, first.as_json())]

    page = written(tmp_path / "out", [record("a")], signer=key, months=months)["fr"].plain

    told = page.partition("Empreinte du code de l\u2019outil")[2].partition(" Exécution ")[0]
    assert f"{'22' * 32} pour 2 exécutions (version 0.1.0)" in told
    assert "non consignée pour 1 exécution (version 0.0.9)" in told
    assert told.partition(" pour ce rapport")[0].strip() not in {"", "22" * 32}


def test_only_who_holds_an_untried_key_is_asked_to_try_it() -> None:
    def held(recipient: str, holder: str) -> HeldKey:
        return HeldKey(recipient=recipient, file="k.pub", holder=holder, escrow=False, proved=None)

    left = [LeftToDo(LeftTask.KEY, ("c4gh:1",))]
    keys = [held("c4gh:1", "DIM"), held("c4gh:2", "notary")]

    (party,) = owned(left, {}, (), PageWords("fr"), keys)

    assert "DIM" in party.who
    assert "notary" not in party.who
