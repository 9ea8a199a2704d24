#!/bin/sh
# Start Redis with users. Redis reads no environment, so each @NAME@ in the template is replaced by the SHA-256 of
# the variable NAME; a variable that is missing or empty stops it.
#   start.sh USERS-TEMPLATE CONFIGURATION [more words for redis-server]
set -eu
umask 077
users=${REDIS_RUN:-/run/redis}/users.acl
cp "$1" "$users"
for name in $(grep -o '@[A-Z_]*@' "$1" | tr -d @); do
    eval "password=\${$name:-}"
    [ -n "$password" ] || { echo "$name is not set: run make env" >&2; exit 1; }
    sed -i "s/@$name@/$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)/" "$users"
done
shift
exec redis-server "$@" --aclfile "$users"
