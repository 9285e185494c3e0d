#!/bin/sh
# The barest script that brings up what the rehearsal brings up: a primary, a warm standby and a hot mirror, streaming.
# sh provision.sh PROGRAMS FOLDER BLOCK; the servers listen on 127.0.BLOCK.2 to .4. Runs as the servers' OS user.
set -eu
programs=$1 folder=$2 block=$3
port=5442 user=dbadmin
primary=127.0.$block.2
PGPASSFILE=$folder/passfile
export PGPASSFILE

umask 077
echo "*:*:*:$user:secret" >"$PGPASSFILE"
echo secret >"$folder/password"
ask() { "$programs/psql" -qAtX -h "$primary" -p $port -U $user -d postgres -c "$1"; }
start() { "$programs/pg_ctl" start -w -s -D "$folder/$1" -l "$folder/$1.log"; }

"$programs/initdb" -D "$folder/server2" -U $user --pwfile="$folder/password" --locale=C --encoding=UTF8 \
  --data-checksums -A scram-sha-256 >"$folder/initdb.log"
cat >>"$folder/server2/postgresql.conf" <<END
listen_addresses = '$primary'
port = $port
unix_socket_directories = ''
max_connections = 400
logging_collector = on
timezone = 'UTC'
wal_level = replica
max_wal_senders = 3
wal_keep_size = 1GB
hot_standby = off
END
echo "host replication $user 127.0.0.0/8 scram-sha-256" >>"$folder/server2/pg_hba.conf"
start server2
ask 'create database decam_dev'

seed() {
  "$programs/pg_basebackup" -D "$folder/$1" -R --checkpoint=fast \
    -d "host=$primary port=$port user=$user application_name=$1"
  printf "listen_addresses = '%s'\nhot_standby = %s\n" "127.0.$block.$2" "$3" >>"$folder/$1/postgresql.conf"
}
seed server3 3 off
start server3
seed des10 4 on
start des10

until [ "$(ask "select count(*) from pg_stat_replication where state = 'streaming'")" = 2 ]; do sleep 0.05; done
