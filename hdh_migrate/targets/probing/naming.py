"""Names and labels: which keys come back as they went, how long they may be, metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hdh_migrate.targets.probing.bench import Bench, Unclear
from hdh_migrate.targets.probing.record import Observation, seen, unknown

SAMPLES: Mapping[str, str] = {
    "spaces": "a b  c",
    "percent": "100%25%2F",
    "plus": "a+b",
    "markup": "<a>&'\"",
    "punctuation": "a#?;:@=,$!()*[]{}|^~`",
    "backslash": "a\\b",
    "latin": "\u00e9tude",
    "decomposed": "e\u0301tude",
    "emoji": "\U0001fa7a",
    "double-slash": "a//b",
    "trailing-slash": "a/",
    "trailing-dot": "a.",
    "trailing-space": "a ",
    "upper-case": "Etude",
    "control": "a\x01b",
}
"""Kinds of keys; those beyond ASCII decide the charset."""

_BEYOND_ASCII = ("latin", "decomposed", "emoji")
_SEGMENT = 100
_METADATA_NAME = "note"


def charset(bench: Bench) -> Iterator[Observation]:
    """Write a key of each kind and see whether HEAD and the listing give it back as it was."""
    outcome: dict[str, str] = {}
    for kind, sample in SAMPLES.items():
        outcome[kind] = _fate(bench, bench.key(sample))
    exact = [kind for kind, fate in outcome.items() if fate == "exact"]
    how = "; ".join(f"{kind}: {fate}" for kind, fate in outcome.items() if fate != "exact")
    how = f"written, asked for and listed; {how or 'all came back as they were'}"
    yield seen("keys_exact", exact, how)
    beyond = [kind for kind in _BEYOND_ASCII if kind in exact]
    yield seen("key_charset", "utf-8" if len(beyond) == len(_BEYOND_ASCII) else "ascii", how)


def _fate(bench: Bench, key: str) -> str:
    try:
        put = bench.put(key)
        if not put.took():
            return f"refused ({put})"
        if not bench.head(key).good:
            return "written, but not found again"
        folder = key[: len(bench.prefix) + 4]
        listed = bench.call("list_objects_v2", Prefix=folder)
        names = [str(one["Key"]) for one in listed.data.get("Contents", ())]
    except Unclear as error:
        return f"unclear ({error})"
    if names == [key]:
        return "exact"
    return "listed under another name" if names else "not listed"


def folding(bench: Bench) -> Iterator[Observation]:
    """Ask for keys that differ from a written one in Unicode form, or in case."""
    for name, written, asked in (
        ("keys_normalised", "\u00e9", "e\u0301"),
        ("keys_case_folded", "Case", "case"),
    ):
        folder = bench.key("")
        put = bench.put(folder + written)
        if not put.took():
            yield unknown(name, f"the key was refused: {put}")
            continue
        other = bench.head(folder + asked)
        found = other.took() and other.good
        yield seen(name, found, f"a HEAD for the other spelling of a written key: {other}")


def length(bench: Bench) -> Iterator[Observation]:
    """Find the longest key, in short segments, then the longest single segment."""
    claimed = int(bench.claims["max_key"])

    def takes(size: int) -> bool:
        return _written(bench, _long(bench.key(""), size))

    least = len(bench.key("")) + 1
    longest = largest(takes, least, claimed)
    if longest is None:
        raise Unclear("not even a short key was taken")
    if longest >= claimed and takes(claimed + 1):
        how = f"a key of {claimed + 1} bytes was taken; longer ones were not tried"
        yield seen("max_key", claimed + 1, how)
        yield unknown("key_length_counts", "the longest key was not found")
    else:
        yield seen("max_key", longest, f"keys of {longest} bytes taken, of {longest + 1} not")
        wide = _long(bench.key(""), longest - 2)[:-1] + "\u00e9\u00e9"
        # As many characters as were taken, in more bytes.
        counts = "characters" if _written(bench, wide) else "bytes"
        yield seen("key_length_counts", counts, "a key of as many characters, in more bytes")

    def one_segment(size: int) -> bool:
        return _written(bench, bench.key("s" * size))

    room = min(longest, claimed) - len(bench.key(""))
    segment = largest(one_segment, 1, room)
    how = f"segments (between slashes) of {segment} bytes taken"
    more = "" if segment == room else f", of {(segment or 0) + 1} not"
    yield seen("max_key_segment", None if segment == room else segment, how + more)


def _written(bench: Bench, key: str) -> bool:
    """Return whether a key was taken and is there; an error of the host's own counts as a no."""
    put = bench.put(key)
    return (put.status == 500 or put.took()) and bench.head(key).good


def _long(start: str, size: int) -> str:
    """Return a key of exactly `size` ASCII characters in segments of at most a hundred."""
    key = start
    while len(key) < size:
        left = size - len(key)
        key += "k" * min(left, _SEGMENT) + ("/" if left > _SEGMENT + 1 else "")
    return key[:size]


def largest(takes: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the largest size that is taken, by halves; None when even the smallest is not."""
    if takes(high):
        return high
    if not takes(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) else (low, middle)
    return low


def metadata(bench: Bench) -> Iterator[Observation]:
    """Find how much user metadata is taken and given back, and whether it may go beyond ASCII."""
    claimed = int(bench.claims["max_metadata"])

    def takes(size: int) -> bool:
        value = "v" * (size - len(_METADATA_NAME))
        return _metadata_back(bench, value) == value

    most = largest(takes, len(_METADATA_NAME) + 1, claimed)
    if most is None:
        yield seen("metadata", False, "one short value was written, and did not come back")
        return
    yield seen("metadata", True, "values that were written came back")
    if most == claimed:
        yield seen(
            "max_metadata", claimed, f"{claimed} bytes in one value came back; more not tried"
        )
    else:
        yield seen("max_metadata", most, f"{most} bytes came back, {most + 1} did not")
    value = "\u00e9tude"
    back = _metadata_back(bench, value)
    how = "a value beyond ASCII, sent as UTF-8, " + (
        "was refused" if back is None else "came back" if back == value else "came back changed"
    )
    yield seen("metadata_charset", "utf-8" if back == value else "ascii", how)


def _metadata_back(bench: Bench, value: str) -> str | None:
    """Return a metadata value as HEAD gives it back, None when it was refused."""
    key = bench.key()
    header = {f"x-amz-meta-{_METADATA_NAME}": value}
    put = bench.send("PUT", key, b"noted", headers=header)
    if put.status == 500 or not put.took():
        return None
    raw = bench.head(key).headers.get(f"x-amz-meta-{_METADATA_NAME}", "")
    return raw.encode("latin-1").decode("utf-8", "replace")


def metadata_names(bench: Bench) -> Iterator[Observation]:
    """Write a name of metadata with `_` in it, and see under which name its value comes back."""
    key, value = bench.key(), "named"
    put = bench.send("PUT", key, b"named", headers={"x-amz-meta-a_name": value})
    if not put.took():
        yield unknown("metadata_names", f"PUT with x-amz-meta-a_name: {put}")
        return
    there = bench.head(key).headers
    found = [name for name in ("a_name", "a-name") if there.get(f"x-amz-meta-{name}") == value]
    how = f"PUT with x-amz-meta-a_name: {put}; HEAD shows it as {found[0] if found else 'nothing'}"
    spelled = {"a_name": "exact", "a-name": "hyphens"}
    yield seen("metadata_names", spelled[found[0]] if found else "lost", how)
