# SPDX-License-Identifier: Apache-2.0
"""doctor: is this host fit for a dataplane? Each finding says what was found and what to do."""
import dataclasses
import pathlib

from sluice_ctl import doctor_certificate, doctor_host, output
from sluice_ctl.doctor_host import FAIL, OK, WARN

DATAPLANE_CONFIG = "/etc/sluice/sluice-dataplane.conf"
MARKS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}


@dataclasses.dataclass
class Host:
    """What the checks look at."""
    root: pathlib.Path
    settings: dict  # of the dataplane's configuration

    def text(self, path):
        """A file's content without the final newline, or None."""
        try:
            return (self.root / path).read_text(encoding="utf-8").strip()
        except OSError:
            return None

    def names(self, path):
        try:
            return sorted(entry.name for entry in (self.root / path).iterdir())
        except OSError:
            return []

    def link(self, path):
        """The last part of what a symbolic link points to, or None."""
        try:
            return (self.root / path).readlink().name
        except OSError:
            return None


def read_settings(path):
    """KEY = VALUE lines; what follows a # is a comment. None if there is no such file."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    pairs = (line.split("#")[0].partition("=") for line in lines)
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def findings(host, options):
    for check in doctor_host.CHECKS:
        yield from check(host)
    yield doctor_certificate.check(options)


def run_doctor(_, options):
    settings = read_settings(options.dataplane_config)
    found = [] if settings is not None else [doctor_host.Finding(
        "configuration", WARN, f"{options.dataplane_config} cannot be read: checks of the wire port "
        "and the workers' cores are left out", "name it with --dataplane-config")]
    found += findings(Host(pathlib.Path(options.root), settings or {}), options)
    if options.json:
        output.print_json([dataclasses.asdict(f) for f in found])
    else:
        for f in found:
            print(f"{MARKS[f.status]}  {f.check}: {f.found}")
            if f.cure:
                print(f"      -> {f.cure}")
    return 1 if any(f.status == FAIL for f in found) else 0
