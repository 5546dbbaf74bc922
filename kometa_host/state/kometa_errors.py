"""What Kometa's errors mean: each with its cause and its remedy in words. Pure data and how to look it up.

A rule stands the higher, the more of the other errors of a run it explains: a token that Plex refuses is why no library
was found. Rules are for the text of a message, as kometa_host.state.kometa_log gives it. Python 3.9 runs this on hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SECRETS = "make secrets-edit, then deploy"
DEPLOY = "then deploy"
MAX_LENGTH = 1000  # characters of a message that are looked at
VALIDATE = "pyinfra inventory.py operations.kometa.validate"


@dataclass(frozen=True)
class Explanation:
    """Why an error happened, and what to do about it."""

    cause: str
    remedy: str


@dataclass(frozen=True)
class Rule:
    """Explains the messages that match: `{name}` in cause and remedy stands for that group of the pattern."""

    pattern: str
    cause: str
    remedy: str

    def explain(self, message: str) -> Explanation | None:
        """Return what the rule says about a message, None if it is about others."""
        found = re.search(self.pattern, message[:MAX_LENGTH])
        if not found:
            return None
        words = {name: text or "" for name, text in found.groupdict().items()}
        return Explanation(self.cause.format(**words), self.remedy.format(**words))


RULES = (
    # the host, and what every run needs first
    Rule(
        r"No space left on device",
        "the disk that holds Kometa's config tree, or its cache, is full",
        "free room on the host (podman image prune, older backups), then run Kometa again",
    ),
    Rule(
        r"Read-only file system",
        "Kometa cannot write to /config: the disk is mounted read-only, often after an error of its file system",
        "see dmesg on the host and remount the disk; a volume of Kometa must not end in :ro for /config",
    ),
    Rule(
        r"\[Errno 13\] Permission denied: '?(?P<path>[^']*)'?",
        "Kometa's user may not read or write {path}: a file was put there by another user",
        "deploy, which gives the files to their owner; a volume of kometa_volumes needs the right owner on the host",
    ),
    Rule(
        r"Cannot allocate memory|MemoryError|process in the process pool was terminated abruptly",
        "the host ran out of memory, or kometa_memory is too small: overlays need 4 GB and more for a large library",
        "raise or remove kometa_memory, then deploy; add memory or swap; run overlays apart from operations",
    ),
    Rule(
        r"^RetryError\[<Future .* raised (?P<kind>\w+)>\]",
        "an address on the internet did not answer in six tries ({kind}); before the run begins, that is GitHub, which "
        "Kometa asks for its newest version",
        "let the host reach https://raw.githubusercontent.com: see name service, firewall and proxy, then run it again",
    ),
    Rule(
        r"(?:Temporary failure in name resolution|Name or service not known|Failed to resolve '(?P<host>[^']+)')",
        "a name could not be resolved {host}: the host, or the container's network, has no working name service",
        "try: podman exec kometa getent hosts api.themoviedb.org; see /etc/resolv.conf of the host",
    ),
    Rule(
        r"YAML Error: Tabs are not allowed",
        "a YAML file has a tab in its indentation, and YAML takes only spaces",
        f"replace tabs by spaces; {VALIDATE} names the line; {DEPLOY}",
    ),
    Rule(
        r"YAML Error: File is empty",
        "a YAML file that the configuration names is empty",
        f"fill it or take it out of config.yml, {DEPLOY}",
    ),
    Rule(
        r"YAML Error: |ruamel\.yaml\.",
        "a YAML file cannot be read: indentation, a quote or a bracket is wrong",
        f"{VALIDATE} names file and line; mend it in the project, {DEPLOY}",
    ),
    Rule(
        r"argument of type 'NoneType' is not iterable|'NoneType' object is not (?:subscriptable|iterable)",
        "a section of config.yml has nothing below it, such as a library without a body",
        f"fill it or take it out of config.yml ({VALIDATE}), {DEPLOY}",
    ),
    Rule(
        r"Config Error: config not found at (?P<path>\S+)",
        "there is no {path} in the container",
        "deploy, which puts config.yml there",
    ),
    # Plex
    Rule(
        r"Plex Error: Plex token is invalid|\(401\) unauthorized",
        "Plex refused the token: it is wrong, or was withdrawn by a change of password or a sign-out of all devices",
        f"put a new token in place (support.plex.tv/articles/204059436); set plextoken with {SECRETS}",
    ),
    Rule(
        r"Plex Error: Plex Token is read only",
        "the token belongs to somebody who may only look at this Plex server",
        f"use the token of the server's owner; set plextoken with {SECRETS}",
    ),
    Rule(
        r"Plex Critical Error: Response 503|currently running maintenance tasks",
        "Plex was starting, or doing its maintenance, and answers nobody meanwhile",
        "run Kometa again; move kometa_times out of Plex's maintenance (Settings, Scheduled Tasks; 02:00 to 05:00)",
    ),
    Rule(
        r"Plex Error: Plex did not respond within the (?P<seconds>[\d.]+)-second timeout",
        "Plex did not answer within {seconds} seconds: it is down, or busy with a scan or its maintenance",
        "see that Plex runs; raise plex: timeout in config.yml for a slow server",
    ),
    Rule(
        r"Plex Error: Plex URL is probably invalid|Plex Error: Invalid URL",
        "nothing answers as Plex under the url in config.yml: Plex is down, or not on Kometa's network by this name",
        "start Plex where it runs (a container of the account: systemctl --user start plex); url under plex is "
        "kometa_plex_url, as http://plex:32400",
    ),
    Rule(
        r"Plex Error: Invalid leading whitespace, reserved character",
        "the Plex token has a line break or a blank in it",
        f"write it without; set plextoken with {SECRETS}",
    ),
    Rule(
        r"url attribute must be set under plex globally or under this specific Library",
        "config.yml has no section plex with a url",
        f"write plex: with url and token into config.yml, {DEPLOY}",
    ),
    Rule(
        r"token attribute must be set under plex globally or under this specific Library",
        "config.yml has no token under plex, or the secret that it names has no value",
        f"write token: <<plextoken>> under plex, and set its value with {SECRETS}",
    ),
    Rule(
        r"Plex Library '(?P<name>.+)' not found\. Options: \[(?P<names>.*)\]",
        "Plex has no library named {name}; it has: {names}",
        f"write the library's name in config.yml as Plex has it, capitals included, {DEPLOY}",
    ),
    Rule(
        r"Plex Library must be a Movies, TV Shows, or Music library",
        "a library of config.yml is of a kind that Kometa cannot work on, such as photos",
        f"take it out of config.yml, {DEPLOY}",
    ),
    Rule(
        r"\((?:500|502|503|504)\) (?:internal_server_error|bad_gateway|service_unavailable|gateway_timeout)",
        "Plex failed to answer: often a database that is damaged or busy",
        "see Plex's own log; repair its database (support.plex.tv, Repair a Corrupted Database), then run it again",
    ),
    Rule(
        # Kometa's log hides whom it asked: HTTPConnectionPool(redacted)
        r"Read timed out",
        "a service took too long to answer; it is Plex most of the time",
        "run it again; for Plex, raise plex: timeout in config.yml and keep runs out of its maintenance",
    ),
    # keys and accounts
    Rule(
        r"tmdb (?:sub-)?attribute (?:apikey )?(?:not found|is blank)",
        "config.yml has no TMDb key, or the secret that it names has no value; Kometa does nothing without",
        f"take a key from www.themoviedb.org/settings/api; set tmdbapikey with {SECRETS}",
    ),
    Rule(
        r"TMDb Error: Invalid API key",
        "TMDb refused the key: mistyped, or the long read access token in place of the API key",
        f"put the API key (32 characters) in place; set tmdbapikey with {SECRETS}",
    ),
    Rule(
        r"TMDb Error: Failed to Connect to https://api\.themoviedb\.org",
        "TMDb could not be reached: its name is not resolved, a firewall or provider blocks it, or it is down",
        "try: podman exec kometa curl -sI https://api.themoviedb.org; use another name server if it is blocked",
    ),
    Rule(
        # what is asked of it in the middle of a run says neither who refused it nor "Error"
        r"Trakt pin required|Trakt Error: New Authorization Failed|Trakt Error: \(40[0-3]\)|^\(40[13]\) [A-Z]\w+$",
        "the Trakt authorization has expired or was withdrawn, and only a person at a browser can give a new one",
        f"make one (kometa.wiki, config, Trakt) and put its authorization under trakt into config.yml, {DEPLOY}",
    ),
    Rule(
        r"Trakt Error: Account is (?P<state>deactivated|locked)",
        "Trakt says that the account is {state}",
        "ask Trakt's support, or take trakt out of config.yml",
    ),
    Rule(
        r"^\(429\) Too Many Requests$|Trakt Error: \(429\)",
        "Trakt's limit of requests was reached",
        "run it again later; fewer Trakt lists, or schedules for them, ask less of it",
    ),
    Rule(
        r"MyAnimeList Error: (?:No input MyAnimeList|Invalid (?:URL|code)|New Authorization)|^Input Timeout: URL",
        "the MyAnimeList authorization has expired or was withdrawn, and only a person at a browser can give a new one",
        f"make one (kometa.wiki, config, MyAnimeList) and put its authorization under mal into config.yml, {DEPLOY}",
    ),
    Rule(
        r"AniDB Error: 403 Banned|AniDB Authorization Failed",
        "AniDB refused Kometa: too many requests in a short time, or its client or password is not right",
        "wait a day; see client, version, username and password under anidb in config.yml",
    ),
    Rule(
        r"(?i:mdblist) Error: (?:.*(?:Limit Reached|Too Many Requests)|429)",
        "MDBList's limit of requests for the day was reached; a free account has 1,000",
        "run it again tomorrow; a longer cache_expiration under mdblist, or a supporter's account, needs fewer",
    ),
    Rule(
        r"(?i:mdblist) Error: (?:Invalid API key|40[13])",
        "MDBList refused the key",
        f"take it from mdblist.com/preferences and put it in place with {SECRETS}",
    ),
    Rule(
        r"OMDb Error: Request limit reached|Daily OMDb Limit Reached",
        "OMDb's limit of requests for the day was reached; a free key has 1,000",
        "run it again tomorrow; the next runs need fewer, as what was learned is kept in the cache",
    ),
    Rule(
        r"OMDb Error: (?:Invalid API key|No API key)",
        "OMDb refused the key; a new one has to be activated by the link in OMDb's mail",
        f"activate it, or put another in place with {SECRETS}",
    ),
    Rule(
        r"GitHub Error: The GitHub token",
        "GitHub refused the token under github in config.yml",
        f"make a new one (github.com/settings/tokens, without any rights) and put it in place with {SECRETS}",
    ),
    Rule(
        r"Tautulli Error: Invalid (?P<what>apikey|URL)",
        "Tautulli refused Kometa: its {what} in config.yml is not right",
        f"copy url and apikey from Tautulli (Settings, Web Interface) to tautulli in config.yml, {DEPLOY}",
    ),
    Rule(
        r"\(401 \[\w*\]\) Invalid API Key",
        "Radarr or Sonarr refused Kometa's token",
        f"copy the API key from its Settings, General: token under radarr or sonarr, with {SECRETS}",
    ),
    Rule(
        r"Failed to Connect to (?P<url>https?://[^/\s]*)",
        "nothing answers at {url}",
        "see that the service runs and is on Kometa's network; the url in config.yml is its container's name and port",
    ),
    Rule(
        r"Notifiarr Error: Invalid apikey|Gotify Error: Invalid URL|ntfy Error: Invalid details",
        "the service that config.yml names for messages refused Kometa",
        "see its section in config.yml; this host's own kometa_notify tells of runs without it",
    ),
    Rule(
        r"cannot use (?P<source>\S+) without a successful (?P<service>\w+) Connection",
        "an operation takes {source}, and {service} did not accept Kometa in this run",
        "mend what the run says about {service} first, or take another source for the operation",
    ),
    # files that the configuration names
    Rule(
        r"The '(?P<library>.+)' library config contains (?P<what>\w+) definitions",
        "{what} are defined in config.yml itself, under the library {library}, where Kometa does not take them",
        f"move them to a file of their own and name that under collection_files, {DEPLOY}",
    ),
    Rule(
        r"File Error: File does not exist (?P<path>\S.*)|Text File Error: File not found at (?P<text>\S.*)",
        "config.yml or a collection file names {path}{text}, which is not in the config tree",
        f"put it into the project's tree under that name (capitals count), or take its name out, {DEPLOY}",
    ),
    Rule(
        r"File Error: Default does not exist (?P<path>\S.*)",
        "Kometa has no default of that name: {path}",
        f"see kometa.wiki, Defaults, for the names of this version; mend it in config.yml, {DEPLOY}",
    ),
    Rule(
        r"Error: (?:Path|Folder) not found: (?P<path>\S.*)|No YAML \(\.yml,\.yaml\) files found in (?P<folder>.*)",
        "{path}{folder} is named in the configuration, and is missing or empty in the config tree",
        f"put it into the project's tree, or take its name out, {DEPLOY}",
    ),
    Rule(
        r"Asset Directory Does Not Exist: (?P<path>\S.*)|Asset Error: No Asset Directory",
        "the asset folder of the configuration is not in the container: {path}",
        f"make it in the project's tree (kometa/assets) or mount it with kometa_volumes, {DEPLOY}",
    ),
    Rule(
        r"No Paths Found for (?P<what>\w+)",
        "{what} in config.yml names no file that is there",
        f"name files of the project's tree or defaults, {DEPLOY}",
    ),
    Rule(
        r"No valid collection file, metadata file, overlay file",
        "nothing that the library names could be read, so there is nothing to do for it",
        f"mend the errors above it, or name a file for the library in config.yml, {DEPLOY}",
    ),
    Rule(
        r"Playlist Error: Library:? '?(?P<name>[^']+?)'? not defined",
        "a playlist takes items from the library {name}, which is not under libraries in config.yml",
        f"name the playlist's libraries as config.yml does (template_variables: libraries), {DEPLOY}",
    ),
    Rule(
        r"Playlist Error: User: (?P<user>.+?) not found in plex(?:\s+Options: (?P<names>.*))?",
        "a playlist is for the user {user}, whom Plex does not have; it has: {names}",
        f"mend playlist_sync_to_users or sync_to_users, {DEPLOY}",
    ),
    Rule(
        r"Error: template |Template Error: ",
        "a collection uses a template in a way in which it cannot be used: a variable is missing, or misspelt",
        f"mend the collection that stands above it in the log, {DEPLOY}",
    ),
    Rule(
        r"(?P<name>\S+) attribute not (?:supported|allowed)",
        "{name} is not an attribute that can stand there: misspelt, outdated, or for another kind of library",
        f"see kometa.wiki for its name in this version, mend it, {DEPLOY}",
    ),
    Rule(
        r"Error: '?(?P<what>\w+)'? ?requires (?P<service>.+) to be configured",
        "{what} takes its items from {service}, which config.yml does not have",
        f"add {{service}} to config.yml, or take the collection out, {DEPLOY}",
    ),
    # overlays and images
    Rule(
        r"Overlay Error: .*(?i:image) not found at '(?P<path>[^']*)'",
        "an overlay is made of the image {path}, which is not there",
        f"put it into the project's tree (kometa/overlays) under that name, {DEPLOY}",
    ),
    Rule(
        r"Overlay Error: Overlay font '(?P<path>[^']*)' not found",
        "an overlay is written in the font {path}, which is not there",
        f"put the font file into the project's tree and name it as /config/..., {DEPLOY}",
    ),
    Rule(
        r"poster already has an Overlay",
        "the poster that Plex gave as the original is one that an overlay was put on before",
        "choose another poster in Plex for the item that the log names, then run it again",
    ),
    Rule(
        r"Overlay Error: No [Pp]oster found",
        "Plex has no poster for the item, so there is nothing to put an overlay on",
        "refresh the item's metadata in Plex, or choose a poster for it",
    ),
    Rule(
        r"Overlay Error: No '(?P<what>[^']+)' found",
        "an overlay shows {what}, and Plex does not know it for the item",
        "refresh the item's metadata in Plex; nothing is wrong where there is none",
    ),
    Rule(
        r"Image too large: (?P<path>[^,]+)",
        "Plex takes no image of that size: {path}",
        "make the image smaller than 10 MB",
    ),
    Rule(
        r"UnidentifiedImageError|Failed to open image: (?P<path>.*)|Image Not PNG, JPG, or WEBP",
        "an image is damaged, or is none: {path}",
        "replace it by a PNG, JPG or WEBP file",
    ),
    Rule(
        r"Failed to upload (?:poster|background)",
        "Plex refused an image",
        "see that Plex's disk is not full; run it again",
    ),
    # sources of collections
    Rule(
        r"IMDb Error: List (?P<id>\S+) is private",
        "the IMDb list {id} is private",
        "make it public on IMDb, or take it out",
    ),
    Rule(
        r"IMDb Error: List (?P<id>\S+) does not exist|Trakt Error: List (?P<trakt>\S+) not found",
        "there is no list {id}{trakt} any more, or it is private",
        f"mend or take out the collection that names it, {DEPLOY}",
    ),
    Rule(
        r"Trakt Error: User (?P<user>\S+) not found",
        "Trakt has no user {user}, or the profile is private",
        f"mend or take out the collection that names it, {DEPLOY}",
    ),
    Rule(
        r"Letterboxd Error: Failed to load|curl_cffi fallback",
        "Letterboxd did not let Kometa in: it holds off programs now and then",
        "run it again later; a longer schedule for Letterboxd lists helps",
    ),
    Rule(
        r"TMDb Error: .* ID (?P<id>\d+) may have been removed",
        "TMDb no longer has what the id {id} stands for",
        f"take {{id}} out of the collection, {DEPLOY}",
    ),
    Rule(
        r"URL Error: Too many requests",
        "a service's limit of requests was reached",
        "run it again later",
    ),
    Rule(
        r"URL Error: (?:No file found|Unauthorized|\d+)(?: at| on| -)* (?P<url>https?://[^\s?]+)",
        "the configuration takes a file from {url}, which does not give it",
        f"see the address in a browser; mend or take it out, {DEPLOY}",
    ),
    Rule(
        r"Max retries exceeded|Connection refused",
        "nothing answers at an address that Kometa asked; its log hides which, the lines before the error tell",
        "run it again later; of a service of your own, see that it runs and is on Kometa's network",
    ),
    Rule(
        r"JSON not found at (?P<url>https?://[^\s?]+)",
        "{url} did not answer with what Kometa expects of it",
        "run it again later; take the collection out if it stays so",
    ),
    Rule(
        r"No Items found in Plex|No items for smart filter",
        "a collection's search finds nothing in this library",
        "nothing, if that can be; else mend the search: values count as Plex writes them",
    ),
    Rule(
        r"Schedule Error: ",
        "a schedule is not written as Kometa takes it",
        f"write it as kometa.wiki, Schedule, shows: weekly(sunday), monthly(1), {DEPLOY}",
    ),
    Rule(
        r"Plex Pass is Required",
        "what the configuration asks for works with Plex Pass only",
        f"take it out, {DEPLOY}",
    ),
    Rule(
        r"database is locked|disk image is malformed|file is not a database",
        "Kometa's cache is damaged, or a second Kometa uses it at the same time",
        "see that nothing else uses this config tree; remove config.cache (it is made again), then run it again",
    ),
    Rule(
        r"Webhooks Error: ",
        "Kometa could not tell one of the webhooks of config.yml how it went; the run itself went on",
        "see webhooks in config.yml; this host's own kometa_notify tells of runs without it",
    ),
)  # fmt: skip

# What only follows from other errors, and explains nothing by itself.
CONSEQUENCES = re.compile(r"Config Error: No libraries were found in config|Library Connection Failed")


def explain(message: str) -> Explanation | None:
    """Return what is known about a message, None if it is nothing."""
    return next((found for rule in RULES if (found := rule.explain(message))), None)


def in_order(criticals: Iterable[str], errors: Iterable[str]) -> list[str]:
    """Return the messages of a run, each once: first what ended the run or explains others, last what only follows."""
    urgent = list(criticals)
    return sorted(dict.fromkeys([*urgent, *errors]), key=lambda message: _place(message, message in urgent))


def _place(message: str, is_critical: bool) -> tuple[bool, bool, int]:
    rank = next((number for number, rule in enumerate(RULES) if rule.explain(message)), len(RULES))
    return bool(CONSEQUENCES.search(message)), not is_critical, rank
