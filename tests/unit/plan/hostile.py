"""Plans that mean harm; each is refused in a second and 100 MB."""

from __future__ import annotations

from hdh_migrate.plan.loader import MAX_BYTES

MIB = MAX_BYTES - 1
"""The largest text that is read at all, so the worst that parsing can meet."""


def _filled(unit: str, *, head: str = "", tail: str = "") -> bytes:
    room = MIB - len(head.encode()) - len(tail.encode())
    return (head + unit * (room // len(unit.encode())) + tail).encode()


def _alias_bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    return "\n".join(lines).encode()


HOSTILE: dict[str, bytes] = {
    "an alias bomb": _alias_bomb(),
    "an anchor on itself": b"a: &a [*a]\n",
    "a merge key bomb": b"a: &a {x: 1}\nb: {<<: *a}\nc: {<<: [*a, *a]}\n",
    "a million anchors": _filled("&a "),
    "many anchored values": _filled("- &a x\n"),
    "aliases without anchors": _filled("- *a\n"),
    "deep brackets": _filled("["),
    "deep braces": _filled("{"),
    "deep pairs": _filled("[{a: "),
    "deep dashes": _filled("- "),
    "deep questions": _filled("? "),
    "deep indentation": "".join(f"{' ' * n}a:\n" for n in range(1400)).encode(),
    "many list entries": _filled("- a\n"),
    "many keys": "".join(f"k{n}: 1\n" for n in range(80_000)).encode(),
    "the same key over and over": _filled("a: 1\n"),
    "many empty values": _filled(","),
    "many flow entries": _filled("a,", head="[", tail="]"),
    "many flow keys": _filled("a: b, ", head="{", tail="}"),
    "many documents": _filled("---\n"),
    "two documents": b"version: 1\n---\nversion: 1\n",
    "a python tag": b"a: !!python/object/apply:os.system ['true']\n",
    "a local tag": b"version: !env HOME\n",
    "a tag directive": b"%TAG ! tag:evil,2026:\n---\nversion: !x 1\n",
    "many tags": _filled("- !a b\n"),
    "many directives": _filled("%A b\n"),
    "tabs": _filled("\t"),
    "a tab as indentation": b"source:\n\tkind: folder\n",
    "spaces only": _filled(" "),
    "line ends only": _filled("\n"),
    "carriage returns only": _filled("\r"),
    "comments only": _filled("# a\n"),
    "one long comment": _filled("a", head="# "),
    "one long word": _filled("a"),
    "one long number": _filled("1"),
    "one long float": _filled("1", head="0."),
    "one long key": _filled("a", tail=": 1"),
    "one long quoted text": _filled("a", head='"', tail='"'),
    "a quote that does not close": _filled("a\n", head='"'),
    "many escapes": _filled("\\x41", head='"', tail='"'),
    "a text over many lines": _filled("a\n\n"),
    "a block that never ends": _filled("a\n ", head="a: |\n "),
    "colons only": _filled(":"),
    "colons and spaces": _filled(": "),
    "quotes only": _filled("'"),
    "control characters": _filled("\x01"),
    "a null byte": b"version: 1\x00\n",
    "an escaped null byte": b'migration: "a\\0b"\n',
    "bidirectional controls": "migration: a\u202eb\n".encode(),
    "a byte order mark": b"\xef\xbb\xbfversion: 1\n",
    "UTF-16": "version: 1\n".encode("utf-16"),
    "Latin-1": "reason: département\n".encode("latin-1"),
    "broken UTF-8 at the end": b"a" * (MIB - 1) + b"\xe2\x82",
    "an encoded surrogate": b"a: \xed\xa0\x80\n",
    "more than the cap": b"a" * (MAX_BYTES + 1),
    "nothing": b"",
    "null": b"null\n",
    "a list": b"- version: 1\n",
    "a text": b"version\n",
    "a complex key": b"? [a, b]\n: 1\n",
    "a mapping for a key": b"{{a: b}: c}\n",
    "many wrong recipients": _filled(
        "1,", head="seal: {format: crypt4gh, recipients: [", tail="]}"
    )[:38_000]
    + b"1]}\n",
    "many equal datasets": b"datasets:\n"
    + b"- {name: a, source: {}, target: {bucket: bbb}}\n" * 1_800,
    "many batches in circles": b"batches:\n"
    + b"".join(f"- {{name: b{n}, needs: [b{n ^ 1}]}}\n".encode() for n in range(2_400)),
    "one long circle of batches": b"batches:\n"
    + b"".join(f"- {{name: b{n}, needs: [b{(n + 1) % 2_400}]}}\n".encode() for n in range(2_400)),
    "secrets on every line": _filled("sig=aaaaaaaaaaaaaaaa\n"),
    "almost a secret": _filled("eyJaaaaaaaaaa"),
    "almost a URL with a password": _filled("://a:"),
    "almost an account key": _filled("A"),
    "almost a passphrase": _filled("password:"),
    "almost an access key": _filled("AKIA"),
    "almost a private key": _filled("-----BEGIN A "),
    "an expansion": b'migration: "${HOME}"\n',
}
