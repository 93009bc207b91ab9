from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from holdfast.app.settings import KNOWN_SECRET, Settings, UnfitForProductionError, variables

GOOD_SECRET = "Zq4-eXf_9sLw2Tn7Vb1KcYh8JmRd5Pg0"
EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine and no .env of this folder reaches these tests."""
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_a_working_development_on_sqlite() -> None:
    settings = Settings()

    assert settings.environment == "development"
    assert settings.database == "sqlite:///.holdfast/holdfast.sqlite3"
    assert settings.origin == "http://127.0.0.1:8000"
    assert settings.sandbox == "http://127.0.0.1:8000/sandbox"
    settings.check()


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_CORS_ORIGINS", "https://a.example, https://b.example/")
    monkeypatch.setenv("HOLDFAST_TRUSTED_PROXIES", "10.0.0.1/8,::1")

    settings = Settings()

    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_the_example_names_every_setting_and_nothing_else() -> None:
    assert list(dotenv_values(EXAMPLE)) == list(variables())


def test_the_example_holds_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dotenv_values(EXAMPLE).items():
        monkeypatch.setenv(name, value or "")

    assert Settings() == Settings(_env_file=None)
    assert Settings(_env_file=EXAMPLE).model_dump() == Settings().model_dump()


def test_settings_stay_as_they_were_read() -> None:
    settings = Settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"secret": "short"}, "at least 32"),
        ({"test_without": "turn"}, "only in environment test"),
        ({"environment": "test", "test_without": "nonsense"}, "names no guards"),
        ({"gateways": "bank-of-nowhere"}, "gateways that there are not"),
        ({"currency": "XXQ"}, "is not a currency"),
        ({"zone": "Mars/Base"}, "Mars/Base"),
        ({"cors_origins": "*"}, "is no origin"),
        ({"trusted_proxies": "everybody"}, "does not appear to be"),
        ({"port": 70_000}, "less than or equal"),
        ({"smtp_host": "mail.example"}, "HOLDFAST_SMTP_FROM"),
        ({"smtp_from": "nobody"}, "is no sender such as"),
        ({"smtp_from": "A <a@b.example>\nBcc: c@d.example"}, "is no sender such as"),
        ({"sms_url": "https://sms.example"}, "HOLDFAST_SMS_SECRET"),
    ],
)
def test_what_cannot_be_is_refused_at_once(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings(**wrong)


def test_a_secret_never_stands_in_a_message() -> None:
    assert KNOWN_SECRET not in repr(Settings())


def production(**changes: Any) -> Settings:
    good = {"environment": "production", "secret": GOOD_SECRET, "public_url": "https://tickets.example"}
    return Settings(**{**good, **changes})


ALWAYS = {"HOLDFAST_GATEWAYS names the sandbox", "e-mails with codes go to files", "SMS with codes go to files"}


SMTP = {"smtp_host": "mail.example", "smtp_from": "Tickets <tickets@example.org>"}


def refused(settings: Settings) -> set[str]:
    """What production refuses besides what it must refuse as long as there is no other gateway and no other sender."""
    return {reason for reason in settings.refused_in_production() if not reason.startswith(tuple(ALWAYS))}


def test_production_refuses_the_sandbox_and_letters_in_files() -> None:
    with pytest.raises(UnfitForProductionError) as refusal:
        production().check()

    assert len(refusal.value.reasons) == 3
    for reason in ALWAYS:
        assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secret": KNOWN_SECRET}, "HOLDFAST_SECRET (or a former one) is the default"),
        ({"former_secrets": KNOWN_SECRET}, "HOLDFAST_SECRET (or a former one) is the default"),
        ({"secret": "short"}, "fewer than 32 characters"),
        ({"secret": "ab" * 20}, "repeats itself"),
        ({"demo_fast": True}, "HOLDFAST_DEMO_FAST"),
        ({"webhook_private_addresses": True}, "HOLDFAST_WEBHOOK_PRIVATE_ADDRESSES"),
        ({"public_url": "http://tickets.example"}, "plain http"),
        ({"public_url": None}, "plain http"),
        ({**SMTP, "smtp_security": "none"}, "HOLDFAST_SMTP_SECURITY is none"),
        ({"sms_url": "http://sms.example/send", "sms_secret": "s"}, "HOLDFAST_SMS_URL is plain http"),
    ],
)
def test_production_names_what_is_unsafe(changes: dict[str, Any], words: str) -> None:
    assert any(words in reason for reason in refused(production(**changes)))


def test_production_takes_plain_http_behind_a_trusted_proxy() -> None:
    assert refused(production(public_url="http://inside.example", trusted_proxies="10.0.0.0/8")) == set()


def test_production_takes_letters_that_leave_by_senders() -> None:
    settings = production(**SMTP, sms_url="https://sms.example/send", sms_secret="s")

    assert settings.refused_in_production() == ["HOLDFAST_GATEWAYS names the sandbox, where nobody pays"]


def test_a_relay_on_this_machine_needs_no_encryption() -> None:
    relay = {"smtp_host": "localhost", "smtp_from": "tickets@example.org", "smtp_security": "none"}

    assert refused(production(**relay)) == set()


def test_all_that_is_unsafe_is_named_in_one_error() -> None:
    with pytest.raises(UnfitForProductionError) as refusal:
        production(secret="short", demo_fast=True, public_url=None).check()

    assert len(refusal.value.reasons) == 7


def test_guards_are_left_out_in_environment_test_alone() -> None:
    assert Settings(environment="test", test_without=("turn", "sorted")).test_without == ("turn", "sorted")
    with pytest.raises(ValidationError):
        production(test_without=("turn",))


def test_the_clocks_of_a_quick_demo_run_ten_times_as_fast() -> None:
    assert (Settings().pace, Settings(demo_fast=True).pace) == (1, 10)


def test_customers_are_sent_back_to_us_and_to_whom_is_listed() -> None:
    settings = Settings(public_url="https://tickets.example/", return_origins=("https://shop.example",))

    assert settings.return_addresses == {"https://tickets.example", "https://shop.example"}
