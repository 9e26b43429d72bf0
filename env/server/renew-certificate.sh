#!/bin/sh
# Renews the server's certificate once it has 30 days left, if new-certificate.sh made it, and runs
# the command with which nginx reads the new one; every day, by mlflow-certificate.timer or cron:
#   sh renew-certificate.sh CA_FOLDER TLS_FOLDER systemctl reload nginx
# Fails while the certificate has 30 days left and somebody else has to renew it.
set -eu
ca=$1 tls=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
crt=$tls/mlflow.crt
! openssl x509 -checkend 2592000 -noout -in "$crt" >/dev/null || exit 0
fail() {
  echo "$(openssl x509 -enddate -noout -in "$crt" | sed 's/notAfter=/expires /'): $*" >&2
  exit 1
}
openssl verify -no_check_time -CAfile "$ca/ca.crt" "$crt" >/dev/null 2>&1 ||
  fail "$crt is of another authority"
[ -e "$ca/ca.key" ] || fail "renew it where ca.key is"
host=$(openssl x509 -noout -ext subjectAltName -in "$crt" | sed -n 's/^ *\(DNS\|IP Address\)://p')
sh "$here/new-certificate.sh" "$ca" "$tls" "$host" >/dev/null
"$@"
