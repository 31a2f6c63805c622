import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from moto.kafka import urls
from moto.kafka.exceptions import BadRequestException, NotFoundException
from moto.kafka.responses import KafkaResponse

from tests.support.aws_emulator import routing

BROKERS = {
    "bootstrapBrokerStringTls": 9094,
    "bootstrapBrokerStringSaslScram": 9096,
    "bootstrapBrokerStringSaslIam": 9098,
}


class Msk(KafkaResponse):
    """aws_msk_configuration and aws_msk_single_scram_secret_association: kept as they were asked for.

    aws_msk_cluster: becomes active at once, under an ARN with its name in it, and has the addresses of brokers.
    """

    configurations: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - kept as long as the emulator runs
    scram_secrets: dict[str, list[str]] = {}  # noqa: RUF012 - as above

    # --- clusters -------------------------------------------------------------------------------------------------

    def create_cluster(self) -> str:
        answer = json.loads(super().create_cluster())
        cluster = self.kafka_backend.clusters.pop(answer["clusterArn"])
        tags = self.kafka_backend.list_tags_for_resource(cluster.arn)
        cluster.arn = (
            f"arn:aws:kafka:{self.region}:{self.current_account}:cluster/{cluster.cluster_name}/{uuid.uuid4()}-1"
        )
        cluster.state = "ACTIVE"
        cluster.creation_time = _now()
        self.kafka_backend.clusters[cluster.arn] = cluster
        self.kafka_backend.tag_resource(cluster.arn, tags)
        return json.dumps(answer | {"clusterArn": cluster.arn})

    def describe_cluster(self) -> str:
        self._check_cluster()
        return super().describe_cluster()

    def describe_cluster_v2(self) -> str:
        self._check_cluster()
        return super().describe_cluster_v2()

    def get_bootstrap_brokers(self) -> str:
        cluster = self.kafka_backend.clusters[self._arn("clusters", "/bootstrap-brokers")]
        sasl = (cluster.client_authentication or {}).get("sasl", {})
        offered = {
            "bootstrapBrokerStringTls": True,
            "bootstrapBrokerStringSaslScram": sasl.get("scram", {}).get("enabled"),
            "bootstrapBrokerStringSaslIam": sasl.get("iam", {}).get("enabled"),
        }
        names = [f"b-{number}.{cluster.cluster_name}.kafka.{self.region}.amazonaws.com" for number in (1, 2, 3)]
        return json.dumps(
            {key: ",".join(f"{name}:{port}" for name in names) for key, port in BROKERS.items() if offered[key]}
        )

    def _check_cluster(self) -> None:
        arn = self._arn("clusters")
        if arn not in self.kafka_backend.clusters:
            raise NotFoundException(f"There is no cluster {arn}.")

    # --- configurations -------------------------------------------------------------------------------------------

    def create_configuration(self) -> str:
        asked = json.loads(self.body)
        arn = f"arn:aws:kafka:{self.region}:{self.current_account}:configuration/{asked['name']}/{uuid.uuid4()}-1"
        self.configurations[arn] = {
            "arn": arn,
            "name": asked["name"],
            "description": asked.get("description", ""),
            "kafkaVersions": asked.get("kafkaVersions", []),
            "serverProperties": asked["serverProperties"],
            "creationTime": _now(),
            "latestRevision": {"revision": 1, "creationTime": _now(), "description": asked.get("description", "")},
            "state": "ACTIVE",
        }
        return json.dumps(self.configurations[arn])

    def describe_configuration(self) -> str:
        return json.dumps(self._configuration(self._arn("configurations")))

    def describe_configuration_revision(self) -> str:
        arn = self._arn("configurations").split("/revisions/")[0]
        found = self._configuration(arn)
        return json.dumps({"arn": arn, "serverProperties": found["serverProperties"], **found["latestRevision"]})

    def delete_configuration(self) -> str:
        found = self._configuration(self._arn("configurations"))
        del self.configurations[found["arn"]]
        return json.dumps({"arn": found["arn"], "state": "DELETING"})

    def _configuration(self, arn: str) -> dict[str, Any]:
        if arn not in self.configurations:
            # In MSK's own words, by which the provider knows that it is gone.
            raise BadRequestException("Configuration ARN does not exist.")
        return self.configurations[arn]

    # --- SCRAM ----------------------------------------------------------------------------------------------------

    def batch_associate_scram_secret(self) -> str:
        self._secrets().extend(json.loads(self.body)["secretArnList"])
        return json.dumps({"unprocessedScramSecrets": []})

    def batch_disassociate_scram_secret(self) -> str:
        gone = json.loads(self.body)["secretArnList"]
        secrets = self._secrets()
        secrets[:] = [arn for arn in secrets if arn not in gone]
        return json.dumps({"unprocessedScramSecrets": []})

    def list_scram_secrets(self) -> str:
        return json.dumps({"secretArnList": self._secrets()})

    def _secrets(self) -> list[str]:
        return self.scram_secrets.setdefault(self._arn("clusters", "/scram-secrets"), [])

    def _arn(self, collection: str, ending: str = "") -> str:
        return unquote(self.parsed_url.path).split(f"/{collection}/")[-1].removesuffix(ending)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def install() -> None:
    routing.replace(urls, Msk, "/v1/configurations$", "/v1/configurations/(?P<arn>.+)$")
