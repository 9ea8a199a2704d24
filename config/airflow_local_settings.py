"""Imports what the tasks run with into Airflow's scheduler and workers, once.

Airflow reads this file from `$AIRFLOW_HOME/config` at the start of every process. Tasks are forked from the scheduler
(LocalExecutor) or from a worker (Celery), so that none of them has to import it again: measured on two cores, a run of
ten ranges takes 1.2 times an empty one's time instead of 3 (docs/performance.md). Leaving it out costs time only.
"""

import stocksync.entrypoints.alert_tasks
import stocksync.entrypoints.sync_tasks  # noqa: F401 - to have it imported is the purpose
