"""The page in Airflow's UI, as people see it."""
