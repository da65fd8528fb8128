# SPDX-License-Identifier: Apache-2.0
"""The parts of api_model_test.py: where it runs, what its clients do, and what has to hold."""
