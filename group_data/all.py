# Every variable of a Kometa host, once, with its default. Host data in inventory.py and --data win over these.

mms_user = "mms"  # the rootless account; its home is /home/<mms_user>
mms_uid = 3000  # its user id on the host, if it is made there; an account that is there keeps its own
mms_gid = 3000  # the id of its group of the same name
mms_network = "mms"  # the Podman network; mms.network is only the name of its Quadlet file
mms_timezone = "America/New_York"  # TZ of the container and of the timers

kometa_image = "lscr.io/linuxserver/kometa:latest"  # with registry and tag (or @sha256: digest)
kometa_config_dir = "/home/mms/config/kometa"  # on the host; mounted at /config
kometa_puid = 3000  # user id inside the container; 0 and 0: the files belong to the account itself
kometa_pgid = 3000  # group id inside the container
kometa_times = ["06:00"]  # daily runs, HH:MM in mms_timezone
kometa_plex_url = "http://plex:32400"  # Plex by its container name on mms_network; see README.md
kometa_userns = None  # None: no UserNS= line, the only thing that works with LinuxServer.io images
kometa_environment: dict[str, object] = {}  # more variables that are not secret, such as KOMETA_READ_ONLY_CONFIG
kometa_config_source = "kometa"  # the project's folder with the config tree
kometa_host_files: list[str] = []  # below /config, written by other programs on the host: never sent, never missed
kometa_secrets_file = "secrets.yml.age"  # age-encrypted YAML, name: value; may be absent
kometa_secrets: dict[str, str] = {}  # name -> value from elsewhere, such as the environment; wins over the file
kometa_authorization: dict[str, dict[str, str]] = {}  # first tokens of trakt and mal, from the secrets file
kometa_restart = "when-idle"  # when-idle: a run in progress is never killed; now: it is

kometa_backup_dir = "/data/backups/config/kometa"  # on the host
kometa_backup_schedule = "*-*-* 03:00:00"  # systemd calendar expression, in mms_timezone
kometa_backup_recipients: list[str] = []  # age or ssh public keys; none: no backups, as none is unencrypted
kometa_backup_keep = {"daily": 7, "weekly": 4, "monthly": 6}  # of last, hourly, daily, ..., yearly; left out: none
kometa_backup_mount = None  # a path that must be a mount point before a backup writes, such as /data for NFS
kometa_backup_max_pause = 600  # seconds for which a backup may freeze the container
kometa_drill_days = 90  # doctor warns when for so long no backup was restored, for a drill or in earnest; 0: never
kometa_backup_exclude: list[str] = []  # what no backup holds, below the config tree: assets, overlays/temp, logs/*.log
kometa_backup_repository = None  # a restic repository beside the archives: a path, sftp:, s3:, rest:, rclone:, ...
kometa_repository_secrets: dict[str, str] = {}  # RESTIC_PASSWORD and the like; in the file the section repository:

kometa_volumes: list[str] = []  # further mounts of the container, such as "/srv/assets:/assets:ro"
kometa_memory = None  # the container's memory limit, such as "4G"
kometa_quadlet: dict[str, dict[str, object]] = {}  # further lines of kometa.container: section -> {key: value or list}

kometa_run_limit = 24  # hours after which a run in progress counts as hung
kometa_notify: list[str] = []  # Apprise addresses that get messages in words; <<name>> is a value of the secrets file
kometa_notify_on = ["failure"]  # what they are told: failure, success, update, drift
kometa_notify_url = None  # pinged as Healthchecks wants it: start, success and failure of runs, backups and updates
kometa_metrics_dir = None  # where node_exporter reads text files, such as "/var/lib/prometheus/node-exporter"

kometa_autodeploy_group = "interactive"  # names the units: mms-autodeploy-<group>
kometa_autodeploy_schedule = "*-*-* 02:00:00"  # systemd calendar expression, in mms_timezone
kometa_autodeploy_source = "registry"  # registry: newer images; git: first the state of a repository of this project
kometa_autodeploy_repository = None  # its URL: https://, ssh://, git@host:path or a path on the host
kometa_autodeploy_branch = "main"  # what the host follows
kometa_autodeploy_unsigned = False  # True: commits are taken without a signature
kometa_autodeploy_signers: list[str] = []  # ssh public keys; a commit, or a tag on it, must be signed by one of them
kometa_autodeploy_host = None  # the host's name in the repository's inventory.py; None: as this inventory calls it
