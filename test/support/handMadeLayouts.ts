import type { LayoutName } from "../../config/layouts.js";
import { type DistributionSite, type HandMadeOptions, passwords } from "./distributionSite.js";

/** A primary and a standby, made by hand as administrators of a distribution make them, and what that distribution's tools say. */
export interface HandMadeLayout extends HandMadeOptions {
  readonly layout: LayoutName;
  /** Folder of postgresql.conf. */
  readonly configuration: string;
  /** Programs of the server. */
  readonly programs: string;
  readonly unit: string;
  /** What the distribution's own tools, beside systemd, say of a server. */
  readonly tools: (site: DistributionSite, server: string) => Promise<Readonly<Record<string, string>>>;
  /** The same of one that does this. */
  readonly says: Readonly<Record<Doing, Readonly<Record<string, string>>>>;
}

export type Doing = "writes" | "follows" | "is down";

const version = "15";

/** Both files have comments, and settings in an order of their own. */
const files = {
  "10-memory.conf": "# of this machine\nwork_mem = 8MB\nshared_buffers = 16MB   # small\nmax_connections = 30\n",
  "20-other.conf": "log_min_duration_statement = 250ms\nlisten_addresses = '*'\nwal_keep_size = 64MB\n",
};

const asPostgres = (command: string) => `su -s /bin/sh postgres -c '${command}'`;

/** The two files of conf.d in this folder, and rules for every host of the site after those that the cluster has. */
const configure = (folder: string, addresses: Readonly<Record<string, string>>) => `cd ${folder}
${Object.entries(files)
  .map(([name, text]) => `cat >conf.d/${name} <<'FILE'\n${text}FILE`)
  .join("\n")}
cat >>pg_hba.conf <<'FILE'
${Object.values(addresses)
  .flatMap((address) => [
    `host all postgres ${address}/32 scram-sha-256`,
    `host replication replicator ${address}/32 scram-sha-256`,
  ])
  .join("\n")}
FILE`;

/** What is in the data directory of the one is copied to the other's. */
const copy = (primary: string | undefined, programs: string, data: string) => `rm -rf ${data}
home=$(getent passwd postgres | cut -d: -f6)
printf '*:*:*:replicator:%s\\n' '${passwords.replicator}' >"$home/.pgpass"
chmod 600 "$home/.pgpass"
chown postgres: "$home/.pgpass"
${asPostgres(`${programs}/pg_basebackup -R -c fast -D ${data} -d "host=${primary} user=replicator"`)}`;

const contents = `cat >/tmp/made.sql <<'SQL'
alter role postgres password '${passwords.postgres}';
create role replicator login replication password '${passwords.replicator}';
create table kept as select generate_series(1, 500) as n;
SQL
${asPostgres("psql -X -q -v ON_ERROR_STOP=1 -f /tmp/made.sql postgres")}`;

const none = `rm -rf /etc/postgresql/* /var/lib/postgresql/${version}/main* /var/log/postgresql/* /etc/systemd/system/postgresql.service
chown postgres: /var/lib/postgresql /etc/postgresql
chgrp postgres /var/log/postgresql && chmod 1775 /var/log/postgresql`;

const isPrimary = (server: string) => server === "one";

const debianData = `/var/lib/postgresql/${version}/main`;
const debianFolder = `/etc/postgresql/${version}/main`;
const debianPrograms = `/usr/lib/postgresql/${version}/bin`;
const listed = (state: string) =>
  `${version} main 5432 ${state} postgres ${debianData} /var/log/postgresql/postgresql-${version}-main.log`;

/** With the certificate that Debian gives every machine. */
const debian: HandMadeLayout = {
  layout: "debian",
  init: "systemd",
  dataDirectory: debianData,
  configuration: debianFolder,
  programs: debianPrograms,
  unit: `postgresql@${version}-main`,
  prepare: (server, addresses) => `${none}
systemctl daemon-reload
systemctl enable postgresql 2>/dev/null
pg_createcluster --locale=C -e UTF8 ${version} main
${configure(debianFolder, addresses)}
${isPrimary(server) ? "" : copy(addresses.one, debianPrograms, debianData)}
systemctl daemon-reload
pg_ctlcluster ${version} main start
${isPrimary(server) ? contents : ""}`,
  tools: async (site, server) => {
    const host = site.host(server);
    const [list, status] = await Promise.all([
      host.must(["pg_lsclusters", "-h"]),
      host.run(["pg_ctlcluster", version, "main", "status"]),
    ]);
    return { pg_lsclusters: list.trim().replaceAll(/ +/g, " "), pg_ctlcluster: `status ${status.code}` };
  },
  says: {
    writes: { pg_lsclusters: listed("online"), pg_ctlcluster: "status 0" },
    follows: { pg_lsclusters: listed("online,recovery"), pg_ctlcluster: "status 0" },
    "is down": { pg_lsclusters: listed("down"), pg_ctlcluster: "status 3" },
  },
};

const pgdgData = `/var/lib/pgsql/${version}/data`;
const pgdgPrograms = `/usr/pgsql-${version}/bin`;

/** Red Hat's tree as a package of postgresql.org makes it: the programs' place, and a unit with a check of the folder and Type=notify. */
export const pgdgTree = `mkdir -p /usr/pgsql-${version}
mv /usr/lib/postgresql/${version}/bin /usr/lib/postgresql/${version}/lib /usr/pgsql-${version}/
ln -s /usr/pgsql-${version}/lib /usr/lib/postgresql/${version}/lib
ln -sf ${pgdgPrograms}/psql /usr/bin/psql
install -d -o postgres -m 0700 /var/lib/pgsql /var/lib/pgsql/${version}
usermod -d /var/lib/pgsql postgres
cat >/usr/lib/systemd/system/postgresql-${version}.service <<'UNIT'
[Unit]
Description=A database server as a package of Red Hat's family starts it
[Service]
Type=notify
User=postgres
Group=postgres
Environment=PGDATA=${pgdgData}/
ExecStartPre=/usr/bin/test -e \${PGDATA}/PG_VERSION
ExecStart=${pgdgPrograms}/postgres -D \${PGDATA}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
KillSignal=SIGINT
TimeoutSec=0
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload`;

/**
 * As packages of postgresql.org put them on Red Hat's family: this machine's programs under those paths, a unit in our words
 * (Type=notify, a check of the folder, which is in its environment), psql on PATH; a certificate among the data.
 */
const pgdg: HandMadeLayout = {
  layout: "pgdg",
  init: "systemd",
  dataDirectory: pgdgData,
  configuration: pgdgData,
  programs: pgdgPrograms,
  unit: `postgresql-${version}`,
  prepare: (server, addresses) => `${none}
${pgdgTree}
systemctl enable postgresql-${version} 2>/dev/null
${
  isPrimary(server)
    ? `${asPostgres(`${pgdgPrograms}/initdb --locale=C -E UTF8 -A scram-sha-256 --auth-local=peer --pwfile=/dev/stdin -D ${pgdgData} <<PW
first
PW`)} >/dev/null
cp /etc/ssl/certs/ssl-cert-snakeoil.pem ${pgdgData}/server.crt
cp /etc/ssl/private/ssl-cert-snakeoil.key ${pgdgData}/server.key
mkdir ${pgdgData}/conf.d
printf "%s\\n" "ssl = on" "logging_collector = on" "log_filename = 'postgresql-%a.log'" "log_truncate_on_rotation = on" "include_dir 'conf.d'" >>${pgdgData}/postgresql.conf
${configure(pgdgData, addresses)}
chown -R postgres: ${pgdgData}
chmod 600 ${pgdgData}/server.key`
    : copy(addresses.one, pgdgPrograms, pgdgData)
}
systemctl start postgresql-${version}
${isPrimary(server) ? contents : ""}`,
  tools: async (site, server) => {
    const { code } = await site
      .host(server)
      .run(["su", "-s", "/bin/sh", "-c", `${pgdgPrograms}/pg_ctl -D ${pgdgData} status`, "postgres"]);
    return { pg_ctl: `status ${code}` };
  },
  says: { writes: { pg_ctl: "status 0" }, follows: { pg_ctl: "status 0" }, "is down": { pg_ctl: "status 3" } },
};

export const handMadeLayouts = { debian, pgdg };
