"""Every command that the pages and the messages show is one that the command line takes, whole.

Whole is: with all that its verb demands, so that who puts in his own names can give it. Who names
PLAN or BUNDLE gives a command; `keys rotate` alone is a verb's name, in a text, and `...` stands
for what was given before.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import hdh_migrate
from hdh_migrate.cli.verbs import GROUPS, SECTIONS
from hdh_migrate.codes import Code
from tests.support.parsed import amiss

ROOT = Path(__file__).parents[3]
PACKAGE = Path(hdh_migrate.__file__).parent
PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))

NOT_ONE = {" keyed names v1"}
"""What begins like a command and is none: the label of a key's derivation."""


VERBS = {name for lines in SECTIONS.values() for name in lines}


def shown() -> Iterator[tuple[str, str]]:
    """Give the commands in blocks and in the text, with their page; a name of a verb is none."""
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines()]
        spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]
        for line in dict.fromkeys((*lines, *spans)):
            found = re.match(r"(?:\$ )?hdh-migrate( .+)?$", line.strip())
            if found is not None and found[1] not in {None, *NOT_ONE}:
                yield page.name, re.sub(r"\s#.*", "", found[1]).strip()
            elif line in spans and " " in line and line.split()[0] in VERBS:
                yield page.name, line


def literals() -> Iterator[tuple[str, str]]:
    """Give every text in the code with its file; what is put into it later is an X."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = set()
        for node in ast.walk(ast.parse(path.read_text())):  # what is joined before its parts
            if isinstance(node, ast.JoinedStr):
                parts |= {id(value) for value in node.values}
                texts = (getattr(value, "value", "X") for value in node.values)
                yield path.name, "".join(text if isinstance(text, str) else "X" for text in texts)
            elif isinstance(node, ast.Constant) and id(node) not in parts:
                yield path.name, str(node.value)


def said() -> Iterator[tuple[str, str]]:
    """Give the commands that messages name, with where they stand."""
    texts = [*literals(), *((code, code.about.remedy.next) for code in Code)]
    for place, text in texts:
        for found in re.findall(r'["“`]hdh-migrate ([a-z][^"”`]*)["”`]', text):
            yield place, " ".join(found.split())
        if text.split(" ")[0] in VERBS and re.fullmatch(r"[a-z -]+ (PLAN|BUNDLE)[^,;:.]*", text):
            yield place, text


def test_each_verb_stands_on_a_page() -> None:
    pages = "\n".join(page.read_text() for page in PAGES)
    groups = {name: GROUPS[name].verbs for name in GROUPS}
    verbs = [name for name in sorted(VERBS) if name not in groups]
    verbs += [f"{group} {name}" for group, lines in groups.items() for name in lines]
    named = r"(?:`|hdh-migrate ){}[` ]"
    unnamed = [one for one in verbs if not re.search(named.format(re.escape(one)), pages)]
    assert unnamed == [], "name each on a page of docs/, in backquotes or as a command"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("fetch PLAN pmsi KEY --oust mco.csv", "No such option"),
        ("fetch PLAN pmsi KEY", "--out|out"),
        ("decommission PLAN", "batch"),
        ("status PLAN now", "extra argument"),
        ("approve PLAN --stage cutting", "cutting"),
        ("frob PLAN", "no verb"),
    ],
)
def test_a_command_that_is_not_whole_is_seen(text: str, wrong: str) -> None:
    assert re.search(wrong, amiss(text) or "")


def test_the_command_line_takes_what_the_pages_show() -> None:
    found = dict.fromkeys(shown())

    assert len(found) > 200
    assert any(text.startswith("fetch ") and "--reason" in text for _, text in found)
    assert refused(found) == []


@pytest.mark.slow
def test_the_command_line_takes_what_the_messages_name() -> None:
    found = dict.fromkeys(said())

    assert len(found) > 150
    assert any(text.startswith("waive ") and "--until" in text for _, text in found)
    assert refused(found) == []


def refused(commands: Iterable[tuple[str, str]]) -> list[str]:
    """Give each command that the command line does not take, with its place and the reason."""
    found = ((place, text, amiss(text)) for place, text in commands)
    return [f"{place}: {text}: {why}" for place, text, why in found if why is not None]
