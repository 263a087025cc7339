"""Certificates for tests: one authority, one server, one client."""

import subprocess
from pathlib import Path

from real_parts import needed


def make_certificates(folder: Path) -> dict[str, Path]:
    """PEM files: `ca`, and for `server` and `client` the certificate and, as NAME_key, its key."""
    made = {"ca": folder / "ca.pem", "ca_key": folder / "ca.key"}
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(
        "req", "-x509", *_new(made["ca_key"]), "-out", made["ca"], "-subj", "/CN=test authority"
    )
    extensions = folder / "san"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        made[name], made[f"{name}_key"] = folder / f"{name}.pem", folder / f"{name}.key"
        request = folder / f"{name}.csr"
        _openssl("req", *_new(made[f"{name}_key"]), "-out", request, "-subj", f"/CN={name}")
        signed = ("-CA", made["ca"], "-CAkey", made["ca_key"], "-CAcreateserial", "-days", "2")
        _openssl(
            "x509", "-req", "-in", request, *signed, "-extfile", extensions, "-out", made[name]
        )
    return made


def _new(key: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key)


def _openssl(*words: str | Path) -> None:
    subprocess.run([needed("openssl"), *words], check=True, capture_output=True)


def make_identity(made: dict[str, Path], name: str, uri: str) -> tuple[Path, Path]:
    """Certificate and key of a workload that the authority of `make_certificates` vouches for."""
    folder = made["ca"].parent
    file, key, request = (folder / f"{name}.{e}" for e in ("pem", "key", "csr"))
    extensions = folder / f"{name}.san"
    extensions.write_text(f"subjectAltName=URI:{uri},DNS:localhost,IP:127.0.0.1\n")
    _openssl("req", *_new(key), "-out", request, "-subj", f"/CN={name}")
    signed = ("-CA", made["ca"], "-CAkey", made["ca_key"], "-CAcreateserial", "-days", "2")
    _openssl("x509", "-req", "-in", request, *signed, "-extfile", extensions, "-out", file)
    return file, key
