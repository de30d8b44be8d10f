package awsapi

import (
	"regexp"
	"slices"
	"strings"
)

// AllRegions stands for the regions that each account has enabled.
const AllRegions = "all"

// KnownRegions are the regions of AWS when this was written. It finds spelling
// mistakes; a newer region is asked for instead.
func KnownRegions() []string { return strings.Fields(knownRegions) }

const knownRegions = `
	af-south-1
	ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3
	ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
	ca-central-1 ca-west-1
	eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
	il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
	us-east-1 us-east-2 us-west-1 us-west-2
	cn-north-1 cn-northwest-1
	us-gov-east-1 us-gov-west-1
	eusc-de-east-1
	us-iso-east-1 us-iso-west-1 us-isob-east-1 us-isob-west-1 eu-isoe-west-1 us-isof-east-1 us-isof-south-1`

var regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)

// MayBeRegion reports whether a region can be called so: it is known, or newer
// than this list.
func MayBeRegion(name string) bool { return regionForm.MatchString(name) }

// partitions are those of AWS by how the names of their regions begin, as the SDK
// has them. Those that begin in no such way are in aws.
var partitions = []struct{ regions, partition string }{
	{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
}

// Partitions are the partitions of AWS.
func Partitions() []string {
	all := []string{"aws"}
	for _, p := range partitions {
		all = append(all, p.partition)
	}
	return all
}

// PartitionOf is the partition of a region.
func PartitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.regions) {
			return p.partition
		}
	}
	return "aws"
}

// homeRegion is where to ask for identities and organizations when the
// environment names no region: in the partition of the first region asked for.
func homeRegion(regions []string) string {
	first := "us-east-1"
	if len(regions) > 0 && regions[0] != AllRegions {
		first = regions[0]
	}
	switch partition := PartitionOf(first); {
	case partition == "aws-cn":
		return "cn-north-1"
	case partition == "aws-us-gov":
		return "us-gov-west-1"
	case partition != "aws" || !slices.Contains(KnownRegions(), first):
		return first
	}
	return "us-east-1"
}
