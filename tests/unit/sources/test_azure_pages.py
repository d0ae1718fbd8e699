"""Every listing of the source ends, whatever markers the service gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest

from hdh_migrate.errors import AccessDenied, ListingBroken, StorageError
from hdh_migrate.model import Place, Untagged
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.azure_eraser import AzureEraser
from hdh_migrate.transport import Reply, Transport
from tests.support.answers import Answer, Answers, xml
from tests.unit.sources.test_azure_listing import entry, page

PLACE = Place(bucket="emc2", prefix="")
URL = "http://127.0.0.1:1/account"


def opened(kind: Callable[..., Any], answer: Answer) -> Any:
    transport = cast("Transport", Answers(answer))
    return kind(AzureAccount(URL, SasAuthorizer("sv=1&sig=abc"), transport))


def source(answer: Answer) -> AzureBlobSource:
    return cast("AzureBlobSource", opened(AzureBlobSource, answer))


def in_circles(method: str, path: str, query: Mapping[str, str]) -> Reply:
    following = {None: "A", "A": "B", "B": "A"}[query.get("marker")]
    return Reply(status=200, body=page(entry("a"), marker=following))


LISTINGS: dict[str, Callable[[], Iterator[object]]] = {
    "pages": lambda: source(in_circles).pages(PLACE),
    "pages from a marker": lambda: source(in_circles).pages(PLACE, marker="B"),
    "recount": lambda: source(in_circles).recount(PLACE),
    "remnants": lambda: opened(AzureEraser, in_circles).remnants(PLACE),
}


@pytest.mark.parametrize("which", LISTINGS)
def test_a_listing_that_goes_in_circles_ends(which: str) -> None:
    with pytest.raises(ListingBroken, match="repeats a listing page"):
        list(itertools.islice(LISTINGS[which](), 20))


@pytest.mark.parametrize("again", ["AuthorizationPermissionMismatch", "FeatureNotSupported"])
def test_a_refusal_of_tags_is_one_only_where_it_comes_twice_by_the_same_name(again: str) -> None:
    first = "AuthorizationPermissionMismatch"
    codes = [first, again]

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if "tags" not in query["include"]:
            return Reply(status=200, body=page(entry("a")))
        return Reply(status=403, headers={"x-ms-error-code": codes.pop(0)})

    listed = source(answer)
    if again == first:
        assert [one.objects[0].key for one in listed.pages(PLACE)] == ["a"]
        assert listed.untagged(PLACE) is Untagged.DENIED
    else:
        with pytest.raises(AccessDenied) as refused:
            list(listed.pages(PLACE))
        assert refused.value.code == again


def test_a_refusal_carries_the_services_own_name_for_it() -> None:
    with pytest.raises(StorageError) as refused:
        source(lambda *_: xml("<Error><Code>ServerBusy</Code></Error>", 503)).head(PLACE, "a")
    assert refused.value.code == "ServerBusy"
