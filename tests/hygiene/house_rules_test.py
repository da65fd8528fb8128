#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one violation at a time in a small tree and expects the complaint about it, by file and
line; and plants the lawful neighbour of each, which must pass.
"""
import pathlib
import shutil
import tempfile
import unittest

import house_rules

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class HouseRules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def plant(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def complaints(self, rule):
        return house_rules.complaints_of(str(self.root), rule)

    def assert_only(self, rule, *starts):
        """Exactly these complaints, in any order, each with a fix."""
        found = self.complaints(rule)
        self.assertEqual(len(found), len(starts), found)
        for start in starts:
            self.assertTrue(any(line.startswith(start) for line in found), (start, found))
        for line in found:
            self.assertIn(f"[{rule}]", line)
            self.assertIn("; fix: ", line)

    def test_includes_that_cross_the_planes(self):
        self.plant("dataplane/a.c", '\n#include "controlplane/ice/agent.h"\n')
        self.plant("controlplane/b.c", '#include "dataplane/core/worker.h"\n')
        self.plant("dataplane/c.c", '#include "proto/api/table.h"\n')
        self.plant("proto/rtc/d.c", '#include "proto/shm/record.h"\n')
        self.plant("controlplane/e.c", '#include "tests/unit/x.h"\n')
        self.plant("dataplane/fine.c", '#include "proto/rtc/rtp.h"\n#include "proto/shm/abi.h"\n')
        self.plant("tests/unit/fine.c", '#include "dataplane/core/worker.h"\n')
        self.assert_only("includes", "dataplane/a.c:2:", "controlplane/b.c:1:", "dataplane/c.c:1:",
                         "proto/rtc/d.c:1:", "controlplane/e.c:1:")

    def test_includes_of_libraries(self):
        self.plant("dataplane/core/a.c", "#include <glib.h>\n")
        self.plant("dataplane/core/b.c", "#include <srtp2/srtp.h>\n")
        self.plant("controlplane/c.c", "#include <rte_mbuf.h>\n")
        self.plant("controlplane/ops/d.c", "#include <nghttp2/nghttp2.h>\n")
        self.plant("proto/rtc/e.c", "#include <stdint.h>\n#include <time.h>\n")
        self.plant("proto/shm/f.c", "#include <openssl/evp.h>\n")
        self.plant("dataplane/srtp/fine.c", "#include <srtp2/srtp.h>\n#include <rte_mbuf.h>\n")
        self.plant("controlplane/rpc/fine.c", "#include <nghttp2/nghttp2.h>\n#include <time.h>\n")
        self.assert_only("includes", "dataplane/core/a.c:1:", "dataplane/core/b.c:1:",
                         "controlplane/c.c:1:", "controlplane/ops/d.c:1:", "proto/rtc/e.c:2:",
                         "proto/shm/f.c:1:")

    def test_includes_from_the_top_of_the_tree(self):
        self.plant("proto/rtc/a.c", '#include "rtp.h"\n')
        self.plant("proto/rtc/b.c", '#include "../shm/abi.h"\n')
        self.assert_only("includes", "proto/rtc/a.c:1:", "proto/rtc/b.c:1:")

    def test_file_length(self):
        self.plant("dataplane/long.c", "\n" * 601)
        self.plant("controlplane/web/src/long.ts", "\n" * 601)
        self.plant("deploy/long", "#!/bin/bash\n" + "\n" * 600)
        self.plant("dataplane/fine.c", "\n" * 600)
        self.plant("docs/long.md", "\n" * 601)
        self.plant("controlplane/web/node_modules/long.ts", "\n" * 601)
        self.assert_only("file-length", "dataplane/long.c:601:", "controlplane/web/src/long.ts:601:",
                         "deploy/long:601:")

    def c_function(self, lines):
        """A function of that many lines, braces and both lines of its signature included."""
        return "static int name(int a,\n\t\tint b)\n{\n" + "\tx();\n" * (lines - 4) + "}\n"

    def test_function_length_in_c(self):
        self.plant("dataplane/long.c", LICENCE + "\n" + self.c_function(71))
        self.plant("dataplane/fine.c", LICENCE + "int other;\n" + self.c_function(70))
        self.plant("dataplane/table.c", "static int t[] = {\n" + "\t1,\n" * 100 + "};\n")
        self.assert_only("function-length", "dataplane/long.c:3: [function-length] name()")

    def test_function_length_elsewhere(self):
        self.plant("tests/a.py", "\ndef long():\n" + "    x()\n" * 70)
        self.plant("tests/fine.py", "def short():\n" + "    x()\n" * 69)
        self.plant("deploy/b.sh", "long() {\n" + "\tx\n" * 69 + "}\n")
        self.plant("deploy/fine.sh", "short() {\n" + "\tx\n" * 68 + "}\n")
        self.assert_only("function-length", "tests/a.py:2:", "deploy/b.sh:1:")

    def test_names(self):
        self.plant("dataplane/packet_utils.c", "")
        self.plant("controlplane/helpers/a.c", "")
        self.plant("dataplane/b.c", "struct room_manager {\n\tint a;\n};\n")
        self.plant("dataplane/c.c", "\nint misc_things(void)\n{\n}\n")
        self.plant("dataplane/fine.c", "#include <rte_common.h>\nint commonly_used(void)\n{\n"
                                       "\tlib_manager();\n}\n")
        self.assert_only("names", "dataplane/packet_utils.c:1:", "controlplane/helpers/a.c:1:",
                         "dataplane/b.c:1:", "dataplane/c.c:2:")

    def test_licence(self):
        self.plant("dataplane/a.c", "int a;\n")
        self.plant("deploy/script", "#!/bin/bash\necho\n")
        self.plant("proto/meson.build", "\n")
        self.plant("dataplane/fine.c", LICENCE)
        self.plant("deploy/fine", "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n")
        self.plant("tests/fuzz/seeds/raw", "bytes")
        self.assert_only("licence", "dataplane/a.c:1:", "deploy/script:1:", "proto/meson.build:1:")

    def test_comments(self):
        self.plant("dataplane/a.c", "int a;\n/* old\n style */\n")
        self.plant("dataplane/b.c", "int a; // TO" "DO: later\n")
        self.plant("dataplane/fine.c", 'const char *a = "/* text */"; // a /* is not one here\n')
        self.assert_only("comments", "dataplane/a.c:2:", "dataplane/b.c:1:")

    def test_typedefs(self):
        self.plant("dataplane/a.h", "\ntypedef struct room {\n\tint a;\n} room_t;\n")
        self.plant("dataplane/fine.h", "typedef int (*callback)(void);\n// typedef struct x\n")
        self.assert_only("typedefs", "dataplane/a.h:2:")

    def test_packet_path(self):
        for number, call in enumerate(("malloc(1)", "printf(\"\")", "RTE_LOG(A, B)", "time(NULL)",
                                       "rte_spinlock_lock(&l)", "write(1, a, 2)",
                                       "EVP_MAC_CTX_new(m)")):
            self.plant(f"dataplane/egress/f{number}.c", f"void stage(void)\n{{\n\t{call};\n}}\n")
        self.assert_only("packet-path",
                         *(f"dataplane/egress/f{number}.c:3:" for number in range(7)))

    def test_packet_path_allows(self):
        self.plant("dataplane/egress/a.c",
                   "void egress_create(void)\n{\n\trte_zmalloc(\"a\", 1, 0);\n}\n"
                   "void stage(void)\n{\n\tbits_write(a); // malloc(1)\n\tp->read(a);\n\t"
                   "count(\"printf(\");\n}\n")
        self.plant("dataplane/core/a.c", "void f(void)\n{\n\tmalloc(1);\n}\n")
        self.assert_only("packet-path")

    def test_secrets(self):
        self.plant("controlplane/a.c", "bool f(void)\n{\n\treturn strcmp(a->secret, b) == 0;\n}\n")
        self.plant("dataplane/b.c", "bool f(void)\n{\n\treturn memcmp(x,\n\t\t\ttag, 10) == 0;\n}\n")
        self.plant("controlplane/fine.c", "bool f(void)\n{\n\t// strcmp(secret, x)\n"
                   "\tif (strcmp(a, b) != 0)\n\t\treturn false;\n"
                   "\treturn CRYPTO_memcmp(a->secret, b, size) == 0 && stage(tag);\n}\n")
        self.plant("controlplane/fine2.c", "bool f(void)\n{\n\tif (strcmp(a, \"x\") == 0)\n"
                   "\t\treturn read_secret(a);\n\treturn strcmp(etag, tag) == 0;\n}\n")
        self.plant("tests/unit/fine.c", "int a = strcmp(secret, x);\n")
        self.assert_only("secrets", "controlplane/a.c:3:", "dataplane/b.c:3:")

    def test_exceptions_need_a_reason(self):
        self.plant("dataplane/a.c", "int a;\n")
        self.plant("dataplane/b.c", "int b;\n")
        self.plant("tests/hygiene/exceptions.txt",
                   "licence dataplane/a.c a table taken over whole\nlicence dataplane/b.c\n")
        self.assert_only("licence", "dataplane/b.c:1:")

    @unittest.skipUnless(shutil.which("clang-format-14") or shutil.which("clang-format"),
                         "clang-format is not installed")
    def test_format(self):
        here = pathlib.Path(__file__).resolve()
        shutil.copy(here.parents[2] / ".clang-format", self.root)
        self.plant("dataplane/a.c", "int a;\nint  b;\n")
        self.plant("dataplane/fine.c", "int a;\n")
        self.assert_only("format", "dataplane/a.c:2:")


if __name__ == "__main__":
    unittest.main()
