"""Moving in where another stack has run Kometa: what is taken over, what is left to others, what is refused. Pure.

The stack meant is the one of Ansible playbooks with the same account, network and directories; whatever else looks
alike is treated alike. Nothing that others have written is replaced without a copy, and no unit of theirs at all.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from kometa_host.errors import UserError
from kometa_host.plans import autodeploy as autodeploy_plan
from kometa_host.plans.service import CONTAINER, QUADLET, UNIT
from kometa_host.settings.variables import Settings
from kometa_host.state import autodeploy_files
from kometa_host.state.desired import container_environment, network_quadlet, quadlets, units
from kometa_host.state.filesets import FileSet
from kometa_host.state.observed import Observed


def claimed_paths(settings: Settings) -> list[str]:
    """Return the paths that a deploy wants for its Quadlets and units, Kometa's Quadlet first."""
    ours = [quadlets(settings), units(settings)]
    return [f"{each.root}/{name}" for each in ours for name in sorted(each.files)] + [_shadow(settings)]


def system_unit_paths(settings: Settings) -> list[str]:
    """Return where units and Quadlets named kometa may be that belong to root: another Kometa beside ours."""
    uid = settings.mms_uid
    return [
        f"/etc/systemd/system/{UNIT}",
        f"/usr/local/lib/systemd/system/{UNIT}",
        f"/etc/systemd/user/{UNIT}",
        f"/etc/containers/systemd/{QUADLET}",
        f"/etc/containers/systemd/users/{QUADLET}",
        f"/etc/containers/systemd/users/{uid}/{QUADLET}",
    ]


def _shadow(settings: Settings) -> str:
    return f"{settings.user_unit_dir}/{UNIT}"


def _quadlet(settings: Settings) -> str:
    return f"{settings.quadlet_dir}/{QUADLET}"


def previous_quadlet(settings: Settings, found: Observed) -> str | None:
    """Return the text of the kometa.container of another stack; None if there is none, or if it is ours already."""
    return found.foreign.get(_quadlet(settings))


def values(quadlet: str, key: str) -> list[str]:
    """Given the text of a Quadlet, return the values of a key in the order of their lines, quotes taken off."""
    found = re.findall(rf"^[ \t]*{re.escape(key)}[ \t]*=[ \t]*(.*?)[ \t]*$", quadlet, re.M)
    return [value.strip("\"'") for value in found]


def refuse_unclear(settings: Settings, found: Observed) -> None:
    """Raise UserError with all that cannot be taken over, because it does not tell what it is or would be lost."""
    problems = [
        *_system_units(found),
        *_temporary_storage(settings, found),
        *_shadowing(settings, found),
        *_unmade_container(found),
        *_unclear_quadlet(settings, found),
        *_unclear_network(settings, found),
        *_taken_units(settings, found),
    ]
    if problems:
        raise UserError("\n".join(problems))


def _system_units(found: Observed) -> Iterator[str]:
    for path in found.host.text("system-units").splitlines():
        yield (
            f"{path} belongs to root and runs a Kometa of its own, or would. Two of them would undo each other's work "
            "in Plex. Stop and remove that one, and deploy again."
        )


def _temporary_storage(settings: Settings, found: Observed) -> Iterator[str]:
    path = found.text("temporary-storage").strip().rstrip("/")
    if path:
        yield (
            f"the Podman of {settings.mms_user} keeps its state in {path}, because it was first used without a session "
            "(su, or sudo without -i): it loses its containers whenever /tmp is cleaned. Podman remembers that place "
            f"until it is reset. Look with podman ps -a and podman volume ls what {settings.mms_user} has there, and "
            "save what its volumes hold. Then, as root: "
            f"loginctl enable-linger {settings.mms_user} && runuser -l {settings.mms_user} -c "
            "'XDG_RUNTIME_DIR=/run/user/$(id -u) podman system reset' (it removes containers, images and volumes); "
            "then deploy again."
        )


def _shadowing(settings: Settings, found: Observed) -> Iterator[str]:
    unit = found.units.get(UNIT)
    if _shadow(settings) in found.foreign:
        yield (
            f"{_shadow(settings)} hides the unit that Quadlet makes of {_quadlet(settings)}. If it is a previous "
            f"Kometa, stop it (systemctl --user disable --now {UNIT}), move the file away, and deploy again."
        )
    elif unit and unit.load == "masked":
        yield f"{UNIT} is masked. Run systemctl --user unmask {UNIT} as {settings.mms_user}, and deploy again."
    elif unit and unit.load == "loaded" and not _is_quadlet(unit.source or unit.path, settings, found):
        yield (
            f"{UNIT} comes from {unit.source or unit.path}, not from {_quadlet(settings)}. Stop it, move that file "
            "away (its data stay), and deploy again."
        )


def _is_quadlet(path: str, settings: Settings, found: Observed) -> bool:
    # systemd names the file without symbolic links, such as /home -> /var/home
    return found.resolved(posixpath.normpath(path)) == found.resolved(_quadlet(settings))


def _unmade_container(found: Observed) -> Iterator[str]:
    container = found.containers.get(CONTAINER)
    if container and container.labels.get("PODMAN_SYSTEMD_UNIT") != UNIT:
        yield (
            f"there is a container named {CONTAINER} ({container.image}, {container.state}) that {UNIT} has not made; "
            f"it would be replaced. Remove it with podman rm -f {CONTAINER}, or rename it, and deploy again."
        )


def _unclear_quadlet(settings: Settings, found: Observed) -> Iterator[str]:
    text = previous_quadlet(settings, found)
    if text is None:
        return
    image = (values(text, "Image") or ["no image"])[-1]
    if not re.search(r"/kometa([:@]|$)", image):
        yield f"{_quadlet(settings)} is somebody else's and runs {image}, which is not Kometa. Move it away."
        return
    mounted = [volume.split(":")[0] for volume in values(text, "Volume") if volume.split(":")[1:2] == ["/config"]]
    source = mounted[-1].replace("%h", settings.home) if mounted else "nothing"
    if found.resolved(posixpath.normpath(source)) != found.resolved(settings.kometa_config_dir):
        yield (
            f"{_quadlet(settings)} has {source} at /config, while kometa_config_dir is {settings.kometa_config_dir}. "
            f"Set kometa_config_dir to where Kometa's data are, or move the Quadlet away to begin again."
        )


def _unclear_network(settings: Settings, found: Observed) -> Iterator[str]:
    path = f"{settings.quadlet_dir}/{network_quadlet(settings)}"
    text = found.foreign.get(path)
    stem = settings.mms_network
    if text is None:
        return
    name = (values(text, "NetworkName") or [f"systemd-{stem}"])[-1]
    if name != stem:
        yield (
            f"{path} is somebody else's and names its network {name}, not {stem}. Give it the line NetworkName={stem}, "
            "if all that use it can be restarted, or set mms_network to another name."
        )


def _taken_units(settings: Settings, found: Observed) -> Iterator[str]:
    for name in units(settings).files:
        path = f"{settings.user_unit_dir}/{name}"
        if path in found.foreign and name not in autodeploy_files.fallback_unit_names(settings):
            yield f"{path} is somebody else's. Move it away, and deploy again."


def own_quadlets(wanted: FileSet, settings: Settings, found: Observed) -> FileSet:
    """Return the Quadlets that are ours to write: the network's stays with those who have written it."""
    name = network_quadlet(settings)
    if f"{wanted.root}/{name}" not in found.foreign:
        return wanted
    return replace(wanted, files={n: file for n, file in wanted.files.items() if n != name})


def own_units(wanted: FileSet, settings: Settings, found: Observed) -> FileSet:
    """Return the units under names that nobody else's have: updates get out of the way of a previous stack's."""
    if not autodeploy_plan.names_taken(settings, found):
        return wanted
    other = autodeploy_files.fallback_unit_names(settings)
    return replace(wanted, files={other.get(name, name): file for name, file in wanted.files.items()})


def report(settings: Settings, found: Observed) -> list[str]:
    """Return, a line each, what a deploy takes over from a previous stack and what it leaves alone; [] without one."""
    text = previous_quadlet(settings, found)
    if text is None:
        return []
    return [
        f"taken over: {_quadlet(settings)}, and with it {UNIT} and its container",
        f"taken over in place: {settings.kometa_config_dir}; what Kometa and others wrote there stays, and files that "
        "the project declares replace theirs, of which a copy is kept",
        *_network_line(settings, found),
        *_archive_line(settings, found),
        *_unit_lines(settings, found),
        *_variable_lines(settings, found, text),
    ]


def _network_line(settings: Settings, found: Observed) -> Iterator[str]:
    name = network_quadlet(settings)
    if f"{settings.quadlet_dir}/{name}" in found.foreign:
        yield f"left to others: {name}, the network of their services too"


def _archive_line(settings: Settings, found: Observed) -> Iterator[str]:
    archives = found.text("previous-archives").splitlines()
    plain = [name for name in archives if not name.endswith(".age")]
    if archives:
        clear = f"; {len(plain)} of them are not encrypted, such as {plain[0]}" if plain else ""
        yield f"taken over in place: {len(archives)} previous backups in {settings.kometa_backup_dir}{clear}"


def _unit_lines(settings: Settings, found: Observed) -> Iterator[str]:
    theirs = found.text("previous-units").splitlines()
    if theirs:
        yield (
            f"left to others: {', '.join(theirs)}. Take Kometa out of what they back up and deploy, or they go on "
            "stopping it and writing their own unit over this one"
        )
    own = units(settings)
    renamed = sorted(set(own_units(own, settings, found).files) - set(own.files))
    if renamed:
        yield f"named otherwise, since those names are taken: {', '.join(renamed)}"


def _variable_lines(settings: Settings, found: Observed, quadlet: str) -> Iterator[str]:
    from_file = found.text("previous-variables").splitlines()
    if from_file:
        yield (
            f"no longer used: {settings.kometa_config_dir}/kometa.env. It stays where it is, in backups as well; "
            "delete it once its values are here"
        )
    missing = sorted(lost_variables(settings, quadlet, from_file))
    if missing:
        yield (
            f"no longer set: {', '.join(missing)}. If Kometa needs them, put them into kometa_environment, or into "
            "kometa_secrets if they are secret"
        )


def lost_variables(settings: Settings, quadlet: str, from_file: list[str]) -> set[str]:
    """Given a previous Quadlet and the names in its environment file, return the variables that Kometa loses."""
    pairs = " ".join(values(quadlet, "Environment"))
    previous = {*re.findall(r"(?:^|[\s\"'])([A-Za-z_][A-Za-z0-9_]*)=", pairs), *from_file}
    secret = {f"KOMETA_{name.upper().replace('-', '_')}" for name in settings.kometa_secrets}
    ours = {*container_environment(settings), *secret, "KOMETA_TIME", "PMM_TIME"}
    return previous - ours
