"""Alertmanager on one machine, on the cluster's own routes: every receiver is a webhook of its name."""

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import yaml

from local import processes
from local.environment import ROOT, StackError
from local.monitoring.rules import divided
from local.ports import free_ports

BIN = ROOT / ".tools" / "bin"
ROUTES = ROOT / "argocd" / "apps" / "paging" / "base" / "routes.yaml"
START_SECONDS = 120


def configuration(spec: Mapping[str, Any], webhook_url: str, factor: int = 1) -> dict[str, Any]:
    """Alertmanager's own file from the spec of an AlertmanagerConfig; every time is divided by the factor."""
    return {
        "route": _route(spec["route"], factor),
        "receivers": [_receiver(each, webhook_url) for each in spec["receivers"]],
        "inhibit_rules": [
            {
                "source_matchers": _matchers(each["sourceMatch"]),
                "target_matchers": _matchers(each["targetMatch"]),
                "equal": list(each.get("equal", ())),
            }
            for each in spec.get("inhibitRules", ())
        ],
    }


def _route(route: Mapping[str, Any], factor: int) -> dict[str, Any]:
    made: dict[str, Any] = {"receiver": route["receiver"], "group_by": list(route["groupBy"])}
    if "matchers" in route:
        made["matchers"] = _matchers(route["matchers"])
    for name in ("groupWait", "groupInterval", "repeatInterval"):
        if name in route:
            made[_snake(name)] = divided(route[name], factor)
    if "routes" in route:
        made["routes"] = [_route(each, factor) for each in route["routes"]]
    return made


def _receiver(receiver: Mapping[str, Any], webhook_url: str) -> dict[str, Any]:
    name = receiver["name"]
    # Who tells nobody has nothing but a name.
    if len(receiver) == 1:
        return {"name": name}
    return {"name": name, "webhook_configs": [{"url": f"{webhook_url}/{name}", "send_resolved": True}]}


def _matchers(matchers: Sequence[Mapping[str, str]]) -> list[str]:
    return [f'{each["name"]}{each["matchType"]}"{each["value"]}"' for each in matchers]


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def routes(file: Path = ROUTES) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
    return spec


class Alertmanager:
    """One process, alone: it speaks to no other."""

    def __init__(self, directory: Path, webhook_url: str, factor: int = 1) -> None:
        self.directory = directory
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._configuration = configuration(routes(), webhook_url, factor)
        self._process: processes.Popen | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "alertmanager.yaml"
        file.write_text(yaml.safe_dump(self._configuration, sort_keys=False), encoding="utf-8")
        command = [
            str(BIN / "alertmanager"),
            f"--config.file={file}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        log = self.directory / "alertmanager.log"
        self._process = processes.spawn(command, log)
        await_ready(self._process, f"{self.url}/-/ready", log)

    def stop(self) -> None:
        if self._process:
            processes.end(self._process)
            self._process = None


def await_ready(process: processes.Popen, url: str, log: Path) -> None:
    """Return when the program answers there. Raise StackError where it ends, or does not in time."""
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(transport=transport, timeout=2) as client:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise StackError(f"It ended while starting; nothing else was touched. {processes.end_of_log(log)}")
            with suppress(httpx.TransportError):
                if client.get(url).is_success:
                    return
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    processes.end(process)
    raise StackError(f"It did not answer within {START_SECONDS} s and was stopped. {processes.end_of_log(log)}")
