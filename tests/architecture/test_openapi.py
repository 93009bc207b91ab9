"""The API is reviewed like code: what it promises stands in docs/openapi.json."""

import importlib
import json

from tests.architecture import source

SNAPSHOT = source.ROOT / "docs" / "openapi.json"
REGENERATE = "if the change is meant: ./run openapi > docs/openapi.json"


def test_the_description_of_the_api_is_the_reviewed_one() -> None:
    settings = importlib.import_module("holdfast.app.settings").Settings(environment="test")
    app = importlib.import_module("holdfast.app.main").create_app(settings)

    described = json.loads(json.dumps(app.openapi()))

    assert SNAPSHOT.exists(), f"docs/openapi.json is missing; {REGENERATE}"
    assert described == json.loads(SNAPSHOT.read_text()), REGENERATE
