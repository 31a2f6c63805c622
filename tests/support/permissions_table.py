"""What each workload may do in AWS: the one table that the policies are held to.

`BUCKETS` is proven by real requests: tests/integration/test_permissions.py sends every request behind every letter as
every workload, and demands a refusal wherever there is none. `REVIEWED` is what the emulated AWS does not enforce: each
permission with its reason and a link. A policy that Terraform applies is exactly the union of both.

`tests.support.permissions` reads it, and writes docs/permissions.md from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import contracts
from contracts.model import Access

# L list, R read, W write, D delete (of a table: its rows, never its log); a bucket's own line is the bucket as a whole.
BUCKETS = """
                                        spark-ingest spark-batch quality reference-data lake-exporter airflow airflow-triggerer upkeep
lake/control_total_tenders/             LRW          LR          LR      -              LR            -       -                 LRWD
lake/control_total_tenders/_delta_log/  LRW          LR          LR      -              LR            -       -                 LRW
lake/control_totals/                    LRW          LR          LR      -              LR            -       -                 LRWD
lake/control_totals/_delta_log/         LRW          LR          LR      -              LR            -       LR                LRW
lake/inventory_items/                   LRW          LR          LR      -              -             -       -                 LRWD
lake/inventory_items/_delta_log/        LRW          LR          LR      -              LR            -       -                 LRW
lake/inventory_movements/               LRW          LR          LR      -              -             -       -                 LRWD
lake/inventory_movements/_delta_log/    LRW          LR          LR      -              LR            -       LR                LRW
lake/operations/                        LRW          LR          LR      -              LR            -       -                 LRWD
lake/operations/_delta_log/             LRW          LR          LR      -              LR            -       LR                LRW
lake/receipt_lines/                     LRW          LR          LR      -              -             -       -                 LRWD
lake/receipt_lines/_delta_log/          LRW          LR          LR      -              LR            -       -                 LRW
lake/receipt_tenders/                   LRW          LR          LR      -              -             -       -                 LRWD
lake/receipt_tenders/_delta_log/        LRW          LR          LR      -              LR            -       -                 LRW
lake/receipts/                          LRW          LR          LR      -              -             -       -                 LRWD
lake/receipts/_delta_log/               LRW          LR          LR      -              LR            -       LR                LRW
lake/duplicates/                        LRW          -           LR      -              -             -       -                 LRWD
lake/duplicates/_delta_log/             LRW          -           LR      -              LR            -       -                 LRW
lake/quarantine/                        LRW          -           LR      -              LR            -       -                 LRWD
lake/quarantine/_delta_log/             LRW          -           LR      -              LR            -       -                 LRW
lake/dim_products/                      -            LR          LR      LRW            -             -       -                 -
lake/dim_products/_delta_log/           -            LR          LR      LRW            LR            -       -                 -
lake/dim_stores/                        LR           LR          LR      LRW            LR            -       -                 -
lake/dim_stores/_delta_log/             LR           LR          LR      LRW            LR            -       -                 -
lake/sales_per_minute/                  -            LRW         LR      -              -             -       -                 LRWD
lake/sales_per_minute/_delta_log/       -            LRW         LR      -              LR            -       LR                LRW
lake/quality_partitions/                -            -           LRW     -              -             -       -                 -
lake/quality_partitions/_delta_log/     -            -           LRW     -              LR            -       -                 -
lake/quality_results/                   -            -           LRW     -              LR            -       -                 -
lake/quality_results/_delta_log/        -            -           LRW     -              LR            -       -                 -
lake/_batches/pos.receipts/             LRW          -           LR      -              LR            -       LR                LRD
lake/_batches/store.control-totals/     LRW          -           LR      -              LR            -       LR                LRD
lake/_batches/store.inventory/          LRW          -           LR      -              LR            -       LR                LRD
lake/_batches/store.operations/         LRW          -           LR      -              LR            -       LR                LRD
lake/_expired/                          -            -           LR      -              -             -       -                 LRW
lake/exports/                           -            LRW         -       -              -             -       -                 -
lake/_batches/another.feed/             -            -           -       -              -             -       -                 -
lake/receipts2/                         -            -           -       -              -             -       -                 -
lake/another/                           -            -           -       -              -             -       -                 -
lake/                                   -            -           -       -              -             -       -                 -
checkpoints/ingest/                     LRWD         -           -       -              -             -       -                 LD
checkpoints/ingest2/                    -            -           -       -              -             -       -                 -
checkpoints/rollup/                     -            -           -       -              -             -       -                 -
checkpoints/                            -            -           -       -              -             -       -                 -
artifacts/airflow-logs/                 LRW          -           LRW     -              -             LRW     LRW               LRW
artifacts/data-docs/                    -            -           LW      -              -             -       -                 -
artifacts/spark-events/spark-ingest/    LRWD         -           -       -              -             -       -                 -
artifacts/spark-events/spark-batch/     -            LRWD        -       -              -             -       -                 -
artifacts/spark-events/                 -            -           -       -              -             -       -                 -
artifacts/jobs/                         -            -           -       -              -             -       -                 -
artifacts/                              -            -           -       -              -             -       -                 -
access-logs/lake/                       -            -           -       -              -             -       -                 -
access-logs/                            -            -           -       -              -             -       -                 -
"""  # noqa: E501 - a table has the width of its columns
# The letters of BUCKETS, as IAM's actions and as what a test sends.
ACTIONS = {
    "L": ("s3:ListBucket",),
    "R": ("s3:GetObject",),
    "W": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "D": ("s3:DeleteObject",),
}
REQUESTS = {
    "L": "list by prefix",
    "R": "get, head",
    "W": "put, put if none is there, upload in parts, give up an upload that failed",
    "D": "delete (the version stays)",
}

# The workloads that reach no bucket at all.
WITHOUT_BUCKETS = (
    "alertmanager",
    "cloudwatch-exporter",
    "cluster-autoscaler",
    "ebs-csi",
    "external-secrets",
    "grafana",
    "topics",
    "vpc-cni",
)

_DOCS = "https://docs.aws.amazon.com/"
_ACTIONS_OF = f"{_DOCS}service-authorization/latest/reference/list_"
S3_KMS = f"{_DOCS}AmazonS3/latest/userguide/UsingKMSEncryption.html"
MSK = f"{_DOCS}msk/latest/developerguide/kafka-actions.html"
CLOUDWATCH = f"{_ACTIONS_OF}amazoncloudwatch.html"
SNS = f"{_DOCS}sns/latest/dg/sns-using-identity-based-policies.html"
SNS_KMS = f"{_DOCS}sns/latest/dg/sns-key-management.html"
SECRETS = f"{_DOCS}secretsmanager/latest/userguide/auth-and-access_iam-policies.html"
SECRETS_KMS = f"{_DOCS}secretsmanager/latest/userguide/security-encryption.html"
EC2 = f"{_ACTIONS_OF}amazonec2.html"
SCALING = f"{_ACTIONS_OF}amazonec2autoscaling.html"
EKS = f"{_ACTIONS_OF}amazonelastickubernetesservice.html"
EBS_CSI = "https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/install.md"
EBS_KMS = f"{_DOCS}ebs/latest/userguide/ebs-encryption-requirements.html"
VPC_CNI = "https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/iam-policy.md"
AUTOSCALER = "https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md"

# As the environment `local` names what the emulator lacks.
PLACE = "us-east-1:000000000000"
_EC2 = f"arn:aws:ec2:{PLACE}:"
CLUSTER = "tillstream-local"
_KAFKA = f"arn:aws:kafka:{PLACE}:"
_OWN = f"{CLUSTER}/local"

Condition = Mapping[str, Mapping[str, str]]


def via(service: str) -> Condition:
    """Only in the service's hands: the workload itself can neither decrypt nor make a key of it."""
    return {"StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}}


def equals(key: str, value: str) -> Condition:
    return {"StringEquals": {key: value}}


IN_REGION = equals("aws:RequestedRegion", "us-east-1")
IN_NETWORK: Condition = {"ArnEquals": {"ec2:Vpc": f"{_EC2}vpc/vpc-local"}}
OF_NODES = equals(f"aws:ResourceTag/kubernetes.io/cluster/{CLUSTER}", "owned")
OF_DRIVER = equals("aws:ResourceTag/ebs.csi.aws.com/cluster", "true")
OF_PLUGIN = equals("aws:ResourceTag/cluster.k8s.amazonaws.com/name", CLUSTER)


@dataclass(frozen=True)
class Reviewed:
    """A permission that was read, not tried. `*` as a resource is one of these with its reason, or is refused."""

    workloads: tuple[str, ...]
    actions: str
    resources: tuple[str, ...]
    why: str
    link: str
    condition: Condition = field(default_factory=dict)


def _key(purpose: str) -> tuple[str, ...]:
    return (f"arn:aws:kms:{PLACE}:key/{purpose}",)


def _topics(workload: str | None = None, access: Access = "consume") -> tuple[str, ...]:
    """The topics of all contracts, or of those that let a workload in."""
    return tuple(
        f"{_KAFKA}topic/{_OWN}/{contract.topic.name}"
        for contract in contracts.load().values()
        if workload is None or workload in contract.who_may(access)
    )


_READERS = ("lake-exporter",)
_WRITERS = ("spark-ingest", "spark-batch", "quality", "reference-data", "airflow", "airflow-triggerer", "upkeep")
_PAGERS = ("alertmanager", "grafana")
_CONSUMERS = ("spark-ingest", "quality")
_WATCHER = "airflow-triggerer"
_CLUSTER = (f"{_KAFKA}cluster/{_OWN}",)
_PAGES = (f"arn:aws:sns:{PLACE}:oncall", f"arn:aws:sns:{PLACE}:watchdog")
_SECRETS = (f"arn:aws:secretsmanager:{PLACE}:secret:airflow-database-AbCdEf",)
_VOLUMES, _INSTANCES, _INTERFACES = ((f"{_EC2}{kind}/*",) for kind in ("volume", "instance", "network-interface"))
_EVERYWHERE = ("*",)

REVIEWED = (
    # --- keys of the buckets ---
    Reviewed(_READERS, "kms:Decrypt", _key("lake"), "Read objects that SSE-KMS encrypts.", S3_KMS, via("s3")),
    Reviewed(
        _WRITERS,
        "kms:Decrypt kms:GenerateDataKey",
        _key("lake"),
        "Write objects that SSE-KMS encrypts; an upload in parts reads its parts back.",
        S3_KMS,
        via("s3"),
    ),
    # --- Kafka ---
    Reviewed((*_CONSUMERS, _WATCHER), "kafka-cluster:Connect", _CLUSTER, "Log in.", MSK),
    *(
        Reviewed(
            (workload,),
            "kafka-cluster:DescribeTopic kafka-cluster:ReadData",
            _topics(workload),
            "Read the topics whose contracts say so, and where they begin and end.",
            MSK,
        )
        for workload in _CONSUMERS
    ),
    *(
        Reviewed(
            (workload,),
            "kafka-cluster:AlterGroup kafka-cluster:DescribeGroup",
            (f"{_KAFKA}group/{_OWN}/{workload}*",),
            "Consume in groups that begin with its own name; Kafka asks for a group of whoever reads.",
            MSK,
        )
        for workload in _CONSUMERS
    ),
    Reviewed(
        (_WATCHER,),
        "kafka-cluster:DescribeTopic",
        _topics(_WATCHER, "describe"),
        "See where the topics end whose contracts say so; it reads no message.",
        MSK,
    ),
    Reviewed(
        ("topics",),
        "kafka-cluster:AlterCluster kafka-cluster:Connect kafka-cluster:DescribeCluster",
        _CLUSTER,
        "Write and read ACLs, the stores' first ones included.",
        MSK,
    ),
    Reviewed(
        ("topics",),
        "kafka-cluster:DescribeTopic kafka-cluster:DescribeTopicDynamicConfiguration",
        (f"{_KAFKA}topic/{_OWN}/*",),
        "Name the topics that no contract describes, too.",
        MSK,
    ),
    Reviewed(
        ("topics",),
        "kafka-cluster:AlterTopicDynamicConfiguration kafka-cluster:CreateTopic",
        _topics(),
        "Make and set the topics of the contracts; it deletes none and reads no message.",
        MSK,
    ),
    # --- secrets, metrics, pages ---
    Reviewed(
        ("external-secrets",),
        "secretsmanager:DescribeSecret secretsmanager:GetSecretValue",
        _SECRETS,
        "Copy the named secrets into the cluster.",
        SECRETS,
    ),
    Reviewed(
        ("external-secrets",),
        "kms:Decrypt",
        _key("secrets"),
        "Secrets are encrypted by a key of our own.",
        SECRETS_KMS,
        via("secretsmanager"),
    ),
    Reviewed(
        ("cloudwatch-exporter",),
        "cloudwatch:GetMetricData cloudwatch:ListMetrics",
        _EVERYWHERE,
        "Read what MSK, RDS and S3 measure. CloudWatch has no resource for reading metrics.",
        CLOUDWATCH,
        IN_REGION,
    ),
    Reviewed(_PAGERS, "sns:Publish", _PAGES, "Call people, and say that alerting lives.", SNS),
    Reviewed(
        _PAGERS,
        "kms:Decrypt kms:GenerateDataKey",
        _key("paging"),
        "The topics are encrypted by a key of our own.",
        SNS_KMS,
        via("sns"),
    ),
    # --- volumes ---
    Reviewed(
        ("ebs-csi",),
        "ec2:DescribeAvailabilityZones ec2:DescribeInstances ec2:DescribeTags ec2:DescribeVolumes "
        "ec2:DescribeVolumesModifications",
        _EVERYWHERE,
        "See volumes and where they may go. EC2 has no resource for what it describes.",
        EC2,
        IN_REGION,
    ),
    Reviewed(
        ("ebs-csi",),
        "ec2:CreateVolume",
        _VOLUMES,
        "Make volumes that carry the driver's tag.",
        EBS_CSI,
        equals("aws:RequestTag/ebs.csi.aws.com/cluster", "true"),
    ),
    Reviewed(
        ("ebs-csi",),
        "ec2:CreateTags",
        _VOLUMES,
        "Tag a volume while it is made, and never again.",
        EBS_CSI,
        equals("ec2:CreateAction", "CreateVolume"),
    ),
    Reviewed(
        ("ebs-csi",),
        "ec2:AttachVolume ec2:DeleteVolume ec2:DetachVolume ec2:ModifyVolume",
        _VOLUMES,
        "Keep the volumes that carry the driver's tag.",
        EBS_CSI,
        OF_DRIVER,
    ),
    Reviewed(
        ("ebs-csi",),
        "ec2:AttachVolume ec2:DetachVolume",
        _INSTANCES,
        "Attach to this cluster's nodes.",
        EBS_CSI,
        OF_NODES,
    ),
    Reviewed(
        ("ebs-csi",),
        "kms:Decrypt kms:DescribeKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo",
        _key("volumes"),
        "Volumes are encrypted by a key of our own.",
        EBS_KMS,
        via("ec2"),
    ),
    Reviewed(
        ("ebs-csi",),
        "kms:CreateGrant",
        _key("volumes"),
        "Let EC2, and nobody else, use that key while a volume is attached.",
        EBS_KMS,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    ),
    # --- addresses of pods ---
    Reviewed(
        ("vpc-cni",),
        "ec2:DescribeInstanceTypes ec2:DescribeInstances ec2:DescribeNetworkInterfaces ec2:DescribeSubnets "
        "ec2:DescribeTags",
        _EVERYWHERE,
        "See nodes and their interfaces. EC2 has no resource for what it describes.",
        EC2,
        IN_REGION,
    ),
    Reviewed(
        ("vpc-cni",),
        "ec2:CreateNetworkInterface",
        _INTERFACES,
        "Make interfaces that carry the cluster's name.",
        VPC_CNI,
        equals("aws:RequestTag/cluster.k8s.amazonaws.com/name", CLUSTER),
    ),
    Reviewed(
        ("vpc-cni",),
        "ec2:CreateNetworkInterface",
        (f"{_EC2}security-group/*", f"{_EC2}subnet/*"),
        "Make them in the cluster's own network.",
        VPC_CNI,
        IN_NETWORK,
    ),
    Reviewed(
        ("vpc-cni",),
        "ec2:CreateTags",
        _INTERFACES,
        "Tag an interface while it is made, and never again.",
        VPC_CNI,
        equals("ec2:CreateAction", "CreateNetworkInterface"),
    ),
    Reviewed(
        ("vpc-cni",),
        "ec2:AssignPrivateIpAddresses ec2:AttachNetworkInterface ec2:DeleteNetworkInterface "
        "ec2:DetachNetworkInterface ec2:ModifyNetworkInterfaceAttribute ec2:UnassignPrivateIpAddresses",
        _INTERFACES,
        "Keep the interfaces that carry the cluster's name.",
        VPC_CNI,
        OF_PLUGIN,
    ),
    Reviewed(
        ("vpc-cni",),
        "ec2:AttachNetworkInterface ec2:DetachNetworkInterface ec2:ModifyNetworkInterfaceAttribute",
        _INSTANCES,
        "Attach them to this cluster's nodes.",
        VPC_CNI,
        OF_NODES,
    ),
    Reviewed(
        ("vpc-cni",),
        "ec2:ModifyNetworkInterfaceAttribute",
        (f"{_EC2}security-group/*",),
        "Put them into groups of the cluster's own network.",
        VPC_CNI,
        IN_NETWORK,
    ),
    # --- nodes ---
    Reviewed(
        ("cluster-autoscaler",),
        "autoscaling:DescribeAutoScalingGroups autoscaling:DescribeAutoScalingInstances "
        "autoscaling:DescribeLaunchConfigurations autoscaling:DescribeScalingActivities autoscaling:DescribeTags",
        _EVERYWHERE,
        "Find the groups of nodes by their tags. Auto Scaling has no resource for what it describes.",
        SCALING,
        IN_REGION,
    ),
    Reviewed(
        ("cluster-autoscaler",),
        "ec2:DescribeImages ec2:DescribeInstanceTypes ec2:DescribeLaunchTemplateVersions "
        "ec2:GetInstanceTypesFromInstanceRequirements",
        _EVERYWHERE,
        "Know what a new node would be. EC2 has no resource for what it describes.",
        EC2,
        IN_REGION,
    ),
    Reviewed(
        ("cluster-autoscaler",),
        "eks:DescribeNodegroup",
        (f"arn:aws:eks:{PLACE}:nodegroup/{CLUSTER}/*",),
        "Read labels and taints of groups that have no node yet.",
        EKS,
    ),
    Reviewed(
        ("cluster-autoscaler",),
        "autoscaling:SetDesiredCapacity autoscaling:TerminateInstanceInAutoScalingGroup",
        (f"arn:aws:autoscaling:{PLACE}:autoScalingGroup:*:autoScalingGroupName/*",),
        "Size the groups that EKS has tagged as this cluster's.",
        AUTOSCALER,
        equals(f"aws:ResourceTag/k8s.io/cluster-autoscaler/{CLUSTER}", "owned"),
    ),
)

# By workload, letters and place (`*`: anything), the grants that the recorded run has no use for.
UNUSED: dict[tuple[str, str, str], str] = {
    ("airflow", "LRW", "artifacts/airflow-logs/"): "Airflow comes with a room of its own, and is no part of the run.",
    ("airflow-triggerer", "LRW", "*"): "As airflow: it is a part of Airflow's.",
    ("quality", "LRW", "artifacts/airflow-logs/"): "As airflow: its work runs in Airflow's tasks.",
    ("upkeep", "LRW", "artifacts/airflow-logs/"): "As quality.",
    ("spark-ingest", "LRW", "artifacts/airflow-logs/"): "As quality: a replay is a task, too.",
    ("spark-ingest", "LRWD", "artifacts/spark-events/spark-ingest/"): "One machine keeps no event logs.",
    ("spark-batch", "LRWD", "artifacts/spark-events/spark-batch/"): "As spark-ingest.",
    ("lake-exporter", "LR", "lake/*"): "The exporter comes with the metrics, and is no part of the run.",
    ("quality", "L", "lake/_batches/*"): (
        "A listing tells a manifest that is missing from one that is forbidden: AWS may say AccessDenied of both."
    ),
    ("spark-ingest", "L", "lake/_batches/*"): "As quality.",
    ("spark-ingest", "LR", "lake/[a-z]*/"): (
        "A table is one grant, rows and log. Rows are read back where an event comes twice and differs, of any table."
    ),
    ("quality", "LR", "lake/dim_*/"): "A table is one grant, rows and log; validation looks up stores and products.",
    ("quality", "LRW", "lake/quality_*/"): "Validation is no part of the run.",
    ("quality", "L", "lake/_expired/"): "As of manifests.",
    ("quality", "LW", "artifacts/data-docs/"): "Validation is no part of the run.",
    ("upkeep", "LRWD", "*"): "Compaction and clean-up are no part of the run.",
    ("reference-data", "LR", "lake/dim_*/"): "A table is one grant, rows and log; rows are read back to compact them.",
    ("spark-batch", "LR", "lake/[a-z]*/"): (
        "Its contracts let it read every table of every feed; rollup and today's deliveries ask for some of them."
    ),
    ("spark-batch", "R", "lake/exports/"): "A second delivery reads what the first one says of itself.",
}

# By workload, action and place, what the recorded run asked for and was refused, in good order.
REFUSED: dict[tuple[str, str, str], str] = {
    ("spark-ingest", "s3:GetObject", "checkpoints/ingest/"): (
        "Hadoop asks whether the folder above a checkpoint is an object, and goes on when it may not know."
    ),
}
