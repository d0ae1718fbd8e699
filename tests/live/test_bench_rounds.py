"""Whether a round of the benchmark counts is told by the target itself, not by who failed there."""

from __future__ import annotations

from pathlib import Path

from bench.corpora import Corpus
from bench.tools import Target, Tools
from hdh_migrate.demo.servers import Azurite
from tests.support.servers import rclone_s3

NAMES = ("part-00/objet 1.dcm.c4gh", "part-01/été.dcm.c4gh")


def test_what_a_target_holds_and_answers_with_a_5xx_is_counted(tmp_path: Path) -> None:
    """`rclone serve s3` answers 500 for a file that went away under it after it was listed."""
    corpus = Corpus(name="few", count=len(NAMES), size=3)
    nobody = Azurite(url="http://127.0.0.1:9", account="nobody", key="a2V5", pid=0)
    ours = tmp_path / "buckets" / "bench" / "ours-few-0"
    for name in NAMES:
        (ours / name).parent.mkdir(parents=True)
        (ours / name).write_bytes(b"abc")
    (tmp_path / "tools").mkdir()
    with rclone_s3(tmp_path / "buckets", tmp_path / "log") as server:
        target = Target(
            endpoint=server.endpoint, bucket="bench",
            access_key=server.access_key, secret_key=server.secret_key,
        )  # fmt: skip
        tools = Tools(tmp_path / "tools", nobody, target)
        assert tools.unreadable(corpus, 0) == 0

        (ours / NAMES[1]).rename(tmp_path / "away")
        assert tools.unreadable(corpus, 0) == 1

        (tmp_path / "away").rename(ours / NAMES[1])
        tools.clear(corpus, 0)
        tools.clear(corpus, 0)  # of a place that is empty, too
        assert tools.unreadable(corpus, 0) == 0
    assert not [one for one in ours.parent.rglob("*") if one.is_file()]
