"""A bundle as JUnit XML, as GitLab, Jenkins and GitHub's test reporters read it.

A batch is a test suite and a dataset a test case, never a single object: there are millions. A
dataset *fails* when objects in it failed, or were lost or replaced once they were verified; it
*errs* when it is unfinished (objects pending, inventory open, counts that do not close), and is
*skipped* when it has nothing to move. Objects are named by their line in manifest.jsonl; their
names are there only if they are asked for.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field

from hdh_migrate.codes import Code
from hdh_migrate.evidence.lines.finals import FinalSwitch, finals
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.page.gone import GONE, gone_of, told_apart
from hdh_migrate.evidence.reading import CheckedBundle
from hdh_migrate.evidence.verifier.members import BatchSection, DatasetSection
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import Verdict

LISTED = 100
"""Failed objects of a dataset that are listed one by one; all are counted."""

_GRAVEST = ("mismatch", "missing", "drifted", "unverifiable", "waived")


@mutable_row
class _Seen:
    """What the lines say of one dataset."""

    verdicts: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


def junit(reading: CheckedBundle, *, show_names: bool) -> bytes:
    """Return the document; it has no clock of its own, so equal bundles give equal bytes."""
    predicate = reading.predicate
    seen = _seen(reading, show_names=show_names)
    months = chronicle_of(reading.folder / "journal.jsonl")
    ended = list(finals(predicate, months.passed.finalized, months.listed))
    root = ET.Element("testsuites", name=visible(f"hdh-migrate {predicate['migration']}"))
    for batch in predicate["batches"]:
        suite = ET.SubElement(root, "testsuite", name=visible(batch["name"]))
        own = [one for one in ended if one.batch == batch["name"]]
        suite.append(_properties(reading, batch, own))
        for dataset in predicate["datasets"]:
            if dataset["batch"] == batch["name"]:
                suite.append(_case(reading, dataset, seen[dataset["name"]]))
        _count(suite, suite.iter("testcase"))
        # The schema's time has no zone; the property `written` has it (UTC).
        suite.set("timestamp", str(predicate["times"]["written"])[:19])
    _count(root, root.iter("testcase"))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _seen(reading: CheckedBundle, *, show_names: bool) -> dict[str, _Seen]:
    """Read manifest and findings once and count them by dataset."""
    seen = {dataset["name"]: _Seen() for dataset in reading.predicate["datasets"]}
    for number, record in reading.manifest():
        of, verdict = seen[record["dataset"]], record["verdict"]
        of.verdicts[verdict or "pending"] += 1
        if verdict == Verdict.MATCH:
            of.levels[str(record["level"])] += 1
        elif verdict and len(of.failed) < LISTED:
            name = f" {visible(record['key'])}" if show_names else ""
            of.failed.append(f"manifest.jsonl line {number}: {verdict}{name}")
    for _, finding in reading.findings():
        if finding["dataset"] in seen:
            seen[finding["dataset"]].codes[finding["code"]] += 1
    return seen


def _properties(
    reading: CheckedBundle, batch: BatchSection, ended: Iterable[FinalSwitch]
) -> ET.Element:
    predicate, outcome = reading.predicate, reading.predicate["outcome"]
    values = {
        "draft": reading.draft,
        "rehearsal": predicate["rehearsal"],
        "complete": outcome["complete"],
        "proven": outcome["proven"],
        "batch_complete": batch["complete"],
        "batch_proven": batch["proven"],
        "batch_merkle_root": batch["merkle_root"],
        "names": reading.names,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
        "merkle_root": predicate["manifest"]["merkle_root"],
        "records": predicate["manifest"]["records"],
        "statement_sha256": reading.statement_sha256,
        "signed_by": " ".join(reading.signed_by if reading.trusted else reading.claimed_by),
        "signatures_checked": reading.trusted,
        "signatures_not_checked": reading.unchecked,
        "findings": predicate["findings"]["total"],
        "written": predicate["times"]["written"],
        "tool_version": predicate["tool"]["version"],
    }
    if passed := [line for one in ended for line in one.passed]:
        values["batch_final_in_spite_of"] = "; ".join(passed)
    properties = ET.Element("properties")
    for name, value in values.items():
        text = str(value).lower() if isinstance(value, bool) else visible(str(value))
        ET.SubElement(properties, "property", name=name, value=text)
    return properties


def _case(reading: CheckedBundle, dataset: DatasetSection, seen: _Seen) -> ET.Element:
    predicate, tally = reading.predicate, dataset["tally"]
    apart = told_apart(tally, gone_of(predicate, dataset["name"]))
    objects = {state: sums["objects"] for state, sums in apart.items()}
    case = ET.Element(
        "testcase",
        classname=visible(f"{predicate['migration']}.{dataset['batch']}"),
        name=visible(dataset["name"]),
        time="0",
    )
    unfinished = [
        what
        for what, is_so in (
            (f"{_objects(objects['pending'])} pending", objects["pending"] > 0),
            ("the inventory is not closed", not dataset["closed"]),
            ("the counts do not close", not tally["closes"]),
        )
        if is_so
    ]
    grave = {
        "lost": objects["lost"],
        "replaced": seen.codes[Code.TARGET_REPLACED],
        **{kind: seen.verdicts[kind] for kind in _GRAVEST},
    }
    kinds = [kind for kind, count in grave.items() if count]
    if objects["failed"] and not any(kind in _GRAVEST for kind in kinds):
        kinds, grave["failed"] = [*kinds, "failed"], objects["failed"]
    if kinds:
        said = ", ".join(f"{grave[kind]} {kind}" for kind in kinds)
        outcome = ET.SubElement(case, "failure", type=kinds[0], message=said)
    elif unfinished:
        outcome = ET.SubElement(case, "error", type="unfinished", message="; ".join(unfinished))
    elif objects["inventoried"] == objects["excluded"] + objects["vanished"]:
        ET.SubElement(case, "skipped").text = "nothing to move"
        return case
    else:
        outcome = ET.SubElement(case, "system-out")
    outcome.text = "\n".join(_text_lines(objects, unfinished, seen))
    return case


def _text_lines(objects: Mapping[str, int], unfinished: list[str], seen: _Seen) -> list[str]:
    counts = {state: n for state, n in objects.items() if n or state not in GONE}
    lines = [", ".join(f"{count} {state}" for state, count in counts.items())]
    lines += unfinished
    if below := sum(count for level, count in seen.levels.items() if level != "full"):
        lines.append(f"{_objects(below)} not read back whole and unsealed: not proven")
    lines += [f"finding {visible(code)}: {count}" for code, count in sorted(seen.codes.items())]
    lines += seen.failed
    if (more := objects["failed"] - len(seen.failed)) > 0:
        lines.append(f"and {more} more that failed")
    return lines


def _objects(count: int) -> str:
    return f"{count} object" if count == 1 else f"{count} objects"


def _count(element: ET.Element, cases: Iterable[ET.Element]) -> None:
    """Set the numbers that CI systems show beside a suite."""
    outcomes = [{child.tag for child in case} for case in cases]
    element.set("tests", str(len(outcomes)))
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        if element.tag == "testsuite" or tag != "skipped":  # the schema has no sum of skipped ones
            element.set(attribute, str(sum(tag in outcome for outcome in outcomes)))
    element.set("time", "0")
