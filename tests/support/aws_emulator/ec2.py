import re
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2 import urls
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses import EC2Response

from tests.support.aws_emulator import routing


class Ec2(EC2Response):
    """aws_vpn_gateway_route_propagation: which route tables take the routes of a VPN gateway.

    aws_vpn_connection: where the tunnels' keys are. aws_launch_template: its own tags are not those of what it starts.
    aws_vpc_security_group_ingress_rule: its description where it names another group.
    """

    keys_in_secrets: set[str] = set()  # noqa: RUF012 - kept as long as the emulator runs

    def create_vpn_connection(self) -> ActionResult:
        answer = super().create_vpn_connection()
        if self.querystring.get("PreSharedKeyStorage") == ["SecretsManager"]:
            self.keys_in_secrets.add(answer.result["VpnConnection"].id)
        return answer

    def describe_vpn_connections(self) -> Any:
        """In XML, as the botocore beside this moto is older than this place for the keys."""
        status, headers, body = self.serialized(super().describe_vpn_connections())
        place = f"arn:aws:secretsmanager:{self.region}:{self.current_account}:secret"
        for connection in self.keys_in_secrets:
            named = f"<vpnConnectionId>{connection}</vpnConnectionId>"
            body = body.replace(named, f"{named}<preSharedKeyArn>{place}:s2svpn!{connection}</preSharedKeyArn>")
            # No other connection is made here, so none keeps its keys.
            body = re.sub("(pre_shared_key&gt;)[^&]*", r"\1REDACTED", body)
        return body, {"status": status, **headers}

    def create_launch_template(self) -> ActionResult:
        answer = super().create_launch_template()
        data = (
            self.ec2_backend.get_launch_template(answer.result["LaunchTemplate"]["LaunchTemplateId"]).versions[0].data
        )
        data["TagSpecifications"] = [
            tags for tags in data["TagSpecifications"] if tags["ResourceType"] != "launch-template"
        ]
        return answer

    def enable_vgw_route_propagation(self) -> ActionResult:
        self._propagating().append({"GatewayId": self._get_param("GatewayId")})
        return EmptyResult()

    def disable_vgw_route_propagation(self) -> ActionResult:
        self._propagating().remove({"GatewayId": self._get_param("GatewayId")})
        return EmptyResult()

    def _propagating(self) -> list[dict[str, str]]:
        table = self.ec2_backend.get_route_table(self._get_param("RouteTableId"))
        if not hasattr(table, "propagating_vgws"):
            table.propagating_vgws = []
        return table.propagating_vgws


def description(rule: SecurityGroupRule) -> str | None:
    return rule.ip_range.get("Description") or rule.source_group.get("Description")


def install() -> None:
    SecurityGroupRule.description = property(description)
    routing.replace(urls, Ec2)
