-- one row is a scope and a service it reports
select distinct scope, service from spans where scope is not null order by scope, service
