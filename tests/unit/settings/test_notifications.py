"""The variables for messages and pings: what is taken, and that no refusal repeats an address."""

import pytest

from kometa_host.settings import notifications
from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.secret import SecretStr
from kometa_host.settings.variables import Settings

SECRETS = {"topic": SecretStr("quiet-topic"), "password": SecretStr("p@ss/word"), "hook": SecretStr("12/ab-c")}


def addresses(*values: object) -> list[str]:
    """What becomes of kometa_notify."""
    return [address.get_secret_value() for address in notifications.checked_notify(list(values), SECRETS)]


class TestKometaNotify:
    def test_names_of_secrets_are_replaced_by_their_values(self) -> None:
        assert addresses("ntfys://ntfy.sh/<<topic>>") == ["ntfys://ntfy.sh/quiet-topic"]

    def test_a_value_is_written_as_an_address_needs_it_where_it_stands(self) -> None:
        assert addresses("mailto://me:<<password>>@example.org") == ["mailto://me:p%40ss%2Fword@example.org"]
        assert addresses("discord://<<hook>>") == ["discord://12/ab-c"]

    def test_a_whole_address_can_be_a_secret(self) -> None:
        known = {"all": SecretStr("tgram://1:a@b/2")}
        (address,) = notifications.checked_notify("<<all>>", known)
        assert address.get_secret_value() == "tgram://1:a@b/2"

    def test_none_is_none(self) -> None:
        assert notifications.checked_notify(None, SECRETS) == ()
        assert notifications.checked_notify([], SECRETS) == ()

    def test_a_secret_that_there_is_not_is_refused_by_its_name(self) -> None:
        with pytest.raises(RefusalError, match="<<nosuch>>"):
            addresses("ntfy://<<nosuch>>")

    def test_a_file_that_is_not_read_yet_may_have_it(self) -> None:
        for address in ("ntfy://<<nosuch>>", "<<nosuch>>"):
            (found,) = notifications.checked_notify([address], SECRETS, are_more=True)
            assert found.secrets == {"nosuch"}

    def test_without_known_secrets_an_address_is_judged_by_its_form(self) -> None:
        assert notifications.checked_notify(["ntfy://<<topic>>"], None)

    @pytest.mark.parametrize(
        "value", ["hunter2", "hunter2://", "ntfy://hunter2 x", "ntfy://hunter2\nb", 3, {"a": 1}, ""]
    )
    def test_what_is_no_address_is_refused_without_showing_it(self, value: object) -> None:
        with pytest.raises(RefusalError) as refused:
            addresses(value, "ntfy://good")
        assert "hunter2" not in str(refused.value)

    def test_it_is_shown_nowhere(self) -> None:
        assert "quiet" not in repr(notifications.checked_notify("ntfy://<<topic>>", SECRETS))


class TestKometaNotifyOn:
    def test_topics_are_taken_in_a_list_or_alone(self) -> None:
        assert notifications.checked_notify_on(["drift", "failure"]) == ("failure", "drift")
        assert notifications.checked_notify_on("success") == ("success",)
        assert notifications.checked_notify_on([]) == ()

    def test_another_word_is_refused(self) -> None:
        with pytest.raises(RefusalError, match="failure, success, update, drift"):
            notifications.checked_notify_on(["failures"])


class TestKometaNotifyUrl:
    def test_an_address_to_ping_is_taken_and_none_means_no_pings(self) -> None:
        assert notifications.checked_notify_url("https://hc.example/ping/1-2") == "https://hc.example/ping/1-2"
        assert notifications.checked_notify_url(None) is None

    @pytest.mark.parametrize(
        "url", ["hunter2", "mailto:hunter2", "https:///hunter2", "https://x/hunter2\n-o x", "https://x/hunter2 x", 3]
    )
    def test_what_cannot_be_pinged_is_refused_without_showing_it(self, url: object) -> None:
        with pytest.raises(RefusalError) as refused:
            notifications.checked_notify_url(url)
        assert "hunter2" not in str(refused.value)

    @pytest.mark.parametrize(
        ("url", "line"),
        [
            ("https://discord.com/api/webhooks/1/hunter2", "discord://<<discordwebhook>>"),
            ("https://ptb.discordapp.com/api/webhooks/1/hunter2", "discord://<<discordwebhook>>"),
            ("https://hooks.slack.com/services/T0/B0/hunter2", "slack://<<slackwebhook>>"),
            ("https://api.telegram.org/bot1:hunter2/sendMessage", "tgram://"),
            ("https://ntfy.sh/hunter2", "ntfys://ntfy.sh/<<ntfytopic>>"),
            ("http://me:hunter2@ntfy.home.example:8080/x", "ntfys://ntfy.home.example:8080/<<ntfytopic>>"),
            ("https://push.home.example/message?token=hunter2", "gotifys://push.home.example/<<gotifytoken>>"),
            ("ntfy://hunter2", "kometa_notify"),
        ],
    )
    def test_a_chat_services_url_is_refused_with_the_line_to_write(self, url: str, line: str) -> None:
        with pytest.raises(RefusalError) as refused:
            notifications.checked_notify_url(url)
        assert line in str(refused.value)
        assert "kometa_notify" in str(refused.value)
        assert "hunter2" not in str(refused.value)

    @pytest.mark.parametrize(
        "url",
        [
            "https://hc-ping.com/1-2",
            "https://checks.discordant.example/ping/1",
            "https://kuma.example/api/push/abc?status=up&msg=OK",
            "https://hc.example/message/1",
        ],
    )
    def test_a_services_for_pings_is_not_mistaken_for_a_chat(self, url: str) -> None:
        assert notifications.checked_notify_url(url) == url


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        ("http://hc.lan:8000/ping/5c6a1c0e-8f7e", True),
        ("http://hc.lan/?secret=x", True),
        ("https://hc.lan/ping/5c6a1c0e-8f7e", False),
        ("http://localhost/ping/5c6a1c0e-8f7e", False),
        ("http://hc.lan/ping", False),
        (None, False),
    ],
)
def test_a_secret_that_crosses_the_network_readably_is_warned_of(url: str | None, warns: bool) -> None:
    said = notifications.warnings(Settings(kometa_notify_url=url))
    assert bool(said) is warns
    assert "5c6a1c0e" not in "".join(said)
