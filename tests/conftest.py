from tests.support.broker import kafka
from tests.support.lake import all_contracts, lake
from tests.support.platform import cloud
from tests.support.scratch_lake import aws_account, scratch_lake
from tests.support.ways_in import ways_in

__all__ = ["all_contracts", "aws_account", "cloud", "kafka", "lake", "scratch_lake", "ways_in"]

# They need Airflow's environment, which has Great Expectations, too: `make test-airflow` runs them.
collect_ignore = ["airflow", "e2e"]
