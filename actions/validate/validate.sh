#!/bin/sh
# Run the gate once, and write its report in every format that is asked for.
#
# - Nothing of the change is executed or checked out: gitreg reads both commits from Git's object store.
# - It needs no token and no network.
set -euf
nothing=0000000000000000000000000000000000000000

folder=${FOLDER:-$RUNNER_TEMP/gitreg-report}
mkdir -p "$folder"
rm -f "$folder/report.json" "$folder/report.sarif" "$folder/report.md" "$folder/junit.xml" "$folder/report.txt" \
    "$folder/diff.md" "$folder/comment.md"

fail() {
    echo "::error title=gitreg validate::$1"
    exit 2
}

# A branch that is new has nothing before it: then the whole state is judged.
[ "$BASE" != "$nothing" ] || [ "$PUSH" = true ] || BASE=
set -- validate "--repo=$REPO" --format=github
[ -z "$BASE" ] || set -- "$@" "--base=$BASE"
[ -z "$HEAD" ] || set -- "$@" "--head=$HEAD"
[ -z "$AUTHOR" ] || set -- "$@" "--author=$AUTHOR"
[ "$BULK" != true ] || set -- "$@" --bulk
[ "$PUSH" != true ] || set -- "$@" --push
for each in $(printf '%s' "$FORMATS" | tr ',' ' '); do
    case $each in
    json) file=report.json ;;
    sarif) file=report.sarif ;;
    junit) file=junit.xml ;;
    text) file=report.txt ;;
    markdown) continue ;;
    *) fail "formats are json, sarif, junit, markdown and text; there is another word in the input" ;;
    esac
    set -- "$@" "--output=$each=$folder/$file"
done
set -- "$@" "--output=markdown=$folder/report.md"
while IFS= read -r who; do
    [ -z "$who" ] || set -- "$@" "--approver=$who"
done <<END
$APPROVERS
END
while IFS= read -r rule; do
    [ -z "$rule" ] || set -- "$@" "--approve=$rule"
done <<END
$APPROVE
END

code=0
"$GITREG" "$@" || code=$?
case $code in
0) outcome=pass ;;
1) outcome=fail ;;
42) outcome=review ;;
*) outcome=error ;;
esac

if [ "$outcome" = error ]; then
    echo "::error title=gitreg validate::the change could not be judged; the lines above say why"
    printf '%s\n\n%s\n\n%s\n' '<!-- gitreg: validate -->' '### gitreg could not judge this change' \
        'The log of the run says why.' >"$folder/report.md"
elif [ -n "$BASE" ] && [ -n "$HEAD" ] && [ "$BASE" != "$nothing" ]; then
    # Against where the change left main: what main did since is not the change's doing.
    from=$(git -C "$REPO" merge-base -- "$BASE" "$HEAD") || from=$BASE
    "$GITREG" diff "--repo=$REPO" --format=markdown -- "$from" "$HEAD" >"$folder/diff.md" || rm -f "$folder/diff.md"
fi

# One comment holds 65,536 characters. The report comes first, so its first line marks the comment.
cp "$folder/report.md" "$folder/comment.md"
if [ -f "$folder/diff.md" ]; then
    if [ $(($(wc -c <"$folder/report.md") + $(wc -c <"$folder/diff.md"))) -lt 65000 ]; then
        { echo && cat "$folder/diff.md"; } >>"$folder/comment.md"
    else
        printf '\n%s\n' 'What differs is too long for a comment: it stands in the summary of the run.' >>"$folder/comment.md"
    fi
fi
cat "$folder/report.md" >>"$GITHUB_STEP_SUMMARY"
[ ! -f "$folder/diff.md" ] || { echo && cat "$folder/diff.md"; } >>"$GITHUB_STEP_SUMMARY"

{
    printf 'outcome=%s\n' "$outcome"
    printf 'folder=%s\n' "$folder"
} >>"$GITHUB_OUTPUT"
if [ "$outcome" = review ] && [ "$REVIEW_IS_FAILURE" = false ]; then
    exit 0
fi
exit "$code"
