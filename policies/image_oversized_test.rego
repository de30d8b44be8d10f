package ecraudit.rules.image_oversized_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.image_oversized as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	expect.same(case, denied, set())
}

cases := [
	{
		"note": "as large as allowed",
		"input": images(2147483648, [sized("sha256:a", ["v1"], 2147483648)]),
	},
	{
		"note": "too large, in full",
		"input": images(2147483648, [sized("sha256:a", ["v1", "latest"], 3758096384)]),
		"deny": ["the image has 3.50 GiB, and 2.00 GiB are allowed"],
		"findings": [{
			"message": "the image has 3.50 GiB, and 2.00 GiB are allowed",
			"digest": "sha256:a",
			"tag": "latest",
		}],
	},
	{
		"note": "units of either side",
		"input": images(1023, [sized("sha256:a", [], 1536), sized("sha256:b", [], 5242880)]),
		"deny": [
			"the image has 1.50 KiB, and 1023 bytes are allowed",
			"the image has 5.00 MiB, and 1023 bytes are allowed",
		],
	},
	{
		"note": "the images of an index are judged, and the index is not",
		"input": images(1048576, [
			object.union(sized("sha256:i", ["v1"], 2097152), {"kind": "index"}),
			object.union(sized("sha256:a", [], 2097152), {"inherited_tags": ["v1", "1.0"]}),
			object.union(sized("sha256:b", [], 1000000), {"inherited_tags": ["v1", "1.0"]}),
		]),
		"deny": ["the image in the index 1.0 has 2.00 MiB, and 1.00 MiB are allowed"],
		"findings": [{
			"message": "the image in the index 1.0 has 2.00 MiB, and 1.00 MiB are allowed",
			"digest": "sha256:a",
		}],
	},
	{
		"note": "what is no container image may be as large as it is",
		"input": images(1048576, [
			object.union(sized("sha256:a", ["model"], 9999999999), {"kind": "artifact"}),
			object.union(sized("sha256:b", [], 9999999), {"kind": "sbom"}),
		]),
	},
	{
		"note": "nothing is limited",
		"input": images(0, [sized("sha256:a", ["v1"], 9999999999)]),
	},
]

images(limit, list) := {"config": {"limits": {"image_bytes": limit}}, "images": list}

sized(digest, tags, bytes) := {
	"digest": digest,
	"kind": "image",
	"tags": tags,
	"inherited_tags": [],
	"size_bytes": bytes,
}
