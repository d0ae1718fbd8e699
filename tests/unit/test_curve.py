"""The benchmark's curve says what grows, and its section of a page is written anew in its place."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench.curve import PICTURE, Curve, growing, placed, section, svg, table

FLAT = (1.0, 1.1, 0.9)
CURVE = Curve(
    machine="2 processors",
    version="0.1.0",
    objects=(10_000, 100_000, 1_000_000),
    values={
        "insert": FLAT, "seal": FLAT, "open": (1.0, 4.0, 40.0), "restart": FLAT, "claim": FLAT,
        "receipt": FLAT, "verified": FLAT, "status": FLAT, "nothing": (None, None, 2.0),
        "report": (1.0, 6.0, 60.0), "memory": FLAT,
    },
)  # fmt: skip


def test_what_grew_is_named_with_its_reason_and_what_did_not_too() -> None:
    said = growing(CURVE)

    assert said[0] == "open grew 40.0 times: no part of it is meant to grow"
    assert said[1].startswith("report grew 60.0 times: every row is checked")
    assert "insert (0.9)" in said[2]
    assert not any("nothing grew" in line for line in said), "it was measured once"


def test_every_figure_stands_in_the_table_and_in_the_section() -> None:
    assert "100,000" in table(CURVE)
    for text in (table(CURVE), section(CURVE)):
        assert "60.0" in text
        assert "1 million" in text
    assert PICTURE in section(CURVE)
    assert Curve.of_json(CURVE.as_json()) == CURVE


def test_the_picture_is_whole_and_has_a_line_for_each_thing_that_takes_time() -> None:
    root = ET.fromstring(svg(CURVE))
    names = {one.text for one in root.iter("{http://www.w3.org/2000/svg}text")}

    assert {"insert", "report", "10,000", "1 million", "objects in the ledger"} <= names
    assert "memory" not in names
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 10


def test_a_section_takes_the_place_of_an_earlier_one_and_nothing_else_changes() -> None:
    page = placed("# A page\n\nwords\n", "first\n")
    again = placed(page + "after\n", "second\n")

    assert page.startswith("# A page\n\nwords\n\n<!-- begin")
    assert "first" not in again
    assert again == page.replace("first", "second") + "after\n"
