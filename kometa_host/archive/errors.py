"""What can be wrong with an archive or an identity file; each is a UserError, so its text is made for the user."""

from kometa_host.errors import UserError


class IdentityError(UserError):
    """The identity file cannot be used. The text names its path and never a part of its content."""


class ArchiveError(UserError):
    """The archive cannot be opened or used."""


class NotAnArchiveError(ArchiveError):
    """The content is something else: empty, another format, another service's tree."""


class DamagedError(ArchiveError):
    """The archive is cut short or altered."""


class RefusedError(ArchiveError):
    """The archive is whole but holds something that no backup of Kometa's config tree contains."""


class WrongIdentityError(ArchiveError):
    """No identity at hand opens the archive, or none was given."""


class PassphraseError(ArchiveError):
    """A passphrase is missing or wrong."""
