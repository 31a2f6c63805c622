import json

from moto.acmpca import urls
from moto.acmpca.responses import ACMPCAResponse

from tests.support.aws_emulator import routing


class AcmPca(ACMPCAResponse):
    """aws_acmpca_certificate_authority: how long its certificates may last."""

    def create_certificate_authority(self) -> str:
        answer = super().create_certificate_authority()
        made = self.acmpca_backend.certificate_authorities[json.loads(answer)["CertificateAuthorityArn"]]
        made.usage_mode = json.loads(self.body).get("UsageMode", "GENERAL_PURPOSE")
        return answer


def install() -> None:
    routing.replace(urls, AcmPca)
