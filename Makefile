# Every verb of the project. `make` alone lists them. What they install stays below .tools and .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv/bin
STAMPS := .tools/stamps
# Two files at once, each whole in one process: the tests of a file share their broker, emulator and lake.
SIDE_BY_SIDE := $(VENV)/python -m pytest --numprocesses 2 --dist loadfile
# It would fetch rules from its maker's server, and takes a `for_each` over other resources apart into strangers.
CHECKOV := CHECKOV_ENABLE_FOREACH_HANDLING=False .tools/checks/bin/checkov --skip-download --quiet --compact

.PHONY: help demo up down test test-fast test-airflow test-terraform test-permissions test-secrets test-cluster drill record-requests lint format bench render lock lock-jars setup env jars bin airflow checks monitoring cluster kerberos check clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup monitoring $(if $(AIRFLOW),airflow) ## The main job once, proven to the cent, with a report (KEEP=1 leaves lake and logs in .local; RECEIPTS=N; AIRFLOW=1)
	@$(VENV)/tillstream demo $(if $(KEEP),--keep) $(if $(AIRFLOW),--airflow) $(if $(RECEIPTS),--receipts $(RECEIPTS))

up: setup monitoring airflow ## Start the pipeline for work by hand
	@$(VENV)/tillstream up --detach

down: ## Stop what `make up` started
	@if [[ -x $(VENV)/tillstream ]]; then $(VENV)/tillstream down; fi

test: setup monitoring lint ## Lint and every test, on the real parts
	@$(SIDE_BY_SIDE)

test-airflow: setup airflow ## The DAGs under the real Airflow: a stream's life, validation, upkeep, repair (a quarter of an hour)
	@.tools/airflow/bin/python -m pytest --confcutdir=tests/airflow tests/airflow
	@$(VENV)/python -m pytest tests/e2e

test-fast: setup monitoring lint ## Lint and the unit tests: no broker, no Spark
	@$(SIDE_BY_SIDE) tests/unit

test-terraform: setup checks ## Every module's own tests with a mocked AWS; all of prod applied on loopback, planned again, destroyed
	@$(VENV)/python -m pytest tests/terraform

test-permissions: setup monitoring ## Run the pipeline again and compare what it asks S3 for with the record (minutes)
	@$(VENV)/python -m pytest -m long tests/long/test_recorded_requests.py

test-secrets: setup monitoring ## Run a small demo and look for the secrets it made in all that it wrote (minutes)
	@$(VENV)/python -m pytest -m long tests/long/test_secrets.py

record-requests: setup monitoring ## Write that record anew
	@$(VENV)/python -m tests.support.recorded_run

test-cluster: setup airflow cluster checks ## Argo CD and a real API server sync this repository (cold: a quarter of an hour and more of building)
	@$(VENV)/python -m pytest tests/cluster

drill: setup monitoring airflow ## Set off every alert by its own fault, on the live pipeline (a quarter of an hour; ALERTS="NAME …": just these)
	@$(VENV)/python -m drill $(ALERTS)

lint: env bin checks ## ruff, mypy, terraform fmt, tflint, checkov, actionlint, zizmor
	@$(VENV)/ruff check --quiet .
	@$(VENV)/ruff format --quiet --check .
	@$(VENV)/mypy --no-error-summary
	@terraform fmt -check -recursive terraform >/dev/null || { terraform fmt -check -diff -recursive terraform; exit 1; }
	@cd terraform && ../.tools/bin/tflint --recursive --config="$$PWD/.tflint.hcl"
	@$(CHECKOV) --framework terraform --directory terraform
	@ci/bin/render .tools/rendered
	@$(CHECKOV) --framework kubernetes --directory .tools/rendered
	@$(CHECKOV) --framework dockerfile github_actions --directory images --directory .github
	@.tools/bin/actionlint
	@.tools/checks/bin/zizmor --offline --quiet --persona=pedantic .

format: env ## Let ruff and terraform lay out the code
	@$(VENV)/ruff check --quiet --fix .
	@$(VENV)/ruff format --quiet .
	@terraform fmt -recursive terraform

bench: setup ## Measure the ingest job beside simpler pipelines (takes long)
	@$(VENV)/python -m bench

render: env ## Write again what derives from contracts, code, rules, boards, the tables of permissions and of costs
	@$(VENV)/python -m tests.support.permissions
	@$(VENV)/python -m terraform.costs --write
	@$(VENV)/python -m tests.support.metrics_page
	@$(VENV)/python -m ci.freshness_rules
	@$(VENV)/python -m ci.grafana_alerts
	@$(VENV)/python -m dashboards.render

# --- set-up ------------------------------------------------------------------------------------------------------

check:
	@local/setup/prerequisites

setup: check ## Everything a run needs, in parallel; a second time takes a second
	@$(MAKE) --no-print-directory --silent -j3 env jars bin

env: $(STAMPS)/env ## The hash-locked Python environment in .venv
jars: $(STAMPS)/jars ## Spark's and Kafka's jars, checked against SHA256SUMS
bin: $(STAMPS)/bin ## Tools built from local/tools/go.mod
checks: $(STAMPS)/checks ## What checks Terraform, manifests and workflows
airflow: $(STAMPS)/airflow ## Airflow and Great Expectations, hash-locked, in .tools/airflow

$(STAMPS)/env: local/requirements.txt local/uv.txt pyproject.toml local/setup/environment local/setup/common.sh
	@local/setup/environment && mkdir -p $(STAMPS) && touch $@

$(STAMPS)/jars: images/spark/pom.xml images/spark/SHA256SUMS local/kafka/pom.xml local/kafka/SHA256SUMS \
		$(wildcard images/spark/java/*/*.java local/kafka/java/*/*.java) local/setup/jars local/setup/common.sh
	@local/setup/jars && mkdir -p $(STAMPS) && touch $@

$(STAMPS)/bin: local/tools/go.mod local/tools/go.sum local/setup/tools local/setup/common.sh
	@local/setup/tools && mkdir -p $(STAMPS) && touch $@

$(STAMPS)/checks: $(STAMPS)/env local/tools/requirements.txt local/tools/tflint/go.mod local/tools/tflint/go.sum local/tools/manifests/go.mod local/tools/manifests/crds.txt local/tools/manifests/schemas.py local/setup/checks local/setup/common.sh
	@local/setup/checks && mkdir -p $(STAMPS) && touch $@

monitoring: $(STAMPS)/monitoring ## Prometheus and Alertmanager, built from local/tools
$(STAMPS)/monitoring: $(wildcard local/tools/prometheus/go.* local/tools/alertmanager/go.*) local/setup/monitoring local/setup/common.sh
	@local/setup/monitoring && mkdir -p $(STAMPS) && touch $@

cluster: $(STAMPS)/cluster ## etcd, Kubernetes' control plane and Argo CD, built from local/cluster
$(STAMPS)/cluster: $(wildcard local/cluster/*/go.* local/cluster/*/main.go) local/setup/cluster local/setup/common.sh
	@local/setup/cluster && mkdir -p $(STAMPS) && touch $@

kerberos: env ## A Kafka client with Kerberos in .tools/kerberos, built against Debian's librdkafka (its tests do it)
	@local/setup/kerberos

$(STAMPS)/airflow: $(STAMPS)/env local/airflow/requirements.txt local/setup/airflow local/setup/common.sh
	@local/setup/airflow && mkdir -p $(STAMPS) && touch $@

lock: env ## Lock the Python sets again by hash, after a change of a requirements.in
	@local/setup/lock

lock-jars: check ## Write SHA256SUMS again, after a change of a pom
	@local/setup/jars lock

clean: down ## Remove what set-up and runs have made
	rm -rf .tools .venv .local report.html report-boards.html .pytest_cache .mypy_cache .ruff_cache
