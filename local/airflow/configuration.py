"""Airflow's settings on one machine: small, on loopback, behind a password that was drawn here."""

import base64
import json
import secrets
from configparser import ConfigParser
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from local.environment import ROOT
from stores.files import write_private

USER = "admin"
DAGS = ROOT / "dags"
# Four processes write to one file, one at a time: so long each waits for its turn. Python's own five seconds are soon
# over where the writer has no processor.
TURN_SECONDS = 60


@dataclass(frozen=True)
class Home:
    """Airflow's folder: its settings, database and logs."""

    directory: Path

    @property
    def settings_file(self) -> Path:
        return self.directory / "airflow.cfg"

    @property
    def password_file(self) -> Path:
        return self.directory / "passwords.json"

    @property
    def key_file(self) -> Path:
        """Of the key that the database's own secrets are encrypted with."""
        return self.directory / "fernet.key"

    def password(self) -> str:
        return str(json.loads(self.password_file.read_text())[USER])

    def write(self, port: int, *, with_metrics: bool) -> None:
        """Write airflow.cfg. Password and database key are drawn once; keys that only sign are drawn anew."""
        if not self.password_file.exists():
            write_private(self.password_file, json.dumps({USER: secrets.token_urlsafe(16)}))
            write_private(self.key_file, base64.urlsafe_b64encode(secrets.token_bytes(32)))
        url = f"http://127.0.0.1:{port}"
        settings = ConfigParser(interpolation=None)
        settings.read_dict(
            {
                "core": {
                    "dags_folder": str(DAGS),
                    "load_examples": "False",
                    "executor": "LocalExecutor",
                    # Each slot is a process: 32 of them, the default, would be forked at the start.
                    "parallelism": "4",
                    "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
                    "simple_auth_manager_users": f"{USER}:ADMIN",
                    "simple_auth_manager_passwords_file": str(self.password_file),
                    "execution_api_server_url": f"{url}/execution/",
                    "fernet_key": self.key_file.read_text(),
                    "dags_are_paused_at_creation": "False",
                },
                "api": {
                    "host": "127.0.0.1",
                    "port": str(port),
                    "base_url": url,
                    "workers": "1",
                    "secret_key": secrets.token_urlsafe(32),
                    "expose_config": "False",
                },
                "api_auth": {"jwt_secret": secrets.token_urlsafe(32)},
                "database": {"sql_alchemy_conn": f"sqlite:///{self.directory / 'airflow.db'}?timeout={TURN_SECONDS}"},
                "dag_processor": {
                    "parsing_processes": "1",
                    "min_file_process_interval": "60",
                    "refresh_interval": "60",
                },
                "scheduler": {
                    "scheduler_heartbeat_sec": "2",
                    # A task whose worker is gone is known to be so after this long.
                    "task_instance_heartbeat_timeout": "60",
                    "task_instance_heartbeat_timeout_detection_interval": "5",
                    "enable_health_check": "False",
                },
                "triggerer": {"capacity": "100"},
                "logging": {"base_log_folder": str(self.directory / "logs"), "logging_level": "INFO"},
                "metrics": {"statsd_on": "False", "otel_on": str(with_metrics)},
                "usage_data_collection": {"enabled": "False"},
            }
        )
        text = StringIO()
        settings.write(text)
        write_private(self.settings_file, text.getvalue())
