#!/bin/sh
# Start Kafka: format the data folder when it is new, with the administrator's password in it, and serve.
#   start.sh CONFIGURATION [--override name=value ...]
set -eu
: "${KAFKA_ADMIN_PASSWORD:?is not set: run make env}" "${KAFKA_CLUSTER_ID:?is not set: run make env}"
bin=${KAFKA_HOME:-/opt/kafka}/bin
"$bin/kafka-storage.sh" format --config "$1" "--cluster-id=$KAFKA_CLUSTER_ID" --ignore-formatted --standalone \
    --add-scram "SCRAM-SHA-512=[name=admin,password=$KAFKA_ADMIN_PASSWORD]"
exec "$bin/kafka-server-start.sh" "$@"
