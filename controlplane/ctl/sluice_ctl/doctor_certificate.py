# SPDX-License-Identifier: Apache-2.0
"""doctor's look at the API's certificate: when it ends, and whether it is self-signed."""
import datetime
import pathlib
import ssl

from cryptography import x509

from sluice_ctl import endpoint
from sluice_ctl.doctor_host import FAIL, OK, WARN, Finding

WARN_DAYS = 14
CURE = ("replace tls_certificate and tls_key and restart sluice-controlplane; a self-signed one is "
        "made anew by the restart")


def pem_of(options):
    """PEM bytes, or None where there is no certificate to look at."""
    if options.certificate:
        return pathlib.Path(options.certificate).read_bytes()
    if options.endpoint.startswith("unix:"):
        return None
    host, port, _ = endpoint.address_of(options.endpoint)
    return ssl.get_server_certificate((host, port), timeout=endpoint.CONNECT_S).encode()


def check(options):
    try:
        pem = pem_of(options)
        if pem is None:
            return Finding("certificate", OK, "not looked at: a Unix socket has none (--certificate "
                           "names a file)")
        certificate = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError) as error:
        return Finding("certificate", FAIL, f"it cannot be read: {error}",
                       "name its file with --certificate, or the API with --endpoint HOST:PORT")
    end = certificate.not_valid_after
    days = (end - datetime.datetime.utcnow()).total_seconds() / 86400
    signed = "self-signed, " if certificate.issuer == certificate.subject else ""
    if days < 0:
        return Finding("certificate", FAIL, f"{signed}ended on {end:%Y-%m-%d}", CURE)
    if days < WARN_DAYS:
        return Finding("certificate", WARN, f"{signed}ends on {end:%Y-%m-%d}, in {days:.0f} days",
                       CURE)
    return Finding("certificate", OK, f"{signed}valid until {end:%Y-%m-%d}")
