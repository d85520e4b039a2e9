"""The frame of the command line: one error handler, commands found lazily, output that can always be written."""

from __future__ import annotations

import sys
import textwrap
from importlib import metadata
from pathlib import Path

import pytest
from cli_support import AUTHOR, Run, namespace, new_registry, run, written

from gitreg.cli import tree
from gitreg.cli.options import print_table, progress, read_input
from gitreg.cli.output import coloured_explanation, shown
from gitreg.errors import GitregError, UsageError


def plugin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, points: str, code: str = "", name: str = "acme-tools"
) -> None:
    """Install a distribution with commands, as pip would lay it down."""
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    written(info, "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\nSummary: Acme's own tools\n")
    written(info, "entry_points.txt", f"[gitreg.commands]\n{points}\n")
    module = f"{name.replace('-', '_')}"
    written(folder, f"{module}.py", textwrap.dedent(code))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, module, raising=False)


def test_the_version_is_the_distributions() -> None:
    assert run("--version").out == f"gitreg {metadata.version('llm-gitreg')}\n"


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_lists_every_command_and_imports_none(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("help imports a command")

    monkeypatch.setattr(tree, "load_entry", refuse)
    done = run(word)
    assert done.code == 0
    width = max(map(len, tree.BUILT_IN))
    for name, line in tree.BUILT_IN.items():
        assert f"  {name.ljust(width)}  {line}\n" in done.out


def test_the_table_of_commands_is_that_of_the_distribution() -> None:
    own = metadata.distribution(tree.DISTRIBUTION).entry_points.select(group=tree.GROUP)
    assert {entry.name for entry in own} == set(tree.BUILT_IN)


def test_without_words_the_help_goes_to_stderr() -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert "Usage: gitreg" in done.err


@pytest.mark.parametrize(
    ("words", "says", "mend"),
    [
        pytest.param(["registre"], "there is no command 'registre'", "did you mean `gitreg register`?", id="command"),
        pytest.param(["zzz"], "there is no command 'zzz'", "`gitreg --help`", id="unlike any command"),
        pytest.param(["--nosuch"], "No such option: --nosuch", "`gitreg --help`", id="option of gitreg"),
        pytest.param(["init", "--nosuch"], "No such option: --nosuch", "`gitreg init --help`", id="option"),
        pytest.param(["init"], "Missing argument 'DIR'", "`gitreg init --help`", id="argument"),
        pytest.param(["init", "a", "b"], "unexpected extra argument", "`gitreg init --help`", id="too many"),
        pytest.param(["init", "a", "--name"], "requires an argument", "`gitreg init --help`", id="no value"),
    ],
)
def test_wrong_words_exit_2_with_a_hint(words: list[str], says: str, mend: str) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert f"mend: {mend}" in done.err
    if words[-1] != "--name":  # whose value `--json` would be
        assert run(*words, "--json").error["code"] == "usage"


@pytest.mark.parametrize(
    ("words", "got", "says"),
    [
        pytest.param(["lineage", "a/b", "--depth", "-1"], "-1", "greater than or equal to 1", id="too small"),
        pytest.param(["impact", "a/b", "--depth", "many"], "many", "a valid integer", id="no number"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_told(words: list[str], got: str, says: str) -> None:
    done = run(*words, "--json")
    assert (done.code, done.error["got"]) == (2, got)
    assert says in done.error["says"]
    assert f"  got: {got}\n" in run(*words).err


def test_an_error_is_told_twice_with_json(tmp_path: Path) -> None:
    done = run("register", "x.yaml", "--repo", tmp_path, "--json")
    assert done.code == 2
    assert done.error["code"] == "repository"
    assert set(done.error) >= {"code", "says", "mend", "where"}
    assert done.error["says"] in done.err
    assert f"mend: {done.error['mend']}" in done.err


def test_a_word_after_two_dashes_is_no_option(tmp_path: Path) -> None:
    assert run("register", "--repo", tmp_path, "--", "--json").out == ""


class TestFailures:
    @staticmethod
    def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> Run:
        def fail(name: str) -> None:
            raise error

        monkeypatch.setattr(tree, "load_command", fail)
        return run("init", *words)

    def test_a_bug_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GITREG_DEBUG", raising=False)
        done = self.failing(monkeypatch, KeyError("spam\nand eggs"), "--json")
        assert done.code == 2
        assert done.err.count("\n") == 1
        assert done.err.startswith("this is a bug in gitreg: KeyError: 'spam\\nand eggs'")
        assert "GITREG_DEBUG=1" in done.err
        assert done.error["code"] == "bug"

    def test_debug_shows_the_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITREG_DEBUG", "1")
        done = self.failing(monkeypatch, KeyError("spam"))
        assert done.err.startswith("Traceback (most recent call last)")
        assert "this is a bug in gitreg" in done.err

    def test_an_interrupt_exits_130(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.failing(monkeypatch, KeyboardInterrupt())
        assert (done.code, done.out, done.err) == (130, "", "interrupted\n")

    def test_a_reader_that_has_gone_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.failing(monkeypatch, BrokenPipeError(32, "Broken pipe"))
        assert (done.code, done.out, done.err) == (141, "", "")

    def test_what_the_system_refuses_is_no_bug(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.failing(monkeypatch, OSError(28, "No space left on device"), "--json")
        assert done.code == 2
        assert done.error["code"] == "system"
        assert "free some space" in done.error["mend"]

    def test_every_error_keeps_its_exit_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class OwnError(GitregError):
            code = "own"

        assert self.failing(monkeypatch, OwnError("no", mend="yes")).code == 2

    def test_what_would_steer_the_terminal_is_escaped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.failing(monkeypatch, UsageError("\x1b[31mred\udcff", got="a\tb\r", mend="m"), "--json")
        assert "\x1b" not in done.err
        assert "\\x1b[31mred" in done.err
        assert done.error["says"] == "\x1b[31mred\\xff"


def test_a_terminal_without_the_characters_gets_escapes(tmp_path: Path) -> None:
    registry = new_registry(tmp_path / "registry")
    done = run("register", "日本.yaml", "--repo", registry, encoding="ascii")
    assert done.code == 2
    assert "\\u65e5\\u672c.yaml" in done.err


def test_json_is_utf8_whatever_the_terminal_is(tmp_path: Path) -> None:
    registry = new_registry(tmp_path / "registry")
    done = run("register", "日本.yaml", "--repo", registry, "--json", encoding="ascii")
    assert done.error["findings"][0]["path"] == "日本.yaml"


class TestPlugins:
    CODE = """
        def greet(name: str) -> None:
            "Greet somebody."
            print("hello", name)
        number = 3
    """

    def test_a_function_is_a_command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plugin(tmp_path, monkeypatch, "greet = acme_tools:greet", self.CODE)
        assert run("greet", "you").out == "hello you\n"
        assert "Greet somebody." in run("greet", "--help").out

    def test_a_typer_is_a_group_of_commands(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        code = """
            import typer
            app = typer.Typer(help="Greetings.")
            @app.command()
            def hello() -> None: print("hello")
            @app.command()
            def bye() -> None: print("bye")
        """
        plugin(tmp_path, monkeypatch, "greet = acme_tools:app", code)
        assert run("greet", "bye").out == "bye\n"
        assert "No such command 'by'" in run("greet", "by").err

    def test_help_tells_of_it_without_importing_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plugin(tmp_path, monkeypatch, "greet = acme_tools:greet", "raise RuntimeError('imported')")
        done = run("--help")
        assert done.code == 0
        assert "Plugins:\n  greet       Acme's own tools (acme-tools 1.2)\n" in done.out

    @pytest.mark.parametrize(
        ("point", "got"),
        [
            pytest.param("acme_tools:absent", "AttributeError", id="no such name"),
            pytest.param("acme_absent:greet", "ModuleNotFoundError", id="no such module"),
            pytest.param("acme_tools:number", "neither a function nor a typer.Typer", id="no command"),
        ],
    )
    def test_one_that_fails_names_its_distribution(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, got: str
    ) -> None:
        plugin(tmp_path, monkeypatch, f"greet = {point}", self.CODE)
        done = run("greet", "--json")
        assert done.code == 2
        assert done.error["where"] == f"acme-tools 1.2, entry point greet = {point}"
        assert got in done.error["got"]
        assert run("--help").code == 0

    def test_one_that_is_broken_breaks_itself_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plugin(tmp_path, monkeypatch, "greet = acme_tools:greet", "1 / 0")
        assert "ZeroDivisionError" in run("greet").err
        assert run("schema", "--list").code == 0

    def test_it_cannot_take_a_built_in_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plugin(tmp_path, monkeypatch, "schema = acme_tools:greet", self.CODE)
        assert "model\tModel" in run("schema", "--list").out
        assert "Acme" not in run("--help").out

    def test_a_name_that_two_claim_is_nobodys(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plugin(tmp_path / "a", monkeypatch, "greet = acme_tools:greet", self.CODE)
        plugin(tmp_path / "b", monkeypatch, "greet = other_tools:greet", self.CODE, name="other-tools")
        assert "claimed by 2 distributions" in run("greet").err
        assert "(claimed by " in run("--help").out

    def test_it_is_suggested(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plugin(tmp_path, monkeypatch, "greet = acme_tools:greet", self.CODE)
        assert "did you mean `gitreg greet`?" in run("greeet").err


def test_a_command_whose_needs_are_absent_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tree._own_entry("serve")
    error = ModuleNotFoundError("No module named 'fastapi'", name="fastapi")
    assert tree._mend_of_loading(found, error) == "install what it needs: `pip install 'llm-gitreg[api]'`"
    monkeypatch.setattr(tree, "DISTRIBUTION", "not-installed")
    done = run("init", "x")
    assert done.code == 2
    assert "the command 'init' is not installed" in done.err


def test_a_table_in_a_pipe_is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "b"), [("x\ty", None), ("two\nlines", 3)])
    assert capsys.readouterr().out == "x\\ty\t\ntwo\\nlines\t3\n"


def test_a_table_on_a_terminal_is_laid_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg.cli.output.is_terminal", lambda _: True)
    print_table(("name", "n"), [("[bold]x", 1)])
    out = capsys.readouterr().out
    assert "NAME" in out
    assert "[bold]x" in out


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Reading", total=2) as step:
        step(2)
    assert capsys.readouterr() == ("", "")


def test_progress_is_seen_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg.cli.output.is_terminal", lambda _: True)
    with progress("Reading", total=2, silent=True) as step:
        step(1)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("Reading", total=2) as step:
        step(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Reading" in captured.err


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg.cli.output.is_terminal", lambda _: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    error = UsageError("no", mend="yes")
    assert "\x1b[" in coloured_explanation(error)
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured_explanation(error) == error.explain()


def test_shown_keeps_what_prints() -> None:
    assert shown("日本 é") == "日本 é"
    assert shown("a\x1b\u202eb\udc80") == "a\\x1b\\u202eb\\udc80"


def test_input_is_bounded(tmp_path: Path) -> None:
    file = written(tmp_path, "x", b"12345")
    assert read_input(str(file), limit=5) == b"12345"
    with pytest.raises(UsageError, match="too large"):
        read_input(str(file), limit=4)
    with pytest.raises(UsageError, match="cannot be read"):
        read_input(str(tmp_path))
    with pytest.raises(UsageError, match="null byte"):
        read_input("a\0b")


def test_a_write_names_the_author_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = new_registry(tmp_path / "registry")
    file = written(tmp_path, "ns.yaml", namespace())
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Example Author")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "author@example.com")
    assert run("register", file, "--repo", registry).code == 0
    assert AUTHOR in run("blame", "namespace:acme", "metadata.name", "--repo", registry).out
