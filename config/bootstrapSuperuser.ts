/**
 * The superuser that initdb makes, as whom the OS user of the servers comes in by their sockets: `postgres`, or the administrator
 * where the OS user has that name (`msyspg`). It needs no password: PostgreSQL knows by the socket who asks (peer).
 */
export function bootstrapSuperuser(administrator: string, osUser: string): string {
  return administrator === osUser ? administrator : "postgres";
}
