"""The two verifiers agree on rules of 7.6: what a line shows of them, and the tool's own files."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.support.second_forms import canonical
from tests.support.second_story import leaf
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion import DRAWS
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    gone,
    hour,
    in_keyed_names,
    insert,
    inventory,
    judged,
    laid,
    line,
    manifest,
    planned,
    put,
    refused,
    world,
)
from tests.unit.evidence.worlds_again import C_WAS, B, C, listed_again

pytestmark = pytest.mark.slow

SCRATCH = {"glob": "**/_t/**", "reason": "scratch"}
BIG = {"glob": "_t/**", "larger_than": "8B", "reason": "big"}
COLD = {"tier": ["archive"], "reason": "cold"}
BIG_SAID = 'exclude {"glob":"_t/**","larger_than":"8B"}'
COLD_SAID = 'exclude {"tier":["archive"]}'
BEHIND, OTHER = "a rule leaves it behind", "not the rule that applies"
OWN = ".hdh-migrate-sidecar/x"
DIGEST = "sidecar:" + "11" * 32


def included(*rules: Any) -> Change:
    return planned("datasets", 0, include=[*rules])


def excluded(*rules: Any) -> Change:
    return planned("datasets", 0, exclude=[*rules])


def asked(**asks: Any) -> Change:
    """Let one rule more leave behind."""
    return excluded(SCRATCH, {**asks, "reason": "x"})


def by(rule: str, reason: str, number: int = 0) -> Change:
    """Let an exclusion be by this rule: the first is of 8 bytes, the second of 9."""
    return line(number, "exclusions.jsonl", rule=rule, reason=reason)


def not_included(what: str) -> Change:
    return by("not included", f"it matches none of the dataset's `include` {what}")


def undated(made: World) -> None:
    for one in made["manifest.jsonl"]:
        one["source_modified"] = None


# --- Rules ----------------------------------------------------------------------------------------

GOOD: dict[str, Change] = {
    # the key, and the size
    "a prefix of nothing here": asked(prefix="bb"),
    "a prefix as it is written": asked(prefix="*"),
    "not larger than the largest": asked(larger_than="70000B"),
    "by thousands": asked(larger_than="70KB"),
    "rounded down to as much": asked(larger_than="68.36KiB"),
    "many decimals": asked(larger_than="70000.99999B"),
    "a large number": asked(larger_than="123456789012345TiB"),
    "less than nothing": asked(smaller_than="0.9B"),
    # dates
    "before the day": asked(modified_before="2026-03-01"),
    "since the day after": asked(modified_since="2026-03-02"),
    "no date": both(undated, asked(modified_since="2026-03-01")),
    # what no line shows
    "older": asked(older_than="1d"),
    "newer": asked(newer_than="300000000s"),
    "tags": asked(tags={"a": "b", "c": ""}),
    "a tier": asked(tier=["archive"]),
    "types": asked(type=["append-blob", "object"]),
    "a list of keys": asked(keys_from="a", keys_sha256="ab" * 32),
    "all of the key, and what is not shown": asked(glob="**", tier=["archive"]),
    "nothing beside what is asked": asked(tier=["archive"], tags=None, glob=None),
    "a rule that may find nothing": asked(tier=["archive"], allow_unused=True),
    "a glob as long as may be": included("**" * 4096),
    "included by a mapping": included({"glob": "**", "allow_unused": False}),
    "included by one or the other": included("zz", {"smaller_than": "1TiB"}),
    "included by what is not shown": included({"tags": {"a": "b"}}),
    # which rule it is
    "a glob alone has its own name": excluded({**SCRATCH, "tier": None, "allow_unused": True}),
    "the first that takes it": both(excluded(BIG, SCRATCH), by(BIG_SAID, "big", 1)),
    "its name without what is null": both(
        excluded({**BIG, "tier": None, "allow_unused": True}, SCRATCH), by(BIG_SAID, "big", 1)
    ),
    "the first, where it may take it": both(excluded(COLD, SCRATCH), by(COLD_SAID, "cold")),
    "the second, where the first may not": excluded(COLD, SCRATCH),
    "by a date, which is not shown": both(
        excluded({"modified_since": "2027-01-01", "reason": "x"}, SCRATCH),
        by('exclude {"modified_since":"2027-01-01"}', "x"),
    ),
    "two that are one": excluded(SCRATCH, SCRATCH),
    "not included, by globs": both(included("?"), *(
        line(number, "exclusions.jsonl", rule="not included",
             reason="it matches none of the dataset's `include` globs") for number in (0, 1)
    )),
    "not included, where that is not shown": both(
        included({"tags": {"a": "b"}}), not_included("rules")
    ),
    "excluded, where that is not shown": included({"tags": {"a": "b"}}),
    "not included by a glob and a rule": both(
        included("?", {"prefix": "_t/z"}), not_included("rules")
    ),
}  # fmt: skip
BAD: dict[str, tuple[Change, str]] = {
    "a prefix of one": (asked(prefix="b"), BEHIND),
    "larger": (asked(larger_than="69.9KB"), BEHIND),
    "rounded down to less": (asked(larger_than="68.359KiB"), BEHIND),
    "smaller": (asked(smaller_than="1B"), BEHIND),
    "before the day after": (asked(modified_before="2026-03-02"), BEHIND),
    "since the day": (asked(modified_since="2026-03-01"), BEHIND),
    "all that is asked": (asked(prefix="b", larger_than="1KB"), BEHIND),
    "no rule of include": (included({"prefix": "b"}), BEHIND),
    "no rule, shown or not": (included({"prefix": "b", "tier": ["archive"]}), BEHIND),
    # which rule it is
    "the second, though the first takes it": (excluded(BIG, SCRATCH), OTHER),
    "the first, which does not": (
        both(excluded(BIG, SCRATCH), by(BIG_SAID, "big", 1), by(BIG_SAID, "big")),
        OTHER,
    ),
    "what is null in its name": (
        both(
            excluded({**COLD, "tags": None}, SCRATCH),
            by('exclude {"tags":null,"tier":["archive"]}', "cold"),
        ),
        OTHER,
    ),
    "a glob that is not all": (
        both(excluded({**COLD, "glob": "_t/*"}, SCRATCH), by("exclude _t/*", "cold")),
        OTHER,
    ),
    "another reason": (both(excluded(COLD, SCRATCH), by(COLD_SAID, "x")), OTHER),
    "one behind what surely takes it": (
        both(excluded(SCRATCH, COLD), by(COLD_SAID, "cold")),
        OTHER,
    ),
    "an exclusion that is not included": (included("?", {"prefix": "_t/y"}), OTHER),
    "not included, though it is": (
        both(included("?", {"prefix": "_t/"}), not_included("rules")),
        OTHER,
    ),
    "not included by globs, where rules are": (
        both(included("?", {"prefix": "_t/z"}), not_included("globs")),
        OTHER,
    ),
    "not included by rules, where globs are": (
        both(included("?", "_t/z"), not_included("rules")),
        OTHER,
    ),
    # forms
    "asking nothing": (excluded(SCRATCH, {"reason": "x"}), "a rule that asks nothing"),
    "asking for null": (asked(tier=None), "a rule that asks nothing"),
    "a glob that is longer": (included("**" * 4096 + "?"), "plan: a glob"),
    "no reason": (excluded(SCRATCH, {"tier": ["archive"]}), "plan: reason"),
    "another member": (asked(zz=1, tier=["archive"]), "a rule that asks for 'zz'"),
    "a size without a unit": (asked(larger_than="70000"), "plan: a size"),
    "a size that is a number": (asked(larger_than=70_000), "plan: a size"),
    "a size of another unit": (asked(larger_than="7PiB"), "plan: a size"),
    "a day with its hour": (asked(modified_since="2026-03-02T00:00:00Z"), "plan: a day"),
    "tags that are a list": (asked(tags=["a"]), "a rule's member"),
    "a tier that is a text": (asked(tier="archive"), "a rule's member"),
    "a prefix that is a list": (asked(prefix=["a"]), "plan: prefix"),
    "an include that is null": (included("**", None), "plan: include"),
    "an include that asks nothing": (included("**", {}), "a rule that asks nothing"),
}


def test_rules_are_judged_alike(desk: Desk) -> None:
    assert judged(desk, world(), GOOD) == [*GOOD]
    refused(desk, world(), BAD)


def test_of_keyed_names_rule_and_reason_are_one_of_the_datasets(desk: Desk) -> None:
    made = in_keyed_names(world())
    good: dict[str, Change] = {
        "whatever is asked of the lines": asked(prefix="b", larger_than="1B"),
        "any of the rules": both(excluded(COLD, SCRATCH), by(COLD_SAID, "cold", 1)),
        "not included": both(included({"prefix": "b"}), not_included("rules")),
    }
    bad = {
        "a rule of none": by(COLD_SAID, "cold"),
        "by globs, where rules are": both(included({"prefix": "b"}), not_included("globs")),
    }
    assert judged(desk, made, good) == [*good]
    refused(desk, made, {what: (change, "not a rule of the dataset") for what, change in
                         bad.items()})  # fmt: skip


ASKS: list[tuple[str, list[Any]]] = [
    ("glob", ["**", "?", "b", "_t/*", "**/y", "d*"]),
    ("prefix", ["_t/", "a", "b", "_t/z", "dir"]),
    ("larger_than", ["0B", "8B", "9B", "0.009KB", "68.359KiB", "1TiB"]),
    ("smaller_than", ["1B", "9B", "10B", "70.001KB", "1TiB"]),
    ("modified_before", ["2026-03-01", "2026-03-02"]),
    ("modified_since", ["2026-03-01", "2026-03-02"]),
    ("older_than", ["1d"]), ("tier", [["archive"]]), ("tags", [{"a": "b"}]),
]  # fmt: skip


def drawn_rules(draw: Random) -> Change:
    """Draw a dataset's rules, and by which of them its two exclusions are left behind."""

    def rule(**more: Any) -> Any:
        names = draw.sample(ASKS, draw.choice((1, 1, 2)))
        return {name: draw.choice(values) for name, values in names} | more

    behind = [rule(reason=draw.choice("xy")) for _ in range(draw.randrange(3))]
    behind.insert(draw.randrange(len(behind) + 1), SCRATCH)
    taken = [draw.choice((rule(), rule(), "**", "?", "_t/*"))
             for _ in range(draw.randrange(3))]  # fmt: skip
    if draw.random() < 0.5:
        taken.append("**")
    what = "globs" if all(isinstance(one, str) for one in taken) else "rules"
    said = [("not included", f"it matches none of the dataset's `include` {what}")]
    for one in behind:
        asks = {name: value for name, value in one.items() if name != "reason"}
        text = asks["glob"] if asks.keys() == {"glob"} else canonical(asks).decode()
        said.append((f"exclude {text}", one["reason"]))
    changes = [by(*draw.choice(said), number) for number in (0, 1)]
    more = [undated] if draw.random() < 0.5 else []
    return both(included(*taken), excluded(*behind), *changes, *more)


def test_rules_that_are_drawn_are_judged_alike(desk: Desk) -> None:
    draw = Random(76)
    cases = {f"draw {number}": drawn_rules(draw) for number in range(8 * (DRAWS or 400))}
    assert 0 < len(judged(desk, world(), cases)) < len(cases)


# --- The tool's own files -------------------------------------------------------------------------


def contracted(dataset: str, **ways: Any) -> Change:
    """Let the journal tell with which contract a dataset was closed."""
    told = {"dataset": dataset, "ways": {"directories": "sidecar", "overflow": "sidecar", **ways}}
    return insert(1, "fidelity-chosen", hour(0), **told)


def beside(
    key: str = OWN, version: str = DIGEST, contract_of: str | None = "more", **more: Any
) -> Change:
    """Let the one object of a dataset be a file beside it, and a dataset have a contract."""

    def edit(made: World) -> None:
        one = made["manifest.jsonl"][0]
        place = {"key": key, "target_key": f"pmsi/more/{key}.c4gh", "source_version": version}
        one.update(place, **more)
        body(made, "inventoried", 2).update(inventory("more", [one], []))
        if contract_of is not None:
            contracted(contract_of)(made)

    return edit


def ruled(**rules: Any) -> Change:
    return planned("datasets", 2, **rules)


ALL = {"exclude": [{"glob": "**", "reason": "x"}]}


def vanished(version: str) -> Change:
    """Let what vanished be a file beside its dataset."""

    def edit(made: World) -> None:
        was = leaf(B).hex()
        one = made["exclusions.jsonl"][0]
        one.update(key=OWN, source_version=version)
        now = leaf(one).hex()
        for _, _, what in made["journal.jsonl"]:
            pairs = what.get("changed_excluded", [])
            pairs[:] = [[now, now] if pair == [was, was] else pair for pair in pairs]
        a = manifest()[0]
        body(made, "inventoried", 2).update(inventory("more", [a, one, C_WAS], []))
        body(made, "inventoried", 4).update(inventory("more", [a, C], [one]))

    return edit


def test_files_beside_a_dataset_are_judged_alike(desk: Desk) -> None:
    good: dict[str, Change] = {
        "one": beside(),
        "a rule that takes all": both(beside(), ruled(**ALL)),
        "included are others": both(beside(), ruled(include=["zz"])),
        "a name that is not it": beside(OWN.removesuffix("/x"), "v"),
        "below a folder": beside("a/" + OWN, "v"),
        "its version at another name": beside("a"),
        "a keyed version at another name": beside("a", "sidecar:k:" + "11" * 32),
        "a name that is not it, without a contract": beside("a/" + OWN, "v", None),
        "whatever the contract says": both(
            beside(contract_of=None),
            contracted("more", directories="dropped", overflow="dropped"),
        ),
    }
    bad: dict[str, tuple[Change, str]] = {
        "another digest": (beside(version="sidecar:" + "12" * 32), "of another digest"),
        "another version": (beside(version="v"), "source_version of a sidecar"),
        "half a digest": (beside(version="sidecar:" + "11" * 31), "source_version of a sidecar"),
        "upper case": (beside(version="sidecar:" + "AB" * 32, sha256="ab" * 32),
                       "source_version of a sidecar"),
        "a keyed version": (beside(version="sidecar:k:" + "11" * 32),
                            "source_version of a sidecar"),
        "no contract": (beside(contract_of=None), "a sidecar without a contract"),
        "another dataset's contract": (
            beside(contract_of="pmsi"), "a sidecar without a contract"
        ),
        "a rule takes what is not it": (
            both(beside(OWN.removesuffix("/x"), "v"), ruled(**ALL)), BEHIND
        ),
        "a rule takes what is below a folder": (
            both(beside("a/" + OWN, "v"), ruled(**ALL)), BEHIND
        ),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    refused(desk, world(), bad)


def test_only_a_verified_file_beside_a_dataset_needs_a_contract(desk: Desk) -> None:
    unknown = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verdict")
    pending = both(
        beside(contract_of=None, verified_at=None, **dict.fromkeys(unknown)),
        gone("verified", 1),
        put("paces", 1, "bins", 0, objects=5),
        put("verification", sha256_taken_in_verify=2),
    )
    assert judged(desk, world(), {"pending": pending}) == ["pending"]


def test_of_keyed_names_nothing_is_compared_with_the_version_of_a_file_beside(desk: Desk) -> None:
    versions = ("sidecar:k:" + "12" * 32, "sidecar:k:zz", DIGEST, "sidecar:k:" + "11" * 32)
    good = {version: line(0, source_version=version) for version in versions}
    assert judged(desk, in_keyed_names(world()), good) == [*good]


def test_a_file_beside_a_dataset_that_vanished_is_judged_alike(desk: Desk) -> None:
    good: dict[str, Change] = {"gone": vanished(DIGEST)}
    assert judged(desk, listed_again(), good) == [*good]


# --- Losses ---------------------------------------------------------------------------------------


def test_losses_are_judged_alike(desk: Desk) -> None:
    def lost(what: str, kept: str) -> Change:
        return put("losses", 0, what=what, kept=kept)

    whats = ("metadata", "tags", "headers", "dates", "tier", "type", "pages", "owner", "encryption",
             "immutability", "lease", "other")  # fmt: skip
    good = {f"{what} ledger": lost(what, "ledger") for what in whats} | {
        f"{what} sidecar": both(lost(what, "sidecar"), contracted("pmsi", **{what: "sidecar"}))
        for what in whats
    }
    assert judged(desk, world(), good) == [*good]
    wrong = [*((what, "manifest") for what in whats), ("directories", "sidecar")]
    wrong += [("overflow", "sidecar"), ("x", "ledger")]
    refused(desk, world(), {
        f"{what} {kept}": (lost(what, kept), "losses: not a property") for what, kept in wrong
    })  # fmt: skip
    told = {
        what: {
            "no contract": lost(what, "sidecar"),
            "another dataset's": both(
                lost(what, "sidecar"), contracted("scans", **{what: "sidecar"})
            ),
            "dropped": both(lost(what, "sidecar"), contracted("pmsi", **{what: "dropped"})),
            "not dropped": both(lost(what, "ledger"), contracted("pmsi", **{what: "sidecar"})),
        }
        for what in whats
    }
    for made in (world(), in_keyed_names(world())):
        refused(desk, made, {
            f"{what}: {which}": (change, f"no contract by which {what}")
            for what, changes in told.items() for which, change in changes.items()
        })  # fmt: skip


# --- What the second holds more strictly ----------------------------------------------------------

STRICTER: dict[str, tuple[Change, str]] = {
    "a reason that is null": (excluded(SCRATCH, {**COLD, "reason": None}), "plan: reason"),
    "a reason of what is included": (
        included({"glob": "**", "reason": "x"}),
        "a rule that asks for 'reason'",
    ),
    "a list without its digest": (asked(keys_from="a"), "a list without its digest"),
    "a digest without its list": (asked(keys_sha256="ab" * 32), "a list without its digest"),
    "a digest that is none": (asked(keys_from="a", keys_sha256="ab"), "a rule's member"),
    "a path that is empty": (asked(keys_from="", keys_sha256="ab" * 32), "a rule's member"),
    "an age in weeks": (asked(older_than="1w"), "a rule's member"),
    "half a day": (asked(newer_than="1.5d"), "a rule's member"),
    "a tag that is a number": (asked(tags={"a": 1}), "a rule's member"),
    "a tier that is a number": (asked(tier=[1]), "a rule's member"),
    "a tier that is empty": (asked(tier=[""]), "a rule's member"),
    "a prefix that has no UTF-8": (asked(prefix="\ud800"), "plan: prefix"),
    "a day of no calendar": (asked(modified_since="2026-13-01"), "a day that no calendar has"),
    "1 for true": (asked(tier=["archive"], allow_unused=1), "plan: allow_unused"),
}


@pytest.mark.parametrize("what", STRICTER)
def test_both_refuse_what_is_no_rule(desk: Desk, what: str) -> None:
    change, words = STRICTER[what]
    ours, other = desk.judge(laid(desk, world(), change))
    assert ours
    assert any(words in one for one in other), other


OF_VANISHED: dict[str, tuple[Change, str]] = {
    "of a version that is none": (vanished("v"), "source_version of a sidecar"),
    "of half a digest": (vanished("sidecar:11"), "source_version of a sidecar"),
    "left behind by a rule": (
        both(vanished(DIGEST), by("exclude .hdh*/**", "x"),
             ruled(exclude=[{"glob": ".hdh*/**", "reason": "x"}])), "a sidecar is left behind"
    ),
    "not included": (
        both(vanished(DIGEST), not_included("globs"), ruled(include=["a", "c"])),
        "a sidecar is left behind",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OF_VANISHED)
def test_both_refuse_what_no_file_beside_a_dataset_is(desk: Desk, what: str) -> None:
    change, words = OF_VANISHED[what]
    ours, other = desk.judge(laid(desk, listed_again(), change))
    assert ours
    assert any(words in one for one in other), other
