import { join } from "node:path";
import type { UpgradeSite } from "./upgradeSite.js";

/** One of everything that an upgrade has to bring, in a database `app`. @param how how that is made */
export async function fill(it: UpgradeSite, how = ""): Promise<void> {
  const tablespace = join(it.cluster.folder, "space");
  await it.host.makeDirectory(tablespace);
  for (const sql of [
    "create role readers",
    "create role app login password 'app' in role readers",
    "alter role app set work_mem = '7MB'",
    `create tablespace space location '${tablespace}'`,
    `create database app owner app ${how}`,
    "alter database app set search_path = 'logs', 'public'",
    "alter role app in database app set statement_timeout = '17s'",
    "grant connect on database app to readers",
    `comment on database app is 'it''s the app'`,
  ]) {
    await it.run(sql);
  }
  await it.run(
    `create schema logs authorization app;
     create table logs.entries (id bigserial primary key, at timestamptz not null default now(), line text, check (line <> '')) tablespace space;
     insert into logs.entries (at, line) select timestamptz '2020-01-01' + g * interval '1 minute', 'line ' || md5(g::text) from generate_series(1, 20000) g;
     create index on logs.entries (at);
     create table logs."Odd ""name""" (a int, b int, unique (a, b));
     insert into logs."Odd ""name""" select g, g * 2 from generate_series(1, 100) g;
     create sequence logs.tickets start 1000 increment 7;
     select nextval('logs.tickets'), nextval('logs.tickets');
     create view logs.recent as select * from logs.entries where id > 19000;
     create materialized view logs.days as select date_trunc('day', at) d, count(*) n from logs.entries group by 1;
     create function logs.twice(i int) returns int language sql as 'select i * 2';
     create function logs.touch() returns trigger language plpgsql as 'begin new.at := now(); return new; end';
     create trigger touch before update on logs.entries for each row execute procedure logs.touch();
     create type logs.mood as enum ('good', 'bad');
     create domain logs.positive as int check (value > 0);
     create table logs.owned (m logs.mood, p logs.positive, e bigint references logs.entries);
     insert into logs.owned values ('good', 1, 1);
     create statistics logs.both (dependencies) on a, b from logs."Odd ""name""";
     grant select on logs.entries to readers;
     grant usage on schema logs to readers;
     create extension if not exists plpgsql;
     select lo_from_bytea(4711, decode(repeat('cafe', 5000), 'hex'));
     comment on large object 4711 is 'large';
     comment on table logs.entries is 'entries';
     analyze`,
    "app",
  );
}

/**
 * From 16 on memberships say more, and views name a column's table only where it takes that; from 11 on a trigger's procedure is
 * called a function.
 */
export function worded(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line
      .replace(/ WITH INHERIT TRUE| GRANTED BY "\w+"/g, "")
      .replaceAll('"entries".', "")
      .replace("EXECUTE PROCEDURE", "EXECUTE FUNCTION"),
  );
}
