"""Whether a trial message is due: once for each set of addresses. Pure."""

from kometa_host.errors import UserError
from kometa_host.settings.variables import Settings
from kometa_host.state import desired, watch_config
from kometa_host.state.observed import Observed


def addresses_digest(settings: Settings) -> str:
    """Return what tells the addresses of a host from any other, empty where it has none."""
    files = desired.library(settings).files
    texts = [files[name].text() if name in files else "" for name in (watch_config.ADDRESSES, watch_config.PING_URL)]
    return watch_config.digest(*texts)


def trial_is_due(settings: Settings, found: Observed) -> bool:
    """Return whether the host has addresses to which no trial message was sent yet."""
    digest = addresses_digest(settings)
    return bool(digest) and found.text("messages-tried") != digest


def refuse_without_addresses(settings: Settings) -> None:
    """Raise UserError if there is nobody to send anything to."""
    if not addresses_digest(settings):
        raise UserError(
            "kometa_notify is empty and kometa_notify_url is None, so there is nobody to tell anything. Name an "
            'address in group_data/all.py, such as kometa_notify = ["ntfys://ntfy.sh/<<ntfytopic>>"], and deploy.'
        )
