"""Contacts created on demand: each by one request, with the columns that the caller names."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
import re

import numpy as np
import pandas as pd

from events_pandas.deliver import Answer, Status
from events_pandas.deliver.client.answers import Attempt
from events_pandas.errors import UnknownColumnError
from events_pandas.intercom import CONTACT_FIELDS
from events_pandas.run.asking import Asking, Reply
from events_pandas.words import did_you_mean, kind_of


class CreationStatus(StrEnum):
    """What became of a contact that was to be created. The members stand in the order in which results show them."""

    CREATED = "created"
    # Intercom had it already.
    EXISTS = "exists"
    REJECTED = "rejected"
