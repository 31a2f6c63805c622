"""The comment under a pull request says what merging it would change."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ci.alert_rules import difference
from ci.cli import ci
from ci.github import Repository
from ci.iam import Difference, differences, permissions
from ci.report import LONGEST, Consequences, comment, marker
from ci.terraform_plan import changes, headline
from tests.support.github_api import TOKEN, FakeGitHub, github

RECORDED = Path(__file__).parent / "recorded"
# What real Terraform said of recorded/main.tf.txt against a state that differs from it.
PLAN: dict[str, Any] = json.loads((RECORDED / "plan.json").read_text())
PLAN_TEXT = (RECORDED / "plan.txt").read_text()


def written(**parts: Any) -> str:
    found = changes(PLAN)
    consequences = {
        "environment": "dev",
        "changes": found,
        "permissions": differences(found),
        "topics": "",
        "alerts": (),
        "plan_text": PLAN_TEXT,
    }
    return comment(Consequences(**{**consequences, **parts}), "0123456789abcdef")


def statement(**parts: Any) -> str:
    return json.dumps({"Statement": {"Effect": "Allow", **parts}})


def told(kind: str, before: dict[str, Any], after: dict[str, Any], *actions: str) -> list[Difference]:
    """What is said of a resource that changes so; without actions, as its two sides say."""
    implied = ["update"] if before and after else ["create"] if after else ["delete"]
    change = {"actions": list(actions or implied), "before": before or None, "after": after or None}
    return differences(changes({"resource_changes": [{"address": f"{kind}.this", "type": kind, "change": change}]}))


def test_what_is_destroyed_comes_first():
    """Resources are listed by how serious it is, with the names of what changes and never a value."""
    found = changes(PLAN)
    assert [(each.action, each.address) for each in found] == [
        ("destroy", "aws_iam_role.gone"),
        ("replace", "aws_cloudwatch_log_group.renamed"),
        ("change", "aws_iam_role.quality"),
        ("change", "aws_iam_role_policy.quality"),
        ("create", "aws_iam_policy.wide"),
        ("create", "aws_iam_role_policy_attachment.wide"),
        ("create", "aws_sns_topic.oncall"),
        ("create", "aws_sns_topic_policy.oncall"),
    ]
    assert headline(found) == "1 to destroy, 1 to replace, 2 to change, 4 to create"
    body = written().split("### Who")[0]
    assert "| **destroy** ⚠️ | `aws_iam_role.gone` |" in body
    assert "tillstream-dev-new" not in body


def test_permissions_are_told_in_words():
    """Each permission that comes or goes is one line; what stays is not told; conditions and principals are."""
    by_address = {each.address: each for each in differences(changes(PLAN))}
    policy = by_address["aws_iam_role_policy.quality"]
    assert policy.subject == "tillstream-dev-quality"
    assert list(map(str, policy.gained)) == ["`s3:PutObject` on `arn:aws:s3:::lake/receipts/*`"]
    assert list(map(str, policy.lost)) == ["`s3:DeleteObject` on `arn:aws:s3:::lake/receipts/*`"]
    trust = by_address["aws_iam_role.quality"]
    assert trust.subject == "who may become tillstream-dev-quality"
    assert "by Federated arn:aws:iam::111111111111:oidc-provider/oidc.example" in str(trust.gained[0])
    assert "oidc.example:sub StringEquals system:serviceaccount:tillstream:quality" in str(trust.gained[0])
    assert "system:serviceaccount:tillstream:checks" in str(trust.lost[0])
    assert by_address["aws_iam_role.gone"].lost


def test_wide_permissions_stand_first_and_marked():
    """A policy that gives every action or every resource is the first thing that a reader sees."""
    found = differences(changes(PLAN))
    assert found[0].address == "aws_iam_policy.wide"
    assert found[0].alarms == ("wide",)
    assert "**policy tillstream-dev-wide** ⚠️ wide" in written()
    assert "- gains `s3:*` on `*`" in written()


def test_unknown_policies_are_not_passed_over():
    """A policy that is known only after the apply is named, so that nobody takes it for none."""
    unknown = next(each for each in differences(changes(PLAN)) if each.address == "aws_sns_topic_policy.oncall")
    assert unknown.unknown
    assert "known only after the apply" in written()


def test_an_attached_policy_is_told():
    """Attaching a policy to a role is a change of what it may do."""
    attached = next(each for each in differences(changes(PLAN)) if "attachment" in each.address)
    assert attached.subject == "tillstream-dev-quality"
    assert str(attached.gained[0]) == "`everything that is in` on `a policy known after the apply`"


def test_an_equal_policy_written_otherwise_is_no_change():
    """Order, lists of one and white space are not permissions."""
    one = '{"Statement": [{"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": "r"}]}'
    other = '{"Statement":{"Resource":["r"],"Action":["a:C","a:B"],"Effect":"Allow"}}'
    assert permissions(one) == permissions(other)


def test_what_is_allowed_but_for_some_is_told():
    """NotAction, NotResource and NotPrincipal give everything but all that they name, together."""
    (one,) = permissions('{"Statement": {"Effect": "Deny", "NotAction": ["a:C", "a:B"], "NotResource": "r"}}')
    assert str(one) == "deny `all but a:B, a:C` on `all but r`"
    (one,) = permissions('{"Statement": {"Effect": "Allow", "Action": "a:B", "NotPrincipal": {"AWS": ["b", "a"]}}}')
    assert str(one) == "`a:B` on `itself` by all but AWS a, AWS b"


def test_fewer_exceptions_are_a_gain():
    """Who takes one name out of NotAction gives that action away: an alarm, though the document grew shorter."""
    both, one = (statement(NotAction=actions, Resource="r") for actions in (["a:B", "a:C"], ["a:B"]))
    [found] = told("aws_iam_role_policy", {"role": "x", "policy": both}, {"role": "x", "policy": one})
    assert list(map(str, found.gained)) == ["`all but a:B` on `r`"]
    assert list(map(str, found.lost)) == ["`all but a:B, a:C` on `r`"]
    assert found.alarms == ("wide",)


@pytest.mark.parametrize(
    "wide",
    [
        {"Action": "a:B", "NotResource": "r"},
        {"Action": "a:B", "Resource": "r", "Principal": "*"},
        {"Action": "a:B", "Resource": "r", "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}},
        {"Action": "a:B", "Resource": "r", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}},
        {"Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": "idp"}},
        {
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": "idp"},
            "Condition": {"StringLike": {"idp:sub": "system:serviceaccount:*"}},
        },
    ],
)
def test_what_gives_to_nobody_in_particular_is_wide(wide: dict[str, Any]):
    """Everybody, everybody of an identity provider, and all but a few are as wide as an asterisk."""
    [found] = told("aws_iam_role", {}, {"name": "x", "assume_role_policy": statement(**wide)})
    assert found.alarms == ("wide",)


def test_a_role_for_one_service_account_is_no_alarm():
    """A new role that trusts exactly one account of the cluster is told, as every new workload has one."""
    trust = statement(
        Action="sts:AssumeRoleWithWebIdentity",
        Principal={"Federated": "idp"},
        Condition={"StringEquals": {"idp:sub": "system:serviceaccount:tillstream:quality", "idp:aud": "sts"}},
    )
    [found] = told("aws_iam_role", {}, {"name": "x", "assume_role_policy": trust})
    assert (len(found.gained), found.alarms) == (1, ())


def test_a_role_that_trusts_somebody_more_is_an_alarm():
    """Who is added to the trust of a role that stands comes into all that it may do."""
    one, both = (statement(Action="sts:AssumeRole", Principal={"AWS": names}) for names in ("a", ["a", "b"]))
    [found] = told("aws_iam_role", {"name": "x", "assume_role_policy": one}, {"name": "x", "assume_role_policy": both})
    assert list(map(str, found.gained)) == ["`sts:AssumeRole` on `itself` by AWS b"]
    assert (found.lost, found.alarms) == ((), ("lets somebody in",))


def test_a_policy_of_aws_is_an_alarm():
    """AdministratorAccess is attached in one line, to roles, users and groups, and gives everything."""
    policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    for whose in ("role", "user", "group"):
        [found] = told(f"aws_iam_{whose}_policy_attachment", {}, {whose: "x", "policy_arn": policy})
        assert (found.subject, found.alarms) == ("x", ("wide",))
        assert list(map(str, found.gained)) == [f"`everything that is in` on `{policy}`"]


def test_whoever_comes_into_the_cluster_is_an_alarm():
    """An access entry of EKS, its groups and its policies let somebody into Kubernetes, and say how far."""
    entry = {"cluster_name": "prod", "principal_arn": "arn:x"}
    [found] = told("aws_eks_access_entry", entry, entry | {"kubernetes_groups": ["admins"]})
    assert (found.subject, found.alarms) == ("arn:x", ("lets somebody in",))
    assert list(map(str, found.gained)) == ["`act as group admins` on `cluster prod`"]
    policy = entry | {"policy_arn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}
    narrow, whole = (
        policy | {"access_scope": [{"type": kind, "namespaces": namespaces}]}
        for kind, namespaces in (("namespace", ["kafka"]), ("cluster", []))
    )
    [found] = told("aws_eks_access_policy_association", narrow, whole)
    assert (found.subject, found.alarms) == ("arn:x", ("lets somebody in",))
    words = f"`everything that is in {policy['policy_arn']}` on "
    assert list(map(str, found.gained)) == [f"{words}`cluster prod`"]
    assert list(map(str, found.lost)) == [f"{words}`namespace kafka of cluster prod`"]


def test_whoever_vouches_for_log_ins_is_an_alarm():
    """An identity provider that IAM believes, and a service account that becomes a role, let others in."""
    [found] = told("aws_iam_openid_connect_provider", {}, {"url": "https://idp", "client_id_list": ["sts"]})
    assert (found.subject, found.alarms) == ("log-in provider https://idp", ("lets somebody in",))
    association = {"cluster_name": "prod", "namespace": "n", "service_account": "s", "role_arn": "arn:role"}
    [found] = told("aws_eks_pod_identity_association", {}, association)
    assert (found.subject, found.alarms) == ("who may become arn:role", ("lets somebody in",))
    # Whoever goes again is told, and is none.
    [found] = told("aws_eks_pod_identity_association", association, {})
    assert (len(found.lost), found.alarms) == (1, ())


def test_a_denial_that_goes_is_an_alarm():
    """Without a Deny, or without its permissions boundary, somebody may more than before, though nothing was given."""
    denial = json.dumps({"Statement": {"Effect": "Deny", "Action": "a:B", "Resource": "r"}})
    [found] = told("aws_s3_bucket_policy", {"bucket": "x", "policy": denial}, {"bucket": "x", "policy": None})
    assert found.alarms == ("lifts a denial",)
    role = {"name": "x", "permissions_boundary": "arn:boundary"}
    [found] = told("aws_iam_role", role, {"name": "x", "permissions_boundary": None})
    assert (found.subject, found.alarms) == ("x", ("lifts a denial",))
    assert list(map(str, found.lost)) == ["deny `everything that is not in` on `arn:boundary`"]
    assert not told("aws_iam_role", role, {})


def test_what_goes_from_one_to_another_is_told_of_both():
    """A policy that is replaced onto another role is the gain of that one and the loss of the first."""
    policy = statement(Action="a:B", Resource="r")
    for kind, content in (
        ("aws_iam_role_policy", {"policy": policy}),
        ("aws_iam_role_policy_attachment", {"policy_arn": "arn:mine"}),
    ):
        one, other = told(kind, {"role": "x", **content}, {"role": "y", **content}, "delete", "create")
        assert (one.subject, one.gained, len(one.lost)) == ("x", (), 1)
        assert (other.subject, len(other.gained), other.lost) == ("y", 1, ())


def test_what_terraform_forgets_stays_as_it_is():
    """A role that only leaves the state keeps its rights: they are no loss."""
    assert not told("aws_iam_role", {"name": "x", "assume_role_policy": statement(Action="a:B")}, {}, "forget")


def test_blocks_whose_values_are_known_are_no_change():
    """Terraform marks what is unknown in the shape of the attribute: an empty mark within a block marks nothing."""
    entry = {"cluster_name": "prod", "access_scope": [{"type": "cluster"}]}
    change = {"actions": ["update"], "before": entry, "after": entry | {"cluster_name": "p"}}
    marks = {"access_scope": [{}], "tags_all": {"a": True}}
    [found] = changes(
        {"resource_changes": [{"address": "a", "type": "t", "change": change | {"after_unknown": marks}}]}
    )
    assert found.attributes == ("cluster_name", "tags_all")


def test_nothing_to_do_is_said():
    """A pull request that changes nothing in an environment gets a comment that says so."""
    body = written(changes=[], permissions=[])
    assert "## dev: nothing to do" in body
    for words in ("No permission changes.", "No topic and no ACL changes.", "No alert changes."):
        assert words in body


def test_a_long_plan_is_cut_and_the_rest_is_not():
    """GitHub takes no comment beyond its limit: the plan's text gives way, the findings stay."""
    body = written(plan_text="x" * 200_000)
    assert len(body) <= LONGEST
    assert "cut here" in body
    assert "gains `s3:*`" in body


def test_the_first_plan_of_an_environment_fits_too():
    """With thousands of lines in every part the comment still fits; each part says that it goes on, alarms stay."""
    found = changes(PLAN)
    body = written(
        changes=found * 300,
        permissions=[*differences(found), *differences(found)[1:] * 300],
        topics="- a topic\n" * 3_000,
        alerts=["- an alert"] * 3_000,
    )
    assert len(body) <= LONGEST
    assert body.count("too long for a comment") == 4
    assert "gains `s3:*`" in body
    assert body.index("gains `s3:*`") < body.index("### Topics")


def test_a_plan_cannot_end_its_block():
    """Text in a plan that looks like the end of a code block does not become part of the comment."""
    assert "```\n# hello" not in written(plan_text="description = ```\n# hello")


def test_there_is_one_comment_an_environment():
    """A second push writes over the first comment of the same environment, and over no other comment."""
    with github() as api:
        repository = Repository("example/tillstream", TOKEN, api.address)
        for number in range(130):
            api.answer("POST", "/repos/example/tillstream/issues/7/comments", {"body": f"a person's {number}"})
        first = repository.keep_comment(7, marker("dev"), f"{marker('dev')} one")
        repository.keep_comment(7, marker("prod"), f"{marker('prod')} one")
        assert repository.keep_comment(7, marker("dev"), f"{marker('dev')} two") == first
        assert [each["body"] for each in api.comments if "tillstream:" in each["body"]] == [
            f"{marker('dev')} two",
            f"{marker('prod')} one",
        ]


def test_an_issue_is_kept_while_there_is_drift():
    """Drift opens one issue, the next night writes it anew, and its end closes it."""
    with github() as api:
        repository = Repository("example/tillstream", TOKEN, api.address)
        assert repository.keep_issue("Drift: dev", "drift", None) is None
        repository.keep_issue("Drift: dev", "drift", "one")
        repository.keep_issue("Drift: dev", "drift", "two")
        assert [(each["body"], each["state"]) for each in api.issues] == [("two", "open")]
        repository.keep_issue("Drift: dev", "drift", None)
        assert api.issues[0]["state"] == "closed"


def test_a_pull_request_is_opened_once():
    """A branch has one open pull request, whatever the workflow does again."""
    with github() as api:
        repository = Repository("example/tillstream", TOKEN, api.address)
        repository.keep_pull_request("images-dev", "main", "one", "")
        repository.keep_pull_request("images-dev", "main", "two", "")
        assert [(each["title"], each["head"]) for each in api.pulls] == [("two", "images-dev")]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    with github() as api:
        monkeypatch.setenv("GITHUB_REPOSITORY", "example/tillstream")
        monkeypatch.setenv("GITHUB_API_URL", api.address)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield api  # type: ignore[misc]


def test_the_step_of_the_workflow_writes_the_comment(steps: FakeGitHub):
    """`python -m ci comment` reads the files that `ci/bin/plan` leaves, compares with the base, and writes."""
    run = CliRunner().invoke(
        ci,
        [
            *("comment", "--environment", "dev", "--base", "HEAD", "--revision", "0123456789abcdef"),
            *("--plan-json", str(RECORDED / "plan.json"), "--plan-text", str(RECORDED / "plan.txt")),
            *("--pull-request", "7"),
        ],
    )
    assert run.exit_code == 0, run.output
    assert steps.comments[0]["body"] == written()


def test_the_nightly_step_fails_while_there_is_drift(steps: FakeGitHub, tmp_path: Path):
    """`python -m ci drift` keeps the issue and fails; once nothing differs it closes the issue and passes."""
    same = copy.deepcopy(PLAN)
    same["resource_changes"] = [
        {**each, "change": {**each["change"], "actions": ["no-op"]}} for each in PLAN["resource_changes"]
    ]
    calm = tmp_path / "plan.json"
    calm.write_text(json.dumps(same))
    for file, code, state in ((RECORDED / "plan.json", 1, "open"), (calm, 0, "closed")):
        run = CliRunner().invoke(
            ci,
            [
                *("drift", "--environment", "dev", "--run", "https://github.example/run"),
                *("--plan-json", str(file), "--plan-text", str(RECORDED / "plan.txt")),
            ],
        )
        assert run.exit_code == code, run.output
        assert steps.issues[0]["state"] == state


def test_a_refused_token_is_said(steps: FakeGitHub):
    """What GitHub answers is in the workflow's log, with what was not done."""
    steps.refuse = True
    run = CliRunner().invoke(ci, ["pull-request", "--branch", "b", "--title", "t", "--body", ""])
    assert run.exit_code == 1
    assert "::error::GitHub answered 403" in run.output
    assert "Resource not accessible" in run.output


def test_alerts_that_change_are_told(tmp_path: Path):
    """New, gone and changed alerts are listed with what they ask and whom they wake."""
    for name, expression, other in (("before", "up == 0", "Gone"), ("after", "up < 1", "New")):
        rules = [
            {"alert": "Down", "expr": expression, "for": "5m", "labels": {"severity": "page"}},
            {"alert": other, "expr": "vector(1)"},
            {"record": "not:an:alert", "expr": "1"},
        ]
        (tmp_path / name).mkdir()
        document = {"kind": "PrometheusRule", "spec": {"groups": [{"name": "g", "rules": rules}]}}
        (tmp_path / name / "rules.yaml").write_text(json.dumps(document))
    assert difference(tmp_path / "before", tmp_path / "after") == [
        "- new: **New** (no severity): `vector(1)` for 0m",
        "- gone: **Gone** (no severity): `vector(1)` for 0m",
        "- changed: **Down**: expr; now **Down** (page): `up < 1` for 5m",
    ]
    assert not difference(tmp_path / "nowhere", tmp_path / "nowhere")
