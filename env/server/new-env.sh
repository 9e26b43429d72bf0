#!/bin/sh
# Writes the settings file of a new server: .env.example with secrets that nobody has seen.
#   sh new-env.sh .env mlflow.example.com
# A variable of the environment comes first, also an empty one. Never changes a file that is there.
set -eu
file=$1 host=$2
here=$(cd "$(dirname "$0")" && pwd)
umask 077
set -C # > does not overwrite
while IFS= read -r line; do
  case $line in [A-Z]*=*) ;; *) printf '%s\n' "$line" && continue ;; esac
  name=${line%%=*} value=${line#*=}
  if given=$(printenv "$name"); then
    value=$given
  elif [ "$name" = MLFLOW_SERVER_ALLOWED_HOSTS ]; then
    value=$host
  elif [ -z "$value" ]; then
    case $name in *KEY* | *PASSWORD*) value=$(openssl rand -hex 24) ;; esac
  fi
  printf '%s=%s\n' "$name" "$value"
done < "$here/.env.example" > "$file"
