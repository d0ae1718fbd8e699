"""Finds what looks like a secret that someone pasted into a plan.

Credential fields take references only (`fields.Ref`); this is for everywhere else, comments
included. Every pattern stands for one kind of secret and takes time linear in the text; each has
a word that must occur before it is tried, so that an innocent text costs little.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

MAX_FOUND: Final = 100
MESSAGE: Final = (
    "this looks like a secret: take it out of the plan, treat it as leaked and renew it,"
    " and refer to the new one with env:NAME or file:PATH"
)

_BASE64 = "[A-Za-z0-9+/]"
_NAMED = r"\s{0,4}[:=]\s{0,4}[\"']?(?!env:|file:)[^\s\"'#]{8,}"
_PATTERNS: Final = tuple(
    (word, re.compile(pattern))
    for word, pattern in (
        ("sig=", r"sig=[A-Za-z0-9%+/=_-]{16,}"),  # the signature of an Azure SAS
        ("accountkey=", r"AccountKey=[^\s;&]{8,}"),
        ("sharedaccesssignature=", r"SharedAccessSignature=[^\s;&]{8,}"),
        ("x-amz-", r"X-Amz-(?:Signature|Security-Token)=[^\s;&]{8,}"),
        ("private key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"),
        ("akia", r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),  # the id of an AWS-style access key
        ("asia", r"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
        (
            "scw",
            r"SCW[A-Z0-9]{17}(?![A-Za-z0-9])",
        ),  # the id of another host's access key
        (".eyj", r"eyJ[A-Za-z0-9_-]{10,200}\.eyJ[A-Za-z0-9_-]{10}"),  # a JSON web token
        ("==", rf"(?<!{_BASE64}){_BASE64}{{86}}=="),  # an Azure storage account key
        ("://", r"://[^\s/:@]{0,200}:[^\s/@]{1,200}@"),  # user and password in a URL
        ("password", r"(?i:password)" + _NAMED),
        ("passwd", r"(?i:passwd)" + _NAMED),
        ("secret", r"(?i:secret[_-]?key)" + _NAMED),
        ("api", r"(?i:api[_-]?key)" + _NAMED),
    )
)

# Forty characters of base64: the secret half of an AWS-style key, or just a long word or path.
_FORTY: Final = re.compile(rf"(?<!{_BASE64}){_BASE64}{{40}}(?![A-Za-z0-9+/=])")
_CHANGES: Final = re.compile(
    "(?<=[a-z])(?![a-z])|(?<=[A-Z])(?![A-Z])|(?<=[0-9])(?![0-9])"  # one kind of character ends
)
_USERINFO: Final = re.compile(r"://[^\s/?#]*@")
_QUERY: Final = re.compile(r"([?#])\S+")
_RANDOM_CHANGES: Final = 16
"""Of 40 characters: 24 on average in a random key, few in what people write."""


def found_in(text: str) -> list[int]:
    """Return where in the text something looks like a secret, in order; MAX_FOUND of a kind."""
    small = text.lower()
    found = [
        match.start()
        for word, pattern in _PATTERNS
        if word in small
        for match in islice(pattern.finditer(text), MAX_FOUND)
    ]
    random = (m.start() for m in _FORTY.finditer(text) if _looks_random(m[0]))
    found.extend(islice(random, MAX_FOUND))
    return sorted(found)


def redacted(text: str) -> str:
    """Return a value as it may be shown: without a URL's user, query and fragment, or as `***`.

    For values that a plan does not hold, such as what a pointer was before.
    """
    plain = _QUERY.sub(r"\1***", _USERINFO.sub("://***@", text))
    return "***" if found_in(plain) else plain


def _looks_random(text: str) -> bool:
    if text.islower() or text.isupper() or text.isalpha():
        return False  # a digest in hexadecimal, or words
    return len(_CHANGES.findall(text)) >= _RANDOM_CHANGES
