"""What a trial of rules says, before any run."""

from __future__ import annotations

from hdh_migrate.model import Listed, ObjectInfo, State
from hdh_migrate.model.naming import version_key
from hdh_migrate.pipeline.rules.ruling import KeyList, Rule, compile_rules
from hdh_migrate.pipeline.rules.tried import RuleTrial


def listed(obj: ObjectInfo) -> Listed:
    return Listed(obj=obj, state=State.LISTED, reason=None, parts=0, fold=None)


def test_rules_are_tried_on_names_whichever_version_is_listed() -> None:
    """Of a dataset with all versions no glob and no list of keys matched anything."""
    keys = KeyList(lambda: [(1, b"p/a.csv"), (2, b"p/b.csv")])
    by_list = Rule(tests=(lambda _, obj: keys.find(b"p/a.csv") is not None,), keys=keys)
    trial = RuleTrial(rules=compile_rules(("*.csv",), (by_list,), fold=True), prefix="p/")
    one = ObjectInfo(key=version_key("p/a.csv", "current"), size=1, version="v")

    trial.take([one], listed)

    assert trial.matched["include[0]"] == 1
    assert set(trial.decided) == {"exclude[0]"}
    assert trial.lacking("exclude[0]") == 1
