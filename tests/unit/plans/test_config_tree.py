"""The declared tree and what Kometa wrote: its additions stay, declared values win, nothing is written for nothing."""

from kometa_host.config_tree import merge, yaml12
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.plans.config_tree import Reconciled, reconcile
from kometa_host.state.filesets import Entry, FileSet, FoundSet, WantedFile

DECLARED = "# ours\nplex:\n  timeout: 60\nsettings:\n  cache: true\n"
OURS = {"plex": {"timeout": 60}, "settings": {"cache": True}}


def tree(text: str = DECLARED, **files: str) -> FileSet:
    every = {CONFIG: text} | files
    return FileSet(
        "config", "/config", {n: WantedFile.of(t, 0o600) for n, t in every.items()}, {".": 0o700}, 3000, 3000
    )


def written(of: FileSet, text: str | None = None, edited: bool = True, declared: str | None = None) -> FoundSet:
    """Return the set as the host has it after it was written; with a text, after config.yml became that."""
    entries = {name: Entry(file.sha256, 0o600, 3000, 3000) for name, file in of.files.items()}
    deviations = {CONFIG: frozenset({"changed"})} if text is not None and edited else {}
    return FoundSet(
        digest=of.digest, manifest=entries | {".": Entry(None, 0o700, 3000, 3000)}, deviations=deviations, text=text,
        declared=of.files[CONFIG].text() if declared is None else declared,
    )  # fmt: skip


def text_of(result: Reconciled) -> str:
    return result.tree.files[CONFIG].text()


def test_on_a_host_without_a_config_the_declared_one_is_written() -> None:
    result = reconcile(tree(), FoundSet())
    assert (result.changes.write, text_of(result)) == ([CONFIG], DECLARED)


def test_what_was_written_and_not_edited_is_left_alone() -> None:
    assert not reconcile(tree(), written(tree())).changes


def test_what_kometa_adds_changes_nothing_however_it_looks() -> None:
    on_host = 'settings: {run_order: [a], cache: true}\nplex: {"timeout": 60, token: x}\n'
    result = reconcile(tree(), written(tree(), on_host))
    assert not result.changes
    assert result.deviations == ()


def test_a_declared_value_that_was_edited_on_the_host_comes_back_and_the_additions_stay() -> None:
    result = reconcile(tree(), written(tree(), "plex: {timeout: 5, token: x}\nsettings: {cache: true}\nnew: 1\n"))
    assert (result.changes.write, result.changes.save) == ([CONFIG], [CONFIG])
    expected = {"plex": {"timeout": 60, "token": "x"}, "settings": {"cache": True}, "new": 1}
    assert yaml12.load(text_of(result), CONFIG).value == expected
    assert [str(deviation) for deviation in result.deviations] == ["plex.timeout: 5 on the host, 60 in the project"]


def test_another_file_that_changes_does_not_write_the_config_again() -> None:
    on_host = "plex: {timeout: 60}\nsettings: {cache: true}\nadded: 1\n"
    result = reconcile(tree(a="2"), written(tree(a="1"), on_host))
    assert result.changes.write == ["a"]
    assert text_of(result) == on_host
    assert result.tree.digest == tree(a="2").digest


def test_the_state_after_a_merge_needs_no_change() -> None:
    first = reconcile(tree(), written(tree(), "plex: {timeout: 5, token: x}\n"))
    after = FoundSet(
        digest=first.tree.digest,
        manifest={name: Entry(file.sha256, 0o600, 3000, 3000) for name, file in first.tree.files.items()},
        declared=DECLARED,
    )
    assert first.tree.digest == tree().digest
    assert not reconcile(tree(), after).changes


def test_a_key_that_the_project_drops_goes_from_the_host() -> None:
    now = tree("plex:\n  timeout: 60\n")
    result = reconcile(now, written(tree(), "plex: {timeout: 60}\nsettings: {cache: true, theirs: 1}\n"))
    assert "settings" not in yaml12.load(text_of(result), CONFIG).value


def test_a_config_that_cannot_be_read_is_replaced_and_kept_as_a_copy() -> None:
    for broken in ("a: [", "\tx: 1", "a: 1\na: 2\n", "\ufffd: {"):
        result = reconcile(tree(), written(tree(), broken))
        assert (text_of(result), result.changes.save) == (DECLARED, [CONFIG]), broken


def test_a_config_of_somebody_else_is_merged_and_kept_as_a_copy() -> None:
    result = reconcile(tree(), FoundSet(text="plex: {token: x}\n"))
    assert result.changes.save == [CONFIG]
    assert yaml12.load(text_of(result), CONFIG).value["plex"] == {"token": "x", "timeout": 60}


def test_a_mode_that_was_changed_with_the_looks_is_mended_without_a_write() -> None:
    found = written(tree(), "plex: {timeout: 60}\nsettings: {cache: true}\n")
    found = FoundSet(
        **{**vars(found), "deviations": {CONFIG: frozenset({"changed", "owner"}), "a": frozenset({"missing"})}}
    )
    result = reconcile(tree(a="1"), FoundSet(**{**vars(found), "digest": tree(a="1").digest}))
    assert (result.changes.write, result.changes.adjust) == (["a"], [CONFIG])


SEEDS = {"trakt": {"access_token": "t1", "refresh_token": "t2"}, "mal": {"access_token": "m1"}}
WITH_TRAKT = "trakt:\n  client_id: x\n  authorization:\n    access_token:\n    scope: public\n"


def trakt(result: Reconciled) -> object:
    return yaml12.load(text_of(result), CONFIG).value["trakt"]["authorization"]


def test_a_new_host_begins_with_the_first_tokens_of_the_sections_that_it_has() -> None:
    result = reconcile(tree(WITH_TRAKT), FoundSet(), SEEDS)
    assert trakt(result) == {"access_token": "t1", "refresh_token": "t2", "scope": "public"}
    assert "mal" not in yaml12.load(text_of(result), CONFIG).value
    assert result.tree.digest == tree(WITH_TRAKT).digest


def test_a_host_whose_authorization_is_blank_gets_them_and_no_secret_is_in_what_is_said() -> None:
    found = written(tree(), "trakt: {client_id: x, authorization: {access_token: , scope: public}}\n")
    result = reconcile(tree(WITH_TRAKT), found, SEEDS)
    assert trakt(result) == {"access_token": "t1", "refresh_token": "t2", "scope": "public"}
    assert "t1" not in "".join(map(str, result.deviations))


def test_a_host_keeps_the_tokens_that_kometa_refreshed() -> None:
    fresh = "trakt: {client_id: x, authorization: {access_token: new, scope: public}}\n"
    result = reconcile(tree(WITH_TRAKT, a="1"), written(tree(WITH_TRAKT), fresh), SEEDS)
    assert result.changes.write == ["a"]
    assert text_of(result) == fresh


def test_a_host_that_was_seeded_needs_no_change() -> None:
    assert not reconcile(tree(WITH_TRAKT), written(tree(WITH_TRAKT)), SEEDS).changes


def test_tokens_that_the_project_declares_itself_win() -> None:
    declared = WITH_TRAKT.replace("access_token:", "access_token: <<trakttoken>>")
    assert trakt(reconcile(tree(declared), FoundSet(), SEEDS)) == {"access_token": "<<trakttoken>>", "scope": "public"}


def test_what_is_declared_and_what_holds_agree() -> None:
    assert not merge.deviations(OURS, yaml12.load(DECLARED, CONFIG).value)
    assert CONFIG == "config.yml"
