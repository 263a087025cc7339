-- one row is a service and how many versions it names
select service, count(distinct version) as versions from spans group by service order by service
