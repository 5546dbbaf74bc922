# shellcheck shell=bash
# shellcheck disable=SC2154  # state_dir comes from lib.sh
rm -f -- "$state_dir/autodeploy/bad"
pulled=$state_dir/autodeploy/git/repository.git
if [ -e "$pulled/HEAD" ]; then
    # Without deployed, the next commit need not follow from it.
    for name in bad deployed; do git --git-dir="$pulled" update-ref -d "refs/kometa-host/$name"; done
fi
