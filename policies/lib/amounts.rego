# METADATA
# description: Amounts of money, sizes and times in words.
package ecraudit.lib.amounts

# money writes an amount with two decimals.
money(amount, currency) := sprintf("%s %s", [hundredths(amount), currency])

# size writes bytes in the largest unit of which there is one at least.
size(bytes) := sprintf("%d bytes", [bytes]) if bytes < 1024

size(bytes) := sprintf("%s KiB", [hundredths(bytes / 1024)]) if {
	bytes >= 1024
	bytes < 1048576
}

size(bytes) := sprintf("%s MiB", [hundredths(bytes / 1048576)]) if {
	bytes >= 1048576
	bytes < 1073741824
}

size(bytes) := sprintf("%s GiB", [hundredths(bytes / 1073741824)]) if bytes >= 1073741824

# days is how many whole days ago something happened, both in nanoseconds.
days(now, then) := floor((now - then) / 86400000000000)

# before is the moment so many days ago, in nanoseconds.
before(now, age) := now - (age * 86400000000000)

hundredths(number) := sprintf("%d.%02d", [floor(rounded / 100), rounded % 100]) if rounded := round(number * 100)
