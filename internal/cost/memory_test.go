package cost

import (
	"fmt"
	"testing"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// However many repositories there are, only the rows that are wanted are held.
func TestRowsHeldAreBounded(t *testing.T) {
	c := config.Default()
	sum := NewTally(Options{By: ByRepository, Limit: 10})
	for i := range 10_000 {
		r := &snapshot.Repository{Name: fmt.Sprint("r", i), Images: []snapshot.Image{{SizeBytes: int64(i * 7919 % 10007)}}}
		if err := sum.Add(r, c.For(config.Resource{})); err != nil {
			t.Fatal(err)
		}
		if len(sum.rows) > 20 {
			t.Fatalf("%d rows are held", len(sum.rows))
		}
	}
	result, err := sum.Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Rows) != 10 || result.OtherRows != 9990 || result.Rows[0].All.Bytes() < 10_000 || result.Rows[9].All.Bytes() < 9990 {
		t.Errorf("%d rows, %d others, first %v", len(result.Rows), result.OtherRows, result.Rows[0].All.Bytes())
	}
}
