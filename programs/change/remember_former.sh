# shellcheck shell=bash
# Notes what runs now, whoever has made it, as what a service that is not healthy goes back to. Follows service.sh.
# shellcheck disable=SC2154  # quadlet_dir and network_quadlet are set in front of this text
mkdir -p -- "$good_dir"
cp -- "$quadlet_dir/kometa.container" "$good_dir/"
if [ -e "$quadlet_dir/$network_quadlet" ]; then cp -- "$quadlet_dir/$network_quadlet" "$good_dir/"; fi
podman inspect -f '{{.Image}}' "$container" >"$good_dir/image"
