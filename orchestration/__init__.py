"""How Airflow runs the Spark jobs: the port to where they run, the watch over streams, the operators of the DAGs."""
