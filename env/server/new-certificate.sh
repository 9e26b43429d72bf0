#!/bin/sh
# A certificate of a private authority (CA), where there is none from a public one:
#   sh new-certificate.sh CA_FOLDER TLS_FOLDER mlflow.example.com
# CA_FOLDER: ca.crt, which every client has to trust, and ca.key, which nobody else may read; both
# are made once. TLS_FOLDER: mlflow.crt and mlflow.key, new each time, for nginx.
set -eu
ca=$1 tls=$2 host=$3
umask 077
mkdir -p "$ca" "$tls"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" 2>&1; }

if [ ! -e "$ca/ca.key" ]; then
  new -keyout "$ca/ca.key" -out "$ca/ca.crt" -days 3650 -subj "/CN=MLflow CA of $host" \
    -addext basicConstraints=critical,CA:true,pathlen:0 -addext keyUsage=critical,keyCertSign
fi
case $host in *[!0-9.]*) name=DNS:$host ;; *) name=IP:$host ;; esac
# At most 825 days, or macOS refuses it.
new -keyout "$tls/mlflow.key" -out "$tls/mlflow.crt" -CA "$ca/ca.crt" -CAkey "$ca/ca.key" \
  -days 397 -subj "/CN=$host" -addext "subjectAltName=$name" -addext basicConstraints=CA:false \
  -addext extendedKeyUsage=serverAuth
chmod 644 "$ca/ca.crt" "$tls/mlflow.crt"
