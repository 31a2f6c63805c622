import json

from moto.budgets import urls
from moto.budgets.responses import BudgetsResponse

from tests.support.aws_emulator import routing


class Budgets(BudgetsResponse):
    """aws_budgets_budget: who is told of a notification, and tags."""

    tags: dict[str, list[dict[str, str]]] = {}  # noqa: RUF012 - kept as long as the emulator runs

    def create_budget(self) -> str:
        name = self._get_param("Budget")["BudgetName"]
        self.tags[f"arn:aws:budgets::{self.current_account}:budget/{name}"] = self._get_param("ResourceTags") or []
        return super().create_budget()

    def list_tags_for_resource(self) -> str:
        return json.dumps({"ResourceTags": self.tags.get(self._get_param("ResourceARN"), [])})

    def describe_subscribers_for_notification(self) -> str:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        asked = self._get_param("Notification")
        told = [made.subscribers for made in budget.notifications if made.details == asked]
        return json.dumps({"Subscribers": told[0] if told else []})


def install() -> None:
    routing.replace(urls, Budgets)
