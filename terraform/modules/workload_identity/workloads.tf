################################################################################
# Workloads: who they are in Kubernetes
################################################################################

locals {
  service_accounts = {
    # The pipeline. `topics` is Kafka's administrator; `reference-data` writes stores and products; `upkeep` compacts and
    # cleans the lake.
    spark-ingest   = { namespace = var.namespaces.platform, name = "spark-ingest" }
    spark-batch    = { namespace = var.namespaces.platform, name = "spark-batch" }
    quality        = { namespace = var.namespaces.platform, name = "quality" }
    topics         = { namespace = var.namespaces.platform, name = "topics" }
    reference-data = { namespace = var.namespaces.platform, name = "reference-data" }
    lake-exporter  = { namespace = var.namespaces.platform, name = "lake-exporter" }
    upkeep         = { namespace = var.namespaces.platform, name = "upkeep" }

    # What starts it and watches it. Airflow's triggerer alone sees how far the streams are.
    airflow             = { namespace = var.namespaces.airflow, name = "airflow" }
    airflow-triggerer   = { namespace = var.namespaces.airflow, name = "airflow-triggerer" }
    cloudwatch-exporter = { namespace = var.namespaces.monitoring, name = "cloudwatch-exporter" }
    alertmanager        = { namespace = var.namespaces.monitoring, name = "alertmanager" }
    grafana             = { namespace = var.namespaces.monitoring, name = "grafana" }
    external-secrets    = { namespace = var.namespaces.external_secrets, name = "external-secrets" }

    # The cluster's own; EKS and the charts choose these names.
    ebs-csi            = { namespace = "kube-system", name = "ebs-csi-controller-sa" }
    vpc-cni            = { namespace = "kube-system", name = "aws-node" }
    cluster-autoscaler = { namespace = "kube-system", name = "cluster-autoscaler" }
  }

  workloads = toset(keys(local.service_accounts))
}
