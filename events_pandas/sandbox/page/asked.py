"""What a request for the page is about: the filters, and what they mean in this workspace."""

from dataclasses import dataclass, replace
from typing import Final, Self

from events_pandas.sandbox.page.contact_queries import find_contact
from events_pandas.sandbox.page.counts import find_name
from events_pandas.sandbox.page.filters import Filters
from events_pandas.sandbox.page.queries import was_named
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import Store

# A text that is longer is not repeated in every link of a page where there is a shorter one.
_LONG: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Hold what is asked for, found in the workspace.

    Parameters
    ----------
    filters : Filters
        As the address has them, but for blanks at the ends of a text that only stands for itself without them, and
        Intercom's identifier for a very long one.
    name : int or None
        The number of the event name; None when none is asked for, or nobody submitted it.
    contact : Contact or None
        The contact; None when none is asked for, or there is none.
    """

    filters: Filters
    name: int | None
    contact: Contact | None

    @classmethod
    def find(cls, filters: Filters, store: Store) -> Self:
        """Look up what filters name.

        Parameters
        ----------
        filters : Filters
            As the address has them.
        store : Store
            The workspace.

        Returns
        -------
        Asked
            With what there is.
        """
        filters = _as_meant(filters, store)
        contact = find_contact(store, filters.contact) if filters.contact else None
        if contact is not None and len(filters.contact) > _LONG:
            filters = replace(filters, contact=contact.fields.id or "")
        return cls(filters=filters, name=find_name(store, filters.name) if filters.name else None, contact=contact)

    @property
    def is_known(self) -> bool:
        """Return whether the event name that is asked for was ever submitted.

        Returns
        -------
        bool
            True also when none is asked for.
        """
        return self.name is not None or not self.filters.name


def _as_meant(filters: Filters, store: Store) -> Filters:
    """Return filters without the blanks that were typed beside a text; those that belong to it are kept."""
    name, contact = filters.name.strip(), filters.contact.strip()
    if name != filters.name and find_name(store, filters.name) is None:
        filters = replace(filters, name=name)
    if contact != filters.contact and not _is_there(store, filters.contact):
        filters = replace(filters, contact=contact)
    return filters


def _is_there(store: Store, contact: str) -> bool:
    return find_contact(store, contact) is not None or was_named(store, contact)
