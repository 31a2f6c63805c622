"""Prometheus and Alertmanager on one machine, with the cluster's own rules and routes."""
