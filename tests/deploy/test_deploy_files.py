"""What is in deploy/, and the Dockerfile, is valid, names what exists, and starts a bot with its secrets in files."""

import json
import re
import shlex
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import kubernetes_validate
import promql_parser
import psycopg
import pytest
import yaml

from bot.environment import SECRETS
from bot.manifest import Mode
from bot.observability import OTHER
from bot.settings import KNOWN, load
from bot.slack_client import CODES
from bot.transport import ENDPOINTS, STATUSES
from handlers.case import Outcome
from tests.bot.test_metrics import scraped
from tests.deploy.image import instructions, is_sent
from tests.support.app_fixture import ANA, GENERAL, HASHES, at_work

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
if not all((ROOT / name).exists() for name in ("deploy", "Dockerfile", "docs/deploy.md")):
    pytest.skip("no deploy, Dockerfile or docs beside the tests", allow_module_level=True)

VALUES = {
    "SLACK_BOT_TOKEN": "xoxb-1-canary",
    "SLACK_APP_TOKEN": "xapp-1-canary",
    "SLACK_SIGNING_SECRET": "0123456789abcdef",
    "SLACK_CLIENT_SECRET": "fedcba9876543210",
    "TOKEN_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "VT_API_KEY": "f" * 64,
    "DATABASE_URL": "postgresql://vtbot:word@db.example.com/vtbot?sslmode=verify-full",
}


def read(name):
    return (DEPLOY / name).read_text("utf-8")


# Settings and secrets ------------------------------------------------------------------------------------


def compose():
    return yaml.safe_load(read("compose.yml"))


def manifests():
    """Every object in deploy/kubernetes, by kind."""
    names = ("namespace", "deployment", "service", "networkpolicy")
    parts = [part for name in names for part in yaml.safe_load_all(read(f"kubernetes/{name}.yaml"))]
    return {part["kind"]: part for part in parts}


def literals(folder):
    made = yaml.safe_load(read(f"kubernetes/{folder}kustomization.yaml"))["configMapGenerator"][0]["literals"]
    return dict(literal.split("=", 1) for literal in made)


def unit():
    """The settings of the systemd unit: each name with all its values."""
    found = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", read("vtbot.service"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def unit_environment():
    return dict(pair.split("=", 1) for line in unit()["Environment"] for pair in line.split())


def image_environment():
    """What the image's last ENV sets."""
    return dict(
        pair.split("=", 1)
        for pair in shlex.split([value for word, value in instructions() if word == "ENV"][-1])
    )


def run(*command):
    """A command that is installed, to its end."""
    path = shutil.which(command[0])
    return subprocess.run([path, *command[1:]], capture_output=True, text=True, check=False)  # noqa: S603 - our own words


ENVIRONMENTS = {
    "compose, Socket Mode": (lambda: compose()["services"]["bot"]["environment"], "/run/secrets"),
    "compose, HTTP": (lambda: compose()["services"]["bot-http"]["environment"], "/run/secrets"),
    "compose, HTTP, OAuth": (lambda: compose()["services"]["bot-oauth"]["environment"], "/run/secrets"),
    "Kubernetes, HTTP, OAuth": (lambda: literals("") | literals("oauth/"), "/run/secrets/vtbot"),
    "Kubernetes, Socket Mode, OAuth": (
        lambda: literals("") | literals("socket-mode/") | literals("oauth/"),
        "/run/secrets/vtbot",
    ),
    "Kubernetes, HTTP": (lambda: literals(""), "/run/secrets/vtbot"),
    "Kubernetes, Socket Mode": (lambda: literals("") | literals("socket-mode/"), "/run/secrets/vtbot"),
    "systemd": (unit_environment, "%d"),
    "image": (image_environment, "/run/secrets"),
}
OTHERS = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_variable_is_a_setting(name):
    """What is set is read by the bot, but for a few variables of Python's."""
    environment, _ = ENVIRONMENTS[name]
    assert set(environment()) - OTHERS <= KNOWN


@pytest.mark.parametrize("name", list(ENVIRONMENTS)[:-1])
def test_a_bot_starts_with_its_secrets_in_files(name, tmp_path):
    """Each file that is named is the one that is mounted, and with all of them there the settings are complete."""
    environment, folder = ENVIRONMENTS[name]
    environ = {name: value for name, value in environment().items() if "$" not in value}
    mounted = {}
    for secret, value in VALUES.items():
        if path := environ.get(f"{secret}_FILE"):
            file = tmp_path / Path(path).relative_to(folder)
            file.write_text(f"{value}\n")
            mounted[f"{secret}_FILE"] = str(file)
    is_oauth = "OAuth" in name
    client = {"SLACK_CLIENT_ID": "1042.4711"} if is_oauth else {}
    settings = load(environ | mounted | client, None)
    assert settings.mode is (Mode.HTTP if "HTTP" in name else Mode.SOCKET)
    assert settings.is_oauth is is_oauth
    if is_oauth:
        assert settings.slack_client_secret.get_secret_value() == VALUES["SLACK_CLIENT_SECRET"]
        assert [key.get_secret_value() for key in settings.token_keys] == [VALUES["TOKEN_KEYS"]]
    else:
        assert settings.slack_bot_token.get_secret_value() == VALUES["SLACK_BOT_TOKEN"]
    assert settings.vt_api_key.get_secret_value() == VALUES["VT_API_KEY"]
    if "systemd" not in name:
        assert settings.database_url.get_secret_value() == VALUES["DATABASE_URL"]


def test_secrets_are_files_only():
    """No secret is set as a variable, and every file that is named is mounted."""
    for environment, _ in ENVIRONMENTS.values():
        assert not set(environment()) & set(SECRETS)
    for name in ("bot", "bot-http", "bot-oauth"):
        service = compose()["services"][name]
        named = {Path(value).name for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert named == set(service["secrets"]) <= set(compose()["secrets"])
    loaded = {value.partition(":")[0] for value in unit()["LoadCredential"]}
    assert loaded == {
        Path(value).name for name, value in unit_environment().items() if name.endswith("_FILE")
    }


# Schemas -------------------------------------------------------------------------------------------------


def test_compose_is_valid():
    """By the schema of the Compose specification."""
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose(), json.loads(schema.read_text("utf-8")))


def test_compose_runs_three_replicas_that_can_write_nowhere():
    """The root is read-only and nothing is privileged; the database can be reached from the bots only."""
    services = compose()["services"]
    for name in ("bot", "bot-http", "bot-oauth"):
        assert services[name]["deploy"]["replicas"] == 3
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert "ports" not in services[name]
    assert "ports" not in services["postgres"]
    assert compose()["networks"]["database"] == {"internal": True}


@pytest.mark.parametrize(
    "kind", ["Namespace", "Deployment", "PodDisruptionBudget", "Service", "NetworkPolicy"]
)
def test_kubernetes_objects_are_valid(kind):
    """By the schemas of the oldest release that is promised, and of the newest that is known; unknown fields are refused."""
    for version in ("1.30", "1.37"):
        kubernetes_validate.validate(manifests()[kind], version, strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("component", [None, "socket-mode", "oauth", "socket-mode, oauth"])
def test_kustomize_builds_it(component, tmp_path):
    """What `kubectl apply -k` would send is valid too, in both modes."""
    folder = tmp_path / "kubernetes"
    shutil.copytree(DEPLOY / "kubernetes", folder)
    if component:
        with (folder / "kustomization.yaml").open("a") as file:
            file.write(f"components: [{component}]\n")
    built = run("kubectl", "kustomize", folder)
    parts = {part["kind"]: part for part in yaml.safe_load_all(built.stdout)}
    for part in parts.values():
        kubernetes_validate.validate(part, "1.37", strict=True)
    assert len(parts) == 6, built.stderr
    settings = {name: value for name, value in parts["ConfigMap"]["data"].items() if value}
    is_socket, is_oauth = "socket-mode" in (component or ""), "oauth" in (component or "")
    assert ("SLACK_APP_TOKEN_FILE" in settings) is is_socket
    assert ("SLACK_SIGNING_SECRET_FILE" in settings) is not is_socket
    assert ("TOKEN_KEYS_FILE" in settings) is is_oauth
    assert ("SLACK_BOT_TOKEN_FILE" in settings) is not is_oauth
    assert {part["metadata"].get("namespace", "vtbot") for part in parts.values()} == {"vtbot"}


def test_pods_are_restricted():
    """As the Pod Security Standard `restricted` asks, which the namespace enforces; and the root is read-only."""
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert (
        manifests()["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]} == {"secret", "emptyDir"}


def test_one_label_selects_the_pods_everywhere():
    """Service, budget, policy and spreading select what the deployment makes, and the probes ask pages that exist."""
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == labels
    assert found["Deployment"]["spec"]["replicas"] == 3
    probes = [
        pod["containers"][0][f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "readiness", "liveness")
    ]
    assert probes == ["/readyz", "/healthz", "/healthz"]


# systemd -------------------------------------------------------------------------------------------------

ANALYZE = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


@pytest.fixture
def unit_file(tmp_path):
    """The unit, with a program that exists."""
    file = tmp_path / "vtbot.service"
    file.write_text(read("vtbot.service").replace("/opt/vtbot/bin/vtbot", shutil.which("true")))
    return file


@ANALYZE
def test_systemd_reads_the_unit(unit_file):
    """Without a single complaint."""
    done = run("systemd-analyze", "verify", unit_file)
    assert (done.returncode, done.stderr) == (0, "")


@ANALYZE
def test_the_unit_is_hardened(unit_file):
    """The exposure level by systemd's own reckoning, from 0 (nothing is exposed) to 10."""
    done = run("systemd-analyze", "security", "--offline=true", unit_file)
    found = re.search(r"Overall exposure level for vtbot\.service: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd cannot analyse a unit that is not loaded")
    assert float(found[1]) <= 1.5


# Dockerfile ----------------------------------------------------------------------------------------------


def test_the_image_is_built_from_pinned_parts():
    """Bases of an exact version, dependencies by hash, the page from npm's lock."""
    lines = instructions()
    bases = [value.partition("=")[2] for word, value in lines if word == "ARG"]
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+", base) for base in bases)
    assert {value.split()[0] for word, value in lines if word == "FROM"} == {
        "${PYTHON_IMAGE}",
        "${NODE_IMAGE}",
    }
    runs = "\n".join(value for word, value in lines if word == "RUN")
    assert "npm ci" in runs
    installs = re.findall(r"pip install ([^&\n]*)", runs)
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_the_image_runs_as_a_number():
    """A user without a name on the host, no shell, no curl: Python itself asks for the bot's health."""
    lines = instructions()
    assert [value for word, value in lines if word == "USER"] == ["10001:10001"]
    health = next(value for word, value in lines if word == "HEALTHCHECK")
    assert json.loads(health[health.index("[") :])[0] == "python3"
    assert "/healthz" in health
    assert not re.search(r"curl|wget|apt-get", (ROOT / "Dockerfile").read_text("utf-8"))
    assert image_environment()["STATE_DIR"] == "/var/lib/vtbot"


def test_what_the_image_copies_is_there_and_sent():
    """Every source exists, and .dockerignore sends them, without secrets, tests and what was built here."""
    copied = [
        value.split()[:-1] for word, value in instructions() if word == "COPY" and "--from" not in value
    ]
    assert all((ROOT / source).exists() for line in copied for source in line)
    parts = [Path(source) for line in copied for source in line]
    assert [part for part in parts if part.suffix and not is_sent(part)] == []
    assert is_sent(Path("bot/app.py"))
    kept = (
        ".env",
        "tests/conftest.py",
        "deploy/secrets/vt_api_key",
        "bot/__pycache__/app.pyc",
        ".git/config",
    )
    built = ("playground/web/built/index.html", "playground/web/client/node_modules/react/index.js")
    assert [name for name in (*kept, *built) if is_sent(Path(name))] == []


# Metrics -------------------------------------------------------------------------------------------------

ELSEWHERE = {"up", "ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total"}
"""Prometheus' own, and those of its client library."""
LABEL_VALUES = {
    "endpoint": ENDPOINTS | {OTHER},
    "error": CODES | {OTHER},
    "outcome": {outcome.value for outcome in Outcome},
    "window": {"minute", "day", "month"},
    "action": {"card"},
    "status": {*map(str, STATUSES), "none", OTHER},
    "alertstate": {"firing"},
}
BY_PROMETHEUS = {"job", "instance", "alertname", "alertstate"}


def alerts():
    return [rule for group in yaml.safe_load(read("alerts.yml"))["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(read("grafana.json"))


def expressions():
    """Every expression of the alerts and of the dashboard, as Grafana would send it."""
    yield from (rule["expr"] for rule in alerts())
    for panel in dashboard()["panels"]:
        yield from (target["expr"].replace("$__rate_interval", "5m") for target in panel.get("targets", ()))
    yield from (one["expr"] for one in dashboard()["annotations"]["list"])


def selectors(expression):
    """The metrics of an expression, each with its matchers, and the labels that it groups by."""
    found, labels = [], set()

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            labels.update(node.modifier.labels)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found, labels


@pytest.fixture(scope="module")
async def exposed(new_database):
    """The metrics of a bot that has answered, been refused and met errors: each with its labels."""
    async with at_work(new_database()) as app:
        await app.asks(f"/vt scan-hash {' '.join(HASHES[:2])}")
        app.slack.fails("chat.postMessage", "not_in_channel", times=1)
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await app.idle()
        samples = await scraped(app)
    labels = {}
    for name, *pairs in samples:
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    return labels | {"vtbot_refused_total": {"status"}}  # which appears with the first refusal


async def test_every_metric_that_is_named_exists(exposed):
    """Names, labels and values of the alerts and the dashboard are those of /metrics."""
    count = 0
    for expression in expressions():
        found, grouped = selectors(expression)
        known = BY_PROMETHEUS | {"le"}
        for selector in found:
            count += 1
            assert selector.name in exposed.keys() | ELSEWHERE, expression
            known |= exposed.get(selector.name, set())
            for matcher in selector.matchers.matchers:
                if "$" in matcher.value or selector.name == "ALERTS":
                    continue
                assert matcher.name in exposed[selector.name], expression
                values = LABEL_VALUES[matcher.name]
                alternatives = [matcher.value] if "(" in matcher.value else matcher.value.split("|")
                missing = [
                    one for one in alternatives if not any(re.fullmatch(one, value) for value in values)
                ]
                assert not missing, expression
        assert grouped <= known, expression
    assert count > 50


async def test_every_metric_is_on_the_dashboard(exposed):
    """What is measured is shown somewhere."""
    shown = {selector.name for expression in expressions() for selector in selectors(expression)[0]}
    ours = {name for name in exposed if name.startswith("vtbot_") and not name.endswith("_created")}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in ours}
    assert families == {
        re.sub(r"_(bucket|count|sum)$", "", name) for name in shown if name.startswith("vtbot_")
    }


def test_each_alert_leads_to_the_runbook():
    """Its section is there, and what it says fills in only labels that its expression keeps."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        document, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert document == "docs/deploy.md"
        assert anchor in anchors, rule["alert"]
    assert len({rule["alert"] for rule in alerts()}) == len(alerts())


needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool (Debian's package prometheus) is not installed"
)


@needs_promtool
def test_prometheus_reads_the_rules():
    """As it would when it starts."""
    done = run("promtool", "check", "rules", DEPLOY / "alerts.yml")
    assert done.returncode == 0, done.stderr


def test_the_dashboard_is_whole():
    """Panels with ids of their own, side by side, each with a query and a unit."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert panel["type"] == "row" or (panel["targets"] and panel["fieldConfig"]["defaults"]["unit"])


# docs/deploy.md ------------------------------------------------------------------------------------------

DOCUMENT = (ROOT / "docs" / "deploy.md").read_text("utf-8")
NOT_SETTINGS = {"LOGS", "RUN", "BOT_DOMAIN", "NAME_FILE", "NEW_DATABASE_URL", "PYTHON_IMAGE", "ID"}
NOT_SETTINGS |= {"SSL_CERT_FILE", "SSL_CERT_DIR"}  # OpenSSL reads those itself


def test_every_setting_in_the_document_exists():
    """What stands in capitals in code is a setting of the bot's."""
    code = re.findall(r"`([^`\n]+)`", DOCUMENT) + re.findall(
        r"^```\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL
    )
    named = {name for text in code for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text)}
    named = {name for name in named if not name.startswith("OTEL_")}  # OpenTelemetry reads those itself
    assert named - NOT_SETTINGS <= KNOWN
    assert named >= {"KEEP_ANSWERS", "KEEP_AUDIT", "KEEP_HISTORY", *SECRETS}


def test_the_document_says_how_long_things_are_kept():
    """As the settings' defaults."""
    settings = load({}, None)
    kept = dict(re.findall(r"^\| `(KEEP_\w+)` \| (\d+) \|", DOCUMENT, re.MULTILINE))
    assert {name: getattr(settings, name.lower()) for name in kept} == {
        name: int(days) for name, days in kept.items()
    }
    assert len(kept) == 3


async def test_every_metric_in_the_document_exists(exposed):
    """Those of the runbook are those of /metrics."""
    named = set(re.findall(r"\bvtbot_[a-z_]+[a-z]\b", DOCUMENT))
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed}
    known = families | exposed.keys()
    assert {name for name in named if not any(one.startswith(name) for one in known)} == set()
    assert len(named) > 10


def test_the_statements_of_the_runbook_are_run(database):
    """PostgreSQL takes each of them, with the tables as they are."""
    blocks = re.findall(r"^```sql\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    statements = [statement for block in blocks for statement in block.split(";") if statement.strip()]
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement)
    assert len(statements) == 6


def test_the_drop_in_for_oauth_is_complete(tmp_path):
    """Over the unit, it leaves nothing of the fixed token, and each credential that is named is loaded."""
    text = DOCUMENT[DOCUMENT.index("Environment=SLACK_BOT_TOKEN_FILE= ") - 600 :]
    [drop_in] = re.findall(
        r"\[Service\]\n(LoadCredential=\n.*?)```", text[text.index("[Service]") :], re.DOTALL
    )[:1]
    found = re.findall(r"^(\w+)=(.*)$", drop_in, re.MULTILINE)
    loaded = {value.partition(":")[0] for name, value in found if name == "LoadCredential" and value}
    pairs = [pair.split("=", 1) for name, value in found if name == "Environment" for pair in value.split()]
    environ = unit_environment() | dict(pairs)
    named = {name: Path(value).name for name, value in environ.items() if name.endswith("_FILE") and value}
    assert set(named.values()) == loaded
    for name, file in named.items():
        (tmp_path / file).write_text(VALUES[name.removesuffix("_FILE")])
    settings = load(environ | {name: str(tmp_path / file) for name, file in named.items()}, None)
    assert (settings.is_oauth, settings.mode) == (True, Mode.HTTP)


def test_keys_are_made_as_the_document_says(tmp_path):
    """What openssl prints is a key, and its file may end with a line feed."""
    command = "openssl rand -base64 32 | tr +/ -_"
    assert command in DOCUMENT
    made = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)  # noqa: S603, S607 - our own words
    (tmp_path / "keys").write_text(made.stdout)
    environ = {"SLACK_CLIENT_ID": "1042.4711", "SLACK_CLIENT_SECRET": "x", "SLACK_SIGNING_SECRET": "x"}
    settings = load({**environ, "TOKEN_KEYS_FILE": str(tmp_path / "keys")}, None)
    assert len(settings.token_keys) == 1


@needs_promtool
def test_one_of_two_instances_that_is_away_is_noticed(tmp_path):
    """However many calls the other one answers."""
    series = [
        {
            "series": f'vtbot_virustotal_seconds_count{{virustotal="{name}", status="{status}"}}',
            "values": values,
        }
        for name, status, values in (("lab", "none", "0+6x30"), ("main", "200", "0+600x30"))
    ]
    [rule] = [one for one in alerts() if one["alert"] == "VtbotVirusTotalDown"]
    fires = {"exp_labels": {**rule["labels"], "virustotal": "lab"}, "exp_annotations": rule["annotations"]}
    moment = {"eval_time": "20m", "alertname": rule["alert"], "exp_alerts": [fires]}
    tested = [{"interval": "1m", "input_series": series, "alert_rule_test": [moment]}]
    story = {"rule_files": [str(DEPLOY.resolve() / "alerts.yml")], "tests": tested}
    (tmp_path / "story.yml").write_text(yaml.safe_dump(story))
    done = run("promtool", "test", "rules", tmp_path / "story.yml")
    assert done.returncode == 0, done.stdout + done.stderr
