#!/bin/sh
# Fetch commits by their ids, as objects only: no ref is made, no file is written, nothing of them is executed.
# The token goes to Git by the environment, so it stands in no command line and in no file.
set -eu

: "${GITHUB_SERVER_URL:=https://github.com}"
basic=$(printf 'x-access-token:%s' "$TOKEN" | base64 | tr -d '\n')
export GIT_CONFIG_COUNT=1
export GIT_CONFIG_KEY_0="http.$GITHUB_SERVER_URL/.extraheader"
export GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $basic"

printf '%s\n' "$FETCH" | while IFS= read -r commit; do
    case $commit in
    '' | 0000000000000000000000000000000000000000) continue ;;
    *[!0-9a-f]*)
        echo "::error title=gitreg::what is to be fetched is named by full commit ids"
        exit 1
        ;;
    esac
    git -C "$REPO" cat-file -e "$commit^{commit}" 2>/dev/null ||
        git -C "$REPO" fetch --quiet --no-tags --no-recurse-submodules --no-write-fetch-head origin "$commit"
done
