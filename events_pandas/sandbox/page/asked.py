"""What a request for the page is about: the filters, and what they mean in this workspace."""

from dataclasses import dataclass
from typing import Self

from events_pandas.sandbox.page.contact_queries import ContactRow, find_contact
from events_pandas.sandbox.page.count_queries import find_name
from events_pandas.sandbox.page.filters import Filters
from events_pandas.sandbox.workspace.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Hold what is asked for, found in the workspace.

    Parameters
    ----------
    filters : Filters
        As the address has them.
    name : int or None
        The number of the event name; None when none is asked for, or nobody submitted it.
    contact : ContactRow or None
        The contact; None when none is asked for, or there is none.
    """

    filters: Filters
    name: int | None
    contact: ContactRow | None

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
        return cls(
            filters=filters,
            name=find_name(store, filters.name) if filters.name else None,
            contact=find_contact(store, filters.contact) if filters.contact else None,
        )

    @property
    def is_known(self) -> bool:
        """Return whether the event name that is asked for was ever submitted.

        Returns
        -------
        bool
            True also when none is asked for.
        """
        return self.name is not None or not self.filters.name
