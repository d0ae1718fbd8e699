"""The two verifiers agree where one rule of 7.3 and 7.5 to 7.7 is broken: the plan."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.second_story import leaf
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion import DRAWS, drawn
from tests.unit.evidence.worlds import (
    DIRECTORY,
    MD5,
    NOTHING,
    NOTHING_MD5,
    PLAN,
    Change,
    World,
    body,
    both,
    drop,
    hour,
    inventory,
    judged,
    laid,
    line,
    moved,
    planned,
    put,
    refused,
    world,
)

pytestmark = pytest.mark.slow


def fences(told: Any, unknown: int) -> dict[str, int]:
    """Return a `fences` that fits the buckets of a world, of which so many are unknown."""
    many = len({one["target"]["bucket"] for one in told["predicate"]["datasets"]})
    return {"ours": many - unknown, "unknown": unknown}


# --- 7.3 ------------------------------------------------------------------------------------------

GOOD_BESIDE_THE_PLAN: dict[str, Change] = {
    "all fences seen": lambda w: w["predicate"].update(fences=fences(w, 0)),
    "no fence seen": lambda w: w["predicate"].update(fences=fences(w, 1)),
    "null for what may lack": planned("seal", suffix=None),
    "a suffix that is the usual one": planned("seal", suffix=".c4gh"),
    "no endpoint in the plan": planned("target", endpoint=None),
    "nothing known of the target": put(profile=None, attestation=None, capabilities=None),
    "no waiver": put(waivers=[]),
    "no waiver in either": both(put(waivers=[]), planned(waivers=None)),
    "a waiver beyond": lambda w: w["predicate"]["waivers"][0].update(until="2027-01-01"),
    "an ended at the time of writing": put("times", written="2026-03-02T08:00:19.0Z"),
    "a fraction of nothing": put("times", written="2026-03-02T08:00:19.000+00:00"),
    "losses of all": put("losses", 0, objects=3),
    "an include that is not there": drop(*PLAN, "datasets", 0, "include"),
    "a batch of none": lambda w: w["predicate"]["plan"]["canonical"]["batches"].append(
        {"name": "z", "datasets": []}
    ),
    "all digests taken in one step": put(
        "verification", sha256_taken_in_transfer=5, sha256_taken_in_verify=0
    ),
    "batches of one name": both(
        planned("batches", 1, name="pilot"), put("datasets", 1, batch="pilot")
    ),
}
BAD_BESIDE_THE_PLAN: dict[str, Change] = {
    "another migration": planned(migration="x"),
    "a fence more than there are buckets": lambda w: w["predicate"].update(
        fences={"ours": 1 + fences(w, 0)["ours"], "unknown": 0}
    ),
    "a fence less": lambda w: w["predicate"].update(
        fences={"ours": 0, "unknown": fences(w, 0)["ours"] - 1}
    ),
    "fences of nobody": lambda w: w["predicate"].update(fences={"ours": fences(w, 0)["ours"]}),
    "another container": planned("datasets", 0, "source", container="x"),
    "another source prefix": put("datasets", 1, "source", prefix="x"),
    "a folder's prefix": put("datasets", 2, "source", prefix="x"),
    "no place at the source": drop(*PLAN, "datasets", 2, "source", "path"),
    "another target prefix": planned("datasets", 0, "target", prefix="x/"),
    "another batch": put("datasets", 0, batch="imaging"),
    "one endpoint": lambda w: w["predicate"]["endpoints"].pop(),
    "three endpoints": lambda w: w["predicate"]["endpoints"].append(
        w["predicate"]["endpoints"][1]
    ),
    "endpoints exchanged": lambda w: w["predicate"]["endpoints"].reverse(),
    "two sources": put("endpoints", 1, side="source"),
    "another kind": put("endpoints", 0, kind="folder"),
    "a region of the source": put("endpoints", 0, region="r"),
    "another account": put("endpoints", 0, url="https://x.example"),
    "another provider": put("endpoints", 1, kind="x"),
    "another region": both(put("endpoints", 1, region="x"), put("capabilities", region="x")),
    "no region in the plan": planned("target", region=None),
    "another address": both(
        put("endpoints", 1, url="https://x"), put("capabilities", endpoint="https://x")
    ),
    "a local address that the plan does not name": both(
        planned("target", endpoint=None),
        put("endpoints", 1, url="http://localhost", local=True),
        put("capabilities", endpoint="http://localhost"), put(attestation=None),
    ),
    "another seal": put("seal", format="none"),
    "a seal that there is not": both(put("seal", format="x"), planned("seal", format="x")),
    "a recipient less": lambda w: w["predicate"]["seal"]["recipients"].pop(),
    "a recipient more in the plan": lambda w: w["predicate"]["plan"]["canonical"]["seal"][
        "recipients"
    ].append("z"),
    "a recipient that is none": put("seal", recipients=["c4gh:" + "1" * 16, "x"]),
    "a recipient in upper case": put(
        "seal", recipients=["c4gh:" + "1" * 16, "c4gh:" + "A" * 16]
    ),
    "a recipient twice": put("seal", recipients=["c4gh:" + "1" * 16] * 2),
    "another level": put("verification", level="head"),
    "another level of the plan": planned("verify", level="head"),
    "a digest less": put("verification", sha256_taken_in_transfer=1),
    "a digest more": put("verification", sha256_taken_in_verify=4),
    "written before it ended": put("times", written=hour(17)),
    "another profile": put("profile", name="x"),
    "a profile of no name": drop("predicate", "profile", "name"),
    "another attestation": put("attestation", reference={"a": 2}),
    "no reference": drop("predicate", "attestation", "reference"),
    "an attestation that the plan has not": planned("target", attestation=None),
    "an attestation of nothing": both(
        planned("target", attestation=None), put("attestation", reference=None)
    ),
    "an attestation of a local target": both(
        planned("target", endpoint="http://[::1]"),
        put("endpoints", 1, url="http://[::1]", local=True),
        put("capabilities", endpoint="http://[::1]"),
    ),
    "capabilities of another address": put("capabilities", endpoint="x"),
    "capabilities of another region": put("capabilities", region="x"),
    "capabilities of no region": drop("predicate", "capabilities", "region"),
    "a waiver that the plan has not": planned(waivers=None),
    "a waiver that has ended": lambda w: w["predicate"]["waivers"][0].update(until="2026-03-01"),
    "a waiver of no end": lambda w: w["predicate"]["waivers"][0].pop("until"),
    "a waiver until 2026": lambda w: w["predicate"]["waivers"][0].update(until="2026"),
    "losses of none": put("losses", 0, objects=0),
    "losses of more": put("losses", 0, objects=4),
    "losses of no dataset": put("losses", 0, dataset="x"),
    "losses twice": lambda w: w["predicate"]["losses"].append(w["predicate"]["losses"][0]),
    "a cutover of no batch": put("cutovers", 0, batch="x"),
    "another track": put("cutovers", 0, track="x"),
    "a cutover twice": lambda w: w["predicate"]["cutovers"].append(w["predicate"]["cutovers"][0]),
    "no cutover": put(cutovers=[]),
    "a cutover more": lambda w: w["predicate"]["cutovers"].append(
        {"batch": "pilot", "track": "rehearsal", "times": {}}
    ),
    "cutover times of others": put("cutovers", 0, times={"done": hour(15)}),
    "the first time of a cutover": put(
        "cutovers", 0, times={"frozen": hour(13), "done": hour(14)}
    ),
    "no cutover times": drop("predicate", "cutovers", 0, "times"),
    "no waivers by the plan's empty list": both(put(waivers=[{}]), planned(waivers=[])),
}  # fmt: skip


def test_a_statement_beside_its_plan_is_judged_alike(desk: Desk) -> None:
    assert judged(desk, world(), GOOD_BESIDE_THE_PLAN) == [*GOOD_BESIDE_THE_PLAN]
    assert judged(desk, world(), BAD_BESIDE_THE_PLAN) == []


# --- 7.5 and 7.6 ----------------------------------------------------------------------------------


def ruled(**values: Any) -> Change:
    return planned("datasets", 0, **values)


def excluded_by(glob: str, reason: str = "scratch") -> Change:
    """Exclude by this glob, and say so on the lines that the old glob left behind."""
    said = {"rule": f"exclude {glob}", "reason": reason}
    return both(
        ruled(exclude=[{"glob": glob, "reason": reason}]),
        line(0, "exclusions.jsonl", **said),
        line(1, "exclusions.jsonl", **said),
    )


def unsealed(made: World) -> None:
    """Change to the format `none`: the same bytes at the target, without suffix and recipients."""
    made["predicate"]["seal"] = {"format": "none", "recipients": []}
    made["predicate"]["plan"]["canonical"]["seal"] = {"format": "none", "recipients": None}
    for one in made["manifest.jsonl"]:
        one["target_key"] = one["target_key"].removesuffix(".c4gh")
        if "target_key_b64" in one:
            one["target_key_b64"] = base64.b64encode(b"scans/z\xff").decode()
        if one["stored_size"] is not None:
            one.update(stored_size=one["size"], stored_sha256=one["sha256"])


def at_level(level: str, **known: Any) -> Change:
    def edit(made: World) -> None:
        made["predicate"]["verification"]["level"] = level
        made["predicate"]["plan"]["canonical"]["verify"]["level"] = level
        for one in made["manifest.jsonl"]:
            if one["verdict"] == "match":
                one.update(level=level, **known)
        if known.get("sha256", "") is None:
            taken = dict.fromkeys(("sha256_taken_in_transfer", "sha256_taken_in_verify"), 0)
            made["predicate"]["verification"].update(taken)

    return edit


GLOBS_THAT_MATCH = (
    "**/_t/?", "_t/*", "_t/**", "*/?", "**_t**", "?t/*", "_t**/**", "*_t/***",
    "**/**/_t/?",
)  # fmt: skip
BAD_GLOBS = ("", "!x", "a\\b", "[a]", "{a}", "a]", "}", "x\\", 1, None, ["x"])
GOOD_LINES: dict[str, Change] = {
    "no format": unsealed,
    "a level of the stored bytes": at_level("stored", sha256=None),
    "a level of the head": at_level(
        "head", sha256=None, stored_size=None, stored_sha256=None
    ),
    "no moment of a failure": line(3, verified_at=None),
    "a failure at another level": line(3, level="head", stored_size=3, stored_sha256="22" * 32),
    "verified when it started": line(1, verified_at=hour(0)),
    "verified when it was written": line(1, verified_at=hour(30)),
    "another suffix": both(
        planned("seal", suffix=".x"),
        lambda w: [
            one.update(target_key=one["target_key"].replace(".c4gh", ".x")) or
            (one.get("target_key_b64") and one.update(
                target_key_b64=base64.b64encode(b"scans/z\xff.x").decode()))
            for one in w["manifest.jsonl"]
        ],
    ),
    "a glob that a surrogate is in": ruled(
        exclude=[{"glob": "\udcff", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
    "a byte as it is shown": planned(
        "datasets", 1, exclude=[{"glob": "z\\\\xff", "reason": "x"}]
    ),
    "a star that crosses no folder": ruled(
        exclude=[{"glob": "*y", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
    "an escaped star": ruled(
        exclude=[{"glob": "\\*", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
}  # fmt: skip
BAD_LINES: dict[str, Change] = {
    "another bucket": line(3, bucket="x"),
    "another target key": line(3, target_key="pmsi/x.c4gh"),
    "a target key with no suffix": line(3, target_key="pmsi/c"),
    "a target key with the source prefix": line(3, target_key="pmsi/in/c.c4gh"),
    "a suffix that the plan has not": planned("seal", suffix=""),
    "another level": line(1, level="stored"),
    "verified before the run": line(3, verified_at="2026-03-02T07:59:59.999Z"),
    "verified after it was written": line(3, verified_at="2026-03-02T08:00:30.0000001Z"),
    "a byte more is stored": line(2, stored_size=70_289),
    "a byte less is stored": line(2, stored_size=70_287),
    "the digest of nothing": line(2, sha256=NOTHING),
    "nothing with a digest": line(1, sha256="11" * 32),
    "nothing is stored": line(1, stored_sha256=NOTHING),
    "one digest before and after": line(2, stored_sha256="11" * 32),
    "two digests of one": both(unsealed, line(2, stored_sha256="22" * 32)),
    "something is stored of nothing": both(unsealed, line(1, stored_sha256="22" * 32)),
    "stored otherwise than it is": both(unsealed, line(2, stored_size=70_001)),
    "a reason that is not the plan's": line(0, "exclusions.jsonl", reason="x"),
    "a rule that is not the plan's": line(0, "exclusions.jsonl", rule="exclude x"),
    "a rule of no glob": line(0, "exclusions.jsonl", rule="x"),
    "not included though it is": line(
        0, "exclusions.jsonl", rule="not included",
        reason="it matches none of the dataset's `include` globs",
    ),
    "a directory with a size": line(
        0, "exclusions.jsonl", rule="directory", reason=DIRECTORY
    ),
    "a directory of another reason": line(2, "exclusions.jsonl", reason="x"),
    "a file that no rule leaves behind": line(
        2, "exclusions.jsonl", rule="exclude **/_t/**", reason="scratch"
    ),
    "a rule that leaves a line behind": ruled(
        exclude=[{"glob": "**/_t/**", "reason": "scratch"}, {"glob": "c", "reason": "x"}]
    ),
    "an include that leaves a line behind": ruled(include=["**/_t/**", "dir", "?x"]),
    "an earlier rule that matches": ruled(
        exclude=[{"glob": "**/y", "reason": "x"}, {"glob": "**/_t/**", "reason": "scratch"}]
    ),
    "no rule any more": ruled(exclude=[]),
    "another case": excluded_by("**/_T/**"),
    "a star for a folder": excluded_by("*"),
    "a question mark for a slash": excluded_by("_t??"),
    "a part of the name": excluded_by("_t"),
    "rules that are no list": ruled(exclude={"x": 1}),
    "a rule of no reason": ruled(exclude=[{"glob": "**/_t/**"}]),
}  # fmt: skip


def test_lines_beside_the_plan_are_judged_alike(desk: Desk) -> None:
    good = GOOD_LINES | {f"matching {glob}": excluded_by(glob) for glob in GLOBS_THAT_MATCH}
    assert judged(desk, world(), good) == [*good]
    bad = BAD_LINES | {
        f"the bad glob {glob!r}": planned("datasets", 2, exclude=[{"glob": glob, "reason": "x"}])
        for glob in BAD_GLOBS
    }
    bad |= {f"the bad include {glob!r}": planned("datasets", 2, include=["**", glob])
            for glob in BAD_GLOBS}  # fmt: skip
    assert judged(desk, world(), bad) == []


GLOB_NAMES = (b"", b"/", b"a", b"a/b", b"a/b/c", b"/a", b"a/", b"b", b"ab", b"\xff", b"a\xff/b",
              b"*", b"a\nb", b"\\", "é".encode(), "e\u0301".encode(), b"[", b"!a")  # fmt: skip
GLOBS = ("**/", "**", "*", "?", "a/**", "**/a", "**/b", "a/**/b", "*/*", "a**b", "***", "****",
         "**/?", "?/b", "\\*", "\\\\", "\\[", "\\!a", "a/**/**/b", "é", "**/**", "*/", "/**/",
         "a**/b", "**a", "/*")  # fmt: skip


def test_a_glob_means_the_same_to_both(desk: Desk) -> None:
    """Each glob beside each name, once as if it matched and once as if it did not."""

    def case(glob: str, name: bytes) -> Change:
        def edit(made: World) -> None:
            plan = made["predicate"]["plan"]["canonical"]
            plan["datasets"][1]["exclude"] = [{"glob": glob, "reason": "x"}]
            key = name.decode("utf-8", "backslashreplace")
            raw = key.encode() != name
            row = {**moved("scans", key, 1), "key": key}
            if raw:
                row["key_b64"] = base64.b64encode(name).decode()
                there = b"scans/" + name + b".c4gh"
                row["target_key_b64"] = base64.b64encode(there).decode()
            made["manifest.jsonl"][5:] = [row]
            made["journal.jsonl"][2][2] = inventory("scans", [row], [])
            changed = [event for event in made["journal.jsonl"] if event[0] == "inventory-changed"]
            made["journal.jsonl"].remove(changed[1])
            made["predicate"]["datasets"][1]["tally"]["inventoried"] = {"objects": 1, "bytes": 1}
            body(made, "verified", 0).update(ids=[1, 2, 9], datasets={"pmsi": 2, "scans": 1})
            made["predicate"]["paces"][1]["bins"] = [{"objects": 5, "bytes": 1}]
            made["predicate"]["verification"]["sha256_taken_in_verify"] = 2
            made["predicate"]["losses"][-1]["objects"] = 1

        return edit

    spots = [(glob, name) for glob in GLOBS for name in GLOB_NAMES if name]
    chosen = drawn(spots, 8 * DRAWS)
    taken = desk.agree(
        (f"{glob} {name!r}", laid(desk, world(), case(glob, name))) for glob, name in chosen
    )
    assert set(taken.values()) == {True, False}


def test_two_objects_at_one_place_are_refused_by_both(desk: Desk) -> None:
    def shared(made: World) -> None:
        row = moved("pmsi", "in/more/a", 9)
        made["manifest.jsonl"].insert(4, row)
        made["manifest.jsonl"].sort(key=lambda one: (one["dataset"], one["key"]))
        made["manifest.jsonl"].remove(next(o for o in made["manifest.jsonl"] if o["key"] == "in/d"))
        pmsi = [one for one in made["manifest.jsonl"] if one["dataset"] == "pmsi"]
        body(made, "inventoried", 3).update(inventory("pmsi", pmsi, made["exclusions.jsonl"]))
        body(made, "inventory-changed")["joined"] = [leaf(row).hex()]
        body(made, "verified", 1).update(ids=[8, 10], datasets={"more": 1, "pmsi": 1})
        made["predicate"]["paces"][1]["bins"][0]["objects"] = 7
        made["predicate"]["verification"]["sha256_taken_in_verify"] = 4

    def failed(made: World) -> None:
        made["manifest.jsonl"][0]["verdict"] = "missing"
        body(made, "verified", 1).update(ids=[10], datasets={"pmsi": 1})
        body(made, "failed").update(ids=[3, 4, 8], datasets={"pmsi": 2, "more": 1})
        made["predicate"]["paces"][1]["bins"][0]["objects"] = 6
        made["predicate"]["verification"]["sha256_taken_in_verify"] = 3
        del made["predicate"]["losses"][1]

    cases = {"both verified": shared, "one failed": both(shared, failed)}
    assert judged(desk, world(), cases) == ["one failed"]


# --- one broken rule each, named by what the second says ------------------------------------------


def host(**values: Any) -> Change:
    return put("attestation", **values)


def waiver(**values: Any) -> Change:
    return lambda w: w["predicate"]["waivers"][0].update(values)


TUNNEL = "http://127.0.0.1:9"
THROUGH = {"local": f"{TUNNEL}/", "leads_to": "https://s3.example//"}


def through(*tunnels: Any) -> Change:
    """Reach the target by a local address, and attest these tunnels."""
    return both(
        planned("target", endpoint=TUNNEL),
        put("endpoints", 1, url=TUNNEL, local=True, addresses=["127.0.0.1"]),
        put("capabilities", endpoint=TUNNEL),
        host(tunnels=list(tunnels)),
    )


def test_an_attestation_is_of_the_host_that_was_reached(desk: Desk) -> None:
    good: dict[str, Change] = {
        "another slash": host(endpoints=["https://s3.example"]),
        "a region that is no text beside it": host(regions=[1, None, "r"]),
        "a tunnel": through(THROUGH),
        "two tunnels to one place": through(THROUGH, {**THROUGH, "leads_to": "https://s3.example"}),
        "a tunnel elsewhere": through({"local": "x", "leads_to": "y"}, THROUGH, {"local": "z"}),
        "tunnels that nobody used": host(tunnels="x"),
        "no region": both(
            planned("target", region=None), put("endpoints", 1, region=None),
            put("capabilities", region=None), host(regions=[None]),
        ),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    rehearsed = both(
        through(THROUGH),
        planned("source", account_url="http://localhost"),
        put("endpoints", 0, url="http://localhost", local=True, addresses=["127.0.0.1"]),
        put(rehearsal=True),
    )
    tunnels = "attestation: no tunnel, or tunnels to several places"
    cases: dict[str, tuple[Change, str]] = {
        "another provider": (host(provider="x"), "attestation: provider"),
        "no provider": (drop("predicate", "attestation", "provider"), "attestation: provider"),
        "another region": (host(regions=["x"]), "attestation: region"),
        "no regions": (drop("predicate", "attestation", "regions"), "plan: regions"),
        "another address": (host(endpoints=["https://s3.example.org"]), "attestation: address"),
        "no address": (host(endpoints=[]), "attestation: address"),
        "no addresses": (drop("predicate", "attestation", "endpoints"), "plan: endpoints"),
        "an address that is no text": (
            host(endpoints=["https://s3.example", None]), "attestation: endpoints"
        ),
        "no tunnel": (through(), tunnels),
        "no tunnels": (both(through(), drop("predicate", "attestation", "tunnels")), "tunnels"),
        "a tunnel of another address": (through({**THROUGH, "local": "http://127.0.0.1"}), tunnels),
        "tunnels to two places": (through(THROUGH, {**THROUGH, "leads_to": "x"}), tunnels),
        "a tunnel to another host": (through({**THROUGH, "leads_to": "y"}), "attestation: address"),
        "a tunnel to nowhere": (through({"local": TUNNEL}), "plan: leads_to"),
        "a tunnel that is none": (through(THROUGH, 1), "plan: no object that has local"),
        "a tunnel from nowhere": (through(THROUGH, {"leads_to": "x"}), "plan: local"),
        "a rehearsal": (rehearsed, "attestation: of a rehearsal"),
    }  # fmt: skip
    refused(desk, world(), cases)


def test_a_waiver_says_all_and_was_in_force(desk: Desk) -> None:
    good: dict[str, Change] = {
        "made when it was written": waiver(made_at=hour(30)),
        "made 60 seconds later": waiver(made_at="2026-03-02T08:01:30.000Z"),
        "until the last day": waiver(until="2026-03-02"),
        "until a day that there is not": waiver(until="2026-99-99"),
        "by somebody whose name is no text": waiver(by="\udc80"),
    }
    assert judged(desk, world(), good) == [*good]
    cases = {
        f"{name} is {value!r}": (waiver(**{name: value}), f"waivers: {name}")
        for name, values in {
            **dict.fromkeys(("what", "reason", "by", "file"), ("", None, 1, ["x"])),
            "made_at": ("2026-03-02", None, "2026-03-02T08:00:00"),
            "until": ("2026-3-2", "2027", "\u0662026-03-02", None),
            "key_id": ("1" * 16, "ed25519:" + "A" * 16, "ed25519:" + "1" * 17, None),
            "sha256": ("AB" * 32, "ab" * 16, None),
        }.items()
        for value in values
    }
    cases |= {
        f"no {name}": (lambda w, name=name: w["predicate"]["waivers"][0].pop(name), "members")
        for name in ("what", "reason", "by", "file", "made_at", "until", "key_id", "sha256")
    }
    cases |= {
        "more": (waiver(more=1), "members"),
        "ended the day before": (waiver(until="2026-03-01"), "waivers: one has ended"),
        "made later": (waiver(made_at="2026-03-02T08:01:30.001Z"), "waivers: of later"),
        "made when there is no day": (waiver(made_at="2026-02-29T00:00:00Z"), "calendar"),
        "made in a leap second": (waiver(made_at="2026-01-01T00:00:60Z"), "calendar"),
    }
    refused(desk, world(), cases)


def test_losses_are_known_ones_and_the_time_of_change_is_always_lost(desk: Desk) -> None:
    lost = [("headers", "ledger"), ("tier", "ledger"), ("metadata", "ledger"), ("tags", "ledger")]
    good = {what: put("losses", 0, what=what, kept=kept) for what, kept in lost}
    assert judged(desk, world(), good) == [*good]
    known, modified = "losses: not a property, or kept elsewhere", "losses: modified"
    cases: dict[str, tuple[Change, str]] = {
        "of something else": (put("losses", 0, what="acl"), known),
        "kept elsewhere": (put("losses", 0, kept="manifest"), known),
        "modified in the ledger": (put("losses", 1, kept="ledger"), known),
        "no loss": (put(losses=[]), modified),
        "no modified of one": (lambda w: w["predicate"]["losses"].pop(), modified),
        "modified of some": (put("losses", 2, objects=2), modified),
    }
    refused(desk, world(), cases)


def test_times_are_of_the_calendar(desk: Desk) -> None:
    far = "2026-04-31T00:00:00Z"
    cases = {
        "written on a day that there is not": (put("times", written=far), "calendar"),
        "written in a leap second": (put("times", written="2026-12-31T23:59:60Z"), "calendar"),
        "written before there were years": (
            both(put("times", written="0000-03-02T08:00:30Z")), "calendar"
        ),
        "a pace of a day that there is not": (
            both(
                put("times", written="2026-05-01T00:00:00Z"), waiver(until="2027-01-01"),
                put("paces", 1, ended=far), lambda w: later(w, "verified", far),
            ), "calendar",
        ),
    }  # fmt: skip
    refused(desk, world(), cases)


def later(made: World, kind: str, when: str) -> None:
    """Let the last event of a kind, and all after it, be at this time."""
    events = made["journal.jsonl"]
    last = max(at for at, event in enumerate(events) if event[0] == kind)
    for event in events[last:]:
        event[1] = when
    made["predicate"]["times"]["ended"] = when


def test_lines_and_findings_beside_the_plan_are_judged_alike(desk: Desk) -> None:
    md5 = "source_md5 of nothing"
    folder: Change = both(
        planned("source", kind="folder"),
        put("endpoints", 0, kind="folder", url="folder:", local=True, addresses=[], requests=0,
            bytes_read=0, bytes_written=0),
        no_traffic_of("source"),
    )  # fmt: skip
    good: dict[str, Change] = {
        "an MD5 of nothing that is ignored": line(5, source_md5=NOTHING_MD5),
        "an MD5 of a failure": line(3, source_md5=NOTHING_MD5),
        "a folder without directories": both(
            folder, lambda w: rule_out(w, "exclude dir", "none"),
        ),
        "a finding of an exclusion": line(0, "findings.jsonl", key="in/dir"),
        "a finding of a dataset": both(
            line(1, "findings.jsonl", dataset="more"),
            lambda w: w["journal.jsonl"][9][2]["opened"][0].update(dataset="more"),
        ),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    cases: dict[str, tuple[Change, str]] = {
        "an MD5 of nothing": (line(2, source_md5=NOTHING_MD5), md5),
        "nothing with an MD5": (line(1, source_md5=MD5), md5),
        "an ignored MD5 that is null": (
            both(line(5, source_md5=NOTHING_MD5), planned("datasets", 1, ignore_md5=None)), md5
        ),
        "a directory of a folder": (folder, "a source without directories"),
        "a finding of no dataset": (
            both(
                line(1, "findings.jsonl", dataset="x"),
                lambda w: w["journal.jsonl"][9][2]["opened"][0].update(dataset="x"),
            ), "findings.jsonl line 2: dataset",
        ),
        "a finding of no object": (line(0, "findings.jsonl", key="in/x"), "of no object"),
        "a finding of another dataset's": (line(0, "findings.jsonl", key="x"), "of no object"),
        "a finding of later": (
            both(
                line(1, "findings.jsonl", at=hour(31)),
                lambda w: w["journal.jsonl"][9][2]["opened"][0].update(at=hour(31)),
            ), "findings.jsonl line 2: at",
        ),
    }  # fmt: skip
    cases |= {
        f"{name} of what waits": (line(4, **{name: value}), "known, and no verdict")
        for name, value in {
            "sha256": "11" * 32, "stored_size": 277, "stored_sha256": "22" * 32,
            "target_etag": "x", "level": "full", "verified_at": hour(9),
        }.items()
    }  # fmt: skip
    refused(desk, world(), cases)


def no_traffic_of(side: str) -> Change:
    def edit(made: World) -> None:
        for kind, _, what in made["journal.jsonl"]:
            if kind == "run-ended":
                what["traffic"] = [one for one in what["traffic"] if one["side"] != side]

    return edit


def rule_out(made: World, rule: str, reason: str) -> None:
    """Let a rule of the plan leave behind what was a directory."""
    glob = rule.removeprefix("exclude ")
    made["predicate"]["plan"]["canonical"]["datasets"][0]["exclude"].append(
        {"glob": glob, "reason": reason}
    )
    made["exclusions.jsonl"][2].update(rule=rule, reason=reason)


def test_an_address_with_half_a_number_is_refused_by_both(desk: Desk) -> None:
    def at(url: str, *, local: bool = False) -> Change:
        return both(
            planned("target", endpoint=url), put("endpoints", 1, url=url, local=local),
            put("capabilities", endpoint=url), host(endpoints=[url]),
        )  # fmt: skip

    good = {
        url: at(url) for url in ("https://1.example", "https://s3.example...", "https://8.8.8.8.")
    }
    assert judged(desk, world(), good) == [*good]
    hosts = ("127.1", "0x7f.1", "x.0x7f", "1", "127.0.0.01", "a.1..", "256.0.0.1", "1.2.3.4.5")
    cases = {host: (at(f"https://{host}"), "half an address") for host in hosts}
    cases |= {f"{host} here": (at(f"https://{host}", local=True), "half an address")
              for host in hosts}  # fmt: skip
    refused(desk, world(), cases)


# --- found by these two, where the first did not do what the document says ------------------------


def test_equal_is_equal_in_canonical_json(desk: Desk) -> None:
    cases: dict[str, Change] = {
        "an attestation of another type": put("attestation", reference={"a": 1.0}),
        "an attestation that is true": put("attestation", reference={"a": True}),
        "a waiver until an object": lambda w: w["predicate"]["waivers"][0].update(until={"x": 1}),
        "a waiver until a list": lambda w: w["predicate"]["waivers"][0].update(until=["x"]),
        "a waiver until a number": lambda w: w["predicate"]["waivers"][0].update(until=9),
    }
    assert judged(desk, world(), cases) == []


def test_a_byte_that_is_no_text_is_no_character_of_a_glob(desk: Desk) -> None:
    rules = [{"glob": "z\udcff", "reason": "x"}]
    cases = {"a lone surrogate": planned("datasets", 1, exclude=rules)}
    assert judged(desk, world(), cases) == ["a lone surrogate"]
