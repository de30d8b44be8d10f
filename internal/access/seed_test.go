package access

import (
	"flag"
	"testing"
)

// TestMain makes the laws repeatable, so that what they find is found in the
// change that caused it. go test -rapid.seed=N looks elsewhere.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.seed" })
	if !chosen {
		if err := flag.Set("rapid.seed", "20261001"); err != nil {
			panic(err)
		}
	}
	m.Run()
}
