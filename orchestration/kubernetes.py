"""SparkApplications through the Kubernetes API, as the Spark Operator runs them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from orchestration.runtime import NAMESPACE, PIPELINE, WATCHER, Application, Changed, NoSuchApplication, Unreachable

GROUP, VERSION, PLURAL = "sparkoperator.k8s.io", "v1beta2", "sparkapplications"
# Within a pod; elsewhere the user's kubeconfig says where the cluster is.
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
TIMEOUT_SECONDS = 20
NOT_FOUND, CONFLICT = 404, 409


class KubernetesRuntime:
    """One namespace's SparkApplications. Every change names the object's version, so that of two writers one wins."""

    def __init__(self, api: client.ApiClient | None = None, namespace: str | None = None) -> None:
        self._objects = client.CustomObjectsApi(api or _configured())
        self._namespace = namespace or os.environ.get(NAMESPACE, PIPELINE)

    def get(self, name: str) -> Application:
        return Application.of(self._read(name))

    def change(self, seen: Application, *, suspend: bool, watcher: str) -> Application:
        patch = {
            "metadata": {"resourceVersion": seen.version, "annotations": {WATCHER: watcher}},
            "spec": {"suspend": suspend},
        }
        return Application.of(self._ask(seen.name, self._objects.patch_namespaced_custom_object, seen.name, patch))

    def replace(self, seen: Application, *, watcher: str) -> Application:
        found = self._read(seen.name)
        if found["metadata"]["uid"] != seen.uid:
            raise Changed(f"SparkApplication {seen.name} is another one than was seen. Nothing was changed.")
        self.delete(seen)
        # Argo CD may be the first to put it back, suspended: then this says Changed, and whoever asks starts that one.
        return self._create(found, seen.name, watcher)

    def create(self, template: str, name: str, arguments: Sequence[str], *, watcher: str) -> Application:
        found = self._read(template)
        owner = {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "name": template,
            "uid": found["metadata"]["uid"],
        }
        copied = {**found, "spec": {**found["spec"], "arguments": list(arguments)}}
        # Not Argo CD's to prune: its label and annotation stay with the template.
        copied["metadata"] = {"labels": _labels(found, template), "ownerReferences": [owner]}
        return self._create(copied, name, watcher)

    def delete(self, seen: Application) -> None:
        options = client.V1DeleteOptions(
            propagation_policy="Background",
            preconditions=client.V1Preconditions(uid=seen.uid, resource_version=seen.version),
        )
        try:
            self._ask(seen.name, self._objects.delete_namespaced_custom_object, seen.name, body=options)
        except NoSuchApplication:
            return

    def _read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(name, self._objects.get_namespaced_custom_object, name)
        return found

    def _create(self, like: Mapping[str, Any], name: str, watcher: str) -> Application:
        metadata = like["metadata"]
        kept = {key: metadata[key] for key in ("labels", "ownerReferences") if key in metadata}
        annotations = {**metadata.get("annotations", {}), WATCHER: watcher}
        made = {
            "apiVersion": like["apiVersion"],
            "kind": like["kind"],
            "metadata": {**kept, "name": name, "namespace": self._namespace, "annotations": annotations},
            "spec": {**like["spec"], "suspend": False},
        }
        return Application.of(self._ask(name, self._objects.create_namespaced_custom_object, made))

    def _ask(self, name: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - JSON
        """Call the API; say by an error of the port what it answered."""
        try:
            return call(
                GROUP, VERSION, self._namespace, PLURAL, *arguments, _request_timeout=TIMEOUT_SECONDS, **options
            )
        except ApiException as error:
            if error.status == NOT_FOUND:
                raise NoSuchApplication(
                    f"There is no SparkApplication {name} in {self._namespace}. Nothing was changed; Argo CD makes "
                    "the declared ones: see its application `streams` or `batch`."
                ) from error
            if error.status == CONFLICT:
                raise Changed(
                    f"SparkApplication {name} was changed meanwhile: {error.reason}. Nothing was changed."
                ) from error
            raise Unreachable(
                f"The Kubernetes API answered {error.status} ({error.reason}) about SparkApplication {name}. What runs "
                "goes on; 401 and 403 are a matter of the service account's token and RBAC."
            ) from error
        except (HTTPError, OSError) as error:
            raise Unreachable(
                f"The Kubernetes API does not answer about SparkApplication {name}: {error}. What runs goes on."
            ) from error


def _labels(found: Mapping[str, Any], template: str) -> dict[str, str]:
    ours = ("app.kubernetes.io/name", "app.kubernetes.io/part-of")
    labels = found["metadata"].get("labels", {})
    return {key: labels[key] for key in ours if key in labels} | {"tillstream.io/template": template}


def _configured() -> client.ApiClient:
    try:
        if TOKEN.exists():
            config.load_incluster_config()
        else:
            config.load_kube_config()
    except ConfigException as error:
        raise Unreachable(
            f"There is no cluster to talk to: {error}. Nothing was changed; outside a pod, KUBECONFIG names one."
        ) from error
    return client.ApiClient()
