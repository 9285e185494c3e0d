import { atLeast, type Major } from "../../postgres/versions.js";

/** Roles that the databases need; each may be there already. Passwords are known, so that one can look for them where none belongs. */
export const sispiPasswords = { dbadmin: "s1spi-adm1n", decam_reader: "r3ader's \\ word", decam_writer: "wr1ter word" };

/** Databases of the site, as the guide has them; `decam` has the schemas. */
export const sispiDatabases = ["decam", "desbrdev", "decamcrl", "decam_dev"] as const;

/** The tables of the guide's groups, with how much of the rows each has. */
const monsoon = ["pan", "pan_a", "pan_b", "pan_c", "crate", "fpu", "power", "temperature"];
const telemetry = ["cloud", "cooling", "dome", "guider", "hexapod", "seeing", "shutter", "tcs", "weather", "wind"];

/**
 * A script for psql (as superuser, in any database) that makes databases of SISPI's shape: schemas constants, telemetry with
 * the monsoon tables, alarms, users, exposure, bss, obstac; databases desbrdev, decamcrl, decam_dev; large objects, an
 * extension, a materialized view, foreign keys across groups in a circle, sequences of all kinds, grants, settings by role
 * and by database, names that need quotes.
 * @param rows of the largest table; about 1.1 kB of data in all for each: 1,000 for a test, 2,150,000 for 2 GB
 */
export function sispiScript({ rows, major = "15" }: { readonly rows: number; readonly major?: Major }): string {
  const some = (share: number) => Math.max(5, Math.round(rows * share));
  return `
set client_min_messages = warning;
${rolesScript()}
${sispiDatabases.map((name) => `create database ${name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C';`).join("\n")}
alter database decam set search_path = constants, telemetry, alarms, users, exposure, bss, obstac, "$user", public;
alter database decam set timezone = 'UTC';
alter database decamcrl connection limit 40;
comment on database decam is 'SISPI: what the camera says';
revoke connect on database decam from public;
grant connect on database decam to decam_reader, decam_writer;
grant create on database decam_dev to decam_writer;
alter role decam_reader set statement_timeout = '10min';
alter role decam_writer in database decam set work_mem = '8MB';

\\connect decam
set client_min_messages = warning;
set synchronous_commit = off;
create extension citext;
${["constants", "telemetry", "alarms", "users", "exposure", "bss", "obstac"].map((name) => `create schema ${name} authorization dbadmin;\ngrant usage on schema ${name} to decam_reader, decam_writer;`).join("\n")}
set search_path = public;
create type alarms.severity as enum ('info', 'warning', 'alarm');
create domain telemetry.kelvin as double precision check (value >= 0);
create function telemetry.celsius(telemetry.kelvin) returns double precision language sql immutable as 'select $1 - 273.15';

create table users.account (id serial primary key, name public.citext unique not null, address text);
insert into users.account (name, address) select 'Observer' || n, 'o' || n || E'@example.org\\t\\\\ ü\\nline' from generate_series(1, ${some(0.001)}) n;
create table constants.constant (id serial primary key, version int not null, name text not null, value double precision, unique (version, name));
insert into constants.constant (version, name, value) select n % 7, 'constant ' || n, n / 3.0 from generate_series(1, ${some(0.005)}) n;
create table constants.document (id serial primary key, body oid not null, title text);

${monsoon.map((name) => samples(`telemetry.monsoon_${name}`, some(0.12))).join("\n")}
${telemetry.map((name) => samples(`telemetry.${name}`, some(0.1))).join("\n")}
${samples("telemetry.environment", some(1))}
${samples("telemetry.image_quality", some(0.7))}
alter table telemetry.cooling add column cold telemetry.kelvin default 120;
create index on telemetry.cooling (telemetry.celsius(cold));

-- A circle through three of the guide's groups: exposure → obstac → telemetry → exposure.
create table exposure.exposure (id bigserial primary key, taken timestamptz not null, account int references users.account, plan bigint, seconds real, note text, fits bytea);
create table obstac.plan (id bigint primary key, weather bigint, survey text);
alter table telemetry.weather add column exposure bigint;
insert into exposure.exposure (taken, account, plan, seconds, note, fits)
  select timestamptz '2012-09-12 03:00+00' + n * interval '90 seconds', 1 + n % 5, 1 + n % 5, n % 300, 'exposure ' || n, decode(md5(n::text) || md5((n * 7)::text), 'hex') from generate_series(1, ${some(0.3)}) n;
insert into obstac.plan select n, n, 'wide' from generate_series(1, 5) n;
update telemetry.weather set exposure = id where id <= 5;
alter table exposure.exposure add foreign key (plan) references obstac.plan deferrable initially deferred;
alter table obstac.plan add foreign key (weather) references telemetry.weather;
alter table telemetry.weather add foreign key (exposure) references exposure.exposure;
create index on exposure.exposure (taken);
create materialized view exposure.nightly as select date_trunc('day', taken) as night, count(*) as exposures from exposure.exposure group by 1;
create unique index on exposure.nightly (night);
create materialized view exposure.unpopulated as select * from exposure.exposure with no data;
create view exposure.latest as select * from exposure.exposure order by id desc limit 10;

create table alarms.alarm (id serial primary key, raised timestamptz not null default now(), severity alarms.severity, text text);
insert into alarms.alarm (raised, severity, text) select timestamptz '2012-09-12 03:00+00' + n * interval '1 hour', (array['info', 'warning', 'alarm'])[1 + n % 3]::alarms.severity, 'alarm ' || n from generate_series(1, ${some(0.02)}) n;
create unlogged table alarms.recent as select * from alarms.alarm limit 5;
${
  atLeast(major, "11")
    ? `create table alarms.history (at date not null, text text) partition by range (at);
create table alarms.history_2012 partition of alarms.history for values from ('2012-01-01') to ('2013-01-01');
create table alarms.history_2013 partition of alarms.history for values from ('2013-01-01') to ('2014-01-01');
insert into alarms.history select date '2012-09-12' + n % 400, 'history ' || n from generate_series(1, ${some(0.01)}) n;`
    : `create table alarms.history (at date not null, text text);
create table alarms.history_2012 (check (at < '2013-01-01')) inherits (alarms.history);
insert into alarms.history_2012 select date '2012-09-12' + n % 100, 'history ' || n from generate_series(1, ${some(0.01)}) n;`
}
create table bss.script (id serial primary key, body text);
insert into bss.script (body) select repeat('expose ' || n || ';', 5) from generate_series(1, ${some(0.002)}) n;
create table obstac.empty (id ${atLeast(major, "10") ? "int generated by default as identity" : "serial"} primary key, what text);
create sequence obstac.ticket increment 5 start 1000;
select nextval('obstac.ticket'), nextval('obstac.ticket');
create table public.unforeseen (id int primary key, "a ""column""" text);
insert into public.unforeseen select n, 'no rule names it' from generate_series(1, 5) n;
create table public."odd	tab, Müller's \\ ""q"" $1*?" (n int);
insert into public."odd	tab, Müller's \\ ""q"" $1*?" select generate_series(1, 7);

select lo_create(70001), lo_create(70002), lo_create(70003);
select lowrite(lo_open(70001, 131072), decode(repeat(md5('large object'), 2000), 'hex'));
select lowrite(lo_open(70002, 131072), '\\x00ff27');
grant select on large object 70001 to decam_reader;
comment on large object 70002 is 'three bytes';
insert into constants.document (body, title) values (70001, 'finding chart'), (70002, 'note');

grant select on all tables in schema telemetry, exposure, constants, alarms to decam_reader;
grant insert, update on exposure.exposure to decam_writer;
grant select (name) on users.account to decam_reader;
grant usage on sequence exposure.exposure_id_seq to decam_writer;
alter default privileges for role dbadmin in schema telemetry grant select on tables to decam_reader;
alter table exposure.exposure owner to dbadmin;
alter materialized view exposure.nightly owner to dbadmin;
create function exposure.touch() returns trigger language plpgsql as 'begin new.note := coalesce(new.note, ''none''); return new; end';
create trigger touch before insert on exposure.exposure for each row execute procedure exposure.touch();
comment on table exposure.exposure is 'one a shot';

\\connect desbrdev
set client_min_messages = warning;
set synchronous_commit = off;
create extension hstore;
create table public.reduction (id bigserial primary key, exposure bigint, made timestamptz, facts hstore, quality double precision[]);
insert into public.reduction (exposure, made, facts, quality)
  select n, timestamptz '2012-09-12 04:00+00' + n * interval '90 seconds', hstore('ccd', (n % 62)::text) || hstore('md5', md5(n::text)), array[n / 3.0, n / 7.0, n / 11.0] from generate_series(1, ${some(0.35)}) n;
create index on public.reduction (exposure);
select lo_create(70001);
select lowrite(lo_open(70001, 131072), 'another database''s');

\\connect decamcrl
set client_min_messages = warning;
set synchronous_commit = off;
create schema ecl authorization dbadmin;
create table ecl.category (id serial primary key, name text);
insert into ecl.category (name) select 'category ' || n from generate_series(1, 9) n;
create table ecl.entry (id bigserial primary key, category int references ecl.category, written timestamptz, text text);
insert into ecl.entry (category, written, text)
  select 1 + n % 9, timestamptz '2012-09-12 04:00+00' + n * interval '10 minutes', repeat('entry ' || n || ' ', 20) from generate_series(1, ${some(0.2)}) n;

\\connect decam_dev
set client_min_messages = warning;
create table public.trial (id serial primary key, text text);
insert into public.trial (text) select md5(n::text) from generate_series(1, ${some(0.01)}) n;
`;
}

/** What the guide backs up, as rules: of `decam` each large table, the monsoon tables, the other telemetry, each small schema. */
export const sispiRules = {
  decam: {
    tables: ["telemetry.environment", "telemetry.image_quality", "exposure.exposure"],
    groups: { monsoon: ["telemetry.monsoon_*"], telemetry: ["telemetry.*"] },
    schemas: ["obstac", "constants", "alarms", "exposure"],
  },
  desbrdev: {},
  decamcrl: {},
} as const;

function rolesScript(): string {
  const { dbadmin, decam_reader, decam_writer } = sispiPasswords;
  const literal = (text: string) => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  const made = [
    ["dbadmin", `superuser login replication password ${literal(dbadmin)}`],
    ["decam_reader", `login password ${literal(decam_reader)}`],
    ["decam_writer", `login connection limit 7 password ${literal(decam_writer)} valid until '2038-01-01'`],
  ] as const;
  return `do $do$ begin
${made.map(([name, options]) => `if not exists (select from pg_roles where rolname = '${name}') then create role ${name} ${options}; end if;`).join("\n")}
if not exists (select from pg_roles where rolname = 'observers') then create role observers nologin; end if;
end $do$;
grant decam_reader to observers;
grant observers to decam_writer with admin option;`;
}

function samples(table: string, rows: number): string {
  return `create table ${table} (id bigserial primary key, at timestamptz not null, a double precision, b double precision, c double precision, d real, status text);
insert into ${table} (at, a, b, c, d, status)
  select timestamptz '2012-09-12 03:00+00' + n * interval '5 seconds', sin(n) * 1000, random() * 300, n / 7.0, n % 360, case when n % 50 = 0 then null else 'status of sample ' || n % 100 || repeat(' ok', n % 40) end from generate_series(1, ${rows}) n;
create index on ${table} (at);
alter table ${table} owner to dbadmin;`;
}
