"""What the cluster needs once: Kafka's user, topics and rights, the event's schema, the password of the UI.

Each step may be done again: it changes nothing that is right already. `make env` makes the passwords; which service
runs this, and when, is in docker-compose.yaml.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.error import KafkaError, KafkaException
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

log = logging.getLogger("stock-sync-init")

SCHEMA = Path(__file__).parents[1] / "schemas" / "StockSyncAlert.avsc"
USER = "stock-sync"
GROUP = "stock-sync-monitoring"
PARTITIONS = {"{topic}": 6, "{dead_letters}": 1}
SEVEN_DAYS_MS = 7 * 24 * 60 * 60 * 1000
RIGHTS = {
    "{topic}": (AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE),
    "{dead_letters}": (AclOperation.WRITE, AclOperation.DESCRIBE),
}
_PATIENCE = 60

V = TypeVar("V")


def topics(environment: Mapping[str, str]) -> dict[str, str]:
    """Name the topics as the settings do; an empty one counts as not set."""
    topic = environment.get("STOCK_SYNC_TOPIC") or "stock.sync.alert"
    return {"topic": topic, "dead_letters": environment.get("STOCK_SYNC_DLQ_TOPIC") or f"{topic}.dlq"}


def admin_client(environment: Mapping[str, str]) -> AdminClient:
    """Log in as Kafka's administrator."""
    return AdminClient(
        {
            "bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"],
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "admin",
            "sasl.password": environment["KAFKA_ADMIN_PASSWORD"],
        }
    )


def prepare_kafka(admin: AdminClient, names: Mapping[str, str], password: str, replicas: int = 1) -> None:
    """Make the DAGs' user, its topics and its rights.

    Args:
        admin: who may
        names: what the topics are called, as `topics` gives it
        password: the user's
        replicas: of each partition
    """
    admin.list_topics(timeout=_PATIENCE)
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    upsertion = UserScramCredentialUpsertion(USER, scram, password.encode())
    for done in admin.alter_user_scram_credentials([upsertion]).values():
        done.result(_PATIENCE)
    settings = {"retention.ms": str(SEVEN_DAYS_MS), "cleanup.policy": "delete"}
    for name, partitions in _named(PARTITIONS, names).items():
        _create(admin, NewTopic(name, partitions, replicas, config=settings))
    bindings = [
        _allowed(ResourceType.TOPIC, name, operation)
        for name, operations in _named(RIGHTS, names).items()
        for operation in operations
    ]
    bindings.append(_allowed(ResourceType.GROUP, GROUP, AclOperation.READ))
    for done in admin.create_acls(bindings).values():
        done.result(_PATIENCE)


def register_schema(url: str, topic: str) -> int:
    """Put the event's schema where runs look it up, under the rule by which it may change."""
    client = SchemaRegistryClient({"url": url, "timeout": 30, "max.retries": 5})
    number = client.register_schema(f"{topic}-value", Schema(SCHEMA.read_text(), "AVRO"))
    client.set_compatibility(f"{topic}-value", "BACKWARD")
    return int(number)


def write_ui_password(path: Path, password: str) -> None:
    """Give the UI's user admin its password."""
    path.touch(mode=0o600)
    path.write_text(json.dumps({"admin": password}))


def main(environment: Mapping[str, str] = os.environ) -> None:
    """Do everything."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = topics(environment)
    topic = names["topic"]
    prepare_kafka(admin_client(environment), names, environment["KAFKA_DAGS_PASSWORD"])
    log.info("Kafka has topics %s and the user %s", ", ".join(_named(PARTITIONS, names)), USER)
    number = register_schema(environment["SCHEMA_REGISTRY_URL"], topic)
    log.info("the registry has %s-value under id %d", topic, number)
    passwords = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    write_ui_password(passwords, environment["AIRFLOW_ADMIN_PASSWORD"])
    log.info("the UI's user is admin, its password AIRFLOW_ADMIN_PASSWORD in .env")


def _create(admin: AdminClient, topic: NewTopic) -> None:
    for done in admin.create_topics([topic]).values():
        try:
            done.result(_PATIENCE)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            log.info("topic %s is there", topic.topic)
    entries = [ConfigEntry(*entry, incremental_operation=AlterConfigOpType.SET) for entry in topic.config.items()]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic.topic, incremental_configs=entries)
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(_PATIENCE)


def _allowed(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    principal = f"User:{USER}"
    return AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW)


def _named(by_name: Mapping[str, V], names: Mapping[str, str]) -> dict[str, V]:
    return {name.format(**names): value for name, value in by_name.items()}


if __name__ == "__main__":
    main()
