#!/bin/sh
# Give the action a gitreg, and tell which: output `command`.
# VERSION is what pip is asked for, or `installed` for the one that is on PATH.
set -eu

if [ "$VERSION" = installed ]; then
    command=$(command -v gitreg) || {
        echo "::error title=gitreg::there is no gitreg on PATH; install one before this step, or name a version"
        exit 1
    }
else
    folder=$RUNNER_TEMP/gitreg-venv
    # -I: nothing that lies in the current folder is imported.
    python3 -I -m venv "$folder"
    "$folder/bin/python" -I -m pip install --quiet --disable-pip-version-check -- "$VERSION"
    command=$folder/bin/gitreg
fi
"$command" --version
printf 'command=%s\n' "$command" >>"$GITHUB_OUTPUT"
