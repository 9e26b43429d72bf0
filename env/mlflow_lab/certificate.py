"""A certificate that is its own authority, for a server on this machine."""

import subprocess

from .programs import SET_UP, require

OPENSSL_ARGUMENTS = (
    *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
    *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
)


def self_signed() -> tuple[str, str]:
    """A new key and its certificate for 127.0.0.1, valid for a day.

    Raises ComponentMissing if there is no openssl.
    """
    command = [require("openssl", "openssl", SET_UP), *OPENSSL_ARGUMENTS, "-keyout", "-"]
    # Without -out openssl prints the certificate, and with -keyout - the key before it.
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    begin = made.index("-----BEGIN CERTIFICATE")
    return made[:begin], made[begin:]
