"""The settings decide by which way letters leave."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.app import house, worker
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.letters import ByChannel, FileSender
from holdfast.kit.sms import SmsSender
from holdfast.kit.smtp import SmtpSender
from tests.builders_identity import sign_up
from tests.kit import post_office
from tests.kit.post_office import open_office

SECRET = "Canary-of-the-settings-5"


def housed(database: Database, folder: Path, **changes: Any) -> House:
    settings = Settings(_env_file=None, environment="test", data_folder=folder, bcrypt_cost=4, **changes)
    return house.build(settings, database=database, gateways={})


@pytest.mark.alone
async def test_what_the_platform_says_arrives_at_a_mail_server(database: Database, tmp_path: Path) -> None:
    async with open_office(tmp_path, security="none") as office:
        ours = housed(
            database,
            tmp_path,
            smtp_host="127.0.0.1",
            smtp_port=office.port,
            smtp_security="none",
            smtp_from="Tickets <tickets@example.org>",
        )
        person = await sign_up(database, is_verified=False, settings=ours.identity)

        await worker.drain(ours)

    assert {message["To"] for message in office.got} == {person.email}
    assert len(office.got) == 2
    assert not (tmp_path / "letters").exists()


@pytest.mark.alone
async def test_without_a_server_letters_lie_in_the_folder(database: Database, tmp_path: Path) -> None:
    ours = housed(database, tmp_path)
    person = await sign_up(database, is_verified=False, settings=ours.identity)

    await worker.drain(ours)

    letters = await FileSender(tmp_path / "letters").letters()
    assert {letter.to for letter in letters} == {person.email}
    assert {letter.template for letter in letters} == {"verify_email", "registered"}
    assert all(letter.html for letter in letters)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_each_channel_has_its_own_way_and_no_secret_is_shown(database: Database, tmp_path: Path) -> None:
    ours = housed(
        database,
        tmp_path,
        smtp_host="mail.example",
        smtp_from="tickets@example.org",
        smtp_username="tickets",
        smtp_password=SECRET,
        sms_url="https://sms.example/send",
        sms_secret=SECRET,
    )

    assert isinstance(ours.sender, ByChannel)
    assert isinstance(ours.sender.email, SmtpSender)
    assert isinstance(ours.sender.sms, SmsSender)
    assert (ours.sender.email.password, ours.sender.email.security) == (SECRET, "starttls")
    assert SECRET not in repr(ours)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sms_go_to_files_where_only_e_mail_is_set_up(database: Database, tmp_path: Path) -> None:
    ours = housed(database, tmp_path, smtp_host="mail.example", smtp_from="tickets@example.org")
    sms = post_office.letter(id=new_id(), channel="sms", html=None, attachments=())

    await ours.sender.send(sms)

    assert await FileSender(tmp_path / "letters").letters() == [sms]
