package awssim

// A region as EC2 and Account describe it: optIn regions are disabled until an account enables them.
type region struct {
	name  string
	optIn bool
}

// regionsOf lists the regions of each partition, in the order in which AWS returns them.
var regionsOf = map[string][]region{
	"aws": {
		{"af-south-1", true}, {"ap-east-1", true}, {"ap-east-2", true}, {"ap-northeast-1", false}, {"ap-northeast-2", false},
		{"ap-northeast-3", false}, {"ap-south-1", false}, {"ap-south-2", true}, {"ap-southeast-1", false}, {"ap-southeast-2", false},
		{"ap-southeast-3", true}, {"ap-southeast-4", true}, {"ap-southeast-5", true}, {"ap-southeast-6", true}, {"ap-southeast-7", true},
		{"ca-central-1", false}, {"ca-west-1", true}, {"eu-central-1", false}, {"eu-central-2", true}, {"eu-north-1", false},
		{"eu-south-1", true}, {"eu-south-2", true}, {"eu-west-1", false}, {"eu-west-2", false}, {"eu-west-3", false},
		{"il-central-1", true}, {"me-central-1", true}, {"me-south-1", true}, {"mx-central-1", true}, {"sa-east-1", false},
		{"us-east-1", false}, {"us-east-2", false}, {"us-west-1", false}, {"us-west-2", false},
	},
	"aws-us-gov": {{"us-gov-east-1", false}, {"us-gov-west-1", false}},
	"aws-cn":     {{"cn-north-1", false}, {"cn-northwest-1", false}},
}

// lookupRegion reports whether a partition has a region, and whether accounts must opt in to it.
func lookupRegion(partition, name string) (known, optIn bool) {
	for _, r := range regionsOf[partition] {
		if r.name == name {
			return true, r.optIn
		}
	}
	return false, false
}
