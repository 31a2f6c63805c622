"""A Kerberos realm of its own on loopback, from Debian's krb5-kdc."""

import os
import shutil
import subprocess
from pathlib import Path

from local import processes
from local.ports import free_ports
from stores.files import write_private
from tests.support.waiting import wait_for

REALM = "TILLSTREAM.INVALID"
# Debian keeps servers where an ordinary user's PATH does not look.
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")
PACKAGES = "krb5-kdc krb5-admin-server krb5-user librdkafka-dev libsasl2-modules-gssapi-mit python3-dev gcc"


def program(name: str) -> str | None:
    """The path of a program of Kerberos, where it is installed."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *SBIN)))


class Kdc:
    """Running from its making to `stop`. Principals have random keys, in keytab files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        [self._port] = free_ports(1)
        self.configuration = write_private(
            directory / "krb5.conf",
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n rdns = false\n"
            f" dns_canonicalize_hostname = false\n udp_preference_limit = 1\n"
            f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{self._port}\n }}\n",
        )
        write_private(
            directory / "kdc.conf",
            f"[realms]\n {REALM} = {{\n  database_name = {directory}/principal\n  key_stash_file = {directory}/stash\n"
            f"  kdc_listen = 127.0.0.1:{self._port}\n  kdc_tcp_listen = 127.0.0.1:{self._port}\n }}\n"
            f"[logging]\n kdc = FILE:{directory}/kdc.log\n",
        )
        self._environment = os.environ | {
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_KDC_PROFILE": str(directory / "kdc.conf"),
        }
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", "of this test alone")
        self._process = processes.spawn(
            [str(program("krb5kdc")), "-n"], directory / "krb5kdc.log", environment=self._environment
        )
        wait_for(lambda: "commencing operation" in self._log(), 120, "an answer of the KDC")

    @staticmethod
    def missing() -> str | None:
        """What of Kerberos this machine lacks, and how to get it; None if nothing."""
        lacking = [name for name in PROGRAMS if program(name) is None]
        return f"{', '.join(lacking)} missing. As root on Debian: apt-get install {PACKAGES}" if lacking else None

    def principal(self, name: str) -> tuple[str, Path]:
        """Make a principal; its full name, and the keytab that holds its key."""
        keytab = self._directory / f"{name.replace('/', '-')}.keytab"
        self._run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {name}")
        self._run("kadmin.local", "-r", REALM, "-q", f"ktadd -k {keytab} {name}")
        return f"{name}@{REALM}", keytab

    def lock(self, name: str) -> None:
        """No ticket for this principal from now on."""
        self._run("kadmin.local", "-r", REALM, "-q", f"modprinc -allow_tix {name}")

    def stop(self) -> None:
        processes.end(self._process)

    def _log(self) -> str:
        log = self._directory / "kdc.log"
        return log.read_text() if log.exists() else ""

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([str(program(name)), *arguments], env=self._environment, check=True, capture_output=True)
