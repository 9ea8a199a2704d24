"""Where Airflow comes in: tasks, callbacks, connections. Nothing else in the package imports Airflow."""
