# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The lab: Sluice on a veth pair in network namespaces, on one machine without a NIC to spare.
# Sourced by deploy/quickstart, by run-in-lab and ctl beside it, and by system tests.

lab_tree=$(realpath "${BASH_SOURCE[0]%/*}/../..")

for lab_part in say undo hugepages network processes build public hoststate; do
	# shellcheck source=/dev/null
	. "$lab_tree/deploy/lab/$lab_part.sh"
done
unset lab_part
