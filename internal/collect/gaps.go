package collect

import (
	"cmp"
	"slices"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// gap describes an error as something that could not be read. o is
// the IAM action of the call that failed.
func gap(target snapshot.Target, repository string, need snapshot.Need, o operation, err error) snapshot.Gap {
	return snapshot.Gap{
		Target: target, Repository: repository, Need: need, Operation: string(o),
		Code: awsapi.Code(err), Message: awsapi.Reason(err), Permission: awsapi.Missing(string(o), err),
	}
}

// sortGaps puts gaps in an order that does not depend on who came first.
func sortGaps(gaps []snapshot.Gap) {
	slices.SortFunc(gaps, func(a, b snapshot.Gap) int {
		return cmp.Or(cmp.Compare(a.Need, b.Need), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Digest, b.Digest))
	})
}
