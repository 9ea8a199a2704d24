"""What happens to the services of a night, at a moment nobody chose."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from local.servers.airflow import START_SECONDS
from local.servers.kafka import Kafka
from local.servers.postgres import Postgres
from local.servers.redis import Redis


@dataclass(frozen=True)
class Restart:
    """One kind of accident.

    Attributes:
        what: in words
        do: makes it happen
        may_redden: whether the night may end red: Redis forgot whose lock it was, or Airflow its own state
    """

    what: str
    do: Callable[[], None]
    may_redden: bool = False


def restarts(place, sales):
    """Everything that may happen, a quiet night too."""
    servers = {type(service): service for service in place.stack.services}
    airflow = place.stack.airflow
    components = airflow.components

    def restart_component(name):
        components[name].kill()
        components[name].start()
        airflow.wait_until(airflow.api.health, "answer again", START_SECONDS)

    def pause(kind, seconds=3):
        servers[kind].process.pause()
        time.sleep(seconds)
        servers[kind].process.resume()

    def restart_redis():
        with sales.closed():
            servers[Redis].restart(keep_data=True)

    def end_sessions():
        with sales.closed():
            place.shop.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stock-sync'"
            )

    return [
        Restart("a quiet night", lambda: None),
        *(
            Restart(f"the {name} is killed and started", lambda name=name: restart_component(name))
            for name in components
        ),
        Restart("Redis hangs for three seconds", lambda: pause(Redis)),
        Restart("the broker hangs for three seconds", lambda: pause(Kafka)),
        Restart("PostgreSQL hangs for three seconds", lambda: pause(Postgres)),
        Restart("the ledger's sessions are ended", end_sessions),
        Restart("Redis is restarted with its data", restart_redis, may_redden=True),
    ]
