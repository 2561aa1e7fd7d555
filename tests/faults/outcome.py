"""What a fault did, and which promises it broke."""

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.audit import Findings
from tests.faults.writers import Tally


@dataclass
class Outcome:
    """A row of the table.

    :param fault: what was done.
    :param rounds: how often.
    :param acknowledged: how many registrations.
    :param slowest: seconds that the slowest answer took.
    :param notes: what else was measured.
    :param broken: the promises that were not kept, in words.
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
        """Note a promise where it is broken."""
        if not kept:
            self.broken.append(what)

    def note(self, what: str) -> None:
        """Note what was measured."""
        self.notes.append(what)

    def writers_were_told(self, tally: Tally) -> None:
        """Count what clients were told."""
        self.acknowledged += len(tally.acknowledged)
        self.errors += tally.errors
        self.slowest = max(self.slowest, tally.slowest)

    def database_holds(self, findings: Findings) -> None:
        """Nothing that was acknowledged may be lost or there twice, and nothing half made."""
        self.lost += findings.lost
        self.duplicated += findings.duplicated
        self.promise("every acknowledged asset is there", kept=findings.lost == 0)
        self.promise("each asset is there once", kept=findings.duplicated == 0)
        for kind, count in findings.half_made.items():
            self.broken.append(f"nothing is half made, but there is {kind} ({count} times)")
        self.promise("somebody could write at all", kept=self.acknowledged > 0)

    def only_503(self) -> None:
        """Every error is a 503 that says when to try again."""
        for kind, count in self.errors.items():
            documented = kind.startswith("503 ") and "without" not in kind
            self.promise(f"no error but 503, not {count} times {kind}", kept=documented)

    def no_error(self) -> None:
        """No client sees any error."""
        for kind, count in self.errors.items():
            self.promise(f"no error, not {count} times {kind}", kept=False)
