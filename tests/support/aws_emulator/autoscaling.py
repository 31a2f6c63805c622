import json

from moto.applicationautoscaling import urls
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

from tests.support.aws_emulator import routing


class Autoscaling(ApplicationAutoScalingResponse):
    """aws_appautoscaling_target: tags."""

    tags: dict[str, dict[str, str]] = {}  # noqa: RUF012 - kept as long as the emulator runs

    def register_scalable_target(self) -> str:
        answer = super().register_scalable_target()
        self.tags[json.loads(answer)["ScalableTargetARN"]] = self._get_param("Tags") or {}
        return answer

    def list_tags_for_resource(self) -> str:
        return json.dumps({"Tags": self.tags.get(self._get_param("ResourceARN"), {})})


def install() -> None:
    routing.replace(urls, Autoscaling)
