package permissions

import (
	"strings"
)

// scope is the kind of resource on which IAM authorizes an action.
type scope string

const (
	onRepositories scope = "repositories"
	onUnits        scope = "organizational units and roots"
	onAccounts     scope = "accounts"
	toPass         scope = "roles that are passed"
	onRegions      scope = "regions"
	onInspector    scope = "findings of Amazon Inspector"
	onOrganization scope = "the organization"
	onRegistry     scope = "the registry"
)

// groups are the scopes in the order of their statements, which are named after
// them, and the resources of each. "*" stands for those of which AWS says that
// there is no resource to name.
var groups = []struct {
	scope     scope
	sid       string
	resources func(Place) []string
}{
	{onOrganization, "ReadOrganization", everything},
	{onUnits, "ReadUnits", func(p Place) []string {
		return []string{"arn:" + p.Partition + ":organizations::*:ou/*", "arn:" + p.Partition + ":organizations::*:root/*"}
	}},
	{onAccounts, "ReadAccountTags", func(p Place) []string { return []string{"arn:" + p.Partition + ":organizations::*:account/*"} }},
	{onRepositories, "Repositories", func(p Place) []string {
		return []string{"arn:" + p.Partition + ":ecr:*:" + p.Account + ":repository/*"}
	}},
	{onRegistry, "Registries", everything},
	{onInspector, "InspectorFindings", everything},
	{onRegions, "Regions", everything},
	{toPass, "PassTemplateRoles", func(p Place) []string { return []string{"arn:" + p.Partition + ":iam::" + p.Account + ":role/*"} }},
}

func everything(Place) []string { return []string{"*"} }

// The actions of ECR whose resource is a repository, as the Service Authorization
// Reference has them:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
const repositoryActions = `
	BatchDeleteImage BatchGetImage BatchGetRepositoryScanningConfiguration CreateRepository DeleteLifecyclePolicy
	DeleteRepositoryPolicy DescribeImageScanFindings DescribeImages DescribeRepositories GetLifecyclePolicy
	GetLifecyclePolicyPreview GetRepositoryPolicy ListTagsForResource PutImage PutImageScanningConfiguration
	PutImageTagMutability PutLifecyclePolicy SetRepositoryPolicy StartImageScan StartLifecyclePolicyPreview TagResource
	UntagResource UpdateImageStorageClass`

// The actions of ECR for which it names no resource.
const registryActions = `
	DeleteRegistryPolicy DescribePullThroughCacheRules DescribeRegistry DescribeRepositoryCreationTemplates
	GetAccountSetting GetRegistryPolicy GetRegistryScanningConfiguration PutRegistryPolicy
	PutRegistryScanningConfiguration UpdateRepositoryCreationTemplate`

var scopes = func() map[string]scope {
	all := map[string]scope{
		"organizations:DescribeOrganization": onOrganization, "organizations:ListAccounts": onOrganization,
		"organizations:ListAccountsForParent": onUnits, "organizations:ListOrganizationalUnitsForParent": onUnits,
		"organizations:ListTagsForResource": onAccounts,
		"ec2:DescribeRegions":               onRegions,
		"inspector2:ListCoverage":           onInspector, "inspector2:ListFindings": onInspector,
		"iam:PassRole": toPass,
	}
	for name := range strings.FieldsSeq(repositoryActions) {
		all["ecr:"+name] = onRepositories
	}
	for name := range strings.FieldsSeq(registryActions) {
		all["ecr:"+name] = onRegistry
	}
	return all
}()

// scopeOf is the scope of an action. It panics for one that it does not know: a
// policy without it would be no use, and one with "*" too much.
func scopeOf(action string) scope {
	if s, known := scopes[action]; known {
		return s
	}
	panic("permissions: " + action + " has no scope")
}

// On are the resources on which an action is allowed, in words; empty for an
// action that is not known.
func On(action string) string {
	switch {
	case action == assumeRole:
		return "the roles"
	case action == "account:ListRegions":
		return "the account"
	case scopes[action] == "":
		return ""
	}
	for _, group := range groups {
		if group.scope == scopes[action] && group.resources(Place{})[0] != "*" {
			return string(group.scope)
		}
	}
	return "`*`"
}
