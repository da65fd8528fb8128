# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Builds Sluice as the user the checkout belongs to, never as root in somebody else's checkout.

# The user under sudo, else the owner of the checkout. Empty: no other than the present one.
lab_builder() {
	local user=${SUDO_USER:-}
	[[ -n $user ]] || user=$(stat -c %U "$lab_tree")
	if [[ $(id -u) == 0 && $user != root ]] && getent passwd "$user" >/dev/null; then
		printf '%s' "$user"
	fi
}

# lab_as_builder DIRECTORY COMMAND...
lab_as_builder() {
	local directory=$1 user
	shift
	user=$(lab_builder)
	if [[ -z $user ]]; then
		lab_run env -C "$directory" "$@"
		return
	fi
	lab_run runuser -u "$user" -- env -C "$directory" \
		HOME="$(getent passwd "$user" | cut -d : -f 6)" USER="$user" LOGNAME="$user" "$@"
}

# A directory left root's by an earlier run as root would stop the user's build.
lab_give_to_builder() {
	local user
	user=$(lab_builder)
	[[ -z $user || ! -e $1 || $(stat -c %U "$1") == "$user" ]] || chown -R "$user:" "$1"
}

# Each of these says what failed and returns 1.
#
# lab_meson DIRECTORY [OPTION...]: configures once, then builds what changed.
lab_meson() {
	local directory=$1
	shift
	lab_give_to_builder "$lab_tree/$directory"
	if [[ ! -f $lab_tree/$directory/build.ninja ]]; then
		say "configuring $directory/"
		lab_as_builder "$lab_tree" meson setup "$directory" "$@" >/dev/null || {
			warn "meson setup failed: see $directory/meson-logs/meson-log.txt"
			return 1
		}
	fi
	lab_ninja "$directory"
}

# One line for a step of seconds; ninja's own lines only when it fails.
lab_ninja() {
	local log=$lab_tree/$1/build.log status=0
	say "building $1/"
	lab_as_builder "$lab_tree" sh -c 'exec ninja -C "$0" >"$0/build.log" 2>&1' "$1" || status=$?
	((status == 0)) || {
		tail -n 60 "$log" >&2
		warn "the build failed; all of it is in $1/build.log"
		return 1
	}
}

# lab_npm DIRECTORY: what package-lock.json says, exactly, and only when that changed.
lab_npm() {
	local directory=$lab_tree/$1 stamp=$lab_tree/$1/node_modules/.sluice-lock
	[[ -f $directory/package-lock.json ]] || return 0
	cmp -s "$directory/package-lock.json" "$stamp" && return 0
	lab_give_to_builder "$directory/node_modules"
	say "fetching the npm packages of $1"
	lab_as_builder "$directory" npm ci --no-audit --no-fund --loglevel=error >/dev/null ||
		{ warn "npm ci failed in $1" && return 1; }
	lab_as_builder "$directory" cp package-lock.json node_modules/.sluice-lock
}

lab_page() {
	local web=controlplane/web
	[[ -f $lab_tree/$web/package-lock.json ]] || return 0
	lab_npm $web || return 1
	[[ ! -f $lab_tree/$web/dist/app.js || -n $(cd "$lab_tree" && find $web proto/api \
		-path $web/dist -prune -o -path $web/node_modules -prune -o -path $web/src/gen -prune -o \
		-type f -newer $web/dist/app.js -print -quit) ]] || return 0
	lab_give_to_builder "$lab_tree/$web/dist"
	say "building the page"
	lab_as_builder "$lab_tree/$web" npm run --silent build >/dev/null || {
		warn "the page's build failed"
		return 1
	}
}
