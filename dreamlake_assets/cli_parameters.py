"""Types of the parameters of ``dreamlake-assets``."""

import re
from datetime import timedelta

import click

from dreamlake_assets.model import names

ROLES = ("reader", "writer")

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Slug(click.ParamType):
    """The slug of a namespace."""

    name = "slug"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the slug."""
        try:
            return names.check_slug(value)
        except names.InvalidName as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class Subject(click.ParamType):
    """The subject of a token."""

    name = "subject"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the subject."""
        if not value:
            self.fail("A subject must not be empty.", param, ctx)
        try:
            return names.check_text(value)
        except names.InvalidName as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class Member(click.ParamType):
    """``SUBJECT``, ``SUBJECT:reader`` or ``SUBJECT:writer``. The subject may contain colons."""

    name = "subject[:role]"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split a member into the subject and the role, which is ``writer`` by default."""
        if isinstance(value, tuple):
            return value
        subject, colon, role = value.rpartition(":")
        if not colon or role not in ROLES:
            subject, role = value, "writer"
        return Subject().convert(subject, param, ctx), role


class Age(click.ParamType):
    """A number and a unit, such as ``30d`` or ``12h``."""

    name = "age"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read the age."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,6})([dhms])", value)
        if match is None:
            self.fail(f"{value!r} is not an age, such as 30d, 12h, 45m or 0s.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
