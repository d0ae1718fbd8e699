"""A signature is the one that botocore makes of the same request at the same moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.transport import SigV4
from hdh_migrate.transport.signing import PAYLOAD, SigV4Signer, host_of

NOW = datetime(2026, 11, 27, 9, 1, 1, tzinfo=UTC)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
NAMES = st.from_regex(r"(x-amz-meta-|X-Amz-|content-|if-)[a-z0-9]{1,8}", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(
    lambda text: quote(text, safe="-_.~")
)
QUERIES = st.lists(st.tuples(WORDS, WORDS), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs if name)
)
CREDENTIALS = st.builds(
    SigV4,
    region=st.sampled_from(["fr-par", "us-east-1"]),
    access_key=st.just("an-id"),
    secret_key=VALUES,
    token=st.none() | st.from_regex(r"[!-~]{1,20}", fullmatch=True),
)


def botocores(method: str, url: str, headers: dict[str, str], sign: SigV4) -> str:
    """Return what botocore signs the same request with, at the same moment."""
    asked: Any = AWSRequest(method=method, url=url, headers=headers)
    asked.context["timestamp"] = NOW.strftime("%Y%m%dT%H%M%SZ")
    made = S3SigV4Auth(Credentials(sign.access_key, sign.secret_key), "s3", sign.region)
    text = made.string_to_sign(asked, made.canonical_request(asked))
    names = made.signed_headers(made.headers_to_sign(asked))
    return (
        f"AWS4-HMAC-SHA256 Credential={made.scope(asked)}, SignedHeaders={names},"
        f" Signature={made.signature(text, asked)}"
    )


@given(
    st.sampled_from(["GET", "PUT", "HEAD"]),
    st.sampled_from(["http://127.0.0.1:9000", "https://s3.example.org", "https://s3.example:443"]),
    WORDS,
    QUERIES,
    st.dictionaries(NAMES.map(str.lower), VALUES, max_size=4),
    CREDENTIALS,
)
@example("PUT", "http://h:1", "k", "uploads=&a-=1&a=2", {"x-amz-meta-a": " b  c "}, SigV4(
    region="r", access_key="a", secret_key="s"))  # fmt: skip
def test_a_request_is_signed_as_botocore_signs_it(
    method: str, origin: str, key: str, query: str, headers: dict[str, str], sign: SigV4
) -> None:
    scheme, _, netloc = origin.partition("://")
    target = f"/bucket/{key}" + (f"?{query}" if query else "")
    signer = SigV4Signer(sign, now=NOW.timestamp)

    made = signer.signed(method, host_of(scheme, netloc), target, {PAYLOAD: EMPTY, **headers})

    signature = made.pop("Authorization")
    assert signature == botocores(method, f"{origin}{target}", made, sign)
    assert {PAYLOAD, *headers} <= made.keys()


def test_a_day_has_a_key_of_its_own() -> None:
    moments = iter((NOW.timestamp(), NOW.timestamp() + 86_400, NOW.timestamp()))
    signer = SigV4Signer(
        SigV4(region="r", access_key="a", secret_key="s"), now=lambda: next(moments)
    )

    first, second, third = (
        signer.signed("GET", "h", "/", {PAYLOAD: EMPTY})["Authorization"] for _ in range(3)
    )

    assert first == third != second
    assert "20261128" in second
