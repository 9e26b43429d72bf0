#!/bin/sh
# Writes the settings file of a new server: .env.example with secrets that nobody has seen.
#   sh new-env.sh .env mlflow.example.com
# A variable of the environment comes first, also an empty one. AWS_* only where it names the store as
# well (MLFLOW_S3_ENDPOINT_URL): else they are somebody's own. Never changes a file that is there.
set -eu
file=$1 host=$2
here=$(cd "$(dirname "$0")" && pwd)
umask 077
of_environment() {
  case $1 in AWS_*) [ "${MLFLOW_S3_ENDPOINT_URL:-}" ] || return 1 ;; esac
  printenv "$1"
}
set -C # > does not overwrite
while IFS= read -r line; do
  case $line in [A-Z]*=*) ;; *) printf '%s\n' "$line" && continue ;; esac
  name=${line%%=*} value=${line#*=}
  if given=$(of_environment "$name"); then
    value=$given
  elif [ "$name" = MLFLOW_SERVER_ALLOWED_HOSTS ]; then
    value=$host
  elif [ "$name" = COMPOSE_PROJECT_NAME ]; then
    value=mlflow-$(printf %s "$host" | tr 'A-Z.' 'a-z-' | tr -cd 'a-z0-9-')
  elif [ -z "$value" ]; then
    case $name in AWS_*) ;; *KEY* | *PASSWORD*) value=$(openssl rand -hex 24) ;; esac
  fi
  printf '%s=%s\n' "$name" "$value"
done < "$here/.env.example" > "$file"
