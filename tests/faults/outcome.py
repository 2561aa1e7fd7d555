"""The effects of a fault, and the promises that it broke."""

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.audit import Findings
from tests.faults.writers import Tally


@dataclass
class Outcome:
    """A row of the table.

    :param fault: description of the fault.
    :param rounds: number of repetitions.
    :param acknowledged: number of acknowledged registrations and changes.
    :param slowest: seconds of the slowest response.
    :param notes: other measurements.
    :param broken: descriptions of the broken promises.
    """

    fault: str
    rounds: int
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def promise(self, what: str, *, kept: bool) -> None:
        """Record a promise if it is broken."""
        if not kept:
            self.broken.append(what)

    def note(self, what: str) -> None:
        """Record a measurement."""
        self.notes.append(what)

    def writers_were_told(self, tally: Tally) -> None:
        """Add the responses that clients received."""
        self.acknowledged += len(tally.acknowledged)
        self.errors += tally.errors
        self.slowest = max(self.slowest, tally.slowest)

    def database_holds(self, findings: Findings) -> None:
        """Check that each acknowledged write was made once, and that no row is incomplete."""
        self.lost += findings.lost
        self.duplicated += findings.duplicated
        self.promise("every acknowledged write is there", kept=findings.lost == 0)
        self.promise("each write is there once", kept=findings.duplicated == 0)
        for kind, count in findings.half_made.items():
            self.broken.append(f"nothing is half made, but there is {kind} ({count} times)")
        self.promise("somebody could write at all", kept=self.acknowledged > 0)

    def only_503(self) -> None:
        """Check that every error is a 503 with a time to retry."""
        for kind, count in self.errors.items():
            documented = kind.startswith("503 ") and "without" not in kind
            self.promise(f"no error but 503, not {count} times {kind}", kept=documented)

    def no_error(self) -> None:
        """Check that no client receives an error."""
        for kind, count in self.errors.items():
            self.promise(f"no error, not {count} times {kind}", kept=False)
