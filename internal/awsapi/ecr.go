package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// What AWS says of registries and repositories, in the words of a snapshot.

// Mutability puts a tag mutability setting and its exclusion filters together.
func Mutability(setting ecrtypes.ImageTagMutability, filters []ecrtypes.ImageTagMutabilityExclusionFilter) snapshot.Mutability {
	m := snapshot.Mutability{Setting: string(setting)}
	for _, f := range filters {
		m.Exclusions = append(m.Exclusions, aws.ToString(f.Filter))
	}
	return m
}

// RegistryScanning is a registry's scanning configuration; without rules where
// AWS's answer holds none.
func RegistryScanning(c *ecrtypes.RegistryScanningConfiguration) *snapshot.RegistryScanning {
	scanning := &snapshot.RegistryScanning{}
	if c == nil {
		return scanning
	}
	scanning.Type = string(c.ScanType)
	for _, rule := range c.Rules {
		scanning.Rules = append(scanning.Rules, snapshot.ScanningRule{Frequency: string(rule.ScanFrequency), Filters: ScanFilters(rule.RepositoryFilters)})
	}
	return scanning
}

// ScanFilters are the wildcards of scanning filters; never nil.
func ScanFilters(filters []ecrtypes.ScanningRepositoryFilter) []string {
	names := make([]string, 0, len(filters))
	for _, f := range filters {
		names = append(names, aws.ToString(f.Filter))
	}
	return names
}

// CreationTemplate is a repository creation template. One without encryption
// settings has ECR's default.
func CreationTemplate(t ecrtypes.RepositoryCreationTemplate) snapshot.CreationTemplate {
	template := snapshot.CreationTemplate{
		Prefix:        aws.ToString(t.Prefix),
		Mutability:    Mutability(t.ImageTagMutability, t.ImageTagMutabilityExclusionFilters),
		Policy:        aws.ToString(t.RepositoryPolicy),
		Lifecycle:     aws.ToString(t.LifecyclePolicy),
		Tags:          ResourceTags(t.ResourceTags),
		CustomRoleARN: aws.ToString(t.CustomRoleArn),
		Description:   aws.ToString(t.Description),
		Encryption:    snapshot.Encryption{Type: string(ecrtypes.EncryptionTypeAes256)},
	}
	for _, use := range t.AppliedFor {
		template.AppliedFor = append(template.AppliedFor, string(use))
	}
	if e := t.EncryptionConfiguration; e != nil {
		template.Encryption = snapshot.Encryption{Type: string(e.EncryptionType), KMSKey: aws.ToString(e.KmsKey)}
	}
	return template
}

// ResourceTags are the tags of a resource; nil where it has none.
func ResourceTags(tags []ecrtypes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	result := make(map[string]string, len(tags))
	for _, tag := range tags {
		result[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return result
}
