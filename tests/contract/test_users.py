"""Chapter 9, user management."""

from tests.contract.answers import refused, said
from tests.contract.site import PASSWORD, Caller, Site


def test_anybody_may_create_an_account(site: Site) -> None:
    account = site.account()

    created = said(site.guest.post("/users", account), 201)

    assert {name: created[name] for name in account if name != "password"} == {
        name: value for name, value in account.items() if name != "password"
    }
    assert (created["role"], created["is_active"], created["is_verified"]) == ("customer", True, False)
    assert "password" not in str(sorted(created))
    assert site.sign_in(account["email"]).id == created["id"]


def test_an_admin_lists_accounts_page_by_page(site: Site) -> None:
    newest = [site.newcomer().id for _ in range(3)]

    first = said(site.admin.get("/users", limit=2))
    second = said(site.admin.get("/users", limit=2, cursor=first["next_cursor"]))

    assert [user["id"] for user in first["items"] + second["items"]][:3] == newest[::-1]
    refused(site.guest.get("/users"), 401, "sign_in_needed")
    refused(site.customer().get("/users"), 403, "role_needed")


def test_an_account_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    _shown_to_its_owner_and_to_admins_alone(site, "/users/{id}")


def test_an_account_is_changed_by_its_owner_and_by_admins(site: Site) -> None:
    owner = site.newcomer()

    by_owner = said(owner.put(f"/users/{owner.id}", {"first_name": "Mona"}))
    by_admin = said(site.admin.put(f"/users/{owner.id}", {"last_name": "Nasser", "is_active": False}))

    assert (by_owner["first_name"], by_owner["last_name"]) == ("Mona", "Hassan")
    assert (by_admin["first_name"], by_admin["last_name"], by_admin["is_active"]) == ("Mona", "Nasser", False)
    assert by_admin["updated_at"] > by_owner["created_at"]
    refused(site.guest.put(f"/users/{owner.id}", {}), 401, "sign_in_needed")
    refused(site.customer().put(f"/users/{owner.id}", {"first_name": "Eve"}), 404, "user_not_found")


def test_a_deleted_account_signs_in_no_more(site: Site) -> None:
    by_admin, by_itself = site.newcomer(), site.newcomer()
    email = by_admin.user["email"]

    said(site.admin.delete(f"/users/{by_admin.id}"), 204)
    said(by_itself.delete(f"/users/{by_itself.id}"), 204)

    erased = said(site.admin.get(f"/users/{by_admin.id}"))
    assert (erased["is_active"], erased["email"], erased["phone_number"]) == (False, None, None)
    refused(site.guest.post("/users/login", {"email": email, "password": PASSWORD}), 401, "wrong_credentials")
    refused(by_admin.get(f"/users/{by_admin.id}"), 401, "invalid_token")
    refused(by_itself.get(f"/users/{by_itself.id}"), 401, "invalid_token")
    refused(site.customer().delete(f"/users/{site.admin.id}"), 404, "user_not_found")


def test_somebody_registers_as_a_customer(site: Site) -> None:
    account = site.account()

    registered = said(site.guest.post("/users/register", account), 201)

    assert (registered["email"], registered["role"], registered["is_active"]) == (account["email"], "customer", True)
    assert "password_hash" not in registered
    assert "password" not in registered
    assert site.actions(registered["id"])[0] == "registered"


def test_somebody_signs_in_with_the_right_password_only(site: Site) -> None:
    account = site.account()
    registered = said(site.guest.post("/users/register", account), 201)

    tokens = said(site.guest.post("/users/login", {"email": account["email"], "password": PASSWORD}))

    assert (tokens["token_type"], tokens["expires_in"], tokens["user"]["id"]) == ("bearer", 1_800, registered["id"])
    assert said(Caller(site, token=tokens["access_token"]).get("/users/me"))["id"] == registered["id"]
    wrong = {"email": account["email"], "password": "Wrong-Horse-7"}
    refused(site.guest.post("/users/login", wrong), 401, "wrong_credentials")
    nobody = {"email": "nobody@example.org", "password": PASSWORD}
    refused(site.guest.post("/users/login", nobody), 401, "wrong_credentials")


def test_a_profile_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    _shown_to_its_owner_and_to_admins_alone(site, "/users/{id}/profile")


def test_a_profile_is_changed_by_its_owner(site: Site) -> None:
    owner = site.newcomer()

    changed = said(
        owner.put(f"/users/{owner.id}/profile", {"first_name": "Mona", "locale": "ar", "zone": "Asia/Dubai"})
    )

    assert (changed["first_name"], changed["locale"], changed["zone"]) == ("Mona", "ar", "Asia/Dubai")
    assert said(owner.get(f"/users/{owner.id}/profile")) == changed
    refused(owner.put(f"/users/{owner.id}/profile", {"is_active": False}), 403, "admin_only")
    refused(owner.put(f"/users/{owner.id}/profile", {"role": "admin"}), 422, "validation_failed")
    refused(site.customer().put(f"/users/{owner.id}/profile", {"first_name": "Eve"}), 404, "user_not_found")


def _shown_to_its_owner_and_to_admins_alone(site: Site, path: str) -> None:
    owner = site.newcomer()
    path = path.format(id=owner.id)

    shown = said(owner.get(path))

    assert {name: shown[name] for name in owner.user} == owner.user
    assert said(site.admin.get(path)) == shown
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "user_not_found")
