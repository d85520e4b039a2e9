#!/bin/sh
# Build the index of a registry anew, and pack it with its digest.
set -eu

folder=${FOLDER:-$RUNNER_TEMP/gitreg-index}
rm -rf "$folder"
mkdir -p "$folder/index"
"$GITREG" index "--repo=$REPO" "--index=$folder/index"

commit=$(git -C "$REPO" rev-parse --verify 'HEAD^{commit}')
archive=gitreg-index-$(printf '%.12s' "$commit").tar.gz
(
    cd "$folder"
    tar -cf - --exclude='*.lock' index | gzip -n >"$archive"
    sha256sum "$archive" >"$archive.sha256"
    rm -rf index
)
{
    printf 'folder=%s\n' "$folder"
    printf 'archive=%s\n' "$archive"
    printf 'sha256=%s\n' "$(cut -d ' ' -f 1 "$folder/$archive.sha256")"
    printf 'commit=%s\n' "$commit"
} >>"$GITHUB_OUTPUT"
