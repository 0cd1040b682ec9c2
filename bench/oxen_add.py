#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Oxen's side of the benchmark, through its Python package: oxen_add.py init | add PATH, in the folder."""
import sys

import oxen
from oxen.user import config_user

if sys.argv[1] == "init":
    config_user("bench", "bench@example.org")
    oxen.Repo(".").init()
else:
    repo = oxen.Repo(".")
    repo.add(sys.argv[2])
    repo.commit("bench")
