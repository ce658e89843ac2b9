"""The contacts of a workspace: found, made, changed and merged."""

import pytest

from events_pandas.sandbox.rules.refusals import AMBIGUOUS_EMAIL, USER_NOT_FOUND, merged_into
from events_pandas.sandbox.workspace.contact_book import ContactBook
from events_pandas.sandbox.workspace.contacts import ContactFields, InitialContacts
from events_pandas.sandbox.workspace.store import Store

NOW = 1_700_000_000.5


@pytest.fixture
def make_book():
    """Make a contact book with a database of its own."""

    def make(**contacts):
        return ContactBook(Store(), InitialContacts(**contacts))

    return make


@pytest.mark.parametrize(
    ("identifier", "made"),
    [
        ("user_id", ("user", "7", None)),
        ("email", ("user", None, "7")),
    ],
)
def test_book_makes_an_existing_user_when_it_is_named(make_book, identifier, made) -> None:
    """A contact that exists by default is written at its first event, and then found by Intercom's identifier too."""
    book = make_book()

    contact = book.find(identifier, "7", now=NOW)

    assert (contact.fields.role, contact.fields.external_id, contact.fields.email) == made
    assert book.find("id", contact.fields.id, now=NOW) == contact


def test_book_makes_a_lead_of_a_contact_named_by_its_id(make_book) -> None:
    """A contact that is known only by Intercom's identifier is a lead, with an external identifier made by Intercom."""
    contact = make_book().find("id", "6b04", now=NOW)

    assert (contact.fields.role, contact.fields.id, len(contact.fields.external_id)) == ("lead", "6b04", 36)


def test_book_gives_identifiers_of_24_digits(make_book) -> None:
    """Intercom's identifiers have 24 hexadecimal digits, and are unique."""
    book = make_book()

    ids = {book.find("user_id", str(number), now=NOW).fields.id for number in range(20)}

    assert len(ids) == 20
    assert {len(bytes.fromhex(one)) for one in ids} == {12}


def test_book_finds_an_unknown_contact_once_it_is_made(make_book) -> None:
    """An unknown contact exists once it is made."""
    book = make_book(unknown=["7"])
    assert book.find("user_id", "7", now=NOW) == USER_NOT_FOUND

    made = book.create(ContactFields(external_id="7"), now=NOW)

    assert book.find("user_id", "7", now=NOW) == made


def test_book_writes_nothing_when_it_finds_no_contact(make_book) -> None:
    """Asking for an unknown contact writes nothing."""
    book = make_book(existing=["a"])

    book.find("user_id", "b", now=NOW)

    assert book.create(ContactFields(external_id="b"), now=NOW).number == 1


def test_book_makes_the_given_contacts_once() -> None:
    """Given contacts are there from the start, and only once in a kept workspace."""
    store, contacts = Store(), InitialContacts(existing=[{"external_id": "7"}, {"email": "ada@example.com"}])

    ContactBook(store, contacts)
    ContactBook(store, contacts)

    assert store.read("SELECT external_id, email FROM contacts") == [("7", None), (None, "ada@example.com")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"external_id": "7"}, {"external_id": "7", "email": "ada@example.com"}),
        ({"external_id": "7"}, {"external_id": "7", "role": "lead"}),
        ({"email": "ada@example.com"}, {"email": "ADA@example.com"}),
        ({"external_id": "7", "email": "ada@example.com"}, {"email": "ada@example.com"}),
    ],
)
def test_book_refuses_a_contact_that_is_there(make_book, first, second) -> None:
    """The same external identifier, or the same address without one, is answered 409 with the `id` of the other."""
    book = make_book()
    there = book.create(ContactFields(**first), now=NOW)

    refusal = book.create(ContactFields(**second), now=NOW)

    message = f"A contact matching those details already exists with id={there.fields.id}"
    assert (refusal.status, refusal.code, refusal.message) == (409, "conflict", message)


@pytest.mark.parametrize("fields", [{"external_id": "7"}, {"email": "ada@example.com"}])
def test_book_refuses_a_contact_that_was_given_by_an_identifier(make_book, fields) -> None:
    """A listed contact exists before it is first named."""
    book = make_book(existing=["7", "ada@example.com"])

    assert book.create(ContactFields(**fields), now=NOW).status == 409


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"external_id": "7", "email": "ada@example.com"}, {"external_id": "8", "email": "ada@example.com"}),
        ({"email": "ada@example.com"}, {"email": "ada@example.com", "role": "lead"}),
        ({"email": "ada@example.com", "role": "lead"}, {"email": "ada@example.com", "role": "lead"}),
        ({"role": "user"}, {"role": "user"}),
    ],
)
def test_book_makes_a_contact_that_differs_from_others(make_book, first, second) -> None:
    """Users may share an address if their external identifiers differ; leads may share any."""
    book = make_book()
    book.create(ContactFields(**first), now=NOW)

    assert book.create(ContactFields(**second), now=NOW).number == 2


def test_book_prefers_the_user_to_leads_with_the_same_address(make_book) -> None:
    """A second user makes an address ambiguous; leads do not."""
    book = make_book()
    for _ in range(3):
        book.create(ContactFields(role="lead", email="ada@example.com"), now=NOW)
    user = book.create(ContactFields(external_id="1", email="ada@example.com"), now=NOW)
    assert book.find("email", "ada@example.com", now=NOW) == user

    book.create(ContactFields(external_id="2", email="ada@example.com"), now=NOW)

    assert book.find("email", "ada@example.com", now=NOW) == AMBIGUOUS_EMAIL


def test_book_keeps_every_field(make_book) -> None:
    """A contact is read as it was written."""
    fields = ContactFields(
        id="6b04",
        external_id="7",
        email="ada@example.com",
        name="Ada",
        phone="+353871234567",
        signed_up_at=1,
        last_seen_at=2,
        unsubscribed_from_emails=True,
        custom_attributes='{"plan": "pro"}',
    )

    assert make_book().create(fields, now=NOW).fields == fields


def test_book_dates_contacts_by_the_servers_clock(make_book) -> None:
    """A contact's times are the server's, in whole seconds."""
    contact = make_book().find("user_id", "7", now=1_234_567.9)

    assert (contact.created_at, contact.updated_at) == (1_234_567, 1_234_567)


def test_book_of_a_kept_workspace_follows_the_present_unknown_contacts() -> None:
    """In a kept workspace the present list of unknown contacts counts; a contact that somebody made stays."""
    store = Store()
    before = ContactBook(store, InitialContacts())
    named, made = before.find("user_id", "7", now=NOW), before.create(ContactFields(external_id="8"), now=NOW)

    after = ContactBook(store, InitialContacts(unknown=["7", "8"]))

    assert after.find("user_id", "7", now=NOW) == USER_NOT_FOUND
    assert after.find("id", named.fields.id, now=NOW) == USER_NOT_FOUND
    assert after.find("user_id", "8", now=NOW) == made


def test_book_makes_a_contact_that_was_unknown() -> None:
    """A contact that was named, then listed as unknown, then made, is the same contact."""
    store = Store()
    before = ContactBook(store, InitialContacts()).find("user_id", "7", now=NOW)
    book = ContactBook(store, InitialContacts(unknown=["7"]))

    made = book.create(ContactFields(external_id="7", name="Ada"), now=NOW + 5)

    assert (made.number, made.fields.id, made.fields.name) == (before.number, before.fields.id, "Ada")
    assert made.updated_at == int(NOW) + 5
    assert book.find("user_id", "7", now=NOW) == made


def test_book_finds_listed_contacts_by_intercoms_identifier(make_book) -> None:
    """Listed contacts are found by their `id` too."""
    book = make_book(existing=["7"])
    contact = book.find("user_id", "7", now=NOW)

    assert book.find("id", contact.fields.id, now=NOW) == contact


def test_book_writes_given_contacts_again() -> None:
    """A kept workspace takes over changes of the given contacts."""
    store = Store()
    ContactBook(store, InitialContacts(existing=[{"external_id": "7", "name": "Ada"}]))

    book = ContactBook(store, InitialContacts(existing=[{"external_id": "7", "name": "Grace"}]))

    assert book.find("user_id", "7", now=NOW).fields.name == "Grace"


@pytest.mark.parametrize("written", ["ada@example.com", "Ada@Example.com"])
def test_book_compares_addresses_without_regard_to_case(make_book, written) -> None:
    """Addresses are compared without regard to case, for every caller."""
    book = make_book(unknown=["ADA@example.com"])

    assert book.find("email", written, now=NOW) == USER_NOT_FOUND


def test_book_finds_no_contact_by_an_identifier_with_a_nul(make_book) -> None:
    """An identifier with a NUL character names no contact."""
    assert make_book().find("user_id", "a\0", now=NOW) == USER_NOT_FOUND


def test_book_changes_what_is_named(make_book) -> None:
    """Only the named fields and custom attributes change."""
    book = make_book()
    fields = ContactFields(external_id="7", name="Ada", custom_attributes='{"plan": "pro", "seats": 3}')
    made = book.create(fields, now=NOW)

    changes = {"phone": "1", "custom_attributes": {"seats": 4, "city": "Köln"}}
    changed = book.update(made.fields.id, changes, now=NOW + 1)

    attributes = '{"plan": "pro", "seats": 4, "city": "Köln"}'
    assert changed.fields == made.fields._replace(phone="1", custom_attributes=attributes)
    assert (changed.number, changed.created_at, changed.updated_at) == (made.number, int(NOW), int(NOW) + 1)
    assert book.find("user_id", "7", now=NOW) == changed


@pytest.mark.parametrize("changes", [{"external_id": "8"}, {"external_id": None, "email": "Eve@Example.com"}])
def test_book_refuses_identifiers_of_another_contact(make_book, changes) -> None:
    """An identifier of another contact is a conflict, also if that contact was only listed."""
    book = make_book(existing=["8", {"email": "eve@example.com"}])
    made = book.create(ContactFields(external_id="7"), now=NOW)

    refusal = book.update(made.fields.id, changes, now=NOW)

    assert (refusal.status, refusal.code) == (409, "conflict")
    assert book.find("user_id", "7", now=NOW) == made


def test_book_gives_a_contact_its_own_identifiers_again(make_book) -> None:
    """A contact's own identifiers are not a conflict."""
    book = make_book(existing=[{"external_id": "7", "email": "ada@example.com"}])
    ada = book.find("user_id", "7", now=NOW)

    changed = book.update(ada.fields.id, {"external_id": "7", "email": "ada@example.com", "name": "Ada"}, now=NOW)

    assert changed.fields == ada.fields._replace(name="Ada")


@pytest.fixture
def make_user():
    """Make a user in a book, and return Intercom's identifier."""

    def make(book, **fields):
        return book.create(ContactFields(**fields), now=NOW).fields.id

    return make


@pytest.mark.parametrize(
    ("identifier", "text"), [("id", None), ("user_id", "7"), ("email", "ada@example.com"), ("email", "ADA@example.com")]
)
def test_book_tells_where_a_merged_contact_went(make_book, make_user, identifier, text) -> None:
    """The link of a merged contact leads to the one that stays, also after a second merge."""
    book = make_book()
    ada = make_user(book, external_id="7", email="ada@example.com")
    second, third = make_user(book, external_id="8"), make_user(book, external_id="9")

    book.merge(ada, second, now=NOW)
    last = book.merge(second, third, now=NOW)

    assert book.find(identifier, text or ada, now=NOW) == merged_into(third)
    assert last == book.find("id", third, now=NOW)
    assert book.update(ada, {"name": "Ada"}, now=NOW) == merged_into(third)


def test_book_finds_the_address_of_a_merged_contact_at_the_one_that_stays(make_book, make_user) -> None:
    """An address of a merged contact and of the one that stays is not ambiguous."""
    book = make_book()
    ids = [make_user(book, external_id=external_id, email="ada@example.com") for external_id in ("1", "2")]
    assert book.find("email", "ada@example.com", now=NOW) == AMBIGUOUS_EMAIL

    book.merge(*ids, now=NOW)

    assert book.find("email", "ada@example.com", now=NOW).fields.id == ids[1]


def test_book_merges_two_that_are_there(make_book, make_user) -> None:
    """An unknown contact, a merged one and the contact itself cannot be merged."""
    book = make_book(existing=[])
    ada, eve = make_user(book, external_id="1"), make_user(book, external_id="2")

    assert book.merge(ada, "nobody", now=NOW) == USER_NOT_FOUND
    assert book.merge("nobody", ada, now=NOW) == USER_NOT_FOUND
    assert book.merge(ada, ada, now=NOW).message == "into is the contact itself"
    book.merge(ada, eve, now=NOW)
    assert book.merge(ada, eve, now=NOW) == book.merge(eve, ada, now=NOW) == merged_into(eve)


@pytest.mark.parametrize(
    ("existing", "unknown", "identifier", "external_id"),
    [
        (None, (), "user_id", "new"),
        ([], (), "user_id", "new"),
        (None, ["old", "new"], "user_id", "new"),
        ([{"id": "old", "external_id": "1"}, {"id": "6b04", "external_id": "new"}], (), "id", "new"),
    ],
)
def test_book_begins_with_contacts_that_were_merged(make_book, existing, unknown, identifier, external_id) -> None:
    """Contacts may be merged from the start; missing ones are made."""
    book = make_book(existing=existing, unknown=unknown, merged={"old": "new"})

    canonical = book.find("user_id", external_id, now=NOW)

    assert book.find(identifier, "old", now=NOW) == merged_into(canonical.fields.id)


def test_book_of_a_kept_workspace_turns_a_merge_round() -> None:
    """In a kept workspace the present merges count."""
    store = Store()
    ContactBook(store, InitialContacts(merged={"a@example.com": "b@example.com"}))

    book = ContactBook(store, InitialContacts(merged={"b@example.com": "a@example.com"}))

    stays = book.find("email", "a@example.com", now=NOW)
    assert book.find("email", "b@example.com", now=NOW) == merged_into(stays.fields.id)
