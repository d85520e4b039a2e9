"""A forge on GitHub: a proposal is a pull request, an approval is a review, a merge is one commit made by the API.

- What is proposed and what lands is made from the tree up (trees, commit, ref). GitHub's tree must be the one that was
  validated here, and main moves by a fast-forward only (`force: false`): a main that moved refuses, and nothing landed.
- Each step can be taken again after a crash or a lost answer: before anything is made anew, one looks for it.
- The token comes from GITHUB_TOKEN or GH_TOKEN; objects are fetched by git.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar
from urllib.parse import quote

from gitreg.errors import GitregError, UsageError
from gitreg.forges.calls import Api, CallRefused, Patience, UnknownOutcome, odd, part, text_of
from gitreg.forges.choosing import GITHUB, Hosted
from gitreg.forges.forge import (
    MARKER,
    Approval,
    Check,
    ForgeError,
    HeadMoved,
    Landing,
    Merged,
    Opening,
    Proposal,
    State,
    no_such_proposal,
    slug_of,
)
from gitreg.forges.refs import fetch, token_header
from gitreg.forges.rendering import render_check
from gitreg.registry import Registry
from gitreg.repository.git import SUBMODULE, Entry, GitRepository, Signature
from gitreg.repository.writing import RefMoved

TRAILER: Final = "Gitreg-Approved"
SAID: Final = "Approved with gitreg."
LOOKS: Final = 3
INSIDERS: Final = ("OWNER", "MEMBER", "COLLABORATOR")
_DECIDED: Final = re.compile(rf"^{TRAILER}: *([A-Z]{{2,8}}-[0-9]{{3}}) *$", re.MULTILINE)
_Made = TypeVar("_Made")


def open_github(registry: Registry, hosted: Hosted, patience: Patience | None = None) -> GitHubForge:
    """Open the forge of a repository on GitHub, with the token of the environment."""
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""
    if not token.strip():
        raise UsageError(
            "there is no token for GitHub",
            where=f"{hosted.host}/{hosted.owner}/{hosted.name}",
            expected="GITHUB_TOKEN or GH_TOKEN in the environment",
            mend="set GITHUB_TOKEN, for example to what `gh auth token` prints, or use --forge local",
        )
    default = "https://api.github.com" if hosted.host == GITHUB else f"https://{hosted.host}/api/v3"
    api = Api(os.environ.get("GITHUB_API_URL") or default, token.strip(), patience)
    return GitHubForge(registry.repo, api, hosted, header=token_header(f"https://{hosted.host}/", token.strip()))


class GitHubForge:
    """The pull requests of one repository."""

    def __init__(self, repo: GitRepository, api: Api, hosted: Hosted, *, header: str = "") -> None:
        self._repo = repo
        self._api = api
        self._hosted = hosted
        self._header = header
        self._path = f"/repos/{hosted.owner}/{hosted.name}"
        self._main = repo.branch.removeprefix("refs/heads/")
        self._login: str | None = None

    @property
    def place(self) -> str:
        """Say where it is."""
        return f"{self._hosted.host}/{self._hosted.owner}/{self._hosted.name}"

    def tip(self) -> str:
        """Ask where main stands, and fetch it."""
        tip = self._ref(self._main)
        if tip is None:
            raise ForgeError(
                "there is no main branch to propose to",
                where=f"{self.place}: {self._main}",
                mend="push the registry there first",
            )
        self._fetch(tip, f"refs/heads/{self._main}", f"refs/remotes/origin/{self._main}")
        return tip

    def propose(self, opening: Opening) -> Proposal:
        """Make the commit and its branch, and open a pull request; what an earlier try has made is used."""
        commit = self._repo.commit(opening.commit)
        changes = {change.path: change.new for change in self._repo.diff(opening.base, opening.commit)}
        texts = {path: self._repo.read_blob(entry.oid) if entry else None for path, entry in changes.items()}
        tree = self._made_tree(opening.base, texts, commit.tree)
        head = self._made_commit(commit.message, tree, [opening.base], opening.author)
        branch = opening.branch or f"gitreg/{slug_of(opening.title)}-{commit.tree[:10]}"
        head = self._made_branch(branch, head, tree, is_ours=opening.branch is None)
        body = {"title": opening.title, "head": branch, "base": self._main, "body": opening.body}
        pull = self._once(lambda: self._pull_of(branch), lambda: self._send("POST", "/pulls", body))
        return self._proposal(pull, ())

    def proposals(self, state: State | None = None) -> Sequence[Proposal]:
        """List the pull requests against main, the newest first; their reviews are not asked for."""
        asked = {None: "all", "open": "open"}.get(state, "closed")
        words = {"state": asked, "base": self._main, "sort": "created", "direction": "desc"}
        found = [self._proposal(pull, ()) for pull in self._api.pages(f"{self._path}/pulls", **words)]
        return [each for each in found if state in (None, each.state)]

    def get(self, number: int) -> Proposal:
        """Give a pull request with its reviews, and fetch its head."""
        pull = self._pull(number)
        reviews = list(self._api.pages(f"{self._path}/pulls/{number}/reviews"))
        proposal = self._proposal(pull, tuple(_approvals(reviews)))
        if proposal.state == "open":
            mirror = f"refs/gitreg/remotes/origin/pulls/{number}"
            self._fetch(proposal.head, f"refs/pull/{number}/head", mirror)
        return proposal

    def approve(self, proposal: Proposal, who: Signature | None, rules: Sequence[str]) -> Proposal:
        """Review the head as whoever the token belongs to."""
        if who is not None:
            raise UsageError(
                "on GitHub one approves as oneself",
                got=str(who),
                expected="the token's owner",
                mend="leave --as out, and run it with the token of whoever approves",
            )
        number = proposal.number
        self._refuse_moved(proposal)
        decided = "".join(f"{TRAILER}: {rule}\n" for rule in rules)
        text = f"{SAID}\n\n{decided}" if rules else SAID
        review = {"commit_id": proposal.head, "event": "APPROVE", "body": text}
        mine = f"@{self._me()}"

        def find() -> dict[str, Any] | None:
            reviews = list(self._api.pages(f"{self._path}/pulls/{number}/reviews"))
            approvals = [(each, raw) for raw in reviews for each in _approvals([raw])]
            same = [raw for each, raw in approvals if (each.by, each.head) == (mine, proposal.head)]
            return next((raw for raw in reversed(same) if (raw.get("body") or "").strip() == text.strip()), None)

        self._once(find, lambda: self._send("POST", f"/pulls/{number}/reviews", review))
        return self.get(number)

    def conclude(self, proposal: Proposal, check: Check) -> None:
        """Say on the pull request what a check came to."""
        self.comment(proposal, MARKER, render_check(check))

    def comment(self, proposal: Proposal, marker: str, body: str) -> None:
        """Write the comment that carries the hidden marker, or edit it in place."""
        hidden = f"<!-- {marker} -->"
        text = body if hidden in body else f"{hidden}\n{body}"
        path = f"/issues/{proposal.number}/comments"

        def find() -> dict[str, Any] | None:
            for each in self._api.pages(f"{self._path}{path}"):
                if (each.get("body") or "").startswith(hidden) and self._is_mine(each.get("user") or {}):
                    return each
            return None

        found = self._once(find, lambda: self._send("POST", path, {"body": text}))
        if (found.get("body") or "").strip() != text.strip():
            self._send("PATCH", f"/issues/comments/{part(found, 'id')}", {"body": text}, repeatable=True)

    def close(self, proposal: Proposal) -> Proposal:
        """Close the pull request without merging it."""
        self._send("PATCH", f"/pulls/{proposal.number}", {"state": "closed"}, repeatable=True)
        return self.get(proposal.number)

    def merge(self, proposal: Proposal, landing: Landing) -> Merged:
        """Make the merge commit, and move main to it from exactly where it stood."""
        self._refuse_moved(proposal)
        tree = self._made_tree(landing.onto, landing.changes, landing.tree)
        commit = self._made_commit(landing.message, tree, [landing.onto, landing.head], landing.by)
        try:
            path = f"/git/refs/{_segment(self._main)}"
            self._send("PATCH", path, {"sha": commit, "force": False}, repeatable=True)
        except ForgeError as error:  # refused, or not heard: what stands there now tells
            now = self._ref(self._main)
            if now == landing.onto:
                raise (_protected(error) if isinstance(error, CallRefused) else error) from error
            if now is None or not self._is_on(commit, now):
                raise self._moved(landing, now) from error
        with suppress(GitregError):  # it has landed; that main is seen here too is a courtesy
            self.tip()
        return Merged(commit)

    # Making things from the tree up

    def _made_tree(self, base: str, changes: Mapping[str, bytes | Entry | None], expected: str) -> str:
        entries = [_tree_entry(path, change) for path, change in sorted(changes.items())]
        body = {"base_tree": self._repo.commit(base).tree, "tree": entries}
        made = text_of(self._send("POST", "/git/trees", body, repeatable=True), "sha")
        if made != expected:
            raise ForgeError(
                "GitHub made another tree than the one that was validated; nothing has changed there",
                where=self.place,
                got=made,
                expected=expected,
                mend="report this as a bug of gitreg, with the files",
            )
        return made

    def _made_commit(self, message: str, tree: str, parents: Sequence[str], by: Signature) -> str:
        who = {"name": by.name, "email": by.email, "date": by.when.isoformat(timespec="seconds")}
        body = {"message": message, "tree": tree, "parents": list(parents), "author": who, "committer": who}
        return text_of(self._send("POST", "/git/commits", body, repeatable=True), "sha")

    def _made_branch(self, branch: str, head: str, tree: str, *, is_ours: bool) -> str:
        """Make a branch; the one that an earlier try has made of the same files is used."""
        body = {"ref": f"refs/heads/{branch}", "sha": head}
        try:
            self._send("POST", "/git/refs", body, repeatable=True)
        except CallRefused as error:
            known = self._ref(branch) if error.status in (409, 422) else None
            if known is None:
                raise
            found = self._api.get(f"{self._path}/git/commits/{known}")
            if known != head and not (is_ours and text_of(found, "tree", "sha") == tree):
                raise UsageError(
                    f"there is a branch {branch!r} already",
                    where=self.place,
                    got=known,
                    mend="choose another name with --branch",
                ) from error
            return known
        return head

    def _ref(self, branch: str) -> str | None:
        """Ask where a branch stands; None where there is none."""
        try:
            found = self._api.get(f"{self._path}/git/ref/{_segment(branch)}")
        except CallRefused as error:
            if error.status == 404:
                return None
            raise
        return text_of(found, "object", "sha")

    def _is_on(self, commit: str, tip: str) -> bool:
        """Ask whether a commit is main's tip, or before it."""
        if commit == tip:
            return True
        found = self._api.get(f"{self._path}/compare/{commit}...{tip}")
        return text_of(found, "status") in ("ahead", "identical")

    # Pull requests

    def _pull(self, number: int) -> dict[str, Any]:
        try:
            pull: dict[str, Any] = self._api.get(f"{self._path}/pulls/{number}")
        except CallRefused as error:
            if error.status == 404:
                raise no_such_proposal(number, self.place) from error
            raise
        if text_of(pull, "base", "ref") != self._main:
            raise UsageError(
                f"pull request {number} is not for {self._main}",
                where=self.place,
                got=pull["base"]["ref"],
                expected=self._main,
                mend="name one that is; `gitreg proposals list` shows them",
            )
        return pull

    def _pull_of(self, branch: str) -> dict[str, Any] | None:
        words = {"state": "open", "head": f"{self._hosted.owner}:{branch}", "base": self._main}
        found = self._api.pages(f"{self._path}/pulls", **words)
        return next((pull for pull in found if text_of(pull, "head", "ref") == branch), None)

    def _proposal(self, pull: Mapping[str, Any], approvals: tuple[Approval, ...]) -> Proposal:
        is_open = text_of(pull, "state") == "open"
        state: State = "open" if is_open else "merged" if pull.get("merged_at") else "closed"
        return Proposal(
            number=_number(pull),
            title=text_of(pull, "title"),
            body=str(pull.get("body") or ""),
            author=_who(pull.get("user")),
            branch=text_of(pull, "head", "ref"),
            base=text_of(pull, "base", "sha"),
            head=text_of(pull, "head", "sha"),
            state=state,
            created_at=text_of(pull, "created_at"),
            updated_at=text_of(pull, "updated_at"),
            url=text_of(pull, "html_url"),
            approvals=approvals,
            merge=pull.get("merge_commit_sha") if state == "merged" else None,
        )

    def _refuse_moved(self, proposal: Proposal) -> None:
        now = self._pull(proposal.number)
        head, state = text_of(now, "head", "sha"), text_of(now, "state")
        if head != proposal.head or state != "open":
            raise HeadMoved(
                f"pull request {proposal.number} was changed meanwhile",
                where=self.place,
                got=f"{head}, {state}",
                expected=f"{proposal.head}, open",
                mend="look at what it is now, and decide again",
            )

    def _moved(self, landing: Landing, now: str | None) -> RefMoved:
        return RefMoved(
            "somebody else's commit came first",
            where=f"{self.place}: {self._main}",
            got=now or "no such branch",
            expected=landing.onto,
            mend="look at what changed, and try again",
        )

    def _me(self) -> str:
        """Ask whose the token is; empty for an app's token, which may not ask."""
        if self._login is None:
            try:
                self._login = text_of(self._api.get("/user"), "login")
            except CallRefused as error:
                if error.status != 403:
                    raise
                self._login = ""
        return self._login

    def _is_mine(self, user: Mapping[str, Any]) -> bool:
        """Tell whether something is by whoever the token belongs to; to an app, what any app wrote."""
        login = self._me()
        return user.get("login") == login if login else user.get("type") == "Bot"

    def _send(self, method: Any, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any:
        return self._api.send(method, f"{self._path}{path}", body, repeatable=repeatable)

    def _once(self, find: Callable[[], _Made | None], make: Callable[[], _Made]) -> _Made:
        """Make something unless it is there; where an answer was lost, look again before making it again."""
        lost: UnknownOutcome | None = None
        for n in range(LOOKS):
            if n:
                self._api.pause(n)
            found = find()
            if found is not None:
                return found
            try:
                return make()
            except UnknownOutcome as error:
                lost = error
            except CallRefused as error:
                found = find() if error.status == 422 else None  # somebody else made it in between
                if found is None:
                    raise
                return found
        raise lost or AssertionError("there is at least one look")

    def _fetch(self, commit: str, ref: str, mirror: str) -> None:
        """Bring a commit into the repository."""
        if self._repo.handle.get(commit) is None:
            fetch(self._repo, "origin", [f"+{ref}:{mirror}"], header=self._header)
        if self._repo.handle.get(commit) is None:
            raise ForgeError(
                "what GitHub names cannot be fetched",
                where=f"{self.place}: {ref}",
                got=f"no commit {commit}",
                mend="it may have moved this very moment: try again; check that origin is that repository",
            )


def _tree_entry(path: str, change: bytes | Entry | None) -> dict[str, Any]:
    if change is None:
        return {"path": path, "mode": "100644", "type": "blob", "sha": None}
    if isinstance(change, bytes):
        return {"path": path, "mode": "100644", "type": "blob", "content": change.decode("utf-8")}
    sort = "commit" if change.mode == SUBMODULE else "blob"
    return {"path": path, "mode": f"{change.mode:06o}", "type": sort, "sha": change.oid}


def _approvals(reviews: Sequence[Mapping[str, Any]]) -> Iterator[Approval]:
    """Give the approvals among reviews, less those that were taken back; of people who belong to the repository.

    On a public repository anybody may approve anything.
    """
    standing: dict[str, list[Approval]] = {}
    for review in reviews:
        if review.get("author_association") not in INSIDERS:
            continue
        who, state = _who(review.get("user")), review.get("state")
        if state in ("CHANGES_REQUESTED", "DISMISSED"):
            standing.pop(who, None)
        elif state == "APPROVED" and review.get("commit_id"):
            standing.setdefault(who, []).append(_approval(who, review))
    for approvals in standing.values():
        yield from approvals


def _approval(who: str, review: Mapping[str, Any]) -> Approval:
    """Read an approval; one that names no rule, and was made by a click, is for whatever waits."""
    body = str(review.get("body") or "").replace("\r\n", "\n")
    rules = tuple(_DECIDED.findall(body))
    is_named = bool(rules) or body.startswith(SAID)
    return Approval(
        who, text_of(review, "commit_id"), str(review.get("submitted_at") or ""), rules if is_named else None
    )


def _segment(branch: str) -> str:
    """Give a branch as one segment of a path: GitHub's description of its API knows no other, and takes it so."""
    return quote(f"heads/{branch}", safe="")


def _who(user: Mapping[str, Any] | None) -> str:
    return f"@{text_of(user, 'login')}" if user else "@ghost"


def _number(pull: Mapping[str, Any]) -> int:
    found = part(pull, "number")
    if not isinstance(found, int):
        raise odd("`number` that is no number", "the forge's API")
    return found


def _protected(error: CallRefused) -> ForgeError:
    return ForgeError(
        "GitHub does not let main move; nothing has landed",
        where=error.where,
        got=error.got,
        mend="let gitreg's token pass the branch protection (a ruleset's bypass list), or merge on GitHub",
    )
