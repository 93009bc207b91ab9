"""Production starts with no setting by which money or accounts could be stolen, and has no door of the demo."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from holdfast.app.main import create_app
from holdfast.app.settings import KNOWN_SECRET, Settings, UnfitForProductionError
from holdfast.kit.db import Database
from holdfast.kit.http import routes_with_policies
from tests.journeys.sites import Process

GOOD = {
    "environment": "production",
    "secret": "9f2c6b1d-of-production-47ac-8e3a-not-known-to-anybody",
    "public_url": "https://tickets.example",
    "database_url": "postgresql://holdfast:canary-in-an-address@127.0.0.1:1/holdfast",
}
MAIL = {"smtp_host": "mail.example", "smtp_from": "a@tickets.example", "smtp_password": "canary-of-the-mail-server"}
SMS = {"sms_secret": "canary-of-the-sms-provider"}
SHORT, DULL = "Sh0rt-and-canary", "ab" * 20
#: One setting a case, and a part of the reason that is told; every reason needs one.
UNSAFE: Mapping[str, tuple[Mapping[str, str], str]] = {
    "a known secret": ({"secret": KNOWN_SECRET}, "is the default, which everybody knows"),
    "a known secret of before": ({"former_secrets": KNOWN_SECRET}, "is the default, which everybody knows"),
    "a short secret": ({"secret": SHORT}, "has fewer than"),
    "a short secret of before": ({"former_secrets": SHORT}, "has fewer than"),
    "a dull secret": ({"secret": DULL}, "repeats itself"),
    "the sandbox": ({"gateways": "sandbox"}, "names the sandbox, where nobody pays"),
    "e-mails in files": ({}, "no HOLDFAST_SMTP_HOST is set"),
    "SMS in files": ({}, "no HOLDFAST_SMS_URL is set"),
    "e-mails in the open": ({**MAIL, "smtp_security": "none"}, "e-mails with codes travel"),
    "SMS in the open": ({"sms_url": "http://sms.example", **SMS}, "is plain http, so that codes travel in the open"),
    "a quick demo": ({"demo_fast": "true"}, "lets bookings end ten times too early"),
    "webhooks into our network": ({"webhook_private_addresses": "true"}, "lets providers call into this network"),
    "plain http": ({"public_url": "http://tickets.example"}, "is plain http and no"),
    "no address": ({"public_url": ""}, "is plain http and no"),
}
#: Settings that no environment but test takes, or none at all: (setting, what is told).
IMPOSSIBLE: Mapping[str, tuple[Mapping[str, str], str]] = {
    "a guard left out": ({"test_without": "turn"}, "leaves guards out"),
    "any origin": ({"cors_origins": "*"}, "is no origin"),
}
EVERYTHING = {
    "secret": KNOWN_SECRET,
    "former_secrets": f"{SHORT},{DULL}",
    "gateways": "sandbox",
    "demo_fast": "true",
    "webhook_private_addresses": "true",
    "public_url": "http://tickets.example",
    **MAIL,
    "smtp_security": "none",
    "sms_url": "http://sms.example",
    **SMS,
}
#: Doors that are no customer's: each is absent in production.
OF_THE_DEMO = ("/payments/simulate/", "/sandbox", "/styleguide", "/demo")


@pytest.mark.parametrize("case", UNSAFE)
def test_each_unsafe_setting_is_refused_by_its_reason_and_never_printed(case: str, tmp_path: Path) -> None:
    changed, reason = UNSAFE[case]
    values: Any = {**GOOD, "data_folder": tmp_path, **changed}

    with pytest.raises(UnfitForProductionError) as refusal:
        Settings(_env_file=None, **values).check()

    told = str(refusal.value)
    assert any(reason in each for each in refusal.value.reasons)
    assert [value for value in (GOOD["secret"], GOOD["database_url"], KNOWN_SECRET, SHORT, DULL) if value in told] == []


@pytest.mark.timeout(180)
def test_a_process_with_unsafe_settings_ends_and_names_them_all_without_a_secret(tmp_path: Path) -> None:
    one_or_other = {"no HOLDFAST_SMTP_HOST is set", "no HOLDFAST_SMS_URL is set"}
    at_once = [reason for _, reason in UNSAFE.values() if reason not in one_or_other]
    wanted: dict[str, tuple[Mapping[str, str], list[str]]] = {
        "everything at once": (EVERYTHING, at_once),
        **{name: (changed, [reason]) for name, (changed, reason) in IMPOSSIBLE.items()},
    }
    started = []
    for number, (name, (changed, reasons)) in enumerate(wanted.items()):
        log = tmp_path / f"{number}.log"
        values = {**GOOD, "data_folder": str(tmp_path), "port": "0", "log_level": "DEBUG", **changed}
        process = Process(("serve",), {f"HOLDFAST_{key.upper()}": value for key, value in values.items()}, log)
        process.begin()
        started.append((name, process, log, reasons))

    for name, process, log, reasons in started:
        said, code = process.ended()
        told = said + log.read_text()

        assert code == 2, f"{name}: {code} {told[-500:]}"
        assert [reason for reason in reasons if reason not in told] == [], name
        for secret in (GOOD["secret"], KNOWN_SECRET, SHORT, DULL, "canary-", "Traceback"):
            assert secret not in told, f"{name}: prints {secret}"


def test_settings_that_are_none_are_told_without_what_they_are() -> None:
    """Also where no command of ours stands between: a server that is started by its factory."""
    with pytest.raises(ValidationError) as refusal:
        Settings(_env_file=None, secret=SHORT, smtp_host="mail.example")  # type: ignore[arg-type] # as variables are

    assert SHORT not in str(refusal.value)
    assert "input_value" not in str(refusal.value)


def test_every_reason_has_a_case_here() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(Settings.refused_in_production)))
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys if key is not None]
    reasons = ["".join(str(part.value) for part in ast.walk(key) if isinstance(part, ast.Constant)) for key in keys]

    assert len(reasons) >= 8
    parts = [part for _, part in [*UNSAFE.values(), *IMPOSSIBLE.values()]]
    for reason in reasons:
        assert any(part in reason for part in parts), f"add a case to UNSAFE for: {reason}"


class Bold(Settings):
    """Settings of production that would be let through: there is nobody to pay with and nothing is sent."""

    def check(self) -> None:
        return


async def test_no_door_of_the_demo_stands_in_production(database: Database, tmp_path: Path) -> None:
    def built(**values: Any) -> set[str]:
        settings = Bold(_env_file=None, data_folder=tmp_path, **values)
        app = create_app(settings, database=database)
        return {path for _, path, _ in routes_with_policies(app)} | {
            str(getattr(route, "path", "")) for route in app.routes
        }

    secret = SecretStr(GOOD["secret"])

    production = built(environment="production", secret=secret, public_url="https://tickets.example")
    demo = built(environment="demo", secret=secret)

    assert [path for path in production if any(part in path for part in OF_THE_DEMO)] == []
    assert all(any(part in path for path in demo) for part in OF_THE_DEMO)
