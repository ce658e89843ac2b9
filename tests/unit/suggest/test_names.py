"""Labels: their words, and the roles that the words suggest."""

import pytest

from events_pandas.suggest import names as labels


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("user_id", ("user", "id")),
        ("userId", ("user", "id")),
        ("User ID", ("user", "id")),
        ("customerID", ("customer", "id")),
        ("orderURL", ("order", "url")),
        ("E-Mail", ("email",)),
        ("Created (UTC)", ("created", "utc")),
        ("address2", ("address", "2")),
        ("größe", ("größe",)),
        (("total", "sum"), ("total", "sum")),
        ("%", ()),
        (3, ()),
        (("a", 1), ("a",)),
    ],
)
def test_words_of_splits_a_label_however_it_is_written(label, words):
    """Capitals, spaces and signs end a word; a number is a word only within text."""
    assert labels.words_of(label) == words


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Order No.", "order_no"),
        ("orderTotal", "order_total"),
        ("a.b$c", "a_b_c"),
        ("größe", "größe"),
        (("total", "sum"), "total_sum"),
        (("user", ""), "user"),
        (("", ""), "column"),
        (3, "column_3"),
        (-3, "column_3"),
        ("a\0b", "a_b"),
        ("'", "column"),
    ],
)
def test_key_of_makes_a_key_that_intercom_allows(label, key):
    """A key has letters, digits, underscores and hyphens, in lower case."""
    assert labels.key_of(label) == key


@pytest.mark.parametrize(
    ("label", "rank"),
    [
        ("user_id", 5),
        ("externalId", 5),
        ("customer_id", 4),
        ("order_customer_id", 4),
        ("userid", 4),
        ("Kundennummer", 4),
        ("client_id", 3),
        ("distinct_id", 3),
        ("username", 3),
        ("customer", 3),
        ("id", 1),
        ("order_id", 0),
        ("customer_order_id", 0),
        ("company_id", 0),
        ("invoice_no", 0),
        ("account_id", 2),
        ("accountUid", 2),
        ("account_external_id", 2),
        ("customer_account_no", 2),
        ("firebase_uid", 4),
        ("external_uid", 4),
        ("customer_external_id", 4),
        ("company_user_id", 4),
        ("account", 0),
        ("agent_id", 0),
        ("admin_id", 0),
        ("staff_id", 0),
        ("owner_id", 0),
        ("created_by", 0),
        ("assigned_to", 0),
        ("team_id", 0),
        ("staff_member_id", 0),
        ("team_member_id", 0),
        ("admin_user_id", 0),
        ("agent_uid", 0),
        ("created_by_user_id", 0),
        ("assigned_to_user_id", 0),
        ("company_external_id", 0),
        ("company_uid", 0),
        ("order_uid", 0),
        ("order_external_id", 0),
        (0, 0),
    ],
)
def test_user_id_rank_goes_by_the_owner_of_a_number(label, rank):
    """The word before the word for a number names its owner: an order's number is not the contact's."""
    assert labels.user_id_rank(labels.words_of(label)) == rank


@pytest.mark.parametrize(
    ("label", "rank"),
    [
        ("Email", 3),
        ("email_address", 3),
        ("Customer Email", 2),
        ("account_email", 2),
        ("billing_email", 1),
        ("agent_email", 0),
        ("admin_email", 0),
        ("created_by_email", 0),
        ("company_email", 0),
    ],
)
def test_email_rank_prefers_the_contacts_own(label, rank):
    """The address of an agent is not the contact's."""
    assert labels.email_rank(labels.words_of(label)) == rank


@pytest.mark.parametrize(
    ("label", "rank"),
    [
        ("created_at", 6),
        ("Created (UTC)", 6),
        ("event_time", 6),
        ("ordered_at", 5),
        ("timestamp", 5),
        ("order_date", 4),
        ("time", 4),
        ("x", 2),
        ("updated_at", 1),
        ("receivedAt", 1),
        ("birth_date", 0),
    ],
)
def test_time_rank_prefers_the_time_of_the_event(label, rank):
    """Updates, sending and receiving came later; a birthday is not an event."""
    assert labels.time_rank(labels.words_of(label)) == rank


@pytest.mark.parametrize(
    ("label", "is_contacts"),
    [
        ("intercom_id", True),
        ("intercomUserId", True),
        ("intercom_contact_id", True),
        ("intercom_lead_id", True),
        ("intercom_company_id", False),
        ("intercom_admin_id", False),
        ("intercom_conversation_id", False),
        ("intercom_url", False),
        ("user_id", False),
        ("", False),
    ],
)
def test_names_intercoms_id_of_contacts_only(label, is_contacts):
    """Intercom's identifiers of companies and admins do not count."""
    assert labels.names_intercoms_id(labels.words_of(label)) is is_contacts


@pytest.mark.parametrize(("label", "rank"), [("event_name", 5), ("event", 4), ("action", 2), ("event_id", 0), ("x", 0)])
def test_event_name_rank_takes_few_words(label, rank):
    """Only a few labels name a column of event names."""
    assert labels.event_name_rank(labels.words_of(label)) == rank


@pytest.mark.parametrize(
    ("label", "word"),
    [("ordered_at", "ordered"), ("signed_up_at", "signed-up"), ("created_at", ""), ("event_time", ""), ("x", "")],
)
def test_event_word_is_what_a_time_says_of_the_event(label, word):
    """The words that remain without those for a time are the event's."""
    assert labels.event_word(labels.words_of(label)) == word


@pytest.mark.parametrize(
    ("judge", "yes", "no"),
    [
        (labels.names_a_time, "created", "amount"),
        (labels.names_money, "Order total", "items"),
        (labels.names_minor_units, "amount_cents", "amount"),
        (labels.names_a_currency, "Paid currency", "country"),
        (labels.names_a_code, "invoice_no", "number_of_cds"),
        (labels.names_a_person, "First name", "product_name"),
        (labels.names_a_person, "Name", "event_name"),
        (labels.names_a_person, "phone", "city"),
        (labels.names_a_person, "Billing Name", "Lineitem name"),
        (labels.names_a_person, "birth_date", "order_date"),
    ],
)
def test_names_are_judged_by_their_words(judge, yes, no):
    """Whole words decide what a label names."""
    assert judge(labels.words_of(yes))
    assert not judge(labels.words_of(no))


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ("order_no", "order_url", True),
        ("order", "order_link", True),
        ("article_title", "article_url", True),
        ("order_total", "order_url", False),
        ("x", "url", False),
    ],
)
def test_names_text_of_goes_by_the_words_of_the_link(text, url, expected):
    """A text belongs to a link if both are named for the same thing."""
    assert labels.names_text_of(labels.words_of(text), labels.words_of(url)) is expected


@pytest.mark.parametrize(
    ("label", "units"),
    [
        ("created_at", ("s", "ms", "us", "ns")),
        ("updated_ts", ("s", "ms", "us", "ns")),
        ("shipped", ("s", "ms", "us", "ns")),
        ("shipped_ms", ("ms",)),
        ("shipped_seconds", ("s",)),
        ("time_us", ("us",)),
        ("duration_ns", ("ns",)),
        ("unix", ("s",)),
        ("total_sec", ()),
        ("shipped_items", ()),
        ("order_no", ()),
        (0, ()),
    ],
)
def test_epoch_units_are_those_that_a_label_allows(label, units):
    """A named unit excludes the others; seconds need the word for a time, since other numbers are as large."""
    assert labels.epoch_units(labels.words_of(label)) == units


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("shipped_ms", "shipped_at"),
        ("updated_ts", "updated_at"),
        ("created_at_us", "created_at"),
        ("due_date", "due_date"),
        ("timestamp", "timestamp_at"),
        ("event_timestamp", "event_at"),
    ],
)
def test_moment_key_has_no_unit(key, expected):
    """The key has no unit, since seconds are sent."""
    assert labels.moment_key(key) == expected


@pytest.mark.parametrize(
    ("label", "rank"),
    [
        ("Kundennummer", 4),
        ("Kunden-Nr.", 4),
        ("Benutzer-ID", 4),
        ("numéro de client", 4),
        ("id_cliente", 4),
        ("client", 3),
        ("cliente", 3),
        ("Artikelnummer", 0),
        ("Code postal", 0),
    ],
)
def test_identifiers_are_known_in_german_french_and_spanish(label, rank):
    """The usual names of a customer's number in three more languages name the contact."""
    assert labels.user_id_rank(labels.words_of(label)) == rank


def test_usual_columns_are_known_in_german_french_and_spanish():
    """The usual names of times, amounts, currencies, codes, addresses and people in three more languages are known."""

    def known(names, *written):
        return [label for label in written if not names(labels.words_of(label))]

    assert known(labels.names_a_time, "Datum", "Bestelldatum", "date de commande", "Fecha", "Zeitpunkt") == []
    assert known(labels.names_money, "Betrag", "Gesamtbetrag", "Preis", "montant", "prix", "importe", "precio") == []
    assert known(labels.names_a_currency, "Währung", "devise", "moneda") == []
    assert known(labels.names_a_code, "Bestellnummer", "PLZ", "Artikelnr", "référence") == []
    assert known(labels.names_a_person, "Vorname", "Geburtsdatum", "prénom", "apellidos") == []
    emails = ("E-Mail", "E-Mail-Adresse", "courriel", "correo electrónico")
    assert [labels.email_rank(labels.words_of(label)) for label in emails] == [3] * 4
