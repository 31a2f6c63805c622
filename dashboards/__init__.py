"""Grafana's dashboards as code: what stands on them is here, the JSON beside it is written by `make render`."""
