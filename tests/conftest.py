from tests.support.broker import kafka
from tests.support.platform import cloud
from tests.support.scratch_lake import aws_account, scratch_lake

__all__ = ["aws_account", "cloud", "kafka", "scratch_lake"]
