// Hello is small, so that tests compile it for several platforms.
package main

var version string

func main() { print(version) }
