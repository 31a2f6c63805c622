"""What a board can be narrowed to. Which environment is looked at is a choice that all of them have: its Prometheus."""

from dashboards.model import Variable

FEED = Variable("feed", "feed", "tillstream_feed_freshness_objective_seconds")
STORE = Variable("store", "store_id", "tillstream_store_heartbeat_timestamp_seconds")
TABLE = Variable("table", "table", "tillstream_table_objects")
OF_FEED = '{feed=~"$feed"}'
OF_STORE = '{store_id=~"$store"}'
OF_TABLE = '{table=~"$table"}'
