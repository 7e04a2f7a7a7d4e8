#!/bin/sh
# SPDX-License-Identifier: MIT
# The sandbox inside a chroot: the tests given run there as root, and a plain user is told why it cannot be.
#
#   chroot.sh TEST_PROGRAM…      exit 77: this cannot be tried here (not root, or mounts are not allowed)
set -u

if [ "${1-}" != --inside ]; then
	[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || exit 77
	exec unshare -m --propagation private sh "$0" --inside "$@"
fi
shift

root=$(mktemp -d) || exit 1
trap 'umount -l "$root" 2>/dev/null; rmdir "$root"' EXIT
mount -t tmpfs none "$root" || exit 77
# Not the root of a mount, as a chroot usually is.
jail=$root/jail
mkdir -p "$jail/usr" "$jail/proc" "$jail/dev" "$jail/tmp" "$jail/etc" "$jail/tests"
chmod 1777 "$jail/tmp"
chmod 755 "$root" "$jail"
for name in bin sbin lib lib32 lib64 libx32; do
	if [ -L "/$name" ]; then
		ln -s "$(readlink "/$name")" "$jail/$name"
	elif [ -d "/$name" ]; then
		mkdir "$jail/$name" && mount --bind "/$name" "$jail/$name" || exit 77
	fi
done
mount --bind /usr "$jail/usr" && mount -t proc proc "$jail/proc" && mount --bind /dev "$jail/dev" || exit 77
cp /etc/passwd /etc/group /etc/ld.so.cache "$jail/etc/"
cp -r /etc/alternatives "$jail/etc/"

for program in "$@"; do
	cp "$program" "$jail/tests/" || exit 1
	chroot "$jail" env -i PATH=/usr/bin:/bin "/tests/$(basename "$program")" || exit 1
done

said=$(chroot --userspec=65534:65534 "$jail" env -i PATH=/usr/bin:/bin "/tests/$(basename "$1")" 2>&1)
case $said in
*"inside a chroot"*) ;;
*)
	printf 'a plain user in a chroot is not told why there is no sandbox:\n%s\n' "$said" >&2
	exit 1
	;;
esac
