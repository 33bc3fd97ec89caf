#!/usr/bin/env bash
# fresh.sh [COMMAND...] : proves the README's commands on a new Debian 12, in a folder.
#
# debootstrap makes the machine (minbase, and git, make, ca-certificates; nothing else), the commits
# of this repository are cloned into it, and `make run` and then `make test` (or COMMAND, a make
# target each) work there, as a user would. Needs root, the network, and about 6 GB in
# FRESH_DIR (/var/tmp/drover-fresh). KEEP=1 leaves the folder behind to look at.
#
# All mounts are made in a mount namespace of this script's own, and all processes in a process
# namespace: they end with it, whatever happens. ../shared is seen there read-only, if it is here.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

at="${FRESH_DIR:-/var/tmp/drover-fresh}"
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(run test)

if [ "${DROVER_FRESH_INSIDE:-}" != 1 ]; then
  [ "$(id -u)" -eq 0 ] || die 2 "make fresh makes a system in a folder, and needs root: sudo make fresh"
  "$ROOT/scripts/packages.sh" fresh
  cd "$ROOT"
  [ -z "$(git status --porcelain)" ] || say "note: only what is committed is tested; there are changes"
  status=0
  DROVER_FRESH_INSIDE=1 unshare --mount --pid --fork --kill-child --propagation private \
    "$ROOT/scripts/fresh.sh" "${targets[@]}" || status=$?
  # Outside the namespace nothing is mounted below the folder, so this removes only the folder.
  [ "${KEEP:-}" = 1 ] || rm -rf --one-file-system "$at"
  exit $status
fi

start=$SECONDS
log="$at.log"
# The mirror that this machine uses; debootstrap's own choice where that cannot be told.
mirror_of() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$1" '$2 == suite {print $1; exit}'
}
mirror="$(mirror_of bookworm)"
security="$(mirror_of bookworm-security)"
rm -rf --one-file-system "$at"
mkdir -p "$at"
debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$at" ${mirror:+"$mirror"} \
  >"$log" 2>&1 || { tail "$log" >&2; die 1 "debootstrap did not succeed (all of it: $log)"; }

# The suites that an installed Debian 12 has beside the release.
cat >>"$at/etc/apt/sources.list" <<SUITES
deb ${mirror:-http://deb.debian.org/debian} bookworm-updates main
deb ${security:-http://deb.debian.org/debian-security} bookworm-security main
SUITES
# What debootstrap read is of the release alone: as on a new machine, nothing is known yet.
rm -rf "$at"/var/lib/apt/lists/*

# How to reach the network, as on any machine of this site: names, and the site's own certificates.
cp /etc/resolv.conf /etc/hosts "$at/etc/"
if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
  cp /usr/local/share/ca-certificates/*.crt "$at/usr/local/share/ca-certificates/"
  chroot "$at" update-ca-certificates >>"$log" 2>&1
fi
mount -t proc proc "$at/proc"
mount --rbind /dev "$at/dev"
mount -t tmpfs -o mode=1777 tmpfs "$at/tmp"
mkdir -p "$at/home/user"
if [ -d "$ROOT/../shared" ]; then
  mkdir -p "$at/home/user/shared"
  mount --bind "$(cd "$ROOT/../shared" && pwd -P)" "$at/home/user/shared"
  mount -o remount,bind,ro "$at/home/user/shared"
fi
say "a new Debian 12 after $((SECONDS - start)) s: $at"

inside() {
  # Nothing of this shell's settings goes in: neither its PATH, nor its home, nor its caches.
  env -i HOME=/home/user PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${CI:+CI=$CI} ${JOBS:+JOBS=$JOBS} ${http_proxy:+http_proxy=$http_proxy} \
    ${https_proxy:+https_proxy=$https_proxy} chroot "$at" bash -euo pipefail -c "$1"
}
# Cloned from outside, so that a work tree of another clone serves too.
git clone -q --no-local "$ROOT" "$at/home/user/drover"

for target in "${targets[@]}"; do
  say "--- make $target"
  begin=$SECONDS
  status=0
  inside "cd /home/user/drover && make $target" || status=$?
  say "--- make $target: exit code $status after $((SECONDS - begin)) s"
  [ $status -eq 0 ] || exit $status
done
