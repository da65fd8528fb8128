# SPDX-License-Identifier: Apache-2.0
"""Manual and completion name every command and option there is, and none that is not."""
import argparse
import pathlib
import re
import subprocess
import sys
import unittest

from sluice_ctl import command

CTL = pathlib.Path(__file__).resolve().parents[3] / "controlplane/ctl"


def commands():
    """{command: set of its long options}, from the parser itself."""
    top = command.parser()
    action = next(a for a in top._actions  # pylint: disable=protected-access
                  if isinstance(a, argparse._SubParsersAction))  # pylint: disable=protected-access
    return {name: {option for a in parser._actions for option in a.option_strings  # pylint: disable=protected-access
                   if option.startswith("--")} for name, parser in action.choices.items()}


def everywhere():
    return set.intersection(*commands().values())


class Manual(unittest.TestCase):
    def setUp(self):
        self.text = (CTL / "sluicectl.1").read_text(encoding="ascii").replace("\\-", "-")

    def test_commands(self):
        section = self.text.split(".SH COMMANDS")[1].split(".SH OPTIONS")[0]
        named = re.findall(r"^\.TP\n\.\w+ (\w+)", section, re.MULTILINE)
        self.assertEqual(named, list(commands()))

    def test_options(self):
        section = self.text.split(".SH OPTIONS")[1].split(".SH EXIT")[0]
        parts = dict(re.findall(r"^\.SS Of (.*?)$(.*?)(?=^\.SS|\Z)", section, re.M | re.S))
        named = {part: set(re.findall(r"--[a-z-]+", "\n".join(
            line for before, line in zip(text.split("\n"), text.split("\n")[1:])
            if before == ".TP"))) for part, text in parts.items()}
        self.assertEqual(named.pop("every command"), everywhere())
        own = {name: options - everywhere() for name, options in commands().items()
               if options - everywhere()}
        self.assertEqual(named, own)

    def test_it_is_well_formed(self):
        run = subprocess.run(["man", "--warnings", "-l", CTL / "sluicectl.1"], text=True,
                             capture_output=True, check=True, env={"MANWIDTH": "80", "LC_ALL": "C",
                                                                   "PATH": "/usr/bin:/bin"})
        self.assertEqual(run.stderr, "")
        self.assertIn("SLUICE_ENDPOINT", run.stdout)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last word."""
        script = (f". {CTL}/sluicectl.bash; sluicectl() {{ cat <<'X'\n    \"name\": \"rooms/demo\",\nX\n}}; "
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluicectl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        run = subprocess.run(["bash", "-c", script, "bash", "sluicectl", *words], text=True,
                             capture_output=True, check=True)
        self.assertEqual(run.stderr, "")
        return set(run.stdout.split())

    def test_commands(self):
        self.assertEqual(self.complete(""), set(commands()) | {"--help"})
        self.assertEqual(self.complete("par"), {"participants"})

    def test_options(self):
        for name, options in commands().items():
            self.assertEqual(self.complete(name, "--"), options, name)

    def test_rooms(self):
        self.assertEqual(self.complete("room", ""), {"demo"})
        self.assertEqual(self.complete("rooms", ""), set())

    def test_values_are_not_guessed(self):
        self.assertEqual(self.complete("top", "--count", ""), set())


class CommandLine(unittest.TestCase):
    def run_ctl(self, *arguments, **environment):
        return subprocess.run([sys.executable, CTL / "sluicectl", *arguments], text=True,
                              capture_output=True, check=False,
                              env={"PATH": "/usr/bin", "SLUICE_BUILD": self.build(), **environment})

    @staticmethod
    def build():
        stubs = next(p for p in sys.path if p.endswith("/controlplane/ctl/stubs"))
        return str(pathlib.Path(stubs).parents[2])

    def test_mistakes_are_told(self):
        for arguments, words in (
                (("rooms", "--endpoint", "nowhere"), ("nowhere", "HOST:PORT")),
                (("rooms", "--endpoint", "unix:/does/not/exist"), ("/does/not/exist", "unix_socket")),
                (("rooms", "--token-file", "/none"), ("--token-file", "/none", "No such file")),
                (("rooms", "--endpoint", "127.0.0.1:1", "--fingerprint", "AB"),
                 ("127.0.0.1:1", "refused"))):
            run = self.run_ctl(*arguments)
            self.assertEqual((run.returncode, run.stdout), (1, ""), arguments)
            self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
            for word in words:
                self.assertIn(word, run.stderr)

    def test_wrong_command_line(self):
        for arguments in ((), ("dance",), ("room",), ("top", "--count", "-1")):
            self.assertEqual(self.run_ctl(*arguments).returncode, 2, arguments)

    def test_without_stubs(self):
        run = self.run_ctl("rooms", SLUICE_BUILD="/nowhere")
        self.assertEqual(run.returncode, 1)
        self.assertIn("SLUICE_BUILD", run.stderr)


if __name__ == "__main__":
    unittest.main()
