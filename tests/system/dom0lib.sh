# SPDX-License-Identifier: BSD-2-Clause
# For scripts in Dom0: . /etc/bulkhead/testlib.sh

# fail TEXT...: ends the script; ./check prints the line.
fail() {
	echo "FAILED: $*"
	echo "--- state at the failure"
	xl list 2>&1
	tail -n 15 /var/log/xen/console/*.log 2>/dev/null
	exit 1
}

# need TEXT COMMAND...: COMMAND must succeed.
need() {
	what=$1
	shift
	"$@" || fail "$what"
}

# fact TEXT...: must be the same on both cores.
fact() {
	echo "fact: $*"
}

# within SECONDS COMMAND...: repeats COMMAND until it succeeds.
within() {
	limit=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -ge $limit ] && return 1
		sleep 0.5
	done
}

# settled COMMAND...: COMMAND prints what it printed a second ago. For `within`, after `now=`; it is in $now.
settled() {
	last=$now now=$("$@")
	[ "$last" = "$now" ] || { sleep 1; false; }
}

# guest NAME [LINE...]: writes /tmp/NAME.cfg, a small guest; LINEs are added, the last one wins.
guest() {
	name=$1
	shift
	{
		sed "s/\"guest\"/\"$name\"/" /etc/xen/guest.cfg
		for line in "$@"; do
			echo "$line"
		done
	} >"/tmp/$name.cfg"
}

# said NAME PATTERN [COUNT]: the guest's console has said it (COUNT times).
said() {
	[ "$(grep -c "$2" "/var/log/xen/console/guest-$1.log" 2>/dev/null || true)" -ge "${3:-1}" ]
}

# domid NAME / state NAME / memory_of NAME: columns of xl list.
domid() {
	xl domid "$1" 2>/dev/null
}

state() {
	xl list "$1" 2>/dev/null | awk 'NR == 2 { print $5 }'
}

memory_of() {
	xl list "$1" 2>/dev/null | awk 'NR == 2 { print $3 }'
}

gone() {
	! xl domid "$1" >/dev/null 2>&1
}

# ask NAME COMMAND: types COMMAND on the guest's console; what comes back is in /tmp/console.
ask() {
	if [ "$(cat /etc/bulkhead/tools)" = stock ]; then
		# `xl console` passes input on only from a terminal.
		console="xenconsole --interactive $(domid "$1")"
	else
		console="xl console $1"
	fi
	(sleep 1; echo "$2"; sleep 3) | timeout 10 $console >/tmp/console 2>&1
}

# guest_image FILE FOLDER: a guest's initramfs with FOLDER's content added.
guest_image() {
	(cd "$2" && find . | cpio -o -H newc 2>/dev/null) >/tmp/extra.cpio
	cat /boot/guest-initrd.img /tmp/extra.cpio >"$1"
}
