"""A report says in spite of what a switch was made final, wherever it says that all is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.exports.crate import crate_metadata
from hdh_migrate.evidence.exports.junit import junit
from hdh_migrate.evidence.exports.markdown import markdown
from hdh_migrate.evidence.lines.facts import ObjectCounts
from hdh_migrate.evidence.lines.finals import (
    NONE_PASSED,
    FinalSwitch,
    FollowedSource,
    PlacedDataset,
    TakingRules,
)
from hdh_migrate.evidence.reading import read_bundle
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.model import Place
from tests.unit.evidence.builders import LOOK, bundle, dataset, facts, pending, record, signer
from tests.unit.evidence.passing import (
    CLEAN,
    ENDED_AT,
    LATE,
    LET_GO,
    UNLISTED,
    UNSAID,
    finalized,
    guarded,
    story,
)
from tests.unit.evidence.test_html import Page, written
from tests.unit.evidence.worlds import entry


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key") / "keys")


def pages(out: Path, key: Signer, one: dict[str, Any], **more: Any) -> dict[str, Page]:
    return written(out, [record("a")], signer=key, cutovers=[one], **more)


def summary(out: Path, language: str = "en") -> str:
    return markdown(read_bundle(out), language).decode().splitlines()[0]


def test_a_late_object_is_on_the_first_screen_and_to_be_decided_about(
    tmp_path: Path, key: Signer
) -> None:
    """The counts close and all is proven, of what the source held at the switch."""
    found = pages(tmp_path / "late", key, story(LATE))
    english, french = found["en"].plain, found["fr"].plain
    assert "Complete and intact" not in english
    assert "Complet et intact" not in french
    assert "Complete at the switch, not since" in english
    assert "in spite of 3 objects that arrived or changed at the source since" in english
    assert "Is it complete? Yes, of what the source held at the switch." in english
    assert (
        "Batch pilot: 3 objects arrived there or changed since the switch, and are counted"
        in english
    )
    assert "in spite of 3 objects new or changed at the source since the last listing" in english
    assert "Decide about 3 objects that arrived or changed at the source" in english
    assert "Command: hdh-migrate run PLAN --batch NAME" in english
    assert "3 objects were new or changed since the switch; those that were not moved" in english
    assert "no other batch listed this source since: nobody moved them" in english
    assert "La bascule a été rendue définitive malgré 3 objets arrivés ou modifiés" in french
    assert "malgré 3 objets nouveaux ou modifiés à la source depuis" in french
    assert summary(tmp_path / "late").startswith(
        "## complete at the switch, 3 objects arrived or changed at the source since"
    )


def followed(out: Path, key: Signer, said: dict[str, Any], moved: int, **late: Any) -> Page:
    """Write a bundle in which another batch has the same source, listed after the end."""
    records = [record("a"), *(record(f"z{one}", dataset="tardif") for one in range(moved))]
    changes: dict[str, Any] = {
        "name": "tardif", "batch": "rest", "inventoried": ObjectCounts(moved, moved * 1000), **late
    }  # fmt: skip
    about = facts(
        dataset(1), dataset(moved, **changes),
        cutovers=[story(said)],
    )  # fmt: skip
    bundle(out, records, about=about, signer=key, languages=("fr", "en"))
    return Page((out / "report.fr.html").read_text("utf-8"))


def test_what_another_batch_moved_of_the_same_source_ends_the_task(
    tmp_path: Path, key: Signer
) -> None:
    """The late objects are 3; what another batch listed and moved after the end is told."""
    page = followed(tmp_path / "all", key, LATE, 3).plain
    assert "Complet et intact" in page
    assert "pas depuis" not in page
    assert "Décider de 3" not in page
    assert "Oui. " in page
    assert (
        "la même source a été listée de nouveau le 2 mars 2026 à 10:15:00 UTC (lot rest) : 3 objets"
        in page
    )
    assert "malgré 3 objets nouveaux ou modifiés à la source" in page, "that was so"
    assert "pour le lot rest : 3 objets vérifiés sur la cible, 0 en attente" in page
    unknown = followed(tmp_path / "unlisted", key, UNLISTED, 1).plain
    assert "Complet et intact" in unknown
    assert "Chercher ce qui est arrivé" not in unknown


@pytest.mark.parametrize(
    "other",
    [
        {"source": Place(bucket="emc2", prefix="b/")},
        {"source": Place(bucket="elsewhere", prefix="")},
        {"closed": False},
    ],
    ids=str,
)
def test_what_another_place_or_half_a_listing_has_ends_nothing(
    tmp_path: Path, key: Signer, other: dict[str, Any]
) -> None:
    page = followed(tmp_path / "out", key, LATE, 3, **other).plain
    assert "Décider de 3" in page
    assert "Complet et intact" not in page


def rules(*include: str | dict[str, str], exclude: Sequence[dict[str, str]] = ()) -> TakingRules:
    return TakingRules.of({"source": {}, "include": include, "exclude": exclude})


SCRATCH, LATER = {"glob": "tmp/**", "reason": "r"}, {"modified_since": "2026-03-01"}


@pytest.mark.parametrize(
    ("other", "own", "takes"),
    [
        (rules(), rules(), True),
        (rules(), rules("*.csv"), True),
        (rules("*.csv"), rules("*.csv"), True),
        (rules("*.csv", "*.txt"), rules("*.csv"), True),
        (rules("*.csv"), rules("*.csv", "*.txt"), False),
        (rules("*.csv"), rules(), False),
        (rules(LATER), rules(), True),
        (rules("a", LATER), rules(), True),
        (rules({"modified_since": "2026-03-02"}), rules(), False),
        (rules({**LATER, "prefix": "a"}), rules(), False),
        (rules(exclude=[SCRATCH]), rules(), False),
        (rules(exclude=[SCRATCH]), rules(exclude=[{**SCRATCH, "reason": "another"}]), True),
        (rules(LATER, exclude=[SCRATCH]), rules(exclude=[SCRATCH]), True),
        (rules(exclude=[{"older_than": "1d"}]), rules(exclude=[{"older_than": "1d"}]), False),
        (rules({"tier": "Hot"}), rules({"tier": "Hot"}), False),
    ],
)
def test_whose_rules_surely_take_what_came_later(
    other: TakingRules, own: TakingRules, takes: bool
) -> None:
    assert other.take_after(own, day="2026-03-01") is takes


def test_a_source_that_was_listed_before_the_end_is_not_followed() -> None:
    own = PlacedDataset(
        name="pmsi", batch="pilot", place=("b", "p/"), closed=True, verified=9, left=0,
        excluded=0, listed="2026-03-01T00:00:00Z", rules=rules(),
    )  # fmt: skip
    after = "2026-03-02T09:00:01Z"
    other = replace(own, name="rest", batch="rest", verified=3, listed=after)
    late = FinalSwitch.of("pilot", ENDED_AT, LATE)

    def settled(*others: PlacedDataset) -> bool:
        since = FollowedSource.of("pilot", ENDED_AT, [own, *others])
        return replace(late, since=since).settled

    assert settled(other)
    assert settled(replace(other, batch="pilot")), "a later revision of the same batch"
    assert not settled()
    assert not settled(replace(other, listed=ENDED_AT))
    assert not settled(replace(other, listed=None))
    assert not settled(replace(other, left=1))
    dated = replace(other, excluded=9, rules=rules({"modified_since": "2026-03-01"}))
    assert settled(dated), "what is left behind is older"
    assert not settled(replace(dated, verified=2))
    tomorrow = rules({"modified_since": "2026-03-02"})
    assert not settled(replace(dated, rules=tomorrow)), "the first day is left out"
    assert settled(replace(dated, rules=tomorrow, excluded=0))
    assert not settled(replace(other, rules=TakingRules.of({"source": {"versions": {"as_of": 1}}})))
    assert not settled(replace(other, verified=2)), "one is gone from the source"
    second = replace(own, name="scans", place=("b", "s/"))
    assert not settled(other, second), "of one place of two"
    assert settled(other, second, replace(other, name="rest-2", place=("b", "s/")))


def test_a_source_that_was_not_listed_is_told_as_unknown(tmp_path: Path, key: Signer) -> None:
    found = pages(tmp_path / "out", key, story(UNLISTED))
    english = found["en"].plain
    assert "Complete at the switch; the source was not listed since" in english
    assert "Batch pilot: what arrived there since the switch is not known." in english
    assert "while the source could not be listed" in english
    assert "Find out what arrived at the source since the switch" in english
    assert "alors que la source ne pouvait pas être listée" in found["fr"].plain


def test_a_target_that_was_wanted_as_it_was_is_told(tmp_path: Path, key: Signer) -> None:
    english = pages(tmp_path / "out", key, story(LET_GO))["en"].plain
    assert "Complete when verified, not when the cutover was made final" in english
    assert "in spite of 2 verified objects that the target no longer held" in english
    assert "the target also held 4 objects that are not of this batch" in english
    assert "Is it complete? Yes. " in english, "of the source nothing is wrong"
    assert "09:00:00 UTC (cutover made final): the target no longer held 2 verified" in english
    assert "Yes, when it was verified." in english
    assert "objects missing or different at the target when a cutover was made final" in english
    assert "Have the target read again: 2 objects, verified before, were missing" in english
    assert "hdh-migrate verify PLAN --again --batch NAME" in english


def test_what_a_look_found_after_the_end_is_not_counted_as_more(
    tmp_path: Path, key: Signer
) -> None:
    """And the 72 hours run from when the switch was made final in spite of it."""
    look = {**LOOK, "at": "2026-03-02T10:00:00Z", "gone": 1, "replaced": 0, "unread": 0}
    made = written(
        tmp_path / "out", [record("a"), pending("b")], signer=key, cutovers=[story(LET_GO)],
        looks=[look],
    )["en"].plain  # fmt: skip
    assert "The same object may be counted here and above." in made
    assert "Have the target read again" not in made, "all of it was looked at since"
    assert "if the 72 hours run from when the cutover was made final although" in made


def test_other_forms_of_a_report_say_it_beside_complete_and_proven(
    tmp_path: Path, key: Signer
) -> None:
    """Programs and catalogues read these two words, and no page."""
    said = "3 objects new or changed at the source since the switch"
    for number, (one, there) in enumerate(((LATE, True), (CLEAN, False))):
        pages(tmp_path / str(number), key, story(one))
        reading = read_bundle(tmp_path / str(number))
        report = junit(reading, show_names=False).decode()
        assert (f'name="batch_final_in_spite_of" value="{said}"' in report) is there
        assert (f"; made final in spite of {said}" in crate_metadata(reading, [])) is there


def test_a_clean_end_is_told_as_one(tmp_path: Path, key: Signer) -> None:
    english = pages(tmp_path / "out", key, story(CLEAN))["en"].plain
    assert "Complete and intact" in english
    assert "right before, neither source nor target differed" in english
    assert "arrived or changed" not in english


def test_of_an_earlier_version_it_says_what_is_not_told(tmp_path: Path, key: Signer) -> None:
    """Its journal has the target's figures, and its statement had no place for them."""
    unsaid = pages(tmp_path / "a", key, story(UNSAID))["en"].plain
    assert "what source and target held then, this journal does not say" in unsaid
    known = pages(
        tmp_path / "b",
        key,
        story(UNSAID),
        months=[finalized(gone=1)],
    )["en"].plain
    assert "this journal does not say (an earlier version of the tool)" in known
    assert "in spite of 1 verified object that the target no longer held" in known
    assert "Complete and intact" not in known
    assert "made final in spite of" not in summary(tmp_path / "a")
    assert "complete when verified" in summary(tmp_path / "b")


def test_what_the_source_showed_later_ends_the_task(tmp_path: Path, key: Signer) -> None:
    gone = {"current": 0, "version": 0, "not_ours": 0, "until": None, "not_shown": []}
    for seen, there in ((gone, False), ({**gone, "not_ours": 3}, True)):
        one = story(LATE, decommission={**entry()["decommission"], "observed": seen})
        english = pages(tmp_path / str(there), key, one)["en"].plain
        assert ("Decide about 3 objects" in english) is there
        assert "Complete at the switch, not since" in english, "that was so, whatever came after"


@pytest.mark.parametrize(
    ("guard", "found", "said"),
    [
        ("conditional", {"guard_found": "conditional"}, "at the switch the host kept this"),
        ("conditional", {"guard_found": "checked"}, "did not show that it keeps this condition"),
        ("conditional", {"guard_found": None}, "nobody saw: the tool was stopped"),
        ("conditional", {}, "what the host showed at the switch, this journal does not say"),
        ("checked", {"guard_found": "checked"}, None),
    ],
)
def test_a_page_tells_which_guard_the_pointer_had(
    tmp_path: Path, key: Signer, guard: str, found: dict[str, Any], said: str | None
) -> None:
    english = pages(tmp_path / "out", key, guarded(found, guard))["en"].plain
    words = [
        "at the switch the host kept this", "did not show that it keeps this condition",
        "nobody saw: the tool was stopped", "what the host showed at the switch",
    ]  # fmt: skip
    assert [word for word in words if word in english] == (
        [] if said is None else [word for word in words if said.startswith(word[:20])]
    )


def test_a_switch_of_which_all_is_told_says_it() -> None:
    found = FinalSwitch.of("pilot", ENDED_AT, LATE)
    assert (found.late, found.unlisted, found.let_go, found.listed) == (3, False, 0, True)
    assert not FinalSwitch.of("pilot", ENDED_AT, CLEAN).undecided(None)


@pytest.mark.parametrize(
    ("look", "missed"),
    [
        (None, 2),
        ({"at": "2026-11-20T07:00:00Z", "objects": 9, "ended": True}, 2),
        ({"at": "2026-11-20T09:00:00Z", "objects": 5, "ended": True}, 2),
        ({"at": "2026-11-20T09:00:00Z", "objects": 9, "ended": False}, 2),
        ({"at": "2026-11-20T09:00:00Z", "objects": 9, "ended": True}, 0),
    ],
    ids=["never", "before", "a sample", "not ended", "all, later"],
)
def test_what_was_missing_at_the_end_is_open_until_all_was_looked_at(
    look: Any, missed: int
) -> None:
    final = replace(NONE_PASSED, at="2026-11-20T08:00:00Z", let_go=2)
    assert final.missed_since(look, 9) == missed
    assert NONE_PASSED.missed_since(look, 9) == 0
