#!/bin/sh
# Backs up the database and puts a backup back: that of the Compose stack, as
# statements, or a SQLite file, as a file. .env and ssh/ are not in it.
#
# Usage:
#   backup.sh backup [FILE]   NAME.sql is the stack's, NAME.db the SQLite file's;
#                             without it: whichever is there, by date
#   backup.sh restore FILE    while nothing runs on the database; FORCE=1: also if
#                             that loses sessions
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
. scripts/compose.sh

# Somebody may have had since the backup what waited for a client then: with this
# none of it is handed over.
outdate="UPDATE sessions SET settings = ''"

# How many are nobody's session yet; older databases know no such.
waiting="SELECT COUNT(*) FROM sessions WHERE state IN ('warm', 'warming')"

umask 077 # tokens of sessions are in it

# begin: nobody else is at work here, and what this leaves is seen to.
begin() {
	one_at_a_time
	trap leave EXIT
	trap 'cut_off=yes; exit 130' INT TERM HUP
}

# leave: whichever way this ends, no unfinished file stays, and MySQL is left as it was.
leave() {
	code=$?
	trap '' INT TERM HUP
	[ -z "${unfinished:-}" ] || rm -f "$unfinished" "$unfinished-journal" "$unfinished-wal" "$unfinished-shm"
	leave_mysql || code=1
	if [ -n "${cut_off:-}" ]; then
		code=130
		say "Cut off before this $command was done.$(way_back)"
	fi
	exit "$code"
}

# sqlite_file: where the distributor has its own.
sqlite_file() {
	dsn=$(setting SESSION_DATABASE_DSN)
	kept=$(setting SESSION_DATABASE_DSN_FILE)
	[ -n "$dsn" ] || [ -z "$kept" ] || dsn=$(cat "$kept") || die "SESSION_DATABASE_DSN_FILE cannot be read. Nothing was done."
	case $dsn in
	sqlite:*) echo "${dsn#sqlite:}" ;;
	"") echo "$(setting DATA_DIR data)/distributor.db" ;;
	esac
}

need_sqlite() { command -v sqlite3 >/dev/null || die "sqlite3 is missing (Debian: apt-get install sqlite3)."; }

# ask FILE STATEMENT: asks a SQLite file, and waits for whoever writes just then.
ask() { sqlite3 -bail -cmd ".timeout 10000" "$1" "$2"; }

# checked_sqlite FILE: every database of ours has one row in pool.
checked_sqlite() {
	[ "$(ask "$1" 'PRAGMA integrity_check; SELECT COUNT(*) FROM pool' 2>/dev/null | tr '\n' ' ')" = "ok 1 " ]
}

backup_sqlite() { # TO
	from=$(sqlite_file)
	[ -n "$from" ] && [ -f "$from" ] || die "There is no SQLite file ${from:-, SESSION_DATABASE_DSN names another kind of database}."
	[ ! "$1" -ef "$from" ] || die "$1 is the database itself. Nothing was done."
	need_sqlite
	unfinished=$1.new
	# With another journal one file is all of it.
	ask "$from" ".backup \"$unfinished\"" && ask "$unfinished" 'PRAGMA journal_mode=DELETE' >/dev/null ||
		die "$from cannot be backed up to $1."
	checked_sqlite "$unfinished" || die "What came out of $from is no whole database."
	mv "$unfinished" "$1"
	unfinished=
	say "Backed up $from to $1."
}

restore_sqlite() { # FROM
	to=$(sqlite_file)
	[ -n "$to" ] || die "SESSION_DATABASE_DSN names no SQLite file, and $1 is one."
	need_sqlite
	checked_sqlite "$1" || die "$1 is no whole database of the distributor. Nothing was done."
	if [ -s "$to" ]; then
		# Only possible while no other process has the file open.
		[ "$(ask "$to" 'PRAGMA journal_mode=DELETE' 2>/dev/null)" = delete ] ||
			die "A distributor or cleanup has $to open: stop it first. Nothing was done."
		sessions=$(ask "$to" 'SELECT COUNT(*) FROM sessions')
		spare "$sessions" "$(ask "$to" "$waiting" 2>/dev/null)"
		kept=$(dated).before-restore.db
		backup_sqlite "$kept"
		before=$kept
	fi
	ask "$to" ".restore \"$1\"" || die "$to cannot be restored from $1.$(way_back)"
	[ "$(id -u)" != 0 ] || chown --reference="$(dirname "$to")" "$to"
	checked_sqlite "$to" || die "What is in $to now is no whole database.$(way_back)"
	ask "$to" "$outdate" 2>/dev/null || true # older backups do not know settings
	say "Restored $to from $1."
}

# has_rows FILE: is it a whole dump, of a database of ours or the PHP program's?
has_rows() {
	tail -n 3 "$1" | grep -q '^-- Dump completed' &&
		grep -q '^INSERT INTO `\(pool\|doctrine_migration_versions\|sessions\|statistics\)`' "$1"
}

backup_stack() { # TO
	unfinished=$1.new
	make_dump "$unfinished"
	has_rows "$unfinished" || die "The dump is not whole, or has no rows: did the distributor ever run on it?"
	mv "$unfinished" "$1"
	unfinished=
	say "Backed up the stack's database to $1."
}

# make_dump TO: what needs rights (PROCESS, RELOAD, ...) that the stack's account
# does not have is left out. Which options that takes depends on whose program it
# is, and how old.
make_dump() {
	in_mysql 'help=$($dump --help)
		case $help in *--set-gtid-purged*) options="$options --set-gtid-purged=OFF" ;; esac
		case $help in *--masking-policies*) options="$options --skip-masking-policies" ;; esac
		exec $dump $options --single-transaction --no-tablespaces --hex-blob "$MYSQL_DATABASE"' >"$1" ||
		die "The database cannot be dumped."
}

restore_stack() { # FROM
	for service in distributor cleanup; do
		! runs $service || die "The stack runs. Stop it first: scripts/stack.sh stop distributor cleanup, by which sessions go on, or make stop, which ends them. Nothing was done."
	done
	make_password
	start_mysql
	sessions=$(count sessions) && rows=$(count pool) || die "MySQL does not say whether there are sessions. Nothing was done."
	spare "$sessions" "$(in_mysql "\$client \$options -N \"\$MYSQL_DATABASE\" -e \"$waiting\"" 2>/dev/null)"
	if [ "$rows" != 0 ]; then
		kept=$(dated).before-restore.sql
		backup_stack "$kept"
		before=$kept
	fi
	# MariaDB's dumps begin with a line that other clients do not understand. Tables
	# that are not in the dump would be in the way of later migrations.
	sed '1 { /enable the sandbox mode/d; }' "$1" | in_mysql '
		$client $options -e "DROP DATABASE $MYSQL_DATABASE; CREATE DATABASE $MYSQL_DATABASE" &&
			exec $client $options "$MYSQL_DATABASE"' || die "The database cannot be restored.$(way_back)"
	in_mysql "\$client \$options -e \"$outdate\" \"\$MYSQL_DATABASE\"" 2>/dev/null || true
	say "Restored the stack's database from $1. make up starts it."
}

# way_back: what a restore that failed has lost can be had again.
way_back() { [ -z "${before:-}" ] || echo " What was there before is in $before."; }

# spare SESSIONS WAITING: their containers would not be known any more.
spare() {
	[ "$1" != 0 ] && [ -z "${FORCE:-}" ] || return 0
	there="There are $1 sessions" them=them
	[ "$1" != 1 ] || there="There is 1 session" them=it
	[ "${2:-0}" = 0 ] || waits=" (without a client yet: $2)"
	die "$there in the database${waits:-}, which would be lost: stop $them first (make stop, or bin/cleanup --all), or say FORCE=1. Nothing was done."
}

# check_name FILE: sqlite3 has its own mind about quotes, and what is in a backup its name has to
# say.
check_name() {
	case $1 in
	*[\"\\]* | *"
"* | -* | file:*) die "A backup's name can have no double quote, backslash or new line in it, and no \"-\" or \"file:\" before it: $1. Nothing was done." ;;
	*.db | *.sql) ;;
	*) die "A backup's name ends in .sql (the stack's database) or .db (a SQLite file), which $1 does not. Nothing was done." ;;
	esac
}

# dated: a name by which there is no backup here yet.
dated() {
	while name=backup-$(date +%Y%m%d-%H%M%S) && ls "$name".* >/dev/null 2>&1; do sleep 1; done
	echo "$name"
}

backup() { # [FILE]
	[ -z "${1:-}" ] || check_name "$1"
	begin
	case ${1:-} in
	*.db) backup_sqlite "$1" ;;
	*.sql) on_stack backup_stack "$1" ;;
	"")
		found=
		name=$(dated)
		if has_stack; then
			found=yes
			on_stack backup_stack "$name.sql"
		fi
		file=$(sqlite_file)
		if [ -n "$file" ] && [ -f "$file" ]; then
			found=yes
			backup_sqlite "$name.db"
		fi
		[ -n "$found" ] || die "There is nothing to back up here: no stack (make up), and no SQLite file${file:+ $file}. For a MySQL elsewhere see docs/operations.md."
		;;
	esac
}

# has_stack: is there a database of the stack here? Where one was ever begun, an engine that
# cannot be asked is no answer.
has_stack() {
	[ -z "$(setting MYSQL_PASSWORD)" ] || docker version >/dev/null 2>&1 ||
		die "There may be a stack here (MYSQL_PASSWORD is set), and no Docker engine answers; \"docker version\" says why. Nothing was backed up; a SQLite file alone is by make backup FILE=NAME.db."
	command -v docker >/dev/null && has_database
}

# on_stack COMMAND ARGS...: with MySQL.
on_stack() {
	find_compose
	has_database || die "The stack has no database here yet (make up)."
	start_mysql
	"$@"
}

restore() { # FILE
	[ -n "${1:-}" ] || die "Restore what? make restore FILE=..."
	[ -f "$1" ] || die "There is no file $1."
	check_name "$1"
	[ -r "$1" ] || die "$1 cannot be read. Nothing was done."
	begin
	case $1 in
	*.db)
		[ "$(head -c 15 "$1")" = "SQLite format 3" ] || die "$1 is no SQLite file. Nothing was done."
		[ ! "$1" -ef "$(sqlite_file)" ] || die "$1 is the database itself. Nothing was done."
		restore_sqlite "$1"
		;;
	*)
		has_rows "$1" || die "$1 is no whole dump of the distributor's database, or the PHP program's. Nothing was done."
		make_env
		find_compose
		restore_stack "$1"
		;;
	esac
}

command=${1:-}
[ $# -le 2 ] || die "One file at a time, please: $command FILE. Nothing was done."
case $command in
backup) backup "${2:-}" ;;
restore) restore "${2:-}" ;;
*) die "What? backup [FILE], or restore FILE." ;;
esac
