"""Stand-in for Kometa's offline validator: same class, arguments and answers, for the faults that we imitate."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-return"

import json
from pathlib import Path
from typing import Any

import ruamel.yaml

from modules import util
from modules.util import Failed

logger = util.logger  # as in Kometa: whoever imports this module has set util.logger before

FILE_KEYS = ("collection_files", "metadata_files", "overlay_files", "image_files")


class ConfigValidator:
    """Checks config.yml and what it links to: level "syntax" or "structure", with the schema's required keys or not."""

    def __init__(
        self,
        requests: object,
        default_dir: str,
        attrs: dict[str, Any],
        secret_args: dict[str, str],
        level: str = "structure",
        validate_schema: bool = False,
        schema_path: str | None = None,
    ) -> None:
        """Find config.yml: attrs["config_file"], else in `default_dir`."""
        self.requests, self.default_dir, self.attrs, self.secret_args = requests, default_dir, attrs, secret_args
        self.level, self.validate_schema, self.schema_path = level, validate_schema, schema_path
        self.errors: list[str] = []
        self.warnings: list[str] = []
        candidates = [attrs.get("config_file"), f"{default_dir}/config.yml"]
        existing = [path for path in candidates if path and Path(path).exists()]
        if not existing:
            raise Failed(f"Config Error: config.yml not found in {default_dir}")
        self.config_path = str(Path(existing[0]).absolute())

    def validate(self) -> tuple[bool, list[str], list[str]]:
        """Return whether all is well, the errors and the warnings; log the report."""
        data = self.load(self.config_path, "config.yml")
        if data is not None:
            self.check(data)
        self.report()
        return not self.errors, self.errors, self.warnings

    def load(self, path: str | Path, label: str) -> dict[str, Any] | None:
        """Return the mapping in a YAML file, or None with an error noted."""
        try:
            data = ruamel.yaml.YAML().load(Path(path).read_text(encoding="utf-8"))
        except ruamel.yaml.error.YAMLError as error:
            text = str(error)
            why = "tabs are not allowed, only spaces" if "found character '\\t'" in text else text.splitlines()[0]
            self.errors.append(f"{label}: YAML Error: {why}")
            return None
        except (OSError, UnicodeError) as error:
            self.errors.append(f"{label}: Error loading file: {error}")
            return None
        return data if isinstance(data, dict) else {}

    def check(self, data: dict[str, Any]) -> None:
        """Note what is wrong with a parsed config.yml."""
        if not data.get("libraries"):
            self.warnings.append("config.yml: 'libraries' key is missing or empty")
        if "tmdb" not in data:
            self.warnings.append("config.yml: 'tmdb' key not found — TMDb features will be unavailable")
        for name, library in (data.get("libraries") or {}).items():
            for key in FILE_KEYS if isinstance(library, dict) else ():
                self.check_links(f"library '{name}' {key}", library.get(key))
        self.check_links("playlist_files", data.get("playlist_files"))
        if self.validate_schema:
            self.check_schema(data)

    def check_links(self, label: str, entries: Any) -> None:
        """Note the local files that are missing or no YAML."""
        for entry in entries if isinstance(entries, list) else [entries] if entries else []:
            name = entry.get("file") if isinstance(entry, dict) else entry
            if not name:
                continue
            candidates = [Path(name).absolute(), Path(self.default_dir, name)]
            existing = [path for path in candidates if path.exists()]
            if existing:
                self.load(existing[0], f"{label}: {existing[0].name}")
            elif self.level != "syntax":
                self.errors.append(f"{label}: path not found: {candidates[0]}")

    def check_schema(self, data: dict[str, Any]) -> None:
        """Note the required sections that are missing; the rest of the schema is not imitated."""
        if not self.schema_path or not Path(self.schema_path).is_dir():
            self.warnings.append(f"Schema directory not found, skipping schema validation: {self.schema_path}")
            return
        schema = json.loads(Path(self.schema_path, "config-schema.json").read_text())
        for key in schema["required"]:
            if key not in data:
                self.errors.append(f"config.yml [config-schema.json] at (root): '{key}' is a required property")
            elif not isinstance(data[key], dict):
                self.errors.append(f"config.yml [config-schema.json] at {key}: {data[key]!r} is not of type 'object'")

    def report(self) -> None:
        """Log the report."""
        rule = "=" * 62
        label = f"{self.level}+schema" if self.validate_schema else self.level
        for line in ("", rule, f" Validation Report ({label})", rule, f" Config: {self.config_path}"):
            logger.info(line)
        for title, texts, write in (("Warnings", self.warnings, logger.warning), ("Errors", self.errors, logger.error)):
            if texts:
                logger.info(f" {title} ({len(texts)}):")
                for text in texts:
                    write(f"   {text}")
        suffix = f" with {len(self.warnings)} warning(s)" if self.warnings else ""
        for line in ("", rule, f" Result: {'FAILED' if self.errors else f'PASSED{suffix}'}", rule, ""):
            logger.info(line)
