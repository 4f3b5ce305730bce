/**
 * Types with the element and base types that they lead to. The oids are written into the statement, because a
 * replication connection takes no parameters; all output is text, so that no type parser is in the way.
 *
 * An array is what is read by `array_in`: int2vector and oidvector have elements too, but print otherwise.
 *
 * @see https://www.postgresql.org/docs/18/catalog-pg-type.html
 */
export function typeDescriptorsSql(oids: readonly number[]): string {
  for (const oid of oids) {
    if (!Number.isInteger(oid) || oid < 0 || oid > 0xffff_ffff) {
      throw new RangeError(`Expected an oid, got \`${oid}\` (${typeof oid}).`);
    }
  }
  return `
with recursive wanted(oid) as (
  select t.oid from pg_catalog.pg_type t where t.oid in (${oids.join(', ')})
  union
  select next.oid
  from wanted
  join pg_catalog.pg_type t on t.oid = wanted.oid
  cross join lateral (
    select t.typelem where t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc
    union all
    select t.typbasetype where t.typtype = 'd'
  ) next(oid)
)
select
  t.oid::pg_catalog.text as oid,
  n.nspname::pg_catalog.text as schema,
  t.typname::pg_catalog.text as name,
  pg_catalog.format_type(t.oid, null) as formatted,
  t.typtype::pg_catalog.text as typtype,
  (case when t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc then t.typelem else 0 end)::pg_catalog.text
    as element_oid,
  coalesce(e.typdelim, t.typdelim)::pg_catalog.text as delimiter,
  (case when t.typtype = 'd' then t.typbasetype else 0 end)::pg_catalog.text as base_oid,
  (
    select x.extname::pg_catalog.text
    from pg_catalog.pg_depend d
    join pg_catalog.pg_extension x on x.oid = d.refobjid
    where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
      and d.objid = coalesce(e.oid, t.oid)
      and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      and d.deptype = 'e'
    limit 1
  ) as extension
from wanted
join pg_catalog.pg_type t on t.oid = wanted.oid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
left join pg_catalog.pg_type e
  on e.oid = t.typelem and t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc
order by t.oid`;
}
