"""Prometheus and Alertmanager on one machine, with the cluster's own rules and routes."""

from local.monitoring.monitoring import Monitoring
from local.monitoring.pace import Pace

__all__ = ["Monitoring", "Pace"]
