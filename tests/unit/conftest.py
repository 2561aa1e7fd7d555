"""Settings of hypothesis: no deadline, since the machine may be busy."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, database=None)
settings.load_profile("unit")
