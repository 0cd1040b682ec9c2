# SPDX-License-Identifier: Apache-2.0
# What refs and index are, as text that is equal only if they are.
# shellcheck shell=sh

# snapshot DIR: also every move that HEAD ever made, with the numbers of the versions
snapshot() {
	"$STRATA" -C "$1" branch --json && "$STRATA" -C "$1" tag --json &&
		"$STRATA" -C "$1" reflog --json && "$STRATA" -C "$1" diff --staged --json
}
