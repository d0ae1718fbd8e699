"""Names that attack whatever shows them, and how an export must hold them."""

from __future__ import annotations

from hdh_migrate.model import key_text

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "\uff1d1+1",  # full-width forms of the triggers
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "\u22121+1",
    "'=1+1",
    "a;=1+1",
    'a,"=1+1"',
    '"quoted"',
    "line\nbreak",
    "line\r\nbreak",
    "nul\x00byte",
    "\x1b]0;title\x07\x1b[2J",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "<script>alert(1)</script>",
    "]]><x/>&amp;&#65;",
    "`code` | **bold** [link](javascript:alert(1))",
    "@octocat #1 !2 https://example.org",
    "back\\slash\\|pipe\\",
    "\\u{41}\\x{ff}",
    key_text(b"bytes\xff\xfe"),
    "\ufffe\uffff",
    "x" * 1024,
)
