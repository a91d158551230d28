# Makes of a machine a container host. The lines above say what is of this one; the last
# line calls main, so that half of this script does nothing.
#
# Standard error tells the steps. Standard output has "to go back: COMMAND" for each
# change, before it is made; undone are they from the last to the first.

begin() { step=$1 done=; }
did() { done="${done:+$done, }$1"; }
back() { echo "to go back: $1"; }
note() { echo "           $1" >&2; }
end() { # WORDS, if nothing was to be done
	if [ -n "$done" ]; then
		echo "  changed  $step: $done" >&2
	else
		echo "  ok       $step${1:+: $1}" >&2
	fi
	step=
}
fails() { # WHY [COMMAND]
	echo "  FAILED   $step: $1" >&2
	[ -z "${2:-}" ] || { note "mend it, on $host:"; note "  $2"; }
	step=
	exit 1
}
step=
trap '[ -z "$step" ] || echo "  FAILED   $step: the words above say why" >&2' EXIT

# put MODE FILE FUNCTION: the file is to be what the function prints. It may stand in a folder
# of the user's, where links of theirs could lead root elsewhere: each file is made anew.
put() {
	new=$2.new
	mkdir -p "$(dirname "$2")"
	rm -f "$new"
	(umask 077 && set -C && "$3" >"$new") && [ -s "$new" ] || { rm -f "$new"; fails "$2 cannot be written: is the disk full?" "df -h $(dirname "$2")"; }
	chmod "$1" "$new"
	if [ -f "$2" ] && cmp -s "$new" "$2"; then
		rm -f "$new"
		return
	fi
	keep "$2"
	mv -f "$new" "$2"
	did "$2"
}

# keep FILE: what is there now can be put back.
keep() {
	if [ -f "$1" ]; then
		rm -f "$1.before"
		ln "$1" "$1.before"
		back "mv -f $1.before $1"
	else
		back "rm -f $1"
	fi
}

# is_in GROUP
is_in() { id -nG "$user" 2>/dev/null | tr ' ' '\n' | grep -qx "$1"; }

# packaged FILE: a package has it, and changes it.
packaged() { dpkg -S "$1" >/dev/null 2>&1; }

# need PROGRAM PACKAGE
need() { command -v "$1" >/dev/null || case " $lacks " in *" $2 "*) ;; *) lacks="$lacks $2" ;; esac; }

look() {
	begin "this machine"
	[ "$(id -u)" = 0 ] || fails "it has to be prepared by root, not by $(id -un)" "sudo sh FILE"
	case $user in
	*[!a-zA-Z0-9_.@-]* | -* | "") fails "$user is no name of a user" "# name another with user= in HOSTS_FILE, or --user" ;;
	esac
	one_at_a_time
	[ "$user" != root ] || fails "the user root is no user of its own" "# name another with user= in HOSTS_FILE, or --user"
	lacks=
	need useradd passwd
	need docker docker.io
	[ -z "$table" ] || need nft nftables
	[ -z "$guard" ] || need gunzip gzip
	[ -z "$lacks" ] || fails "it lacks$lacks" "apt-get update && apt-get install -y$lacks"
	docker version >/dev/null 2>&1 || fails "Docker does not answer" "systemctl start docker; journalctl -u docker -n 20"
	systemd=
	[ ! -d /run/systemd/system ] || systemd=yes
	look_guard
	choose_way
	end "$(uname -m), Docker $(docker version -f '{{.Server.Version}}')${systemd:+, systemd}"
	[ -n "$systemd" ] || note "There is no systemd: nothing is loaded again at the next boot, see below."
}

# one_at_a_time: another one would write the same files, and lose this one's lines.
one_at_a_time() {
	command -v flock >/dev/null || return 0
	exec 9>>"$lock"
	flock -n 9 && return
	echo "  ...      waiting for another that prepares this machine" >&2
	flock 9
}
lock=/run/wrp-hosts-add.lock

# look_guard: whether the program that is to be installed is for this machine.
look_guard() {
	theirs=
	! packaged /usr/bin/wrp-hostguard || theirs=yes
	[ "$guard" = yes ] && [ -z "$theirs" ] || return 0
	case $(uname -m) in
	x86_64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	armv7* | armv8*) arch=armhf ;;
	*) arch=$(uname -m) ;;
	esac
	[ "$arch" = "$guard_arch" ] || fails "it is $arch, and the hostguard that was sent is for ${guard_arch:-nothing}; name another with --guard"
}

# choose_way: how the key is to reach Docker.
choose_way() {
	way=socket
	[ -z "$guard" ] || [ -n "$systemd" ] || way=command
	sshd=$(command -v sshd || echo /usr/sbin/sshd)
	said=$("$sshd" -T -C "user=$user,host=localhost,addr=127.0.0.1" 2>/dev/null | tr A-Z a-z || true)
	case "
$said
" in
	*"
allowstreamlocalforwarding no
"* | *"
allowstreamlocalforwarding remote
"* | *"
disableforwarding yes
"*) way=command ;;
	esac
	case ${guard:+guard}-$way in
	guard-socket) options=$guard_socket_options ;;
	guard-command) options=$guard_command_options ;;
	*-socket) options=$docker_socket_options ;;
	*) options=$docker_command_options ;;
	esac
}

image() {
	begin "image $image"
	if ! docker image inspect "$image" >/dev/null 2>&1; then
		echo "  ...      pulling $image" >&2
		docker pull -q "$image" >/dev/null || fails "it cannot be pulled" "docker load -i FILE   # where it is: docker save -o FILE $image"
		did "pulled, and stays"
	fi
	end "it is there"
}

program() {
	begin "hostguard"
	if [ -n "$theirs" ]; then
		end "the package wrp-hostguard's, which is left as it is"
		return
	fi
	put 755 /usr/bin/wrp-hostguard guard_program
	/usr/bin/wrp-hostguard --version >/dev/null || fails "/usr/bin/wrp-hostguard does not run here" "/usr/bin/wrp-hostguard --version"
	fresh=$done
	end "$(/usr/bin/wrp-hostguard --version)"
}

# settings: those of somebody's own are left alone.
settings() {
	begin "hostguard's settings"
	file=/etc/wrp-hostguard.conf
	if [ -f $file ] && grep -q '^[[:space:]]*[^#[:space:]]' $file && ! grep -qF "$mark" $file; then
		end "$file is somebody's own, and left as it is"
		note "It has to allow what the distributor asks for: wrp-hostguard --check"
	else
		put 644 $file guard_settings
		fresh=$fresh$done
		end "$file"
	fi
	said=$(/usr/bin/wrp-hostguard --check 2>&1) || { step="hostguard's settings"; fails "$said" "editor $file; wrp-hostguard --check"; }
	# One that serves a socket would go on with those of before. Its unit also makes its folder
	# its own, see below.
	[ -z "$fresh" ] || [ -z "$systemd" ] || systemctl try-restart wrp-hostguard.service 2>/dev/null || true
}

# service has systemd serve the socket.
service() {
	begin "hostguard's socket"
	if [ -z "$theirs" ]; then
		put 644 /usr/lib/sysusers.d/wrp-hostguard.conf guard_user
		put 644 /usr/lib/systemd/system/wrp-hostguard.socket guard_unit_socket
		put 644 /usr/lib/systemd/system/wrp-hostguard.service guard_unit_service
		said=$(systemd-sysusers wrp-hostguard.conf 2>&1) || fails "$said" "systemd-sysusers wrp-hostguard.conf"
		systemctl daemon-reload
	fi
	# It may have been the user's, see folder.
	[ ! -d /var/lib/wrp-hostguard ] || chown -R wrp-hostguard: /var/lib/wrp-hostguard
	if ! systemctl is-active -q wrp-hostguard.socket || ! systemctl is-enabled -q wrp-hostguard.socket; then
		back "systemctl disable --now wrp-hostguard.socket wrp-hostguard.service"
		systemctl -q enable --now wrp-hostguard.socket >&2 || fails "it does not start" "systemctl status wrp-hostguard.socket"
		did started
	fi
	[ -z "$done" ] || systemctl try-restart wrp-hostguard.service || true
	docker -H unix:///run/wrp-hostguard/docker.sock info >/dev/null 2>&1 || fails "nobody answers there" "journalctl -u wrp-hostguard -n 20"
	end "it answers"
}

# folder has what a guard remembers who is started by a login.
folder() {
	begin "hostguard's folder"
	if [ "$(stat -c %U /var/lib/wrp-hostguard 2>/dev/null)" != "$user" ]; then
		back "rm -r /var/lib/wrp-hostguard"
		install -d -o "$user" -m 700 /var/lib/wrp-hostguard
		[ ! -f /var/lib/wrp-hostguard/database-id ] || chown "$user" /var/lib/wrp-hostguard/database-id
		did /var/lib/wrp-hostguard
	fi
	end /var/lib/wrp-hostguard
}

account() {
	begin "user $user"
	if ! id "$user" >/dev/null 2>&1; then
		back "userdel -r $user"
		useradd -m -p '*' -s /bin/sh "$user"
		did made
	fi
	[ "$(id -u "$user")" != 0 ] || fails "it is root" "# name another with user= in HOSTS_FILE, or --user"
	home=$(getent passwd "$user" | cut -d: -f6)
	group=docker
	[ "$way" != socket ] || [ -z "$guard" ] || group=wrp-hostguard
	if ! is_in $group; then
		back "gpasswd -d $user $group"
		usermod -aG $group "$user"
		did "in group $group"
	fi
	end "in group $group"
}

# key: the line that says what it may do stands once, and other lines as they were.
key() {
	begin "key"
	dir=$home/.ssh file=$home/.ssh/authorized_keys
	for place in "$dir" "$file"; do
		[ ! -L "$place" ] || fails "$place is a link, and whose line that would be is not known" "rm $place"
	done
	if [ ! -d "$dir" ]; then
		back "rm -r $dir"
		install -d -o "$user" -g "$(id -gn "$user")" -m 700 "$dir"
	fi
	blob=$(echo "$public_key" | cut -d' ' -f2)
	if [ "$(grep -cF "$blob" "$file" 2>/dev/null)" != 1 ] || ! grep -qxF "$options $public_key" "$file"; then
		put 600 "$file" key_lines
	fi
	chown -h "$user:$(id -gn "$user")" "$file" # also if it was cut off here the last time
	end "$file"
}
key_lines() {
	grep -vF "$blob" "$file" 2>/dev/null || true
	echo "$options $public_key"
}

# alone takes away the other way to Docker.
alone() {
	begin "no other way to Docker"
	if is_in docker; then
		back "usermod -aG docker $user"
		gpasswd -d "$user" docker >/dev/null
		did "$user has left the group docker"
	fi
	end "$user is not in group docker"
}

egress() {
	begin "the host's table"
	if [ -e /etc/systemd/system/wrp-egress.service ]; then
		systemctl is-active -q wrp-egress || fails "that in /etc is not loaded" "systemctl restart wrp-egress; journalctl -u wrp-egress -n 20"
		end "that in /etc, which is left as it is"
		return
	fi
	if ! packaged /usr/lib/wrp-hostguard/wrp-egress.sh; then
		put 644 /usr/lib/wrp-hostguard/wrp-egress.nft egress_rules
		put 755 /usr/lib/wrp-hostguard/wrp-egress.sh egress_script
		[ -z "$systemd" ] || put 644 /usr/lib/systemd/system/wrp-egress.service egress_unit
	fi
	if [ -n "$systemd" ]; then load_by_systemd; else load_now; fi
	end "it is loaded"
}
load_by_systemd() {
	systemctl daemon-reload
	if ! systemctl is-active -q wrp-egress || ! systemctl is-enabled -q wrp-egress; then
		back "systemctl disable --now wrp-egress"
		systemctl -q enable --now wrp-egress >&2 || fails "it cannot be loaded" "journalctl -u wrp-egress -n 20   # or go on without it: --no-table"
		did loaded
	elif [ -n "$done" ]; then
		systemctl reload wrp-egress
	fi
}
load_now() {
	load="sh /usr/lib/wrp-hostguard/wrp-egress.sh load"
	if [ -n "$done" ] || ! nft list table inet wrp_egress >/dev/null 2>&1; then
		back "sh /usr/lib/wrp-hostguard/wrp-egress.sh unload"
		$load || fails "it cannot be loaded" "$load   # or go on without it: --no-table"
		did loaded
	fi
	note "Have it loaded at each boot, before Docker starts: $load"
}

main() {
	umask 022
	fresh=
	look
	image
	[ -z "$guard" ] || program
	[ -z "$guard" ] || settings
	[ -z "$guard" ] || [ "$way" != socket ] || service
	account
	[ -z "$guard" ] || [ "$way" != command ] || folder
	[ -z "$table" ] || egress
	key
	[ -z "$guard" ] || [ "$way" != socket ] || alone
}
