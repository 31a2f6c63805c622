import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local.authority import Authority
from local.aws.account import Account, without_aws
from local.aws.provision import (
    PLUGIN_CACHE,
    USABLE,
    Outputs,
    ProvisionError,
    Provisioning,
    find_mirror,
    terraform_environment,
)

CHOICES = ("TF_CLI_ARGS_init", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR")


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account that is not started, on a machine whose user has chosen nothing for Terraform."""
    for name in CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Account(tmp_path / "aws", Authority.create(tmp_path / "authority"))


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.provision.find_mirror", lambda: None)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.provision.find_mirror", lambda: Path("/mirror"))


@pytest.mark.parametrize("folder", [".", "one", "one/two"])
def test_mirror_near_the_root(tmp_path: Path, folder: str):
    """A provider mirror is found up to two folders below the root."""
    (tmp_path / folder / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert find_mirror(tmp_path) == tmp_path / folder


def test_mirror_far_from_the_root(tmp_path: Path):
    """Deeper folders are not searched."""
    (tmp_path / "one/two/three" / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert find_mirror(tmp_path) is None


def test_mirror_without_the_provider(tmp_path: Path):
    """A mirror that lacks the AWS provider is none."""
    (tmp_path / "registry.terraform.io" / "hashicorp" / "random").mkdir(parents=True)
    assert find_mirror(tmp_path) is None


@pytest.mark.usefixtures("mirror")
def test_mirror_is_used(account: Account, tmp_path: Path):
    """Where the user has chosen nothing, init takes providers from the mirror."""
    assert terraform_environment(account, tmp_path)["TF_CLI_ARGS_init"] == "-plugin-dir=/mirror"


@pytest.mark.usefixtures("no_mirror")
def test_registry_with_a_cache(account: Account, tmp_path: Path):
    """Without a mirror init asks the registry, and downloads once a working tree."""
    environment = terraform_environment(account, tmp_path)
    assert "TF_CLI_ARGS_init" not in environment
    assert environment["TF_PLUGIN_CACHE_DIR"] == str(PLUGIN_CACHE)


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("variable", CHOICES)
def test_the_users_choice(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str):
    """What the user has chosen stands: no mirror is forced on it."""
    chosen = tmp_path / "chosen"
    chosen.touch()
    monkeypatch.setenv(variable, str(chosen))
    environment = terraform_environment(account, tmp_path)
    assert environment[variable] == str(chosen)
    assert environment.get("TF_CLI_ARGS_init") != "-plugin-dir=/mirror"


@pytest.mark.usefixtures("mirror")
def test_configuration_file_that_is_missing(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A variable that names no file is no choice."""
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing"))
    assert terraform_environment(account, tmp_path)["TF_CLI_ARGS_init"] == "-plugin-dir=/mirror"


@pytest.mark.usefixtures("mirror")
def test_nothing_of_the_users_account(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Credentials and profiles of the user never reach Terraform or a workload."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    environment = terraform_environment(account, tmp_path)
    assert "AWS_PROFILE" not in environment
    assert environment.get("AWS_ACCESS_KEY_ID") != "real"
    assert without_aws({"AWS_PROFILE": "production", "HOME": "/home"}) == {"HOME": "/home"}


def test_service_accounts_of_one_machine():
    """Tokens are for the accounts of the pipeline and of Airflow, each in its namespace; not for those of others, nor
    for one that is called otherwise than its workload.
    """
    subjects = {
        "quality": "tillstream:quality",
        "airflow-triggerer": "airflow:airflow-triggerer",
        "grafana": "monitoring:grafana",
        "ebs-csi": "kube-system:ebs-csi-controller-sa",
    }
    made = Outputs({}, {workload: f"arn:{workload}" for workload in subjects}, subjects)
    assert made.service_accounts() == {"quality": "tillstream", "airflow-triggerer": "airflow"}


def test_bucket_variables():
    """A workload finds each bucket by what it holds."""
    made = Outputs({"lake": "a-lake", "checkpoints": "a-checkpoints"}, {}, {})
    assert made.environment() == {
        "TILLSTREAM_LAKE_URI": "s3://a-lake",
        "TILLSTREAM_CHECKPOINTS_URI": "s3://a-checkpoints",
    }


STARTS = '{"@message":"Terraform 1.11","type":"version"}'
PLAN = '{"@message":"1 to add","type":"change_summary","changes":{"operation":"plan","add":1,"change":0,"remove":0}}'
FAULT = '{"@message":"Error: no such bucket","type":"diagnostic","diagnostic":{"severity":"error","summary":"bucket"}}'
DONE = f'{{"@message":"done","type":"apply_complete","hook":{{"resource":{{"addr":"{USABLE}"}}}}}}'


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a program in Terraform's place that says these lines to `apply` and then ends so."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def stand_in(*lines: str, code: int = 0, init_code: int = 0) -> None:
        program = tmp_path / "bin" / "terraform"
        program.parent.mkdir()
        said = "\n".join(lines)
        program.write_text(
            "#!/bin/sh\n"
            f"case $2 in init) echo no provider >&2; exit {init_code};; state) echo '{{}}'; exit;; esac\n"
            f"cat <<'END'\n{said}\nEND\nexit {code}\n"
        )
        program.chmod(0o700)

    return stand_in


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param((STARTS, PLAN, FAULT), 1, id="an error"),
        pytest.param((STARTS, "panic: no such bucket"), 2, id="a crash"),
        pytest.param((STARTS, "{no such bucket"), 1, id="a line that breaks off"),
        pytest.param((STARTS, PLAN, DONE, '{"@message":"no such bucket","type":"log"}'), 0, id="a state without it"),
    ],
)
def test_a_failed_apply_is_told(
    account: Account, tmp_path: Path, terraform: Callable[..., None], lines: tuple[str, ...], code: int
):
    """However an apply fails, whoever waits for it learns what Terraform said last, in its words, and what to do."""
    terraform(*lines, code=code)
    with Provisioning(account, tmp_path / "terraform") as provisioning:
        with pytest.raises(
            ProvisionError, match=r"(?s)Terraform 1.11\n.*no such bucket.*`make up` goes on.*make clean"
        ):
            provisioning.outputs()
        with pytest.raises(ProvisionError, match="apply failed"):
            provisioning.finish()


def test_a_failed_init_is_told(account: Account, tmp_path: Path, terraform: Callable[..., None]):
    """A machine that cannot get the provider is told what init said, and how to say where providers are."""
    terraform(init_code=1)
    with pytest.raises(ProvisionError, match=r"(?s)terraform init failed.*no provider.*-plugin-dir=DIR"):
        Provisioning(account, tmp_path / "terraform")
