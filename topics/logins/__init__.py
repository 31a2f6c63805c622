"""Every way to log in to Kafka, one module each. To add one: a class with the methods of `Login`, named in `LOGINS`."""

from topics.logins.base import Login, Secret, Variables, jaas_quoted
from topics.logins.iam import Iam
from topics.logins.kerberos import Kerberos
from topics.logins.mtls import Mtls
from topics.logins.oauthbearer import OAuthBearer
from topics.logins.scram import Scram

LOGINS: dict[str, type[Login]] = {
    "mtls": Mtls,
    "scram": Scram,
    "oauthbearer": OAuthBearer,
    "iam": Iam,
    "kerberos": Kerberos,
}

__all__ = ["LOGINS", "Iam", "Kerberos", "Login", "Mtls", "OAuthBearer", "Scram", "Secret", "Variables", "jaas_quoted"]
