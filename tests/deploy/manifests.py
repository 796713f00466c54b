"""Checks rendered manifests: by the schemas of Kubernetes, and for what ours must hold.

usage: manifests.py [--typescript FILE.ts] FILE...

Unknown fields are errors. What belongs to the Prometheus operator has no schema there: it is
written to FILE.ts, for the compiler (unknown fields) and for node (patterns) to check against the
operator's published types. Files that leave out rules and dashboards (golden ones) may be given as
well.
"""

import json
import pathlib
import sys
import warnings

import yaml

warnings.filterwarnings("ignore")
import kubernetes_validate  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
KUBERNETES = ("1.28", "1.34", "1.37")
OPERATOR = "monitoring.coreos.com/v1"
# Kubernetes' own limit for a ConfigMap.
CONFIG_MAP_BYTES_MAX = 1024 * 1024


def shipped_rules() -> list:
    files = sorted((ROOT / "dashboards/prometheus").glob("*.rules.yml"))
    return [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]


def check(path: str, document: dict) -> list[str]:
    kind = document["kind"]
    problems = []
    if document["apiVersion"] != OPERATOR:
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:  # the package has one kind for each mistake
                problems.append(f"Kubernetes {version}: {error}")
    if kind == "Deployment":
        problems += is_confined(document["spec"]["template"]["spec"])
    if kind == "PrometheusRule" and document["spec"]["groups"] not in (None, shipped_rules()):
        problems.append("the rules are not those of dashboards/prometheus")
    if kind == "ConfigMap":
        if len(json.dumps(document)) > CONFIG_MAP_BYTES_MAX:
            problems.append("more than a ConfigMap may hold")
        for name, text in document["data"].items():
            if name.endswith(".json") and text != "left out":
                shipped = (ROOT / "dashboards/grafana").glob(f"*/{name}")
                if json.loads(text) not in [json.loads(file.read_text()) for file in shipped]:
                    problems.append(f"{name} is not one of dashboards/grafana")
    return [f"{path}: {kind} {document['metadata']['name']}: {p}" for p in problems]


def is_confined(pod: dict) -> list[str]:
    """Pod Security Standards, level *restricted*, and a read-only root file system."""
    problems = []
    for container in pod["containers"]:
        context = container["securityContext"]
        demands = {
            "capabilities.drop": context["capabilities"].get("drop") == ["ALL"],
            "allowPrivilegeEscalation": context["allowPrivilegeEscalation"] is False,
            "readOnlyRootFilesystem": context["readOnlyRootFilesystem"] is True,
            "limits.memory": "memory" in container["resources"]["limits"],
            "probes": {"livenessProbe", "readinessProbe"} <= container.keys(),
        }
        problems += [f"{container['name']}: {name}" for name, holds in demands.items() if not holds]
    pod_context = pod["securityContext"]
    if pod_context["runAsNonRoot"] is not True or pod_context["runAsUser"] == 0:
        problems.append("runs as root")
    if pod_context["seccompProfile"]["type"] != "RuntimeDefault":
        problems.append("no seccomp profile")
    if pod["automountServiceAccountToken"] is not False:
        problems.append("has a token of the API")
    return problems


def typescript(documents: list[dict]) -> str:
    lines = ['import * as v1 from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";']
    for number, document in enumerate(documents):
        kind, value = document["kind"], json.dumps(document, ensure_ascii=False)
        lines.append(f"const d{number}: v1.I{kind} = {value};\nnew v1.{kind}(d{number}).validate();")
    return "\n".join(lines) + "\n"


def main() -> None:
    paths = sys.argv[1:]
    output = None
    if paths[0] == "--typescript":
        output, paths = paths[1], paths[2:]
    problems, documents = [], []
    for path in paths:
        for document in filter(None, yaml.safe_load_all(pathlib.Path(path).read_text())):
            documents.append(document)
            problems += check(path, document)
    if problems or not documents:
        sys.exit("\n".join(problems) or "no documents")
    if output:
        ours = [
            d for d in documents if d["apiVersion"] == OPERATOR and d["spec"].get("groups", "") is not None
        ]
        pathlib.Path(output).write_text(typescript(ours))
    print(f"{len(documents)} documents of {len(paths)} files")


main()
