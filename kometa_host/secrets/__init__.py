"""The encrypted secrets file, and Podman's secrets, compared without reading them back."""
