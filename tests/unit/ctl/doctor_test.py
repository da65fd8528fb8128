# SPDX-License-Identifier: Apache-2.0
"""doctor on hosts made of files: what it finds and what it says to do."""
import contextlib
import io
import json
import pathlib
import subprocess
import tempfile
import unittest

from sluice_ctl import command, doctor, doctor_host
from sluice_ctl.doctor_host import FAIL, OK, WARN

NIC = "0000:65:00.0"
FIT = {
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "1024",
    "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages": "1000",
    "proc/mounts": "hugetlbfs /dev/hugepages hugetlbfs rw 0 0",
    "proc/cmdline": "ro quiet intel_iommu=on",
    "sys/class/iommu/dmar0/name": "",
    f"sys/bus/pci/devices/{NIC}/numa_node": "1",
    f"sys/bus/pci/devices/{NIC}/driver": "-> ../vfio-pci",
    "sys/devices/system/cpu/isolated": "4-5",
    "sys/devices/system/cpu/online": "0-7",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    "sys/devices/system/cpu/cpu4/cpufreq/scaling_governor": "performance",
    "sys/devices/system/node/node0/cpulist": "0-3",
    "sys/devices/system/node/node1/cpulist": "4-7",
}
SETTINGS = {"wire": "65:00.0", "worker_cores": "4,5", "idle": "busy"}


class Doctor(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def host(self, changes=None, **settings):
        for path, text in {**FIT, **(changes or {})}.items():
            if text is None:
                continue
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                target.symlink_to(text[3:])
            else:
                target.write_text(text + "\n", encoding="utf-8")
        return doctor.Host(self.root, {**SETTINGS, **settings})

    def one(self, check, host):
        found = list(check(host))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_a_fit_host(self):
        host = self.host()
        found = [f for check in doctor_host.CHECKS for f in check(host)]
        self.assertEqual({f.status for f in found}, {OK}, found)
        self.assertEqual([f.check for f in found], ["hugepages", "IOMMU", "driver", "governor",
                                                    "isolated cores", "NUMA"])
        self.assertEqual({f.cure for f in found}, {""})

    def test_each_misfit(self):
        pages = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
        governor = "sys/devices/system/cpu/cpu4/cpufreq/scaling_governor"
        rows = (
            ("hugepages", {pages: "0"}, {}, FAIL, "none", "hugepages="),
            ("hugepages", {pages: "100"}, {}, WARN, "200 MB", "nr_hugepages"),
            ("iommu", {"sys/class/iommu/dmar0/name": None}, {}, FAIL, "off", "firmware"),
            ("iommu", {"sys/class/iommu/dmar0/name": None, "proc/cmdline": "ro"}, {}, FAIL, "off",
             "intel_iommu=on"),
            ("iommu", {"sys/class/iommu/dmar0/name": None}, {"wire": "net_af_packet0,iface=x"}, OK,
             "virtual", ""),
            ("driver", {f"sys/bus/pci/devices/{NIC}/driver": "-> ../i40e"}, {}, FAIL, "i40e",
             f"-b vfio-pci {NIC}"),
            ("driver", {}, {"wire": "0000:66:00.0"}, FAIL, "no PCI device 0000:66:00.0", "lspci"),
            ("driver", {}, {"wire": "net_af_packet0,iface=x"}, WARN, "net_af_packet", "vfio-pci"),
            ("governor", {governor: "powersave"}, {}, WARN, "powersave on CPU 4", "cpupower"),
            ("isolated_cores", {}, {"worker_cores": "3-5"}, WARN, "CPU 3 ", "isolcpus=3,4,5"),
            ("isolated_cores", {}, {"worker_cores": ""}, WARN, "empty", "idle = adaptive"),
            ("isolated_cores", {}, {"worker_cores": "", "idle": "adaptive"}, OK, "empty", ""),
            ("isolated_cores", {"sys/devices/system/cpu/isolated": "4-9"}, {"worker_cores": "9"},
             FAIL, "CPU 9 is not there", "0,1,2,3,4,5,6,7"),
            ("numa", {}, {"worker_cores": "2,4"}, WARN, "CPU 2 is not", "4,5,6,7"),
            ("numa", {f"sys/bus/pci/devices/{NIC}/numa_node": "-1"}, {}, WARN, "not known", "measure"),
        )
        for name, changes, settings, status, found, cure in rows:
            with self.subTest(name=name, found=found), tempfile.TemporaryDirectory() as root:
                self.root = pathlib.Path(root)
                first = next(iter(getattr(doctor_host, name)(self.host(changes, **settings))))
                self.assertEqual(first.status, status, first)
                self.assertIn(found, first.found)
                self.assertIn(cure, first.cure)
                self.assertEqual(bool(first.cure), status != OK)

    def test_an_empty_root(self):
        """A machine that shows nothing is no reason to fall over."""
        host = doctor.Host(self.root, {})
        found = [f for check in doctor_host.CHECKS for f in check(host)]
        self.assertIn(FAIL, {f.status for f in found})

    def test_core_lists(self):
        self.assertEqual(doctor_host.cores_of("2-4,7"), {2, 3, 4, 7})
        self.assertEqual(doctor_host.cores_of(" 1 , 3 "), {1, 3})
        for text in (None, "", "a-b", "1-", "-"):
            self.assertEqual(doctor_host.cores_of(text), set(), text)

    def run_doctor(self, *arguments):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = command.main(["doctor", "--root", str(self.root), *arguments])
        return status, output.getvalue()

    def certificate(self, days):
        path = self.root / f"{days}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-days", str(days),
                        "-keyout", "/dev/null", "-out", path], check=True, capture_output=True)
        return path

    def test_command(self):
        self.host()
        config = self.root / "dataplane.conf"
        config.write_text("# wire = x\nwire = 65:00.0 # the NIC\nworker_cores = 4-5\n",
                          encoding="utf-8")
        status, text = self.run_doctor("--dataplane-config", str(config), "--json", "--certificate",
                                       str(self.certificate(90)))
        found = json.loads(text)
        self.assertEqual({f["status"] for f in found}, {OK}, found)
        self.assertEqual(status, 0)
        self.assertEqual(found[-1]["check"], "certificate")
        status, text = self.run_doctor("--dataplane-config", str(config), "--certificate",
                                       str(self.certificate(3)))
        self.assertEqual(status, 0)
        self.assertRegex(text, r"warn  certificate: self-signed, ends on .*\n +-> replace")
        (self.root / "broken.pem").write_text("x", encoding="utf-8")
        status, text = self.run_doctor("--certificate", str(self.root / "broken.pem"),
                                       "--dataplane-config", str(self.root / "none"))
        self.assertEqual(status, 1)
        self.assertIn("FAIL  certificate", text)
        self.assertIn("warn  configuration", text)


if __name__ == "__main__":
    unittest.main()
