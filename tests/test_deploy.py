"""The examples under deploy/ are what the service takes: settings, unit, proxy, container."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from api.settings import SECRETS, Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"\bSEALEDBOOK_([A-Z_]+)")


def test_the_example_settings_are_settings() -> None:
    values = tomllib.loads((DEPLOY / "service.toml").read_text("utf-8"))
    settings = Settings(**values)
    assert settings.log_origin == "proofs.example.com/log"
    assert settings.trusted_proxies == ("127.0.0.1",)
    assert settings.vault is None, "the public service has none"


@pytest.mark.parametrize(
    "path",
    [
        DEPLOY / "Containerfile",
        DEPLOY / "sealedbook.service",
        DEPLOY / "nginx.conf",
        ROOT / "docs/operations.md",
    ],
)
def test_every_variable_exists(path: Path) -> None:
    names = {name.lower() for name in VARIABLE.findall(path.read_text("utf-8"))}
    known = set(Settings.model_fields) | {f"{secret}_file" for secret in SECRETS}
    assert names <= known
    assert names


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit is not checked")
    # The program is not installed where the unit says; anything that is will do.
    text = (
        (DEPLOY / "sealedbook.service")
        .read_text("utf-8")
        .replace("/opt/sealedbook/bin/sealedbook", "/bin/true")
    )
    unit = tmp_path / "sealedbook.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "sealedbook.service" in line] == []


def test_the_proxy_is_one_that_nginx_takes(tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed: the example of a proxy is not checked")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/CN=proofs.example.com",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    text = text.replace("/etc/ssl/proofs.example.com/fullchain.pem", str(tmp_path / "certificate.pem"))
    text = text.replace("/etc/ssl/proofs.example.com/privkey.pem", str(tmp_path / "key.pem"))
    # Debian's stable release has the older spelling alone.
    text = text.replace("    http2 on;\n", "").replace("listen 443 ssl;", "listen 443 ssl http2;")
    (tmp_path / "site.conf").write_text(text)
    main = tmp_path / "nginx.conf"
    main.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n  include {tmp_path}/site.conf;\n}}\n")
    done = subprocess.run(
        [nginx, "-t", "-c", str(main), "-p", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_container_copies_what_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
    assert "npm run build" in text
    assert (ROOT / "web/package-lock.json").exists()


def test_no_secret_is_in_the_examples() -> None:
    for path in DEPLOY.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"PRIVATE\+KEY|BEGIN [A-Z ]*PRIVATE", text), path
        assert set(re.findall(r"\b[0-9a-f]{64}\b", text)) <= {"0" * 64}, path
