"""What a plan of the environments says, before anything is made."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from terraform import costs
from tests.support.aws_root import Environment, client, emulated_aws
from tests.support.manifests import rendered

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with emulated_aws(tmp_path_factory.mktemp("aws")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def dev(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment("dev", tmp_path_factory.mktemp("dev"), aws)


@pytest.mark.parametrize(("mode", "clusters"), [("msk", 1), ("strimzi", 0)])
def test_dev_from_nothing(dev: Environment, mode: str, clusters: int):
    """The environment dev is planned from an empty account, with MSK or without it."""
    plan = dev.plan(kafka_mode=mode)
    created = [change["type"] for change in plan["resource_changes"] if change["change"]["actions"] == ["create"]]
    assert created.count("aws_msk_cluster") == clusters
    assert created.count("aws_acmpca_certificate_authority") == clusters
    assert created.count("aws_eks_cluster") == 1
    assert created.count("aws_nat_gateway") == 1
    assert {change["change"]["actions"][0] for change in plan["resource_changes"]} <= {"create", "read"}


@pytest.mark.parametrize("mode", ["msk", "strimzi"])
def test_every_secret_that_the_cluster_copies_is_made(dev: Environment, mode: str):
    """Terraform makes the secrets that the manifests name, and no others; those of Kafka only where it is in the
    cluster.
    """
    plan = dev.plan(kafka_mode=mode)
    made = {
        change["change"]["after"]["name"]
        for change in plan["resource_changes"]
        if change["type"] == "aws_secretsmanager_secret"
    }
    folders = {name: manifests for name, manifests in rendered("dev").items() if name != "kafka" or mode == "strimzi"}
    copied = {
        key
        for manifests in folders.values()
        for each in manifests
        if each["kind"] == "ExternalSecret"
        for key in re.findall(r'"key": "(tillstream-dev/[^"]+)"', json.dumps(each["spec"]))
    }
    assert made == copied


def test_what_is_paid_for_is_what_is_planned(dev: Environment):
    """The bill counts what the plan makes: as many brokers, nodes, gateways, endpoints, keys, secrets and alarms."""
    facts = yaml.safe_load(costs.FILE.read_text())
    size, counted = facts["environments"]["dev"], facts["counted"]
    plan = dev.plan()
    planned = {
        kind: [change["change"]["after"] for change in plan["resource_changes"] if change["type"] == kind]
        for kind in {change["type"] for change in plan["resource_changes"]}
    }
    cluster, database = planned["aws_msk_cluster"][0], planned["aws_db_instance"][0]
    storage = cluster["broker_node_group_info"][0]["storage_info"][0]["ebs_storage_info"][0]
    nodes = {group["capacity_type"]: group for group in planned["aws_eks_node_group"]}
    interfaces = [each for each in planned["aws_vpc_endpoint"] if each["vpc_endpoint_type"] == "Interface"]

    assert cluster["number_of_broker_nodes"] == size["brokers"]
    assert cluster["broker_node_group_info"][0]["instance_type"] == size["broker_type"]
    assert storage["volume_size"] == size["broker_initial_gib"]
    assert nodes["ON_DEMAND"]["scaling_config"][0]["min_size"] == size["core_nodes"]
    assert nodes["ON_DEMAND"]["instance_types"] == ["m7i.large"]
    assert (database["instance_class"], database["multi_az"]) == ("db.t4g.medium", size["database_instances"] == 2)
    assert database["allocated_storage"] == counted["database_gib"]
    assert len(planned["aws_nat_gateway"]) == size["nat_gateways"]
    assert len(interfaces) == counted["interface_endpoints"]
    # Besides these there are bootstrap's key, and the secret that RDS makes.
    assert len(planned["aws_kms_key"]) == counted["keys"] - 1
    assert len(planned["aws_secretsmanager_secret"]) == counted["secrets"] - 1
    assert len(planned["aws_cloudwatch_metric_alarm"]) == counted["alarms"]
    assert len(planned["aws_s3_bucket_metric"]) * 16 == counted["request_metrics"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kafka_mode": "kinesis"}, 'kafka_mode must be "msk" (AWS runs the brokers) or "strimzi"'),
    ({"cidr": "10.30.0.0/24"}, "cidr must be from /16 to /20"),
    ({"availability_zones": ["eu-central-1a", "eu-central-1b"]}, "must name exactly three different zones"),
    ({"repository": {"name": "tillstream"}}, "repository.name must be owner/name"),
    ({"stores": {"cidrs": ["10.30.0.0/18"]}}, "stores.cidrs must not overlap the VPC's cidr"),
]


@pytest.mark.parametrize(
    ("variables", "message"), WRONG, ids=lambda value: next(iter(value)) if isinstance(value, dict) else ""
)
def test_wrong_variables(dev: Environment, aws: str, variables: dict[str, Any], message: str):
    """A wrong value ends apply at its plan, with a message that says what to write instead, and nothing made."""
    assert message in dev.refused(**variables)
    assert nothing_made(dev, aws)


def test_wrong_contract(aws: str, tmp_path: Path):
    """So does a contract whose table would be a prefix of others' tables."""
    environment = Environment("dev", tmp_path, aws)
    contract = tmp_path / "contracts" / "pos.receipts.odcs.yaml"
    named = "physicalName: receipts\n"
    text = contract.read_text()
    assert named in text
    contract.write_text(text.replace(named, "physicalName: receipts/*\n", 1))
    assert "A contract names a table that cannot be a prefix" in environment.refused()
    assert nothing_made(environment, aws)


def nothing_made(environment: Environment, aws: str) -> bool:
    """Neither in the state nor in the account."""
    keys = client(aws, "kms").list_keys()["Keys"]
    networks = client(aws, "ec2").describe_vpcs(Filters=[{"Name": "tag:project", "Values": ["tillstream"]}])["Vpcs"]
    return not (environment.made() or keys or networks)
