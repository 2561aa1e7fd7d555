"""The OpenAPI document is valid, complete and accurate."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import openapi_spec_validator
import orjson
import pytest
from flask import Flask

from dreamlake_assets import errors
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.schemas import openapi
from dreamlake_assets.schemas.operation_parts import title
from tests.support.api import Api
from tests.support.openapi import document, resolved, validator

README = Path(__file__).parents[2] / "README.md"

#: The error of any path for other methods, and the error that no path should return.
ANYWHERE = {"method_not_allowed", "internal_error"}
#: The base of more specific codes.
ABSTRACT = {"bss_failed"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def parts(whole: Any) -> Iterator[dict[str, Any]]:
    """All objects within the document."""
    if isinstance(whole, dict):
        yield whole
        whole = list(whole.values())
    if isinstance(whole, list):
        for part in whole:
            yield from parts(part)


def test_it_is_valid() -> None:
    whole = orjson.loads(openapi.document())

    assert whole["openapi"] == "3.1.0"
    openapi_spec_validator.OpenAPIV31SpecValidator(whole).validate()


def test_it_has_every_route(shared_api: Api) -> None:
    routes = set(_routes(shared_api.client.application))

    assert {(path, method) for path, method, _ in operations()} == routes


def _routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ("documentation.file", "metrics.metrics"):
            # These serve the documentation page and Prometheus, not clients.
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths = [path.replace("{kind}", name) for name in KINDS] if "{kind}" in path else [path]
        for each in paths:
            yield from (
                (each, method.lower()) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            )


def test_every_operation_has_words_and_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names))
    for _, _, operation in operations():
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert operation["tags"]


def test_requests_for_assets_that_may_fail_a_precondition_have_it() -> None:
    for path, method, operation in operations():
        if path.startswith("/assets"):
            names = {resolved(parameter)["name"] for parameter in operation["parameters"]}
            assert ("If-Match" in names) == ("412" in operation["responses"]), f"{method} {path}"


def test_every_parameter_and_every_property_has_a_type_and_words() -> None:
    for _, _, operation in operations():
        for parameter in map(resolved, operation["parameters"]):
            assert parameter["description"]
            assert parameter["schema"]["type"]
    for name, schema in document()["components"]["schemas"].items():
        for published, each in schema.get("properties", {}).items():
            assert each.keys() & {"type", "$ref", "anyOf"}, f"{name}.{published}"


def test_a_default_is_given_in_words() -> None:
    fields = document()["components"]["schemas"]["VideoRegistration"]["properties"]

    assert fields["fps"]["description"].endswith(" Default: `30`.")
    assert fields["lens"]["description"].endswith(" Default: `pinhole`.")
    assert not [part for part in parts(document()) if "default" in part]


def test_what_is_required_is_filled_in() -> None:
    for _, _, operation in operations():
        for parameter in map(resolved, operation["parameters"]):
            assert not parameter.get("required") or parameter["example"]


@pytest.mark.parametrize("name", [f"{title(kind)}Registration" for kind in KINDS.values()])
def test_the_surprises_of_a_name_are_described(name: str) -> None:
    description = document()["components"]["schemas"][name]["properties"]["name"]["description"]

    assert "NFC" in description
    assert "backslash" in description


def test_every_example_is_one() -> None:
    found = 0
    for part in parts(document()):
        if "schema" in part:
            examples = [each["value"] for each in part.get("examples", {}).values()]
            examples += [part["example"]] if "example" in part else []
            schema = part["schema"]
        elif "type" in part and isinstance(part.get("examples"), list):
            examples, schema = part["examples"], part
        else:
            continue
        for example in examples:
            validator(schema).validate(example)
            found += 1
    assert found > 100


def test_every_body_has_an_example() -> None:
    for part in parts(document()):
        if "application/json" in part:
            assert part["application/json"].keys() & {"example", "examples"}


def test_a_token_is_asked_for_but_by_health_and_documentation() -> None:
    assert document()["security"] == [{"token": []}]
    assert document()["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    open_to_all = {path for path, _, operation in operations() if operation.get("security") == []}
    assert open_to_all == {"/livez", "/readyz", "/openapi.json", "/docs", "/browse"}


def test_every_code_is_answered_by_some_operation() -> None:
    answered = {
        code
        for _, _, operation in operations()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for code in content.get("examples", {})
    }

    catalogue = {error.code for error in errors.catalogue()}
    assert answered | ANYWHERE | ABSTRACT == catalogue
    assert not answered & (ANYWHERE | ABSTRACT)


@pytest.mark.parametrize("error", errors.catalogue(), ids=lambda error: error.code)
def test_every_code_is_in_the_table(error: type[errors.AssetsError]) -> None:
    row = f"| {error.status:d} | `{error.code}` | {error.sentence()} |"

    assert row in document()["info"]["description"].splitlines()


def test_the_table_of_the_readme_is_the_catalogue() -> None:
    table = README.read_text("utf-8").partition("### Errors\n")[2].partition("\n#")[0]
    published = set()
    for row in re.findall(r"^\| [0-9].*", table, re.MULTILINE):
        statuses, codes = (cell.strip() for cell in row.split("|")[1:3])
        named = re.findall(r"`(\w+)`", codes)
        of_each = statuses.split(", ")
        assert len(of_each) in (1, len(named)), row
        published |= set(zip(of_each * (len(named) // len(of_each)), named, strict=True))

    catalogue = {(str(int(error.status)), error.code) for error in errors.catalogue()}
    assert published == catalogue - {("500", "internal_error"), ("502", "bss_failed")}


def test_it_is_served_as_it_stands(shared_api: Api) -> None:
    response = shared_api.ask("/openapi.json")

    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.data == openapi.document()
    assert response.headers["Cache-Control"] == "no-cache"


def test_whoever_has_it_is_told_so(shared_api: Api) -> None:
    tag = shared_api.ask("/openapi.json").headers["ETag"]

    same = shared_api.ask("/openapi.json", headers={"If-None-Match": tag})
    another = shared_api.ask("/openapi.json", headers={"If-None-Match": '"another"'})

    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert another.status_code == 200


def test_answers_may_say_more_one_day() -> None:
    published = orjson.loads(openapi.document())["components"]["schemas"]

    closed = {
        name for name, schema in published.items() if schema.get("additionalProperties") is False
    }
    items = {f"{title(kind)}Item" for kind in KINDS.values()}
    bodies = {name for name in published if name.endswith(("Registration", "Patch"))}
    many = {"Batch", "Deletion", "Restoration", "DownloadItem", "DownloadOfMany"}
    assert closed == {*many, *items, *bodies} - {"MetadataPatch"}


@pytest.mark.parametrize("name", KINDS)
def test_a_streamed_list_is_as_documented(shared_api: Api, name: str) -> None:
    kind = KINDS[name]
    shared_api.register(name, **kind.sample)
    shared_api.register(name)

    items = shared_api.listing(name).json

    answer = document()["paths"][f"/assets/{name}"]["get"]["responses"]["200"]
    validator(answer["content"]["application/json"]["schema"]).validate(items)
    assert len(items) == 2


def test_an_answer_that_is_not_as_documented_is_caught() -> None:
    item = document()["paths"]["/assets/video"]["get"]["responses"]["200"]
    schema = validator(item["content"]["application/json"]["schema"])
    [good] = item["content"]["application/json"]["example"]

    for bad in (
        {**good, "more": 1},
        {**good, "id": "x"},
        {**good, "fps": "30"},
        {**good, "fps": None},
        {name: value for name, value in good.items() if name != "createdAt"},
    ):
        with pytest.raises(jsonschema_rs.ValidationError):
            schema.validate([bad])
