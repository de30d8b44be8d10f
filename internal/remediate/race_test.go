//go:build race

package remediate_test

const underRace = true
