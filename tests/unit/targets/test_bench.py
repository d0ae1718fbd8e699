"""A probe's workbench: whatever a host says, what was written is removed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hdh_migrate.errors import Refused
from hdh_migrate.targets.probing.bench import Bench, Unclear
from hdh_migrate.targets.probing.prober import look
from hdh_migrate.transport import Reply
from tests.support.answers import Answer, Answers, endpoint, refusal, xml

NONSENSE = {
    "cut": xml("<ListMultipartUploadsResult><Upl"),
    "a date that is none": xml(
        "<ListVersionsResult><Version><Key>p/1</Key><LastModified>never</LastModified></Version>"
        "</ListVersionsResult>"
    ),
    "a number that is none": xml(
        "<ListBucketResult><Contents><Key>p/1</Key><Size>x</Size></Contents></ListBucketResult>"
    ),
    "an entry without a name": xml(
        "<ListVersionsResult><Version/><Upload/><Contents/></ListVersionsResult>"
    ),
    "denied": refusal("AccessDenied", 403),
}


def bench(answer: Answer) -> tuple[Bench, Answers, list[float]]:
    place, answers = endpoint(answer)
    waited: list[float] = []
    return Bench(place, "b", "p/", {}, wait=waited.append), answers, waited


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "waited"), [("²", 0.25), ("-1", 0.25), ("2", 2.0), ("9" * 5000, 0.25), ("86400", 30.0)]
)
def test_a_pause_that_a_host_asks_for_is_a_number_or_none(told: str, waited: float) -> None:
    replies = [refusal("SlowDown", 503, retry_after=told), xml("<ListBucketResult/>")]
    tried, _, waits = bench(lambda *_: replies.pop(0))

    assert tried.call("list_objects_v2").good
    assert waits == [waited]


@pytest.mark.parametrize("case", NONSENSE)
def test_what_was_written_is_removed_whatever_the_host_says_of_it(case: str) -> None:
    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if "uploads" in query and method == "POST":
            return xml("<R><UploadId>u</UploadId></R>")
        return xml("") if method == "PUT" else NONSENSE[case]

    tried, answers, _ = bench(answer)
    tried.put("p/1")
    tried.put("p/2")
    tried.begin("p/3")

    left = tried.clear()

    asked = {(method, path, "uploadId" in query) for method, path, query in answers.asked}
    assert ("DELETE", "/b/p/3", True) in asked
    assert {("DELETE", f"/b/p/{n}", False) for n in (1, 2)} <= asked
    assert left is None or left == 0


@pytest.mark.parametrize("reply", [xml("<a><b></a>"), xml("<a/>", 200, content_type="\x00")])
def test_a_reply_that_cannot_be_understood_is_unclear(reply: Reply) -> None:
    tried, _, _ = bench(lambda *_: reply)
    with pytest.raises(Unclear):
        tried.begin("p/1")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_where_a_default_retention_is_not_shown_nothing_is_written(status: int) -> None:
    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        return refusal("AccessDenied", status) if "object-lock" in query else xml("<a/>")

    tried, answers, _ = bench(answer)
    with pytest.raises(Refused, match="it is not shown whether"):
        look(tried)
    assert {method for method, _, _ in answers.asked} == {"GET"}
