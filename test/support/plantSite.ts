import type { Major } from "../../postgres/versions.js";
import { Rehearsal } from "../../rehearsal/rehearsal.js";

/** A site with one of everything that can drift: a primary, a warm standby, a hot mirror, roles, databases, their settings. */
export const plantStack = `config:
  pgsite:site: plants
  pgsite:postgresql: "15"
  pgsite:port: 5442
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:primary: server2
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data, settings: {hot_standby: false}}
    des10: {dataDirectory: /data, role: mirror}
  pgsite:settings:
    max_connections: 40
    shared_buffers: 8MB
    fsync: false
    work_mem: 5MB
    logging_collector: true
    log_directory: pg_log
    search_path: science,"$user",public
    wal_retrieve_retry_interval: 200ms
    max_replication_slots: 5
  pgsite:administrator: dbadmin
  pgsite:access:
    - host all all 192.0.2.0/24 md5
    - host science reader 198.51.100.0/24 scram-sha-256
  pgsite:roles:
    observers: {login: false}
    reader:
      connectionLimit: 7
      memberOf: [observers]
      settings: {work_mem: 6MB}
      databaseSettings: {science: {search_path: 'science, public'}}
  pgsite:databases:
    science: {owner: reader, settings: {statement_timeout: 5min}}
`;

/** The site rehearsed at a version, and brought up. */
export async function plantSite(major: Major, block: number): Promise<Rehearsal> {
  const rehearsal = await Rehearsal.prepare({
    name: `test-plants-${major}`,
    stacks: ["plants"],
    texts: { plants: plantStack },
    postgresql: major,
    block,
  });
  await rehearsal.up("plants");
  return rehearsal;
}
