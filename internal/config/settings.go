package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Key describes one key of the configuration file to people.
type Key struct {
	Name     string // with its sections: "lifecycle.max_days"
	Type     string
	Default  string // as it would be written in the file
	Meaning  string
	Scopable bool // whether scopes.settings can have it too
}

// Reference describes every key of the configuration file, in the order in
// which a file would have them.
func Reference() []Key {
	keys := []Key{
		{Name: "extends", Type: "path or list of paths", Default: "none", Meaning: "Configuration files to start from, relative to the folder of this one, also in a bundle (`platform.tar.gz//base.yaml`) or in an artifact of a registry. Later ones win over earlier ones, and this file over all of them."},
		{Name: "organization.id", Type: "organization id", Default: "none", Meaning: "The AWS organization, where AWS Organizations cannot be read. Where it can, the two must agree, and so must a snapshot."},
		{Name: "organization.accounts", Type: "list of account ids", Default: "[]", Meaning: "Accounts of the organization, added to those that AWS Organizations lists."},
		{Name: "rules", Type: "rule id to on, off or {enabled, severity}", Default: "{}", Meaning: "Turns rules on and off, and sets their severity: " + strings.Join(finding.SeverityNames(), ", ") + "."},
		{Name: "rule_paths", Type: "list of paths", Default: "[]", Meaning: "Files, folders and bundles of additional rules, relative to the folder of the configuration file, and artifacts of registries (`oci://…@sha256:…`)."},
		{Name: "rule_keys", Type: "list of paths", Default: "[]", Meaning: "Files with public keys (PEM), relative to the folder of the configuration file. Where there is one, a bundle or artifact that none of them signed is refused. Not in a file that is extended."},
	}
	for _, s := range settingTable() {
		keys = append(keys, s.Key)
	}
	return append(keys,
		Key{Name: "scopes.match.accounts", Type: "glob or list of globs", Default: "any", Meaning: "Account ids for which the scope holds."},
		Key{Name: "scopes.match.account_names", Type: "glob or list of globs", Default: "any", Meaning: "Names of the accounts in AWS Organizations for which the scope holds."},
		Key{Name: "scopes.match.ous", Type: "OU or list of OUs", Default: "any", Meaning: "Organizational units for whose accounts, and those of all units below, the scope holds: ids, such as `ou-ab12-11111111`, or globs over the path of their names below the root, such as `Workloads/Prod*`."},
		Key{Name: "scopes.match.account_tags", Type: "tag key to glob or list of globs", Default: "any", Meaning: "Tags of the account in AWS Organizations, all of which it must carry with such a value for the scope to hold."},
		Key{Name: "scopes.match.regions", Type: "glob or list of globs", Default: "any", Meaning: "Regions in which the scope holds."},
		Key{Name: "scopes.match.repositories", Type: "glob or list of globs", Default: "any", Meaning: "Names of the repositories for which the scope holds; it does not hold for registries then."},
		Key{Name: "scopes.match.tags", Type: "tag key to glob or list of globs", Default: "any", Meaning: "Resource tags, all of which a repository must carry with such a value for the scope to hold."},
		Key{Name: "scopes.match.encryption", Type: "encryption type or list of them", Default: "any", Meaning: "How the repositories are encrypted for which the scope holds: " + strings.Join(encryptionTypes(), ", ") + "."},
		Key{Name: "scopes.match.created_after", Type: "date or time", Default: "any", Meaning: "The day or the moment since which a repository must have been created for the scope to hold, such as `2026-01-01` or `2026-01-01T12:00:00Z`. A day begins at midnight UTC."},
		Key{Name: "scopes.match.created_before", Type: "date or time", Default: "any", Meaning: "The day or the moment before which a repository must have been created for the scope to hold."},
		Key{Name: "scopes.settings", Type: "settings", Default: "{}", Meaning: "The settings that the scope replaces."},
		Key{Name: "scopes.rules", Type: "as rules", Default: "{}", Meaning: "Rules that the scope turns on or off, and their severities there."},
		Key{Name: "waiving.max_days", Type: "number of days", Default: "365", Meaning: "How many days from today a waiver may hold at most. 0 accepts any day."},
		Key{Name: "waiving.approval", Type: "severity or none", Default: "none", Meaning: "The severity from which on findings are only excused by a waiver with `approved_by` and `approved_on`."},
		Key{Name: "waiver_files", Type: "path or list of paths", Default: "[]", Meaning: "Files of waivers, relative to the folder of this one. A `waivers.yaml` beside it is read in any case."},
		Key{Name: "waivers.rule", Type: "rule id or list of rule ids", Default: "none", Meaning: "The rules whose findings the waiver excuses. Needed."},
		Key{Name: "waivers.match", Type: "as scopes.match, and more", Default: "none", Meaning: "Where the waiver holds: the criteria of scopes, and those below. Needed unless there is a `fingerprint`."},
		Key{Name: "waivers.match.digests", Type: "glob or list of globs", Default: "any", Meaning: "Digests of the images whose findings are excused, such as `sha256:0123*`."},
		Key{Name: "waivers.match.image_tags", Type: "glob or list of globs", Default: "any", Meaning: "Tags of the images whose findings are excused: that which the finding names, or any of its image where it names none."},
		Key{Name: "waivers.fingerprint", Type: "32 hexadecimal digits", Default: "any", Meaning: "The only finding that is excused, by its [fingerprint](reports.md#fingerprints)."},
		Key{Name: "waivers.reason", Type: "text", Default: "none", Meaning: "Why it may be as it is. Needed."},
		Key{Name: "waivers.owner", Type: "text", Default: "none", Meaning: "Who answers for it. Needed."},
		Key{Name: "waivers.until", Type: "date", Default: "none", Meaning: "The last day on which the waiver holds, in UTC. Needed."},
		Key{Name: "waivers.ticket", Type: "text", Default: "none", Meaning: "Where it is discussed."},
		Key{Name: "waivers.approved_by", Type: "text", Default: "none", Meaning: "Who approved it; see `waiving.approval`."},
		Key{Name: "waivers.approved_on", Type: "date", Default: "none", Meaning: "When it was approved."},
	)
}

// setting is one key of Settings: how people read about it, how it is read
// from the file, and how a scope's value replaces another.
type setting struct {
	Key
	read func(r *reader, at string, n *yaml.Node, to *Settings) bool
	copy func(to, from *Settings)
	show func(*Settings) string // as the file would have it, on one line
}

// define makes a setting of the field that it finds with field. Its default is
// that of [Default].
func define[T any](name, typ, meaning string, field func(*Settings) *T, read func(*reader, string, *yaml.Node) (T, bool)) setting {
	return setting{
		Key: Key{Name: name, Type: typ, Default: flow(*field(&Default().Settings)), Meaning: meaning, Scopable: true},
		read: func(r *reader, at string, n *yaml.Node, to *Settings) bool {
			value, ok := read(r, at, n)
			if ok {
				*field(to) = value
			}
			return ok
		},
		copy: func(to, from *Settings) { *field(to) = *field(from) },
		show: func(s *Settings) string { return flow(*field(s)) },
	}
}

// flow writes a default as YAML on one line: text as YAML would write it, the
// rest as JSON, which is YAML too.
func flow(value any) string {
	write := json.Marshal
	if _, ok := value.(string); ok {
		write = yaml.Marshal
	}
	text, err := write(value)
	if err != nil {
		panic(fmt.Sprintf("default of a setting: %v", err)) // settings have basic types only
	}
	return strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "\n", " ")
}

// settingTable is the table of all settings. Keys with a dot stand in sections.
func settingTable() []setting {
	return slices.Concat(accessSettings(), imageSettings(), lifecycleSettings(), repositorySettings(), amountSettings(), retentionSettings(), priceSettings(), fixSettings(), waivingSettings())
}

func accessSettings() []setting {
	return []setting{
		define("trusted_accounts", "account id to name, or list of account ids",
			"Accounts outside the organization that may have access.",
			func(s *Settings) *map[string]string { return &s.TrustedAccounts }, (*reader).namedAccounts),
		define("vendor_accounts", "account id to name, or list of account ids",
			"Accounts of vendors that may have access, with the vendors' names.",
			func(s *Settings) *map[string]string { return &s.VendorAccounts }, (*reader).namedAccounts),
		define("reader_accounts", "list of account ids",
			"Accounts that must be able to pull.",
			func(s *Settings) *[]string { return &s.ReaderAccounts }, (*reader).accounts),
	}
}

func imageSettings() []setting {
	return []setting{
		define("release_tags", "RE2 pattern",
			"The tags that mark an image as a release.",
			func(s *Settings) *string { return &s.ReleaseTags }, (*reader).releaseTags),
		define("protected_tags", "RE2 pattern",
			"Tags that no fix touches, and whose images are kept. Empty, it is the pattern of `release_tags`.",
			func(s *Settings) *string { return &s.ProtectedTags }, (*reader).pattern),
		define("protect", "list of ECR wildcards",
			"More tags that no fix touches, and whose images are kept, such as `prod-*`.",
			func(s *Settings) *[]string { return &s.Protect }, (*reader).wildcards),
		define("forbidden_tags", "list of ECR wildcards",
			"Tags that no image may carry; the rule `tag-latest`, which is off by default, checks it.",
			func(s *Settings) *[]string { return &s.ForbiddenTags }, (*reader).wildcards),
		define("tag_pattern", "RE2 pattern",
			"The convention that every tag must follow. It may match anywhere in the tag: begin it with `^` and end it with `$` to bind the whole. Empty demands nothing.",
			func(s *Settings) *string { return &s.TagPattern }, (*reader).pattern),
		define("vulnerabilities", "severity to number",
			"How many scan findings of a severity a release may have: "+strings.Join(scanSeverities(), ", ")+". A severity that is not named is not limited; `{}` limits none.",
			func(s *Settings) *map[string]int { return &s.Vulnerabilities }, (*reader).vulnerabilities),
	}
}

func lifecycleSettings() []setting {
	return []setting{
		define("lifecycle.required", "true or false",
			"Whether a repository must have a lifecycle policy at all.",
			func(s *Settings) *bool { return &s.Lifecycle.Required }, (*reader).boolean),
		define("lifecycle.untagged", "true or false",
			"Whether untagged images must expire.",
			func(s *Settings) *bool { return &s.Lifecycle.Untagged }, (*reader).boolean),
		define("lifecycle.dev_tags", "list of ECR wildcards",
			"Tags of development images, such as `pr-*`. The images of each must expire.",
			func(s *Settings) *[]string { return &s.Lifecycle.DevTags }, (*reader).wildcards),
		define("lifecycle.max_days", "number of days",
			"The longest time after which untagged and development images may expire. 0 accepts any limit.",
			func(s *Settings) *int { return &s.Lifecycle.MaxDays }, (*reader).number),
	}
}

func repositorySettings() []setting {
	return []setting{
		define("required_tags", "list of tag keys, or tag key to list of values",
			"Resource tags that repositories must carry, with the values that are allowed; no values allows any.",
			func(s *Settings) *map[string][]string { return &s.RequiredTags }, (*reader).requiredTags),
		define("encryption.type", strings.Join(encryptionTypes(), ", "),
			"The least encryption that is accepted, weakest first.",
			func(s *Settings) *string { return &s.Encryption.Type }, oneOf("encryption type", encryptionTypes())),
		define("encryption.kms_keys", "list of key ARNs",
			"The KMS keys that are accepted, one of which a repository must then use. Empty accepts any.",
			func(s *Settings) *[]string { return &s.Encryption.KMSKeys }, (*reader).kmsKeys),
		define("immutable", strings.Join(immutables(), ", "),
			"Which tags must be immutable.",
			func(s *Settings) *string { return &s.Immutable }, oneOf("choice", immutables())),
		define("scan_on_push", "true or false",
			"Whether images must be scanned when they are pushed.",
			func(s *Settings) *bool { return &s.ScanOnPush }, (*reader).boolean),
	}
}

// amountSettings are what is measured: names, ages and limits.
func amountSettings() []setting {
	return []setting{
		define("repository_names", "RE2 pattern",
			"The convention that every repository name must follow. It may match anywhere in the name. Empty demands nothing.",
			func(s *Settings) *string { return &s.RepositoryNames }, (*reader).pattern),
		define("ages.in_use_days", "number of days",
			"An image that was pulled within these days is in use.",
			func(s *Settings) *int { return &s.Ages.InUseDays }, (*reader).number),
		define("ages.unused_days", "number of days",
			"What was neither pushed nor pulled for these days is not used.",
			func(s *Settings) *int { return &s.Ages.UnusedDays }, (*reader).number),
		define("ages.empty_days", "number of days",
			"How long a repository may be empty.",
			func(s *Settings) *int { return &s.Ages.EmptyDays }, (*reader).number),
		define("ages.scan_days", "number of days",
			"How old a scan result may be.",
			func(s *Settings) *int { return &s.Ages.ScanDays }, (*reader).number),
		define("limits.images", "number",
			"The quota of images in a repository; [20,000](https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html) unless AWS raised it.",
			func(s *Settings) *int { return &s.Limits.Images }, (*reader).number),
		define("limits.images_percent", "number",
			"The part of that quota, in percent, that may be used. 0 accepts all of it.",
			func(s *Settings) *int { return &s.Limits.ImagesPercent }, (*reader).number),
		define("limits.untagged_images", "number",
			"How many untagged images a repository may have, children of indexes not counted. 0 accepts any number.",
			func(s *Settings) *int { return &s.Limits.UntaggedImages }, (*reader).number),
		define("limits.image_bytes", "size, such as 2GiB",
			"The largest compressed size of an image: a number of bytes, or one with KiB, MiB or GiB. 0 accepts any size.",
			func(s *Settings) *int64 { return &s.Limits.ImageBytes }, (*reader).bytes),
		define("limits.monthly_cost", "amount of money",
			"What the storage of a repository may cost in a month, in the currency of `prices`. 0 accepts any cost.",
			func(s *Settings) *float64 { return &s.Limits.MonthlyCost }, (*reader).amount),
		define("pull_through_cache.upstreams", "list of globs",
			"Addresses of the upstream registries that may be cached, such as `public.ecr.aws`. Empty accepts any.",
			func(s *Settings) *[]string { return &s.PullThroughCache.Upstreams }, (*reader).upstreams),
	}
}

func retentionSettings() []setting {
	return []setting{
		define("retention", "list of classes: {name, tags, exclude, keep_newest, keep_days}",
			"Classes of tags that do not stay for ever, which [retention](retention.md) describes. `tags` and `exclude` are RE2 patterns; the first class that matches a tag counts.",
			func(s *Settings) *[]RetentionClass { return &s.Retention }, (*reader).retention),
	}
}

func priceSettings() []setting {
	return []setting{
		define("prices.currency", "text",
			"The currency of the prices.",
			func(s *Settings) *string { return &s.Prices.Currency }, (*reader).text),
		define("prices.standard", "amount of money",
			"A GB (2^30 bytes) in standard storage for a month. See [AWS's prices](https://aws.amazon.com/ecr/pricing/).",
			func(s *Settings) *float64 { return &s.Prices.Standard }, (*reader).amount),
		define("prices.archive", "amount of money",
			"A GB of archived images for a month. AWS takes as much as for standard storage up to 150 TB, and less above.",
			func(s *Settings) *float64 { return &s.Prices.Archive }, (*reader).amount),
		define("prices.regions", "region to amount of money",
			"Prices of standard storage in regions where they differ.",
			func(s *Settings) *map[string]float64 { return &s.Prices.Regions }, (*reader).regionPrices),
	}
}

func fixSettings() []setting {
	fixes := define("fixes", "allow, deny, or list of actions",
		"What `ecraudit plan` and `--fix` may mend: everything, nothing, or what these [actions](rules.md#findings) mend: "+strings.Join(fixActions(), ", ")+".",
		func(s *Settings) *[]string { return &s.Fixes }, (*reader).fixes)
	fixes.Default, fixes.show = "allow", showFixes
	return []setting{fixes}
}

func waivingSettings() []setting {
	return []setting{
		define(settingWaivedByTags, "true or false",
			"Whether repositories can be excused by their resource tags `ecraudit:waive/<rule>`, which [waivers](waivers.md#repository-tags) describes. Reading tags takes `ecr:ListTagsForResource`.",
			func(s *Settings) *bool { return &s.WaivedByTags }, (*reader).boolean),
	}
}

// fixActions are all actions of fixes, by name.
func fixActions() (names []string) {
	for _, action := range finding.Actions() {
		names = append(names, string(action))
	}
	return names
}

func encryptionTypes() []string { return []string{"AES256", "KMS", "KMS_DSSE"} }

func immutables() []string { return []string{"release", "all", "none"} }

func scanSeverities() []string {
	return []string{"critical", "high", "medium", "low", "informational", "undefined", "untriaged"}
}
