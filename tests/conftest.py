from tests.support.broker import kafka
from tests.support.scratch_lake import aws_account, scratch_lake

__all__ = ["aws_account", "kafka", "scratch_lake"]
