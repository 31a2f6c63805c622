"""Whether the boards have something to show of a live pipeline."""

from collections.abc import Iterator, Mapping

from dashboards.committed import committed, queries
from local.monitoring.prometheus import ask, client

Place = tuple[str, str]
"""The uid of a board, and the title of a panel or the name of what is marked on all of them."""
ANYWHERE = "any"
# What is empty on one machine, whatever happens there, and why.
NOT_HERE: Mapping[Place, str] = {
    (ANYWHERE, "Deploys"): "Argo CD's, on the cluster only",
    ("tillstream-kafka", "Room on the brokers' disks"): "of the brokers' machines, port 11002 of MSK",
    ("tillstream-lake-cost", "Requests that S3 itself counts"): "CloudWatch's, on AWS only",
}


def empty(url: str, begin: float, end: float) -> Iterator[tuple[Place, str]]:
    """The queries that found nothing from `begin` to `end` (Unix seconds) in the Prometheus at that address, with their
    place. Those of NOT_HERE are not asked.
    """
    step = max(1, round((end - begin) / 500))
    with client(url) as prometheus:
        for uid, board in committed().items():
            marks = {annotation["name"] for annotation in board["annotations"]["list"]}
            for where, query in queries(board):
                place = (ANYWHERE if where in marks else uid, where)
                if place in NOT_HERE:
                    continue
                if not ask(prometheus, "query_range", query=query, start=begin, end=end, step=step)["result"]:
                    yield place, query
