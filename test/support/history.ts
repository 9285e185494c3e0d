/** Tables of many kinds in schemas `rt_log_a` and `rt_log_b`, beside `other`, which an upgrade brings at once. */
export const historyTables = `
create schema rt_log_a; create schema rt_log_b; create schema other;
create table other.customer (id int primary key);
create domain other.host as varchar(60);
create type other.state as enum ('sent', 'bounced');
create table rt_log_a.keyed (
  id bigint generated always as identity primary key, at timestamptz not null, text text, n int, f float8,
  host other.host, state other.state, customer int references other.customer, twice int generated always as (n * 2) stored);
create index keyed_at on rt_log_a.keyed (at);
create index keyed_lower on rt_log_a.keyed (lower(text)) where n > 10;
comment on index rt_log_a.keyed_at is 'it''s by time';
create table rt_log_a.keyless (at timestamp, line text, payload bytea, tags text[], num numeric, j jsonb, b boolean, d date, r real);
create table rt_log_b."Odd ""Name" ("Key, A" text, k2 date, "v;" float4, primary key ("Key, A", k2));
create table rt_log_b.parent (id int, at date not null, note text, primary key (id, at)) partition by range (at);
create table rt_log_b.parent_1 partition of rt_log_b.parent for values from ('2020-01-01') to ('2021-01-01');
create table rt_log_b.parent_2 partition of rt_log_b.parent for values from ('2021-01-01') to ('2022-01-01');
create index on rt_log_b.parent (note);
create table rt_log_b.empty (id serial primary key);
create table rt_log_b.old (id int, note text);
create table rt_log_b.old_child (more text) inherits (rt_log_b.old);
create table other.touched (by text);
create function other.touch() returns trigger language plpgsql as $$ begin insert into other.touched values (tg_table_name); return new; end $$;
create trigger touch after insert on rt_log_a.keyed for each row execute procedure other.touch();
create sequence rt_log_b.down increment -1;
`;

/** Rows in all of them; about `rows` in all. */
export function historyRows(rows: number): string {
  const tenth = Math.floor(rows / 10);
  return `
insert into other.customer select generate_series(1, 100);
alter table rt_log_a.keyed disable trigger all;
insert into rt_log_a.keyed (at, text, n, f, host, state, customer)
  select '2021-03-01'::timestamptz + i * interval '7 s', md5(i::text), nullif(i % 77, 0), random() * 1e6, 'mx' || i % 50, (array['sent', 'bounced'])[1 + i % 2]::other.state, 1 + i % 100
  from generate_series(1, ${tenth * 4}) i;
alter table rt_log_a.keyed enable trigger all;
insert into rt_log_a.keyless
  select '2020-01-01'::timestamp + i * interval '13 s', case when i % 7 = 0 then null when i % 11 = 0 then E'\\\\.' else E'tab\\tline\\nback\\\\slash \\\\N \\r' || i || repeat('x', i % 60) end,
    decode(md5(i::text), 'hex'), array['a', 'b"c', null, E'\\\\.\\n'], i / 7.0, '{"a": [1, "x\\ty"]}', i % 3 = 0, '2020-01-01'::date + i % 900, random()
  from generate_series(1, ${tenth * 3}) i;
delete from rt_log_a.keyless where random() < 0.1;
insert into rt_log_b."Odd ""Name" select 'k' || i % 1000 || '''"', '2020-01-01'::date + i, random() from generate_series(1, ${tenth}) i;
insert into rt_log_b.parent select i, '2020-01-01'::date + i % 700, 'n' || i from generate_series(1, ${tenth * 2}) i;
insert into rt_log_b.old select i, 'o' || i from generate_series(1, 500) i;
insert into rt_log_b.old_child select i, 'c' || i, 'm' from generate_series(1, 500) i;
select nextval('rt_log_b.down'), nextval('rt_log_b.down');
analyze;`;
}

/** MD5 of all rows of each table of history, in order: nothing of it is the program's. */
export const historyDigest = `
set extra_float_digits = 3;
select 'keyed', count(*), md5(string_agg(t::text, '|' order by id)) from rt_log_a.keyed t
union all select 'keyless', count(*), md5(string_agg(t::text, '|' order by t::text collate "C")) from rt_log_a.keyless t
union all select 'odd', count(*), md5(string_agg(t::text, '|' order by t::text collate "C")) from rt_log_b."Odd ""Name" t
union all select 'parent', count(*), md5(string_agg(tableoid::regclass || t::text, '|' order by id)) from rt_log_b.parent t
union all select 'old', count(*), md5(string_agg(t::text, '|' order by id)) from only rt_log_b.old t
union all select 'child', count(*), md5(string_agg(t::text, '|' order by id)) from rt_log_b.old_child t order by 1;`;
