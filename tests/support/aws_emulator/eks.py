import json
import uuid
from typing import Any
from urllib.parse import unquote

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.eks import urls
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse

from tests.support.aws_emulator import routing

# Given back as they were asked for.
KEPT_OF_CLUSTERS = ("accessConfig", "upgradePolicy")
KEPT_OF_NODE_GROUPS = ("updateConfig",)
MADE_AT = 1_700_000_000


class Eks(EKSResponse):
    """aws_eks_addon, aws_eks_access_entry and aws_eks_access_policy_association: kept as they were asked for.

    aws_eks_cluster: its own security group, access and upgrade policy, version by version. aws_eks_node_group: how many
    may be replaced at once, and nothing that its launch template says.
    """

    addons: dict[tuple[str, str], dict[str, Any]] = {}  # noqa: RUF012 - kept as long as the emulator runs
    entries: dict[tuple[str, str], dict[str, Any]] = {}  # noqa: RUF012 - as above
    policies: dict[tuple[str, str], list[dict[str, Any]]] = {}  # noqa: RUF012 - as above

    # --- clusters and node groups ---------------------------------------------------------------------------------

    def create_cluster(self) -> ActionResult:
        asked = self._asked()
        answer = super().create_cluster()
        cluster = answer.result["cluster"]
        ec2 = ec2_backends[self.current_account][self.region]
        network = cluster.resources_vpc_config
        vpc_id = ec2.get_subnet(network["subnetIds"][0]).vpc_id
        group = ec2.create_security_group(f"eks-cluster-sg-{cluster.name}", "Made by EKS", vpc_id)
        network.update(vpcId=vpc_id, clusterSecurityGroupId=group.id)
        network.setdefault("publicAccessCidrs", ["0.0.0.0/0"] if network.get("endpointPublicAccess") else [])
        _keep(cluster, asked, KEPT_OF_CLUSTERS)
        return answer

    def delete_cluster(self) -> ActionResult:
        answer = super().delete_cluster()
        group = answer.result["cluster"].resources_vpc_config["clusterSecurityGroupId"]
        ec2_backends[self.current_account][self.region].delete_security_group(group_id=group)
        return answer

    def create_nodegroup(self) -> ActionResult:
        asked = self._asked()
        answer = super().create_nodegroup()
        group = answer.result["nodegroup"]
        # With a launch template there is neither.
        group.disk_size = group.remote_access = None
        _keep(group, asked, KEPT_OF_NODE_GROUPS)
        return answer

    # --- addons ---------------------------------------------------------------------------------------------------

    def create_addon(self) -> str:
        asked = self._asked()
        cluster, name = self._words()[1], asked["addonName"]
        self._check_cluster(cluster)
        addon = {
            **{key: value for key, value in asked.items() if key not in ("clientRequestToken", "resolveConflicts")},
            "clusterName": cluster,
            "status": "ACTIVE",
            "addonArn": f"arn:aws:eks:{self.region}:{self.current_account}:addon/{cluster}/{name}/{uuid.uuid4()}",
            "createdAt": MADE_AT,
            "modifiedAt": MADE_AT,
            "health": {"issues": []},
        }
        self.addons[cluster, name] = addon
        return json.dumps({"addon": addon})

    def describe_addon(self) -> str:
        return json.dumps({"addon": self._found(self.addons, "addon")})

    def delete_addon(self) -> str:
        addon = self._found(self.addons, "addon")
        del self.addons[addon["clusterName"], addon["addonName"]]
        return json.dumps({"addon": addon | {"status": "DELETING"}})

    # --- access ---------------------------------------------------------------------------------------------------

    def create_access_entry(self) -> str:
        asked = self._asked()
        cluster, principal = self._words()[1], asked["principalArn"]
        self._check_cluster(cluster)
        entry = {
            "clusterName": cluster,
            "principalArn": principal,
            "accessEntryArn": f"arn:aws:eks:{self.region}:{self.current_account}:access-entry/{cluster}/{uuid.uuid4()}",
            "createdAt": MADE_AT,
            "modifiedAt": MADE_AT,
            "kubernetesGroups": asked.get("kubernetesGroups", []),
            "tags": asked.get("tags", {}),
            "type": asked.get("type", "STANDARD"),
            "username": principal,
        }
        self.entries[cluster, principal] = entry
        self.policies[cluster, principal] = []
        return json.dumps({"accessEntry": entry})

    def describe_access_entry(self) -> str:
        return json.dumps({"accessEntry": self._found(self.entries, "access entry")})

    def delete_access_entry(self) -> str:
        entry = self._found(self.entries, "access entry")
        key = entry["clusterName"], entry["principalArn"]
        del self.entries[key], self.policies[key]
        return json.dumps({})

    def associate_access_policy(self) -> str:
        policies, asked = self._found(self.policies, "access entry"), self._asked()
        policies.append(asked | {"associatedAt": MADE_AT, "modifiedAt": MADE_AT})
        return json.dumps({"associatedAccessPolicy": policies[-1]})

    def list_associated_access_policies(self) -> str:
        return json.dumps({"associatedAccessPolicies": self._found(self.policies, "access entry")})

    def disassociate_access_policy(self) -> str:
        policies, arn = self._found(self.policies, "access entry"), self._words()[-1]
        policies[:] = [policy for policy in policies if policy["policyArn"] != arn]
        return json.dumps({})

    # --- requests -------------------------------------------------------------------------------------------------

    def _asked(self) -> dict[str, Any]:
        return json.loads(self.body)

    def _words(self) -> list[str]:
        """The path, word by word: clusters, NAME, addons, NAME and the like. ARNs in it hold encoded slashes."""
        return [unquote(word) for word in self.raw_path.strip("/").split("/")]

    def _found(self, things: dict[tuple[str, str], Any], what: str) -> Any:
        _, cluster, _, name, *_ = self._words()
        if (cluster, name) not in things:
            raise ResourceNotFoundException(clusterName=cluster, message=f"No {what} found for: {name}.")
        return things[cluster, name]

    def _check_cluster(self, name: str) -> None:
        self.eks_backend.describe_cluster(name=name)


def _keep(thing: Any, asked: dict[str, Any], names: tuple[str, ...]) -> None:
    """An object's attributes are what is answered: written like_this here, where AWS has names writtenLikeThis."""
    for name in names:
        if name in asked:
            setattr(
                thing, "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name), asked[name]
            )


def install() -> None:
    cluster = "/clusters/(?P<name>[^/]+)"
    routing.replace(
        urls,
        Eks,
        *(f"{cluster}/addons$", f"{cluster}/addons/(?P<addonName>[^/]+)$"),
        *(f"{cluster}/access-entries$", f"{cluster}/access-entries/(?P<principalArn>.+)$"),
    )
