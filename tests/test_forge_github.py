"""A forge on GitHub: pull requests, reviews and merges by the API, whatever the network does meanwhile."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cli_support import fine, git, run, written
from forge_support import AUTHOR, OWNER, Files, content, founded, landed, model, path_of, put_forward
from github_model import NAME, TOKEN, URL, Fault, GitHubModel, serving
from github_model import OWNER as ORG

from gitreg.errors import Exit, GitregError, NotFoundError, Rejected, UsageError
from gitreg.forges import ForgeError, Queue
from gitreg.forges.calls import Api, Patience
from gitreg.forges.choosing import ForgeName, Hosted, open_forge, read_url
from gitreg.forges.forge import HeadMoved
from gitreg.forges.github import GitHubForge, open_github
from gitreg.forges.local import LocalForge
from gitreg.forges.proposing import propose
from gitreg.registry import Draft, Registry

HOSTED = Hosted("github.com", ORG, NAME)


@dataclass
class Clock:
    """A clock that stands still but for the waits, which it counts."""

    now: float = 1_800_000_000.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now


@dataclass
class Scene:
    """A registry on GitHub, and a clone of it with a forge."""

    hub: GitHubModel
    registry: Registry
    upstream: Registry
    forge: GitHubForge
    clock: Clock

    def queue(self) -> Queue:
        return Queue(self.registry, self.forge)

    def calls(self, method: str, end: str) -> int:
        return sum(call.method == method and call.path.endswith(end) for call in self.hub.calls)

    def fail(self, method: str, path: str, **words: Any) -> None:
        self.hub.faults.append(Fault(method, path, **words))

    def main(self) -> str:
        return self.hub.tip("main")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry as it stands on GitHub, and a clone of it; to be copied."""
    folder = tmp_path_factory.mktemp("template")
    founded(folder / "github.git")
    subprocess.run(["git", "clone", "--quiet", str(folder / "github.git"), str(folder / "clone")], check=True)
    git(folder / "clone", "config", "remote.origin.url", URL)
    return folder


@pytest.fixture
def scene(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    folder = tmp_path / "hub"
    shutil.copytree(template, folder)
    git(folder / "clone", "config", f"url.{folder / 'github.git'}.insteadOf", URL)
    upstream, clone = Registry.open(folder / "github.git"), Registry.open(folder / "clone")
    for name in ("GH_TOKEN", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    with serving(GitHubModel(folder / "github.git")) as hub:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", hub.url)
        clock = Clock()
        yield Scene(hub, clone, upstream, open_github(clone, HOSTED, patience(clock)), clock)


def patience(clock: Clock, **words: float) -> Patience:
    times = {"read": 0.3, "connect": 0.3, **words}
    return Patience(sleep=clock.sleep, clock=clock.time, wall=clock.time, chance=lambda: 1.0, **times)  # type: ignore[arg-type] # all are floats


def add(name: str, version: str = "1.0.0") -> Files:
    return {path_of(name, version): model(name, version)}


def test_a_proposal_is_a_pull_request(scene: Scene) -> None:
    before = scene.main()
    draft = Draft(model("new"), "new.yaml")
    done = propose(scene.registry, scene.forge, [draft], title="Add acme/new", body="We need it.", author=AUTHOR)
    assert done.proposal is not None
    pull = scene.hub.pulls[1]
    assert (pull["title"], pull["base"], pull["branch"]) == ("Add acme/new", "main", done.proposal.branch)
    assert pull["body"].startswith("We need it.\n\n### Records\n\n- registered `model:acme/new@1.0.0`")
    commit = scene.registry.repo.commit(done.proposal.head)
    assert commit.parents == (before,)
    assert str(commit.author) == str(AUTHOR)
    assert scene.main() == before
    assert done.proposal.url == f"https://github.com/{ORG}/{NAME}/pull/1"
    assert done.proposal.author == "@author"


def test_the_same_again_is_the_same_pull_request(scene: Scene) -> None:
    draft = Draft(model("new"), "new.yaml")
    first = propose(scene.registry, scene.forge, [draft], title="Add acme/new", author=AUTHOR)
    again = propose(scene.registry, scene.forge, [draft], title="Add acme/new once more", author=AUTHOR)
    assert (again.is_new, again.proposal) == (False, first.proposal)
    assert len(scene.hub.pulls) == 1


def test_a_branch_that_a_crash_left_behind_is_used(scene: Scene) -> None:
    scene.fail("POST", "/pulls$", status=403, message="Resource not accessible")
    with pytest.raises(ForgeError):
        put_forward(scene.registry, scene.forge, add("new"))
    assert put_forward(scene.registry, scene.forge, add("new")).number == 1
    branches = git(scene.upstream.repo.git_dir, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    assert len(branches) == 2


def test_a_merge_moves_main_from_exactly_where_it_stood(scene: Scene) -> None:
    before = scene.main()
    proposal = put_forward(scene.registry, scene.forge, add("new"))
    done = scene.queue().merge(1, OWNER)
    commit = scene.upstream.repo.commit(scene.main())
    assert done.merged.commit == scene.main()
    assert commit.parents == (before, proposal.head)
    assert content(Registry.open(scene.upstream.repo.git_dir), path_of("new")) == model("new")
    seen = scene.forge.get(1)
    assert (seen.state, seen.merge) == ("merged", scene.main())
    patched = [call.body for call in scene.hub.calls if call.method == "PATCH" and "/git/refs/" in call.path]
    assert patched == [{"sha": scene.main(), "force": False}]


def test_a_main_that_moves_in_the_last_moment_is_met_again(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    scene.fail("PATCH", "/git/refs/heads/main", before=lambda: move_main(scene))
    scene.queue().merge(1, OWNER)
    after = Registry.open(scene.upstream.repo.git_dir)
    assert content(after, path_of("new")) == model("new")
    assert content(after, path_of("far", space="beta")) is not None
    assert scene.calls("PATCH", "/git/refs/heads/main") == 2


def move_main(scene: Scene) -> None:
    landed(Registry.open(scene.upstream.repo.git_dir), {path_of("far", space="beta"): model("far", space="beta")})


def test_two_that_do_not_fit_together_never_both_land(scene: Scene) -> None:
    for one, other in (("draft", "chat"), ("chat", "draft")):
        version = "1.1.0" if one == "draft" else "1.2.0"
        raw = model(one, version, dependencies=[{"ref": f"acme/{other}@^1"}])
        put_forward(scene.registry, scene.forge, {path_of(one, version): raw}, f"Add {one}")
    queue = scene.queue()
    assert [queue.check(n).outcome for n in (1, 2)] == ["pass", "pass"]
    queue.merge(1, OWNER)
    with pytest.raises(Rejected) as refused:
        queue.merge(2, OWNER)
    assert {finding.rule for finding in refused.value.findings} == {"GR-033"}


def test_there_is_one_comment_and_it_is_edited(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    scene.hub.comments[1].append({"id": 7, "body": "<!-- gitreg -->\nnot ours", "user": {"login": "mallory"}})
    queue = scene.queue()
    for _ in range(2):
        queue.check(1)
    move_main(scene)
    queue.check(1)
    mine = [each["body"] for each in scene.hub.comments[1] if each["user"]["login"] == "author"]
    assert len(mine) == 1
    assert mine[0].startswith("<!-- gitreg -->\n**gitreg**: The gate passes it.")
    assert scene.main() in mine[0]
    assert scene.calls("POST", "/issues/1/comments") == 1


def same_artifact() -> bytes:
    digest = model().split(b"digest: ")[1].split(b"\n")[0].decode().strip("'")
    return model("copy", digest=digest)


Reviews = Callable[[GitHubModel], None]
REVIEWS: dict[str, tuple[Reviews, bool]] = {
    "nobody": (lambda _: None, False),
    "a member": (lambda hub: hub.review(1, "owner"), True),
    "the author": (lambda hub: hub.review(1, "author"), False),
    "a stranger": (lambda hub: hub.review(1, "mallory", author_association="NONE"), False),
    "of an earlier head": (lambda hub: hub.review(1, "owner", commit_id="0" * 40), False),
    "who then asked for changes": (
        lambda hub: (hub.review(1, "owner"), hub.review(1, "owner", "CHANGES_REQUESTED"))[-1],  # type: ignore[func-returns-value] # two in a row
        False,
    ),
    "who then commented": (lambda hub: (hub.review(1, "owner"), hub.review(1, "owner", "COMMENTED"))[-1], True),  # type: ignore[func-returns-value] # two in a row
    "of this rule": (lambda hub: hub.review(1, "owner", body="Fine.\r\nGitreg-Approved: GR-012\r\n"), True),
    "of another rule": (lambda hub: hub.review(1, "owner", body="Gitreg-Approved: GR-021"), False),
}


@pytest.mark.parametrize("name", REVIEWS)
def test_what_waits_for_a_human_lands_with_a_review(scene: Scene, name: str) -> None:
    review, lands = REVIEWS[name]
    put_forward(scene.registry, scene.forge, {path_of("copy"): same_artifact()})
    review(scene.hub)
    if lands:
        scene.queue().merge(1, OWNER)
        assert "Reviewed-by: @owner" in scene.upstream.repo.commit(scene.main()).message
        return
    with pytest.raises(Rejected) as refused:
        scene.queue().merge(1, OWNER)
    assert refused.value.exit_code is Exit.REVIEW


def test_to_approve_is_to_review_with_the_rules(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, {path_of("copy"): same_artifact()})
    scene.hub.pulls[1]["user"] = "author"
    scene.hub.login = "owner"
    other = open_github(scene.registry, HOSTED, patience(scene.clock))
    for _ in range(2):
        approved = Queue(scene.registry, other).approve(1, None)
    assert [(each.by, each.rules) for each in approved.standing_approvals()] == [("@owner", ("GR-012",))]
    assert scene.calls("POST", "/pulls/1/reviews") == 1
    Queue(scene.registry, other).merge(1, OWNER)


def test_one_approves_as_oneself(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    with pytest.raises(UsageError, match="as oneself"):
        scene.queue().approve(1, OWNER)
    with pytest.raises(ForgeError, match="refused it") as told:
        scene.queue().approve(1, None, ())
    assert "your own pull request" in str(told.value.got)


def test_a_head_that_moved_is_not_merged(scene: Scene) -> None:
    proposal = put_forward(scene.registry, scene.forge, add("new"))
    upstream = scene.upstream.repo
    other = put_forward(scene.registry, scene.forge, add("other"), "Another")
    git(upstream.git_dir, "update-ref", f"refs/heads/{proposal.branch}", other.head)
    with pytest.raises(HeadMoved):
        scene.forge.approve(proposal, None, ())


def test_a_closed_one_is_closed(scene: Scene) -> None:
    proposal = put_forward(scene.registry, scene.forge, add("new"))
    assert scene.forge.close(proposal).state == "closed"
    assert [each.number for each in scene.forge.proposals("closed")] == [1]
    assert scene.forge.proposals("open") == []
    with pytest.raises(GitregError, match="is closed"):
        scene.queue().merge(1, OWNER)


def test_an_unknown_number_is_told(scene: Scene) -> None:
    with pytest.raises(NotFoundError, match="no proposal 9"):
        scene.forge.get(9)


def test_a_pull_request_to_another_branch_is_told(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    scene.hub.pulls[1]["base"] = "develop"
    with pytest.raises(UsageError, match="is not for main"):
        scene.forge.get(1)


def test_long_lists_come_page_by_page(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    for n in range(2, 251):
        scene.hub.pulls[n] = {**scene.hub.pulls[1], "title": f"Change {n}"}
    assert [each.number for each in scene.forge.proposals()] == list(range(250, 0, -1))
    assert scene.calls("GET", "/pulls") == 1 + 3


# Limits, faults and lost answers


def test_a_limit_is_waited_out(scene: Scene) -> None:
    scene.fail("GET", "/pulls$", status=429, headers={"Retry-After": "17"}, times=2)
    assert scene.forge.proposals() == []
    assert scene.clock.waits == [17.0, 17.0]


@pytest.mark.parametrize(
    ("headers", "message", "waits"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000030"}, "API rate limit exceeded", 31.0),
        ({"Retry-After": "5"}, "You have exceeded a secondary rate limit", 5.0),
        ({}, "You have exceeded a secondary rate limit", 60.0),
        ({"Retry-After": "Fri, 15 Jan 2027 08:00:09 GMT"}, "slow down", 9.0),
    ],
    ids=["until a time", "for seconds", "without a time", "until a date"],
)
def test_a_403_may_be_a_limit(scene: Scene, headers: dict[str, str], message: str, waits: float) -> None:
    scene.fail("POST", "/git/trees", status=403, headers=headers, message=message)
    put_forward(scene.registry, scene.forge, add("new"))
    assert scene.clock.waits == [waits]


def test_a_limit_that_lasts_too_long_ends_in_an_error(scene: Scene) -> None:
    scene.fail("GET", "/pulls$", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(ForgeError, match="rate limit is used up") as told:
        scene.forge.proposals()
    assert "2027-01-15T09:00:00Z" in told.value.mend
    assert scene.clock.waits == []
    assert told.value.exit_code is Exit.COULD_NOT_RUN


def test_a_403_that_is_no_limit_is_told_at_once(scene: Scene) -> None:
    scene.fail("POST", "/git/trees", status=403, message="Resource not accessible by personal access token")
    with pytest.raises(ForgeError, match="forbids it"):
        put_forward(scene.registry, scene.forge, add("new"))
    assert scene.clock.waits == []


@pytest.mark.parametrize("words", [{"status": 502}, {"hangs": 0.6}, {"loses_answer": True}], ids=["502", "slow", "cut"])
def test_faults_that_pass_are_waited_out(scene: Scene, words: dict[str, Any]) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    scene.fail("GET", "/pulls$", times=3, **words)
    assert [each.number for each in scene.forge.proposals()] == [1]
    assert scene.clock.waits == [0.5, 1.0, 2.0]


def test_faults_that_last_end_in_an_error(scene: Scene) -> None:
    scene.fail("GET", "/pulls$", status=503, times=99)
    with pytest.raises(ForgeError, match="did not answer as it should, 6 times") as told:
        scene.forge.proposals()
    assert scene.clock.waits == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert "503" in str(told.value.got)
    assert told.value.mend


def test_the_total_time_is_bounded(scene: Scene) -> None:
    api = Api(scene.hub.url, TOKEN, patience(scene.clock, total=3.0))
    scene.fail("GET", "/user", status=500, times=99)
    with pytest.raises(ForgeError):
        api.get("/user")
    assert sum(scene.clock.waits) <= 3.0


def test_nobody_there_is_told(scene: Scene) -> None:
    api = Api("http://127.0.0.1:9", TOKEN, patience(scene.clock))
    with pytest.raises(ForgeError, match="did not answer"):
        api.get("/user")
    assert len(scene.clock.waits) == 5


LOST = {
    "the branch": ("POST", "/git/refs$"),
    "the pull request": ("POST", "/pulls$"),
    "the comment": ("POST", "/issues/1/comments"),
    "the tree": ("POST", "/git/trees"),
    "the commit": ("POST", "/git/commits"),
    "main": ("PATCH", "/git/refs/heads/main"),
}


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("words", [{"loses_answer": True}, {"status": 502}, {"hangs": 0.6}], ids=["cut", "502", "slow"])
def test_nothing_is_made_twice_where_an_answer_is_lost(scene: Scene, what: str, words: dict[str, Any]) -> None:
    scene.fail(*LOST[what], **words)
    put_forward(scene.registry, scene.forge, add("new"))
    scene.queue().check(1)
    scene.queue().merge(1, OWNER)
    assert len(scene.hub.pulls) == 1
    assert len(scene.hub.comments[1]) == 1
    assert scene.forge.get(1).state == "merged"
    chain = list(scene.upstream.repo.first_parents(scene.main()))
    assert len(chain) == 3


def test_a_review_is_not_made_twice(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    scene.hub.pulls[1]["user"] = "author"
    scene.hub.login = "owner"
    other = open_github(scene.registry, HOSTED, patience(scene.clock))
    scene.fail("POST", "/pulls/1/reviews", loses_answer=True)
    assert len(other.approve(other.get(1), None, ()).standing_approvals()) == 1
    assert len(scene.hub.reviews[1]) == 1


def test_a_main_that_went_on_after_a_lost_answer_has_landed_it(scene: Scene) -> None:
    """The merge was done, the answer lost, and somebody landed on top before one could look."""
    put_forward(scene.registry, scene.forge, add("new"))
    scene.fail("PATCH", "/git/refs/heads/main", loses_answer=True)
    scene.fail("PATCH", "/git/refs/heads/main", before=lambda: move_main(scene))
    done = scene.queue().merge(1, OWNER)
    assert done.merged.commit != scene.main()
    assert scene.upstream.repo.commit(scene.main()).parents == (done.merged.commit,)
    assert scene.calls("POST", "/git/commits") == 2


def test_a_protected_main_is_told(scene: Scene) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    before = scene.main()
    scene.hub.is_protected = True
    with pytest.raises(ForgeError, match="does not let main move") as told:
        scene.queue().merge(1, OWNER)
    assert "Required status check" in str(told.value.got)
    assert scene.main() == before


def test_a_tree_that_is_not_the_validated_one_never_lands(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    put_forward(scene.registry, scene.forge, add("new"))
    before = scene.main()
    right = scene.hub._post_tree
    monkeypatch.setattr(scene.hub, "_post_tree", lambda *words: (201, {**right(*words)[1], "sha": "0" * 40}))
    with pytest.raises(ForgeError, match="another tree"):
        scene.queue().merge(1, OWNER)
    assert scene.main() == before


# The token


def test_the_token_is_told_to_nobody(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scene.fail("GET", "/pulls$", status=418, message=f"what is {TOKEN}?")
    with pytest.raises(ForgeError) as told:
        scene.forge.proposals()
    assert TOKEN not in told.value.explain()
    put_forward(scene.registry, scene.forge, add("new"))
    assert TOKEN not in caplog.text
    assert all(call.headers["authorization"] == f"token {TOKEN}" for call in scene.hub.calls)


def test_a_next_page_elsewhere_is_not_asked_for(scene: Scene) -> None:
    link = {"Link": '<https://evil.example/pulls?page=2>; rel="next"'}
    scene.fail("GET", "/pulls$", status=200, headers=link, answer=[])
    with pytest.raises(ForgeError, match="makes no sense") as told:
        scene.forge.proposals()
    assert "evil.example" in str(told.value.where)


@pytest.mark.parametrize("answer", [{"message": "hello"}, [1], [{}], [{"number": "x"}], b"<html>"], ids=str)
def test_an_answer_that_makes_no_sense_is_told(scene: Scene, answer: Any) -> None:
    scene.fail("GET", "/pulls$", status=200, answer=answer)
    with pytest.raises(ForgeError, match="makes no sense"):
        scene.forge.proposals()


@pytest.mark.parametrize(
    "url", ["http://github.example.com/api/v3", "ftp://github.example.com", "https://user:pw@example.com", "nonsense"]
)
def test_a_token_is_never_sent_in_the_clear(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be the URL") as told:
        Api(url, TOKEN)
    assert "pw" not in told.value.explain()


def test_a_wrong_token_is_told(scene: Scene) -> None:
    api = Api(scene.hub.url, "another", patience(scene.clock))
    with pytest.raises(ForgeError, match="does not know the token"):
        api.get("/user")


def test_no_token_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(UsageError, match="no token for GitHub") as told:
        open_forge(scene.registry)
    assert "GITHUB_TOKEN" in told.value.mend


def test_without_the_extra_it_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "github3.session", None)
    with pytest.raises(UsageError) as told:
        open_forge(scene.registry)
    assert "pip install 'llm-gitreg[github]'" in told.value.mend


# Which forge


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/acme/registry.git", HOSTED),
        ("https://github.com/acme/registry", HOSTED),
        ("https://x-access-token:abc@github.com/acme/registry/", HOSTED),
        ("git@github.com:acme/registry.git", HOSTED),
        ("ssh://git@GitHub.com:22/acme/registry.git", HOSTED),
        ("https://git.example.com/acme/registry.git", Hosted("git.example.com", "acme", "registry")),
        ("https://github.com/acme", None),
        ("/srv/acme/registry.git", None),
        ("file:///srv/acme/registry.git", None),
        ("../registry.git", None),
    ],
)
def test_a_url_names_a_repository(url: str, expected: Hosted | None) -> None:
    assert read_url(url) == expected


def test_the_forge_is_found_by_the_origin_the_config_or_the_option(scene: Scene) -> None:
    folder = scene.registry.repo.workdir
    assert folder is not None
    assert isinstance(open_forge(scene.registry), GitHubForge)
    assert isinstance(open_forge(scene.registry, ForgeName.LOCAL), LocalForge)
    git(folder, "config", "gitreg.forge", "local")
    assert isinstance(open_forge(Registry.open(folder)), LocalForge)
    git(folder, "config", "gitreg.forge", "gitlab")
    with pytest.raises(UsageError, match="names a forge that there is not"):
        open_forge(Registry.open(folder))
    with pytest.raises(UsageError, match="repository on GitHub is not known"):
        open_forge(scene.upstream, ForgeName.GITHUB)


def test_the_command_line_goes_all_the_way(scene: Scene, tmp_path: Path) -> None:
    folder = scene.registry.repo.workdir
    assert folder is not None
    file = written(tmp_path, "new.yaml", model("new"))
    where = ("--repo", folder)
    done = fine("propose", file, "--title", "Add acme/new", "--author", str(AUTHOR), "--json", *where)
    assert done.json["proposal"]["url"].endswith("/pull/1")
    assert fine("proposals", "list", *where).out.startswith("1\topen\tAdd acme/new\t@author\t")
    assert fine("proposals", "check", "1", *where).out.startswith("proposal 1 passes on ")
    merged = fine("proposals", "merge", "1", "--author", str(OWNER), "--json", *where)
    assert merged.json["commit"] == scene.main()
    assert "state: merged as" in fine("proposals", "show", "1", *where).out
    again = run("proposals", "merge", "1", "--author", str(OWNER), "--json", *where)
    assert (again.code, again.error["code"]) == (2, "conflict")
