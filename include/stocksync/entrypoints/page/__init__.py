"""The page 재고 / Stock in Airflow's UI: GET routes only, for whoever may read the DAG stock_sync.

What a person decides there is a run of stock_sync_review, which the browser asks Airflow's own REST API for as that
person. Nothing here writes.
"""
