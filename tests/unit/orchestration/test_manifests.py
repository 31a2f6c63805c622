"""Streams are found where Argo CD finds them."""

from pathlib import Path

from orchestration.manifests import Stream, streams


def test_the_declared_streams_are_found():
    """`ingest` with its feeds, `rollup` without; nothing else of that folder is a stream."""
    found = {each.name: each.feeds for each in streams()}
    assert found == {
        "ingest": ("pos.receipts", "store.inventory", "store.operations", "store.control-totals"),
        "rollup": (),
    }


def test_a_new_stream_is_one_file(tmp_path: Path):
    """A manifest's first comment is its description, and options are no feeds."""
    (tmp_path / "new.yaml").write_text(
        "# Does something new.\nkind: SparkApplication\nmetadata: {name: new}\nspec: {arguments: [--fast, a.feed]}\n"
    )
    assert streams(tmp_path) == [Stream("new", ("a.feed",), "Does something new.")]
