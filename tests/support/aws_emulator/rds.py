from moto.core.responses import ActionResult
from moto.rds import urls
from moto.rds.responses import RDSResponse

from tests.support.aws_emulator import routing


class Rds(RDSResponse):
    """aws_db_instance: performance insights. aws_db_parameter_group: that its parameters are somebody's choice."""

    def create_db_instance(self) -> ActionResult:
        answer = super().create_db_instance()
        instance = self.backend.describe_db_instances(self.params["DBInstanceIdentifier"])[0]
        instance.performance_insights_enabled = self.params.get("EnablePerformanceInsights")
        instance.performance_insights_kms_key_id = self.params.get("PerformanceInsightsKMSKeyId")
        instance.performance_insights_retention_period = self.params.get("PerformanceInsightsRetentionPeriod")
        return answer

    def describe_db_parameters(self) -> ActionResult:
        answer = super().describe_db_parameters()
        answer.result["Parameters"] = [parameter | {"Source": "user"} for parameter in answer.result["Parameters"]]
        return answer


def install() -> None:
    routing.replace(urls, Rds)
