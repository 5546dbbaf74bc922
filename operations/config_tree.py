"""Kometa's config tree on the host."""

from pyinfra import host
from pyinfra.api.output import echo

from kometa_host.config_tree.named_files import CONFIG
from kometa_host.plans import config_tree
from kometa_host.plans.config_tree import Reconciled
from kometa_host.state import answers, desired
from kometa_host.state.filesets import FileSet
from operations.engine.files import files_change, finished, show_diff
from operations.engine.operation import Commands, confirm, host_operation, look_again, observe, settings
from operations.engine.plex import tell_what_plex_has_otherwise


@host_operation
def present(tree: FileSet) -> Commands:
    """Make sure that the config tree holds what the project declares; what Kometa itself writes there is not touched.

    + tree: the declared set of files

    Changed files travel in one stream and become live together, unless Kometa's own validator cannot read them. Kometa
    reads them when its next run starts.

        config_tree.present(name="Config tree", tree=wanted.config_tree(settings))
    """
    yield from finished(tree)
    found = observe().files(tree.name)
    seeds = desired.authorization_seeds(settings())
    wanted = config_tree.reconcile(tree, found, seeds)
    if not wanted.changes:
        host.noop(f"{tree.root} is as declared")
        return
    # Imported here: a deploy that changes nothing has no use for it.
    from operations.kometa_validator import refuse_what_kometa_cannot_read

    _show_diff(wanted)
    refuse_what_kometa_cannot_read(wanted.tree, wanted.changes.files)
    yield files_change(wanted.tree, wanted.changes, declared=tree.files[CONFIG].text(), seen=found.text_sha256)
    left = config_tree.reconcile(tree, look_again().files(tree.name), seeds).changes
    confirm(not left, f"{tree.root} is still not as declared: {', '.join(left.files[:5])}.")
    if CONFIG in wanted.changes.files:
        tell_what_plex_has_otherwise(tree.files[CONFIG].text())


def _show_diff(wanted: Reconciled) -> None:
    show_diff(wanted.tree, wanted.changes, hidden=(CONFIG,))
    if host.state.config.DIFF and not host.state.is_executing:
        for deviation in wanted.deviations:
            echo(f"{host.print_prefix}  {CONFIG}: {answers.shown(str(deviation))}")
