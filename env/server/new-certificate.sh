#!/bin/sh
# A certificate of a private authority (CA), where there is none from a public one:
#   sh new-certificate.sh CA_FOLDER TLS_FOLDER mlflow.example.com
# CA_FOLDER: ca.crt, which every client has to trust, and ca.key, which nobody else may read; both
# are made once. The CA vouches for this name alone: its key opens no more than that of the server,
# and may lie beside it for renew-certificate.sh. TLS_FOLDER: mlflow.crt and mlflow.key, new each
# time, for nginx; those that are there stay until both new ones are good.
set -eu
ca=$1 tls=$2 host=$3
umask 077
mkdir -p "$ca" "$tls"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" 2>&1; }
case $host in
  *[!0-9.]*)
    name=DNS:$host option=-verify_hostname
    only="permitted;DNS:$host,excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::"
    ;;
  *)
    name=IP:$host option=-verify_ip
    only="permitted;IP:$host/255.255.255.255,permitted;DNS:invalid"
    ;;
esac

if [ ! -e "$ca/ca.key" ]; then
  new -keyout "$ca/ca.key" -out "$ca/ca.crt" -days 3650 -subj "/CN=MLflow CA of $host" \
    -addext basicConstraints=critical,CA:true,pathlen:0 -addext keyUsage=critical,keyCertSign \
    -addext "nameConstraints=critical,$only"
fi
new_key=$tls/new.key new_crt=$tls/new.crt
trap 'rm -f "$new_key" "$new_crt"' EXIT
# At most 825 days, or macOS refuses it. A CN that looks like a host's would have to be allowed, too.
new -keyout "$new_key" -out "$new_crt" -CA "$ca/ca.crt" -CAkey "$ca/ca.key" \
  -days 397 -subj "/CN=MLflow at $host" -addext "subjectAltName=$name" -addext basicConstraints=CA:false \
  -addext extendedKeyUsage=serverAuth
openssl verify -x509_strict -purpose sslserver -CAfile "$ca/ca.crt" "$option" "$host" "$new_crt"
chmod 644 "$ca/ca.crt" "$new_crt"
mv "$new_key" "$tls/mlflow.key"
mv "$new_crt" "$tls/mlflow.crt"
