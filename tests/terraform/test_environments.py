"""The whole environment prod, made, planned again and destroyed, in an AWS answered on loopback.

It proves wiring: that Terraform walks its graph from an empty account and back without `-target`, that the provider
accepts every argument, that what one module makes another can use, and that nothing changes by itself. It does not
prove that AWS would accept it.

moto answers. Where it does not, tests/support/aws_emulator answers in its place, as AWS's documentation has it:

| resource type | what is our answer |
|---|---|
| aws_acmpca_certificate_authority | how long its certificates may last |
| aws_appautoscaling_target | tags |
| aws_budgets_budget | who is told of a notification; tags |
| aws_db_instance | performance insights |
| aws_db_parameter_group | that its parameters are somebody's choice |
| aws_eks_access_entry | everything: kept as it was asked for |
| aws_eks_access_policy_association | everything: kept as it was asked for |
| aws_eks_addon | everything: kept as it was asked for |
| aws_eks_cluster | its own security group; how access is given; upgrade policy |
| aws_eks_node_group | how many nodes may be replaced at once; that its launch template has the rest |
| aws_launch_template | its own tags beside those of what it starts |
| aws_msk_cluster | an ARN with its name in it, brokers' addresses; active at once |
| aws_msk_configuration | everything: kept as it was asked for |
| aws_msk_single_scram_secret_association | everything: kept as it was asked for |
| aws_s3_bucket_logging | the form of the objects' names; whether the target's policy lets S3 deliver |
| aws_s3_bucket_metric | everything: kept as it was written |
| aws_vpc_security_group_ingress_rule | its description where it names another group |
| aws_vpn_connection | that the tunnels' keys are in Secrets Manager |
| aws_vpn_gateway_route_propagation | everything: kept as it was asked for |
"""

from pathlib import Path

import pytest
import yaml

from local.aws.account import ROOT
from tests.support.aws_root import STATES, Environment, client, emulated_aws

PLATFORM = ROOT / "argocd" / "overlays" / "prod" / "values" / "platform.yaml"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]


def test_prod(tmp_path: Path):
    """The environment prod is applied whole from nothing; a second plan is empty; the cluster's document names what was
    made; its database is protected until it is disposable; then destroy leaves nothing.
    """
    with emulated_aws(tmp_path / "aws") as aws:
        prod = Environment("prod", tmp_path / "prod", aws)
        # One store logs in by password, so that every way into MSK is there.
        given = {"scram_users": ["store-0042"]}

        prod.apply(**given)
        assert len(prod.made()) > 200
        assert prod.changes(**given) == []

        document = yaml.safe_load(prod.output("platform"))
        check_document(document["data"], aws)

        database = client(aws, "rds").describe_db_instances()["DBInstances"][0]
        assert database["DeletionProtection"]

        prod.apply(**given, disposable=True)
        prod.terraform("destroy", "-auto-approve", "-var=disposable=true")
        assert prod.made() == []
        assert left_over(aws) == []


def check_document(data: dict[str, str], aws: str) -> None:
    """What is written for the cluster exists in the account, and has what the manifests read."""
    assert sorted(data) == sorted(yaml.safe_load(PLATFORM.read_text())["data"])
    assert all(isinstance(value, str) and value for value in data.values())
    buckets = {bucket["Name"] for bucket in client(aws, "s3").list_buckets()["Buckets"]}
    for uri in ("TILLSTREAM_LAKE_URI", "TILLSTREAM_CHECKPOINTS_URI"):
        assert data[uri].removeprefix("s3://") in buckets
    assert data["artifacts_bucket"] in buckets
    roles = {role["Arn"] for role in client(aws, "iam").list_roles()["Roles"]}
    assert {arn for key, arn in data.items() if key.startswith("role_arn_")} <= roles
    brokers = client(aws, "kafka").get_bootstrap_brokers(ClusterArn=data["kafka_cluster_arn"])
    assert data["TILLSTREAM_KAFKA_BOOTSTRAP"] == brokers["BootstrapBrokerStringSaslIam"]
    assert all(address.endswith(":9098") for address in data["TILLSTREAM_KAFKA_BOOTSTRAP"].split(","))
    topics = {topic["TopicArn"] for topic in client(aws, "sns").list_topics()["Topics"]}
    assert {data["oncall_topic_arn"], data["watchdog_topic_arn"]} <= topics


def left_over(aws: str) -> list[str]:
    """What is in the account besides the states. Keys and authorities are not deleted but waiting to be."""
    ec2, tagged = client(aws, "ec2"), [{"Name": "tag:project", "Values": ["tillstream"]}]
    return [
        *(name for each in client(aws, "s3").list_buckets()["Buckets"] if (name := each["Name"]) != STATES),
        *(each["VpcId"] for each in ec2.describe_vpcs(Filters=tagged)["Vpcs"]),
        *client(aws, "eks").list_clusters()["clusters"],
        *(each["ClusterArn"] for each in client(aws, "kafka").list_clusters()["ClusterInfoList"]),
        *(each["DBInstanceIdentifier"] for each in client(aws, "rds").describe_db_instances()["DBInstances"]),
        *(each["Arn"] for each in client(aws, "iam").list_roles()["Roles"] if "tillstream" in each["Arn"]),
        *(each["Name"] for each in client(aws, "secretsmanager").list_secrets()["SecretList"]),
        *(each["TopicArn"] for each in client(aws, "sns").list_topics()["Topics"]),
    ]
