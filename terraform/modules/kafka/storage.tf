################################################################################
# Storage grows by itself
# https://docs.aws.amazon.com/msk/latest/developerguide/msk-autoexpand.html
################################################################################

resource "aws_appautoscaling_target" "storage" {
  count = local.msk ? 1 : 0

  service_namespace  = "kafka"
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  resource_id        = aws_msk_cluster.this[0].arn
  # MSK takes nothing but 1 here.
  min_capacity = 1
  max_capacity = var.broker_storage_gib.maximum
}

resource "aws_appautoscaling_policy" "storage" {
  count = local.msk ? 1 : 0

  name               = "${var.name}-broker-storage"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.storage[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.storage[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.storage[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = 60
    # A volume never shrinks.
    disable_scale_in = true

    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}
