# SPDX-License-Identifier: Apache-2.0
"""token: what is in it, by another reader's judgement (PyJWT's verification), and what is refused."""
import contextlib
import io
import pathlib
import subprocess
import tempfile
import unittest
import urllib.parse

import jwt

from sluice_ctl import command


class Tokens(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.keys = self.directory / "keys"
        self.secret = self.run_token("--new-key", "main").strip()
        self.keys.write_text(f"# keys\n\n{self.secret}\nother ES256 other.pub\n", encoding="ascii")

    def run_token(self, *arguments, status=0):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.assertEqual(command.main(["token", *arguments]), status, err.getvalue())
        return out.getvalue() if status == 0 else err.getvalue()

    def read(self, token, key, algorithm):
        return jwt.decode(token, key, algorithms=[algorithm], audience="sluice",
                          options={"require": ["exp", "sub", "aud"]})

    def hs256(self):
        value = self.secret.split()[2]
        return jwt.utils.base64url_decode(value)

    def test_new_key(self):
        kid, algorithm, _ = self.secret.split()
        self.assertEqual((kid, algorithm), ("main", "HS256"))
        self.assertEqual(len(self.hs256()), 32)
        self.assertNotEqual(self.run_token("--new-key", "main").strip(), self.secret)

    def test_hs256(self):
        token = self.run_token("--keys", str(self.keys), "--room", "demo", "--tenant", "t").strip()
        claims = self.read(token, self.hs256(), "HS256")
        self.assertEqual(jwt.get_unverified_header(token), {"alg": "HS256", "typ": "JWT",
                                                            "kid": "main"})
        self.assertEqual(claims["exp"] - claims["iat"], 3600)
        named = {name: claims[name] for name in set(claims) - {"exp", "iat", "jti"}}
        self.assertEqual(named, {"aud": "sluice", "sub": "sluicectl", "room": "demo", "tenant": "t",
                                 "publish": True, "subscribe": True})

    def test_es256(self):
        private, public = self.directory / "other.pem", self.directory / "other.pub"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                        private], check=True)
        subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True,
                       capture_output=True)
        token = self.run_token("--keys", str(self.keys), "--kid", "other", "--private-key",
                               str(private), "--administer", "--lifetime", "60").strip()
        claims = self.read(token, public.read_bytes(), "ES256")
        self.assertTrue(claims["administer"])
        self.assertFalse({"publish", "subscribe", "room", "tenant"} & set(claims))
        self.assertEqual(claims["exp"] - claims["iat"], 60)

    def test_link(self):
        url = self.run_token("--keys", str(self.keys), "--room", "demo", "--link",
                             "https://sfu.example.org:8443").strip()
        parts = urllib.parse.urlsplit(url)
        self.assertEqual((parts.netloc, parts.path, parts.query),
                         ("sfu.example.org:8443", "/", "room=demo"))
        self.read(parts.fragment.removeprefix("token="), self.hs256(), "HS256")

    def test_mistakes(self):
        keys = str(self.keys)
        for arguments, words in (
                ((), ("--keys",)),
                (("--keys", "/none"), ("/none", "No such file")),
                (("--keys", keys, "--kid", "nobody"), ("nobody", "--new-key")),
                (("--keys", keys, "--kid", "other"), ("other", "--private-key")),
                (("--keys", keys, "--kid", "other", "--private-key", keys), ("other",)),
                (("--keys", keys, "--room", "a/b"), ("a/b", "id")),
                (("--keys", keys, "--tenant", "ä"), ("ä",)),
                (("--new-key", "a b"), ("a b",))):
            text = self.run_token(*arguments, status=1)
            for word in words:
                self.assertIn(word, text)
            self.assertEqual(text.count("\n"), 1)
            self.assertNotIn(self.secret.split()[2], text)


if __name__ == "__main__":
    unittest.main()
