"""The hands of others on a real API server's SparkApplications: Argo CD's, the operator's, and those that take away.

A cluster is a kubeconfig of its administrator in the variable ADMINISTRATOR; KUBECONFIG is Airflow's own there.
"""

import os
from dataclasses import dataclass
from typing import Any, Self

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from orchestration.kubernetes import GROUP, NOT_FOUND, PLURAL, VERSION
from orchestration.runtime import NAMESPACE

ADMINISTRATOR = "TILLSTREAM_TEST_ADMINISTRATOR"


@dataclass(frozen=True)
class Others:
    objects: client.CustomObjectsApi
    namespace: str

    @classmethod
    def from_env(cls) -> Self:
        api = config.new_client_from_config(os.environ[ADMINISTRATOR])
        return cls(client.CustomObjectsApi(api), os.environ[NAMESPACE])

    def apply(self, manifest: dict[str, Any]) -> None:
        """Make an object, or change its spec."""
        name = manifest["metadata"]["name"]
        try:
            self.objects.patch_namespaced_custom_object(*self._kind, name, manifest)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            self.objects.create_namespaced_custom_object(*self._kind, manifest)

    def become(self, name: str, state: str) -> None:
        status = {"driverInfo": {}, "applicationState": {"state": state, "errorMessage": "so it is"}}
        self.objects.patch_namespaced_custom_object_status(*self._kind, name, {"status": status})

    def remove(self, name: str) -> None:
        self.objects.delete_namespaced_custom_object(*self._kind, name)

    def remove_all(self) -> None:
        self.objects.delete_collection_namespaced_custom_object(*self._kind)

    @property
    def _kind(self) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self.namespace, PLURAL
