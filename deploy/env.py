"""Write .env, which docker-compose.yaml requires: fresh random passwords, and room for the tokens only you have.

It needs Python and nothing else, and never touches a file that is there: those passwords are in use.
"""

import base64
import secrets
import sys
import uuid
from pathlib import Path

TEMPLATE = """\
# The secrets of docker-compose.yaml, made by `make env`. Keep it out of version control, readable by you alone.
# docs/operations.md tells how to change one.

# Airflow: the UI's user is admin
AIRFLOW_ADMIN_PASSWORD={password}
AIRFLOW_FERNET_KEY={fernet}
AIRFLOW_JWT_SECRET={password}
AIRFLOW_SECRET_KEY={password}
AIRFLOW_DB_PASSWORD={password}
CELERY_REDIS_PASSWORD={password}

# What the DAGs use, each with the rights docs/security.md lists
PRODUCT_DB_DAGS_PASSWORD={password}
STOCK_REDIS_DAGS_PASSWORD={password}
KAFKA_DAGS_PASSWORD={password}
STOCK_OPS_WORKER_PASSWORD={password}
STOCK_OPS_PAGE_PASSWORD={password}

# What the shop and its administrators use
PRODUCT_DB_OWNER_PASSWORD={password}
STOCK_REDIS_SHOP_PASSWORD={password}
KAFKA_ADMIN_PASSWORD={password}
KAFKA_CLUSTER_ID={cluster}
REGISTRY_DB_PASSWORD={password}
STOCK_OPS_OWNER_PASSWORD={password}

# Where people are told: fill in the password, a Slack app's token and an integration key. Empty: nobody is told there
# AIRFLOW_CONN_STOCK_SLACK='{{"conn_type": "slack", "password": "xoxb-..."}}'
# AIRFLOW_CONN_STOCK_PAGERDUTY='{{"conn_type": "pagerduty", "password": "..."}}'
AIRFLOW_CONN_STOCK_SLACK=
AIRFLOW_CONN_STOCK_PAGERDUTY=

# Services of your own instead of those of docker-compose.yaml, as Airflow's connections. With a Kafka or a registry of
# your own, an empty STOCK_SYNC_SCHEMA_REGISTRY_URL is: no registry
# AIRFLOW_CONN_PRODUCT_DB='postgresql://reader:...@db.example:5432/shop?sslmode=verify-full'
# AIRFLOW_CONN_STOCK_REDIS='redis://dags:...@redis.example:6379/0'
# AIRFLOW_CONN_STOCK_KAFKA='{{"conn_type": "kafka", "extra": {{"bootstrap.servers": "kafka.example:9092"}}}}'
# STOCK_SYNC_SCHEMA_REGISTRY_URL=https://registry.example
# AIRFLOW_CONN_STOCK_OPS='postgresql://worker:...@db.example:5432/operations?sslmode=verify-full'
# AIRFLOW_CONN_STOCK_OPS_PAGE='postgresql://page:...@db.example:5432/operations?sslmode=verify-full'
# AIRFLOW_CONN_STOCK_SCHEMA_REGISTRY='{{"conn_type": "http", "login": "...", "password": "..."}}'

# Settings, as README.md lists them: STOCK_SYNC_LOCALE=en

# The UI's port on 127.0.0.1
UI_PORT=8080
"""


class _Fresh(dict[str, str]):
    """Another secret each time one is asked for; hexadecimal, so that it fits into URLs and configuration files."""

    def __getitem__(self, name: str) -> str:
        if name == "fernet":
            return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        if name == "cluster":
            return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        return secrets.token_hex(24)


def contents() -> str:
    """Return a new .env."""
    return TEMPLATE.format_map(_Fresh())


def main(path: Path) -> int:
    """Write the file, unless there is one."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        print(f"{path} is there already and was left alone: the passwords in it are in use")  # noqa: T201
        return 1
    path.write_text(contents())
    print(f"{path} is written, with fresh random passwords; `docker compose up --wait` reads it")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
