"""Airflow on one machine: its four processes, and the runtime that its tasks talk to."""
