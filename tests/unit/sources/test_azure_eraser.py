"""Deleting on accounts that keep what was deleted, or will not let it go, and what is said then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from hdh_migrate.errors import MigrateError, Missing, Permanent, Throttled
from hdh_migrate.model import Erasing, Place, Trace
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.azure_eraser import AzureEraser
from hdh_migrate.sources.azure_forms import deleted_paths
from tests.support.doors import loopback
from tests.support.strict_blob import CONTAINER, SAS, StrictBlob

PLACE = Place(bucket=CONTAINER, prefix="")


def eraser_of(server: StrictBlob) -> AzureEraser:
    return AzureEraser(AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url)))


def left(eraser: AzureEraser) -> Counter[tuple[str, Trace]]:
    return Counter((one.key, one.trace) for one in eraser.remnants(PLACE))


@pytest.mark.parametrize(
    ("keeps", "trace"), [("versions", Trace.VERSION), ("deleted", Trace.SOFT_DELETED)]
)
def test_what_the_account_keeps_of_a_deleted_blob_is_seen(keeps: str, trace: Trace) -> None:
    with StrictBlob() as server:
        server.keeps = keeps
        blob = server.put("p/k", b"data", properties={"RemainingRetentionDays": "7"})
        eraser = eraser_of(server)

        assert eraser.erase(PLACE, "p/k", blob.etag).outcome is Erasing.DELETED
        assert left(eraser) == {("p/k", trace): 1}
        assert eraser.unseen() == []
        assert eraser.erase(PLACE, "p/k", blob.etag).outcome is Erasing.MISSING


@pytest.mark.parametrize("apart", [True, False])
def test_deleted_paths_of_a_hierarchical_account_are_seen_once(*, apart: bool) -> None:
    """Where no other listing has them, too: a deletion that can be taken back is none yet."""
    with StrictBlob(hierarchical=True) as server:
        server.keeps, server.deleted_apart = "deleted", apart
        blob = server.put("p/k", b"data", properties={"RemainingRetentionDays": "7"})
        server.put("p/other", b"data")
        eraser = eraser_of(server)

        assert eraser.erase(PLACE, "p/k", blob.etag).outcome is Erasing.DELETED
        assert left(eraser) == {("p/k", Trace.SOFT_DELETED): 1, ("p/other", Trace.CURRENT): 1}
        assert [one.days for one in eraser.remnants(PLACE) if one.days] == [7]
        assert Trace.SOFT_DELETED not in eraser.unseen()


def test_an_account_that_takes_the_question_for_another_one_is_not_listed_once_more() -> None:
    """It gave every blob a third time: an inventory of 50,000 took a fifth longer."""
    with StrictBlob(hierarchical=True) as server:
        server.knows_showonly = False
        server.put("p/k", b"data")
        account = AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url))

        assert deleted_paths(account, PLACE) is None
        assert left(eraser_of(server)) == {("p/k", Trace.CURRENT): 1}
        server.blobs.clear()
        assert [*(deleted_paths(account, PLACE) or ())] == []


@pytest.mark.parametrize("hierarchical", [True, False])
def test_uncommitted_blobs_are_told_apart_in_whatever_order_names_come(
    *, hierarchical: bool
) -> None:
    """A directory's entries come before names that begin as it does and are no path in it."""
    names = ("a", "a/b", "a-b", "z\U0001f980", "z\uff5e")
    with StrictBlob(hierarchical=hierarchical) as server:
        for name in names:
            server.put(name, b"data")
        for name in ("a/x", "z\U0001f980x"):
            server.put(name, b"", "uncommittedblobs")

        found = left(eraser_of(server))

    assert found == {
        **{(one, Trace.CURRENT): 1 for one in names},
        ("a/x", Trace.UNCOMMITTED): 1, ("z\U0001f980x", Trace.UNCOMMITTED): 1,
    }  # fmt: skip


class OnlyAlone(StrictBlob):
    """Knows every form, and no two of them in one listing."""

    def listed(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        if "," in query.get("include", ""):
            return 400, "InvalidQueryParameterValue", b""
        return super().listed(query)


def test_forms_that_cannot_be_listed_together_are_listed_one_by_one() -> None:
    with OnlyAlone() as server:
        server.put("a", b"data")
        for form in ("snapshots", "versions", "deleted", "uncommittedblobs"):
            server.put("a", b"data" if form != "uncommittedblobs" else b"", form)

        assert left(eraser_of(server)) == {
            ("a", trace): 1
            for trace in (
                Trace.CURRENT, Trace.SNAPSHOT, Trace.VERSION, Trace.SOFT_DELETED, Trace.UNCOMMITTED,
            )
        }  # fmt: skip


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("BlobImmutableDueToPolicy", "an immutability policy holds it"),
        ("SomethingNew", "the service refuses (SomethingNew)"),
    ],
)
def test_what_the_service_holds_is_kept_and_said(held: str, told: str) -> None:
    with StrictBlob() as server:
        blob = server.put("k", b"data", held=held)
        leased = server.put("l", b"data", properties={"LeaseState": "leased"})
        eraser = eraser_of(server)

        found = eraser.erase(PLACE, "k", blob.etag)
        assert (found.outcome, found.detail) == (Erasing.KEPT, told)
        assert eraser.erase(PLACE, "l", leased.etag).detail == "it is leased"
        assert len(server.blobs) == 2


@pytest.mark.parametrize(
    ("method", "answer", "error"),
    [
        ("DELETE", (409, "ContainerBeingDeleted"), Permanent),
        ("DELETE", (404, "ContainerNotFound"), Missing),
        ("HEAD", (503, "ServerBusy"), Throttled),
        ("HEAD", (404, "ContainerNotFound"), Missing),
    ],
)
def test_what_is_said_of_the_container_is_said_of_no_blob(
    method: str, answer: tuple[int, str], error: type[MigrateError]
) -> None:
    """A container that is being deleted is gone with all that is in it; it keeps nothing."""
    with StrictBlob() as server:
        server.put("k", b"data")
        server.answers[method] = answer

        with pytest.raises(error):
            eraser_of(server).erase(PLACE, "k", "0xOTHER")
