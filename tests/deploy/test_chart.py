"""The Helm chart: its values fit their schema, and what it makes of them is what Kubernetes takes. Nothing is run.

There is no Helm here. The chart uses values and one `range` only, filled in below; anything else in a template
fails, so that what is checked is what Helm would make.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from tests.deploy.test_files import VARIABLES, commands

from trivium.service.app_spec import installed_apps

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "trivium"
_RANGE = re.compile(r"\{\{- range \$queue, \$worker := \.Values\.workers \}\}(.*)\{\{- end \}\}", re.DOTALL)


def values():
    return yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def rendered(text, given):
    def each(found):
        return "".join(filled(found[1], {"queue": name, "worker": worker}) for name, worker in given["workers"].items())

    def filled(part, local):
        known = {"Values": given, "Release": {"Name": "t"}} | local

        def value(found):
            here = known
            for name in found[1].lstrip("$.").split("."):
                here = here[name]
            return json.dumps(here) if not isinstance(here, str) else here

        return re.sub(r"\{\{ (\$?\.?[\w.]+) \}\}", value, part)

    whole = filled(_RANGE.sub(each, text), {})
    assert not re.search(r"\{\{[-. $\w]", whole), whole
    return whole


def documents():
    for path in sorted((CHART / "templates").glob("*.yaml")):
        for made in yaml.safe_load_all(rendered(path.read_text(encoding="utf-8"), values())):
            if made:
                yield made


def containers():
    for made in documents():
        spec = made["spec"].get("template", {}).get("spec", {})
        yield from ((made["metadata"]["name"], spec, container) for container in spec.get("containers", ()))


def test_the_values_fit_their_schema_and_others_do_not():
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(values(), schema)
    with pytest.raises(jsonschema.ValidationError, match="'two' is not of type 'integer'"):
        jsonschema.validate(values() | {"web": values()["web"] | {"replicas": "two"}}, schema)
    with pytest.raises(jsonschema.ValidationError, match="'webb' was unexpected"):
        jsonschema.validate(values() | {"webb": {}}, schema)


def test_kubernetes_takes_what_the_chart_makes():
    made = list(documents())
    for document in made:
        kubernetes_validate.validate(document, "1.37", strict=True)
    assert sorted(document["kind"] for document in made) == [
        *["Deployment"] * 6, "Ingress", "Job", "PersistentVolumeClaim", "Service",
    ]  # fmt: skip


def test_what_runs_is_what_there_is():
    queues = {queue.name for spec in installed_apps() for queue in spec.queues}
    served = set()
    for _name, _spec, container in containers():
        assert container["command"][0] == "trivium"
        assert container["command"][1] in commands()
        assert {variable["name"] for variable in container["env"]} <= VARIABLES
        served |= set(container["command"][3:])
    assert served == queues
    routes = {path.split(":")[0] for _n, _s, c in containers() for path in re.findall(r"/\w+z", json.dumps(c))}
    assert routes == {"/healthz", "/readyz"}


def test_nothing_runs_as_root_or_writes_where_it_need_not():
    for name, spec, container in containers():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["automountServiceAccountToken"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}, name
