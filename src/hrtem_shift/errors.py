"""Errors for users: what is wrong, where, why that is a fault, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Something a user gave (a file, a folder, a parameter) cannot be used.

    Parameters
    ----------
    what : str
        The fault, with the offending value and its unit.
    where : str
        File, micrograph, or parameter name.
    why : str
        Why that is a fault.
    fix : str
        What the user can do about it.
    """

    def __init__(self, what: str, *, where: str, why: str, fix: str) -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        super().__init__(f"{where}: {what}. {why}. {fix}.")

    def __reduce__(self) -> tuple[object, ...]:
        # pickle cannot restore exceptions with keyword-only arguments otherwise.
        return _rebuild, (self.what, self.where, self.why, self.fix)


class InputErrors(Exception):
    """Several faults in one message, so that a user can correct all of them at once.

    Parameters
    ----------
    subject : str
        What has the faults: "micrograph folder PATH".
    errors : sequence of InputError
        The faults.
    advice : str
        Last line of the message: an alternative to correcting them.
    done : str
        What was done in spite of them.
    """

    def __init__(
        self,
        subject: str,
        errors: Sequence[InputError],
        advice: str = "",
        done: str = "nothing was done",
    ) -> None:
        self.subject, self.errors, self.advice, self.done = subject, tuple(errors), advice, done
        lines = [f"  - {error}" for error in errors] + ([advice] if advice else [])
        count = "1 fault" if len(errors) == 1 else f"{len(errors)} faults"
        super().__init__("\n".join([f"{subject}: {count}, {done}", *lines]))

    def __reduce__(self) -> tuple[object, ...]:
        return InputErrors, (self.subject, self.errors, self.advice, self.done)


def _rebuild(what: str, where: str, why: str, fix: str) -> InputError:
    return InputError(what, where=where, why=why, fix=fix)


class RunEnds(Exception):
    """Ends a run early on request, as a dry run does; its message is information, not an error."""
