#!/bin/sh
# Starts MariaDB with the database and the account that MYSQL_DATABASE, MYSQL_USER
# and MYSQL_PASSWORD name. More arguments go to mariadbd.
set -eu
: "${MYSQL_DATABASE:?}" "${MYSQL_USER:?}" "${MYSQL_PASSWORD:?}"
case $MYSQL_DATABASE$MYSQL_USER$MYSQL_PASSWORD in
*[\'\`\\]*) echo "no quotes and backslashes in names and passwords, please" >&2; exit 2 ;;
esac
cat >/run/mysqld/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;
CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%';
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON ${MYSQL_GRANT:-\`$MYSQL_DATABASE\`.*} TO '$MYSQL_USER'@'%';
SQL
chown mysql /run/mysqld/init.sql
chmod 600 /run/mysqld/init.sql
# It is for tests only: small.
exec mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --init-file=/run/mysqld/init.sql \
	--bind-address=0.0.0.0 --innodb-buffer-pool-size=64M "$@"
