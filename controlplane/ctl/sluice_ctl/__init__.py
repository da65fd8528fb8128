# SPDX-License-Identifier: Apache-2.0
"""The commands of sluicectl. command.py knows them all; each module is one or a few of them."""
