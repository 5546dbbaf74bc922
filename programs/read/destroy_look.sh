# shellcheck shell=bash
# What a destroy may meet besides what a deploy has to know. Changes nothing.
. begin.sh
. lib/emit.sh
. lib/podman.sh
: "${quadlet_dir:?}" "${network:?}" "${config_dir:?}" "${backup_dir:?}" "${library_dir:?}"
set +e +o pipefail # what cannot be read is told as absent

# What a restore or an interrupted change left beside the tree belongs to it.
config_trees() { find "$(dirname "$config_dir")" -maxdepth 1 \( -path "$config_dir" -o -path "$config_dir.before-*" -o -path "$config_dir.stage*" -o -path "$config_dir.pending" \) 2>/dev/null; }

describe_trees() {
    local tree
    config_trees | while IFS= read -r tree; do
        printf '%s\t%s\t%s\n' "$(find "$tree" -type f | wc -l)" "$(du -sk -- "$tree" | cut -f1)" "$tree"
    done
}

archives() { find "$backup_dir" -maxdepth 1 -type f -regextype posix-extended -regex '.*/\.?kometa-[0-9]{4}-[0-9]{2}-[0-9]{2}[^/]*\.tar\.zst[^/]*' 2>/dev/null | sort; }

# What keeps the account from being removed: files that no part of this project has made.
files_of_others() {
    find "$HOME" -xdev \( -path "$HOME/.local/share/containers" -o -path "$HOME/.cache" -o -path "$state_dir" -o -path "$library_dir" \
        -o -path "$config_dir" -o -path "$config_dir.*" -o -path "$HOME/.config/systemd" -o -path "$HOME/.local/share/systemd" \) -prune -o ! -type d -print |
        grep -vxF -e "$HOME/.bash_logout" -e "$HOME/.bashrc" -e "$HOME/.profile" -e "$HOME/.bash_history" \
            -e "$quadlet_dir/kometa.container" -e "$quadlet_dir/$network.network" | head -n 3
    find "$HOME/.config/systemd" -type f ! -exec grep -q 'Written by kometa-host' {} \; -print 2>/dev/null | head -n 3
}

podman images -a --format json | emit images
podman volume ls -q | emit volumes
grep -rlsE "^Network=$network\.network" "$quadlet_dir" | grep -vxF "$quadlet_dir/kometa.container" | emit network-quadlets
# What is kept: how to tell our files of the config tree from others', copies of what was replaced, and which archives are
# this host's own.
{
    find "$state_dir" -mindepth 1 -maxdepth 1 ! -name files ! -name replaced ! -name archives-written
    find "$state_dir/files" -mindepth 1 -maxdepth 1 ! -name config
    find "$library_dir" -maxdepth 0
} 2>/dev/null | emit state
find "$state_dir" -mindepth 1 -maxdepth 1 2>/dev/null | emit whole-state
in_namespace describe_trees 2>/dev/null | emit trees
archives | while IFS= read -r name; do stat -c '%s %n' -- "$name"; done | emit archives
files_of_others | emit files-of-others
printf 'end\n'
