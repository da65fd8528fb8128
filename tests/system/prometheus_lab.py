# SPDX-License-Identifier: Apache-2.0
"""What tests of /metrics share: Debian's prometheus, unpacked under the build folder so that no
service starts; scrapes of the lab's control plane; their text as series.

Import it before api_lab, which goes to a namespace that nothing can be downloaded in.
"""
import os
import pathlib
import re
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LAB_BUILD", TREE / "build"))
PROMETHEUS = BUILD / "prometheus"
LAB = os.environ["LAB_NAME"]
ADDRESS = "127.0.0.1:9464"  # deploy/lab/processes.sh
METRICS = f"http://{ADDRESS}/metrics"
SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def in_lab(*command, **options):
    """Runs in the SFU's namespace, whose loopback it is."""
    return subprocess.run(["ip", "netns", "exec", LAB, *command], capture_output=True, check=False,
                          timeout=30, **options)


def curl(*arguments):
    done = in_lab("curl", "--silent", "--show-error", *arguments, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def scrape():
    return curl(METRICS)


def unpack():
    if (PROMETHEUS / "usr/bin/promtool").exists():
        return
    PROMETHEUS.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "prometheus"],
                   cwd=PROMETHEUS, check=True, timeout=60)
    package = next(PROMETHEUS.glob("prometheus_*.deb"))
    subprocess.run(["dpkg", "-x", package, PROMETHEUS], check=True)
    package.unlink()


unpack()


def tool(name):
    """Path of prometheus or promtool."""
    return str(PROMETHEUS / "usr/bin" / name)


def promtool(*arguments, **options):
    return subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True,
                          check=False, timeout=60, **options)


def series(text):
    """{(name, ((label, value), ...)): number} of a scrape."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        assert match, f"no sample: {line!r}"
        key = (match[1], tuple(sorted(LABEL.findall(match[2] or ""))))
        assert key not in found, f"{key} is there twice"
        found[key] = float(match[3])
    return found


def values(found, name, **labels):
    """Numbers of the series of that name that have these labels."""
    wanted = set(labels.items())
    return [number for (its, pairs), number in found.items()
            if its == name and wanted <= set(pairs)]


def value(found, name, **labels):
    numbers = values(found, name, **labels)
    assert len(numbers) == 1, f"{name} {labels}: {len(numbers)} series"
    return numbers[0]
