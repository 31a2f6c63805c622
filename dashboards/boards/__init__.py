"""The dashboards: Pipeline first, which answers in one screen whether every feed is fresh, complete and valid."""

from dashboards.boards import airflow_quality, kafka, lake_cost, pipeline, stores, streams

BOARDS = (pipeline.BOARD, kafka.BOARD, streams.BOARD, airflow_quality.BOARD, stores.BOARD, lake_cost.BOARD)
