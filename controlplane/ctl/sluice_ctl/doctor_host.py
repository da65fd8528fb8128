# SPDX-License-Identifier: Apache-2.0
"""doctor's look at /proc and /sys: hugepages, IOMMU, driver, governor, isolated cores, NUMA."""
import dataclasses
import re

OK, WARN, FAIL = "ok", "warn", "fail"
PCI = re.compile(r"^(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b", re.IGNORECASE)
HUGE_MB_WANTED = 512


@dataclasses.dataclass
class Finding:
    check: str
    status: str  # ok, warn: it works, but badly or not surely; fail: it does not
    found: str
    cure: str = ""  # what to do; empty if nothing


def cores_of(text):
    """{2, 3, 5} of "2-3,5"; doubtful text is nothing."""
    cores = set()
    for part in filter(None, (text or "").replace(" ", "").split(",")):
        first, dash, end = part.partition("-")
        last = end if dash else first
        if not first.isdigit() or not last.isdigit():
            return set()
        cores.update(range(int(first), int(last) + 1))
    return cores


def list_of(cores):
    return ",".join(map(str, sorted(cores)))


def wire_pci(host):
    """The wire port's PCI address, or None for a virtual device."""
    wire = host.settings.get("wire", "")
    if not PCI.match(wire):
        return None
    address = wire.split(",")[0].lower()
    return address if address.count(":") == 2 else f"0000:{address}"


def hugepages(host):
    total = free = 0
    kinds = []
    for name in host.names("sys/kernel/mm/hugepages"):
        kb = int(re.sub(r"\D", "", name))
        count = int(host.text(f"sys/kernel/mm/hugepages/{name}/nr_hugepages") or 0)
        unused = int(host.text(f"sys/kernel/mm/hugepages/{name}/free_hugepages") or 0)
        total, free = total + count * kb // 1024, free + unused * kb // 1024
        if count:
            kinds.append(f"{count} of {kb // 1024} MB")
    cure = ("reserve them: default_hugepagesz=1G hugepagesz=1G hugepages=2 on the kernel's command "
            "line, or now: echo 512 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    if total == 0:
        yield Finding("hugepages", FAIL, "none are reserved", cure)
    elif total < HUGE_MB_WANTED:
        yield Finding("hugepages", WARN, f"{total} MB ({', '.join(kinds)}); the default limits "
                      f"want {HUGE_MB_WANTED} MB", cure)
    else:
        yield Finding("hugepages", OK, f"{', '.join(kinds)}; {free} MB free")
    if total and not re.search(r" hugetlbfs ", host.text("proc/mounts") or ""):
        yield Finding("hugetlbfs", FAIL, "it is not mounted",
                      "mkdir -p /dev/hugepages; mount -t hugetlbfs none /dev/hugepages")


def iommu(host):
    if host.settings.get("wire") and wire_pci(host) is None:
        yield Finding("IOMMU", OK, "not needed: the wire port is a virtual device")
        return
    units = host.names("sys/class/iommu")
    if units:
        yield Finding("IOMMU", OK, f"on ({', '.join(units)})")
        return
    line = host.text("proc/cmdline") or ""
    if re.search(r"\b(intel_iommu|amd_iommu)=on\b", line):
        cure = "the kernel is told to use one: enable VT-d or AMD-Vi in the firmware"
    else:
        cure = "boot with intel_iommu=on iommu=pt (AMD: amd_iommu=on iommu=pt), VT-d or AMD-Vi on"
    status = FAIL if host.settings.get("wire") else WARN
    yield Finding("IOMMU", status, "off: vfio-pci does not take a device without it", cure)


def driver(host):
    wire = host.settings.get("wire", "")
    if not wire:
        return
    address = wire_pci(host)
    if address is None:
        name = wire.split(",")[0].rstrip("0123456789")
        yield Finding("driver", WARN, f"{name}: the kernel's path, for labs and tests",
                      "bind a NIC to vfio-pci for speed: dpdk-devbind.py -b vfio-pci ADDRESS")
        return
    if not (host.root / f"sys/bus/pci/devices/{address}").exists():
        yield Finding("driver", FAIL, f"there is no PCI device {address}",
                      "lspci -D lists them; correct \"wire\"")
        return
    bound = host.link(f"sys/bus/pci/devices/{address}/driver")
    if bound in ("vfio-pci", "mlx5_core", "mlx4_core"):  # Mellanox stays with its kernel driver
        yield Finding("driver", OK, f"{address} is bound to {bound}")
    else:
        yield Finding("driver", FAIL, f"{address} is bound to {bound or 'no driver'}",
                      f"modprobe vfio-pci; dpdk-devbind.py -b vfio-pci {address} (its kernel "
                      "interface goes away)")


def governor(host):
    slow = {}
    seen = 0
    for cpu in host.names("sys/devices/system/cpu"):
        policy = host.text(f"sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor")
        if policy is None:
            continue
        seen += 1
        if policy != "performance":
            slow.setdefault(policy, []).append(cpu.removeprefix("cpu"))
    if slow:
        text = "; ".join(f"{policy} on CPU {','.join(cpus)}" for policy, cpus in slow.items())
        yield Finding("governor", WARN, text, "cpupower frequency-set -g performance")
    else:
        yield Finding("governor", OK, "performance on all CPUs" if seen else
                      "none: this machine sets its frequency by itself")


def isolated_cores(host):
    wanted = cores_of(host.settings.get("worker_cores"))
    isolated = cores_of(host.text("sys/devices/system/cpu/isolated"))
    online = cores_of(host.text("sys/devices/system/cpu/online"))
    if not wanted:
        status = WARN if host.settings.get("idle", "busy") == "busy" else OK
        yield Finding("worker cores", status, "worker_cores is empty: workers share the CPUs",
                      "set worker_cores, or idle = adaptive" if status == WARN else "")
        return
    if wanted - online:
        yield Finding("worker cores", FAIL, f"CPU {list_of(wanted - online)} is not there",
                      f"choose among {list_of(online)} in worker_cores")
    if wanted - isolated:
        rest = list_of(wanted)
        yield Finding("isolated cores", WARN, f"CPU {list_of(wanted - isolated)} also runs other "
                      "threads: packets wait for them",
                      f"boot with isolcpus={rest} nohz_full={rest} rcu_nocbs={rest}")
    else:
        yield Finding("isolated cores", OK, f"CPU {list_of(wanted)}")


def numa(host):
    nodes = [n for n in host.names("sys/devices/system/node") if re.fullmatch(r"node\d+", n)]
    address, cores = wire_pci(host), cores_of(host.settings.get("worker_cores"))
    if len(nodes) < 2:
        yield Finding("NUMA", OK, "one node: everything is near")
        return
    if address is None or not cores:
        yield Finding("NUMA", OK, f"{len(nodes)} nodes; no wire device or no worker cores to compare")
        return
    at = host.text(f"sys/bus/pci/devices/{address}/numa_node")
    near = cores_of(host.text(f"sys/devices/system/node/node{at}/cpulist"))
    if at in (None, "-1") or not near:
        yield Finding("NUMA", WARN, f"it is not known which node {address} is at",
                      "the firmware should say; measure both")
    elif cores - near:
        yield Finding("NUMA", WARN, f"{address} is at node {at}, CPU {list_of(cores - near)} is not",
                      f"choose worker_cores among {list_of(near)}")
    else:
        yield Finding("NUMA", OK, f"{address} and the worker cores are at node {at}")


CHECKS = (hugepages, iommu, driver, governor, isolated_cores, numa)
