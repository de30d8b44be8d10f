# METADATA
# description: Whether what the lifecycle baseline of the configuration demands does expire, in words.
package ecraudit.lib.baseline

# shortfalls says what does not expire as demanded.
shortfalls(demand, _) := {sprintf("%s do not all expire: %s", [subject(demand), demand.reason])} if {
	demand.expires == "no"
}

shortfalls(demand, days) := {sprintf(
	"%s do not all expire within %d days: %s",
	[subject(demand), days, demand.reason],
)} if {
	demand.expires == "yes"
	not demand.within_days
}

# doubt is undefined where it is known.
doubt(demand) := sprintf("cannot tell whether %s expire: %s", [subject(demand), demand.reason]) if {
	demand.expires == "unknown"
}

subject(demand) := demand.what if demand.untagged

subject(demand) := sprintf("images tagged %s", [demand.what]) if not demand.untagged
