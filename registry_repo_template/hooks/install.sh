#!/bin/sh
# Put the pre-receive hook into a repository on this machine:
#
#   sh hooks/install.sh REPO [GITREG]
#
# GITREG is the command that the hook runs; without it the gitreg on PATH. It is kept as `gitreg.command` in REPO's
# configuration, because a push over SSH rarely has the same PATH; so is the registry's branch, as `gitreg.branch`.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo 'usage: sh hooks/install.sh REPO [GITREG]' >&2
    exit 2
fi
hook=$(cd "$(dirname "$0")" && pwd)/pre-receive
gitreg=$(command -v "${2:-gitreg}") || {
    echo "there is no ${2:-gitreg}: install gitreg, or name the command as the second word" >&2
    exit 2
}
case $gitreg in
/*) ;;
*) gitreg=$(cd "$(dirname "$gitreg")" && pwd)/$(basename "$gitreg") ;;
esac

cd "$1"
folder=$(git rev-parse --git-path hooks)
mkdir -p "$folder"
if [ -e "$folder/pre-receive" ] && ! cmp -s "$hook" "$folder/pre-receive" && ! grep -q gitreg "$folder/pre-receive"; then
    echo "$1 has a pre-receive hook of its own: have it run $hook with the same input" >&2
    exit 2
fi
cp "$hook" "$folder/pre-receive.new"
chmod 755 "$folder/pre-receive.new"
mv "$folder/pre-receive.new" "$folder/pre-receive"
git config gitreg.command "$gitreg"
branch=$(git config --get gitreg.branch) || {
    branch=main
    if ! git show-ref --verify --quiet refs/heads/main && git rev-parse --verify --quiet HEAD >/dev/null; then
        branch=$(git symbolic-ref --short HEAD)
    fi
    git config gitreg.branch "$branch"
}
echo "pushes to $branch of $1 are judged by $gitreg"
